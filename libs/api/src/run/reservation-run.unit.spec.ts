import { contextOf } from '@weft/testing';
import { toEvents } from '../append/to-events.ts';
import type { NewEvent, RecordedEvent } from '../log/envelope.ts';
import { type Book, testBook } from '../testing/claiming-kind.ts';
import { type Ending, ReservationQueue } from './reservation-queue.ts';
import { type Reservation, type ReservationPort, runReservation } from './reservation-run.ts';
import type { Run } from './steps.ts';

const STREAM = 'Book-ns';
const proposer = {
  cause: { requestId: 'r', actor: { user: 'x', verified: true }, correlationId: '', causationId: '' },
  now: '',
  deadlineMs: 1,
};
const claim = (address: string, uid = 'u', request = 'r') => ({ type: 'Claim', address, uid, request, revision: '-1' });

/** A claim whose steps a test carries out one by one. */
class Asking {
  readonly #queue: ReservationQueue;
  readonly #run: Run<ReservationPort, Reservation>;
  step: IteratorResult<{ call: keyof ReservationPort; args: unknown[] }, Reservation>;

  constructor(queue: ReservationQueue, command: ReturnType<typeof claim>) {
    this.#queue = queue;
    this.#run = runReservation(queue, command, contextOf());
    this.step = this.#run.next() as never;
  }

  /** Puts its facts into the queue, or waits for what is queued. The claim goes on when that ends. */
  queue(): this {
    const ended = (ending: Ending) => this.goOn(ending);
    const { call, args } = this.step.value as { call: string; args: [never] };
    if (call === 'propose') this.#queue.propose(args[0], proposer, ended);
    else if (!this.#queue.whenSettled(ended)) this.goOn('durable');
    return this;
  }

  goOn(answer?: unknown): this {
    this.step = this.#run.next(answer) as never;
    return this;
  }

  get result(): Reservation | undefined {
    return this.step.done === true ? this.step.value : undefined;
  }
}

function loaded(): ReservationQueue {
  const queue = new ReservationQueue(STREAM, testBook as never);
  queue.read().end();
  return queue;
}

const load = (queue: ReservationQueue, events: readonly NewEvent[]): void => {
  const reading = queue.read();
  events.forEach(
    (event, i) => void reading.take({ ...event, stream: STREAM, revision: BigInt(i), position: BigInt(i + 1) } as RecordedEvent),
  );
  reading.end();
};

describe('A reservation', () => {
  it('is decided on what is queued, and answered once that is durable', () => {
    const queue = loaded();
    const first = new Asking(queue, claim('1')).queue();
    const again = new Asking(queue, claim('1')).queue();
    const other = new Asking(queue, claim('1', 'v')).queue();
    expect([first.result, again.result, other.result]).toEqual([undefined, undefined, undefined]);
    expect(queue.takeBatch()).toMatchObject({ expected: 'none', events: [{ type: 'Claimed.v1' }] });
    const late = new Asking(queue, claim('1')).queue();
    expect([first.result, late.result]).toEqual([undefined, undefined]);
    queue.settle(7n);
    expect(late.result).toMatchObject({ outcome: 'granted', facts: [] });
    expect(first.result).toMatchObject({ outcome: 'granted', position: 7n, facts: [{ type: 'Claimed.v1' }] });
    expect(again.result).toMatchObject({ outcome: 'granted', facts: [] });
    expect(other.result).toMatchObject({ outcome: 'refused', status: { message: '1 is held by u' } });
  });

  it('is sent with all others that have come while a batch was under way, within bounds', () => {
    const queue = loaded();
    new Asking(queue, claim('first')).queue();
    expect(queue.takeBatch()?.events).toHaveLength(1);
    for (let i = 0; i < 600; i++) new Asking(queue, claim(String(i))).queue();
    queue.settle(1n);
    const batch = queue.takeBatch();
    expect(batch).toMatchObject({ expected: 0n });
    expect(batch?.events.length).toBeGreaterThan(100);
    expect(batch?.events.length).toBeLessThanOrEqual(512);
    queue.settle(2n);
    expect(queue.takeBatch()?.expected).toBe(BigInt(batch?.events.length ?? 0));
  });

  it('is not sent when an append before it was overtaken, but decided again on the new state', () => {
    const queue = loaded();
    const underWay = new Asking(queue, claim('1')).queue();
    queue.takeBatch();
    const waiting = new Asking(queue, claim('2')).queue();
    const unchanged = new Asking(queue, claim('2')).queue();
    queue.fail('overtaken');
    expect([underWay, waiting, unchanged].map(({ step }) => (step.value as { call: string }).call)).toEqual(['load', 'load', 'load']);
    expect(queue.takeBatch()).toBeUndefined();
    const theirs = toEvents([{ type: 'Claimed.v1', data: { address: '2', uid: 'v', request: 's', revision: '-1' } }], proposer.cause, {
      stream: STREAM,
      expected: 'none',
      now: '',
    });
    load(queue, theirs);
    for (const each of [underWay, waiting, unchanged]) each.goOn().queue();
    expect(queue.takeBatch()).toMatchObject({ expected: 0n });
    queue.settle(3n);
    expect([underWay, waiting, unchanged].map(({ result }) => result?.outcome)).toEqual(['granted', 'refused', 'refused']);
    expect([...(queue.state as Book).keys()].sort()).toEqual(['1', '2']);
  });

  it('throws the error of its own append; a claim that only waited is decided again', () => {
    const queue = loaded();
    const run = runReservation(queue, claim('1'), contextOf());
    const { value } = run.next() as unknown as { value: { args: [never] } };
    let ended: unknown;
    queue.propose(value.args[0], proposer, (ending) => {
      try {
        run.next(ending);
      } catch (error) {
        ended = error;
      }
    });
    const waiting = new Asking(queue, claim('1')).queue();
    queue.takeBatch();
    const fault = new Error('the disk is away');
    queue.fail(fault);
    expect(ended).toBe(fault);
    expect(waiting.step.value).toMatchObject({ call: 'load' });
  });

  it.each([
    ['that Weft did not write', (event: NewEvent) => ({ ...event, metadata: {} as never }), 'was not written by Weft'],
    ['of a type that this version does not know', (event: NewEvent) => ({ ...event, type: 'Claimed.v9' }), 'cannot be read'],
  ])('is refused when the stream holds an event %s, since what holds what is not known', (_, spoil, why) => {
    const queue = loaded();
    new Asking(queue, claim('1')).queue();
    const events = queue.takeBatch()?.events as readonly [NewEvent];
    const spoiled = loaded();
    load(spoiled, [spoil(events[0])]);
    const refused = new Asking(spoiled, claim('2')).queue().result;
    expect(refused).toMatchObject({ outcome: 'refused', status: { code: 403, message: expect.stringContaining(why) } });
    load(spoiled, events);
    expect(new Asking(spoiled, claim('2')).queue().result).toBeUndefined();
    expect(spoiled.takeBatch()).toMatchObject({ expected: 0n });
  });

  it('ends as contended when it is overtaken again and again', () => {
    const queue = loaded();
    const asking = new Asking(queue, claim('1'));
    for (let attempt = 0; attempt < 8; attempt++) {
      asking.queue();
      queue.takeBatch();
      queue.fail('overtaken');
      if (asking.result !== undefined) break;
      load(queue, []);
      asking.goOn();
    }
    expect(asking.result).toEqual({ outcome: 'contended' });
  });
});
