import {
  appendOf,
  type Command,
  createFold,
  type Draft,
  type Folded,
  type Loop,
  loopOver,
  type Reply,
  registry,
  streamOf,
} from '@weft/api';
import { VirtualClock } from '@weft/testing/virtual-clock';
import type { CommandClient } from '../client/command-client.ts';
import { LOOPS_SLOT } from '../lease/leases.ts';
import type { Consumer, Follower } from '../platform.ts';
import { quietLog } from '../testing/runtime.ts';
import { Thing, thingDomain, thingKey } from '../testing/things.ts';
import { LoopRunner } from './loop-runner.ts';

type Sent = {
  command: Command;
  answer: (reply?: Partial<Reply> & { position?: string }) => Promise<void>;
  fail: (why: string) => Promise<void>;
};

/** A runner on a fold that the test writes, with a client whose answers the test gives. */
class Bench {
  readonly clock = new VirtualClock();
  readonly log = quietLog();
  readonly sent: Sent[] = [];
  readonly runner: LoopRunner;
  /** Positions that the fold is waited for, and how the wait ends. */
  readonly waits: { position: bigint; end: (error?: Error) => void }[] = [];
  readonly #fold;
  #change: Consumer['onChange'];
  #revisions = new Map<string, bigint>();

  constructor(owed: (state: Folded) => readonly Draft[], others: readonly Loop[] = []) {
    const loop: Loop = loopOver(Thing, { name: 'paint', context: 'network', owed });
    const domains = registry([thingDomain([loop, ...others])]);
    const fold = createFold(domains);
    this.#fold = fold;
    const follower = Object.assign(Object.create(fold) as Follower, {
      caughtUp: true,
      consume: ({ onBegin, onChange }: Consumer) => {
        onBegin?.(0n);
        this.#change = onChange;
        return () => {};
      },
      waitFor: (position: bigint) =>
        new Promise<void>((resolve, reject) => this.waits.push({ position, end: (error) => (error ? reject(error) : resolve()) })),
    });
    const client = {
      send: (command: Command) =>
        new Promise<Reply>((resolve, reject) => {
          this.sent.push({
            command,
            answer: async (reply = {}) => {
              resolve({ ok: true, code: 200, position: '0', ...reply } as Reply);
              await this.rest();
            },
            fail: async (why) => {
              reject(new Error(why));
              await this.rest();
            },
          });
        }),
    } as unknown as CommandClient;
    this.runner = new LoopRunner({ context: 'network', registry: domains, follower, client, clock: this.clock, log: this.log });
  }

  static async active(owed: (state: Folded) => readonly Draft[], others?: readonly Loop[]): Promise<Bench> {
    const bench = new Bench(owed, others);
    await bench.runner.start();
    bench.runner.acquired(LOOPS_SLOT);
    await bench.rest();
    return bench;
  }

  async rest(): Promise<void> {
    await this.clock.advance(0);
  }

  async happens(name: string, type: string, data = {}): Promise<void> {
    const stream = streamOf(thingKey('a', name));
    const revision = (this.#revisions.get(stream) ?? -1n) + 1n;
    this.#revisions.set(stream, revision);
    const metadata = {
      actor: { user: 'tester', verified: false },
      requestId: `${stream} ${revision}`,
      $correlationId: '',
      $causationId: '',
      time: '2026-01-01T00:00:00.000Z',
      append: { index: 0, count: 1 },
    };
    const position = this.#fold.position + 1n;
    this.#change?.(this.#fold.apply(appendOf([{ id: `${position}`, type, data, stream, revision, position, metadata }])));
    await this.rest();
  }

  created(name: string): Promise<void> {
    return this.happens(name, 'ThingCreated.v1', {
      metadata: { name, namespace: 'a', uid: `uid-${name}`, creationTimestamp: '' },
      spec: {},
    });
  }

  painted(name: string, colour: string): Promise<void> {
    return this.happens(name, 'ThingPainted.v1', { colour });
  }

  /** What was sent so far, as `<target> <colour>`. */
  get colours(): string[] {
    return this.sent.map(({ command }) => ('payload' in command ? `${command.key.name} ${command.payload['colour']}` : command.verb));
  }
}

const draft = (name: string, colour: string): Draft => ({
  target: 'object',
  key: thingKey('a', name),
  action: 'Paint',
  payload: { colour },
});

/** A Thing owes one command for each of these targets, all with the colour after its own. */
const next =
  (...targets: readonly string[]) =>
  (state: Folded): readonly Draft[] => {
    if (state.key.name !== 'one') return [];
    const colour = `after ${state.facts['colour'] ?? 'none'}`;
    return targets.map((target) => draft(target, colour));
  };

describe('The runner of loops, command by command', () => {
  it.each(['first', 'second'])('asks a key again once all its commands have ended, when the %s one throws', async (which) => {
    const bench = await Bench.active(next('one', 'two'));
    await bench.created('one');
    await bench.painted('one', 'red');
    const [one, two] = bench.sent as [Sent, Sent];
    await (which === 'first' ? one.fail('no route') : one.answer());
    await bench.clock.advance(1_000);
    expect(bench.sent).toHaveLength(2);
    await (which === 'first' ? two.answer() : two.fail('no route'));
    await bench.clock.advance(1_000);
    expect(bench.colours).toEqual(['one after none', 'two after none', 'one after red', 'two after red']);
  });

  it.each([
    [403, 'it cannot be read', true],
    [422, 'it is invalid', true],
    [409, 'it is there already', false],
    [503, 'try again', false],
  ])('given a creation that is refused with %i, then whoever wanted it says so if that is final', async (code, message, isFinal) => {
    const parent = thingKey('a', 'one');
    const refused = { key: parent, uid: 'uid-one', type: 'ChildrenCreated' };
    const object = { metadata: { name: 'child' } };
    const creation: Draft = { target: 'object', key: thingKey('a', 'child'), verb: 'create', object, refused };
    const bench = await Bench.active(({ key }) => (key.name === 'one' ? [creation] : []));
    await bench.created('one');
    await bench.sent[0]?.answer({ ok: false, status: { code, message } } as Partial<Reply>);
    const condition = { type: 'ChildrenCreated', status: 'False', reason: 'CreationRefused', message };
    const report = { verb: 'act', key: parent, action: 'ReportCondition', payload: { uid: 'uid-one', type: 'ChildrenCreated', condition } };
    expect(bench.sent.slice(1).map(({ command }) => command)).toEqual(isFinal ? [report] : []);
    await bench.sent[1]?.answer();
    await bench.clock.advance(60_000);
    expect(bench.sent.at(-1)?.command.verb).toBe('create');
  });

  it('asks a loop that yields when the commands of others are answered, and from time to time before', async () => {
    // Audits ask what was asked once more.
    const asked = new Set<string>();
    const report: Loop = loopOver(Thing, {
      name: 'report',
      context: 'network',
      yields: true,
      owed: (state) => {
        asked.add(`${state.facts['colour'] ?? 'none'}`);
        return [];
      },
    });
    const bench = await Bench.active(next('one'), [report]);
    await bench.created('one');
    await bench.painted('one', 'red');
    expect([bench.colours, [...asked]]).toEqual([['one after none'], []]);
    await bench.clock.advance(500);
    expect([...asked]).toEqual(['red']);
    await bench.painted('one', 'green');
    expect([...asked]).toEqual(['red']);
    await bench.sent[0]?.answer();
    expect(bench.colours).toEqual(['one after none', 'one after green']);
    await bench.painted('one', 'after green');
    await bench.sent[1]?.answer();
    for (const { answer } of bench.sent.slice(2)) await answer();
    expect([...asked]).toEqual(['red', 'after green']);
  });

  it('sends what is owed at the time when it may send, and not what was owed before', async () => {
    const bench = new Bench(next('one'));
    await bench.runner.start();
    await bench.created('one');
    for (const colour of ['red', 'green', 'blue']) await bench.painted('one', colour);
    expect([bench.sent.length, bench.runner.waiting]).toEqual([0, 1]);
    bench.runner.acquired(LOOPS_SLOT);
    await bench.rest();
    expect(bench.colours).toEqual(['one after blue']);
    await bench.sent[0]?.answer();
    expect(bench.colours).toEqual(['one after blue']);
  });

  it('forgets what it has not sent when it may send no more, and asks again', async () => {
    const bench = await Bench.active(next('one', 'one'));
    await bench.created('one');
    expect(bench.colours).toEqual(['one after none']);
    bench.runner.lost(LOOPS_SLOT);
    await bench.sent[0]?.answer();
    await bench.painted('one', 'red');
    bench.runner.acquired(LOOPS_SLOT);
    await bench.clock.advance(1_000);
    expect(bench.colours).toEqual(['one after none', 'one after red']);
    await bench.sent[1]?.answer();
    expect(bench.colours.at(-1)).toBe('one after red');
  });

  it('sends nothing twice to one target when a lease comes back while a command of before is under way', async () => {
    const bench = await Bench.active(next('one'));
    await bench.created('one');
    bench.runner.lost(LOOPS_SLOT);
    bench.runner.acquired(LOOPS_SLOT);
    await bench.painted('one', 'red');
    expect(bench.colours).toEqual(['one after none']);
    await bench.sent[0]?.answer();
    expect(bench.colours).toEqual(['one after none', 'one after red']);
  });

  it.each(['release', 'stop'] as const)('ends a %s when what was sent is answered, also after a lease was lost', async (how) => {
    const bench = await Bench.active(next('one'));
    await bench.created('one');
    bench.runner.lost(LOOPS_SLOT);
    let ended = false;
    const ending = (how === 'release' ? bench.runner.release(LOOPS_SLOT) : bench.runner.stop()).then(() => (ended = true));
    await bench.rest();
    expect(ended).toBe(false);
    // The fold may come to it when it likes.
    await bench.sent[0]?.answer({ position: '1000' });
    expect([ended, bench.waits.map(({ position }) => position)]).toEqual([true, [1000n]]);
    await ending;
  });

  it('does nothing after its end', async () => {
    const bench = await Bench.active(next('one'));
    await bench.created('one');
    await bench.sent[0]?.answer();
    // Now it waits for its next try.
    await bench.runner.stop();
    await bench.clock.advance(60_000);
    expect([bench.sent.length, bench.runner.counts.retries, bench.clock.nextDueMs]).toEqual([1, 0, undefined]);
  });

  it('tries again, later and later, when the fold does not come to what a command did', async () => {
    const bench = await Bench.active(next('one'));
    await bench.created('one');
    for (let attempt = 1; attempt <= 6; attempt++) {
      await bench.sent.at(-1)?.answer({ position: '1000' });
      bench.waits.at(-1)?.end(new Error('not there yet'));
      await bench.rest();
      expect(bench.sent).toHaveLength(attempt);
      await bench.clock.advance(50 * 2 ** (attempt - 1));
      expect(bench.sent).toHaveLength(attempt + 1);
    }
    expect(bench.runner.problems()).toEqual(['paint a/one is still owed after 6 attempts: not there yet']);
  });

  it('tries two things that are owed in turn later and later, and shows it', async () => {
    const bench = await Bench.active(next('one'));
    await bench.created('one');
    for (let turn = 0; turn < 40; turn++) {
      const colour = turn % 2 === 0 ? 'red' : 'green';
      await bench.painted('one', colour);
      await bench.sent.at(-1)?.answer();
      await bench.clock.advance(100);
    }
    expect(bench.sent.length).toBeLessThan(20);
    expect(bench.runner.problems()).toHaveLength(1);
  });

  it('remembers nothing of keys that are gone', async () => {
    const bench = await Bench.active((state) => (state.facts['colour'] === 'blue' ? [] : next('one')(state)));
    await bench.created('one');
    await bench.sent[0]?.answer();
    expect(bench.runner.unsettled).toBe(1);
    await bench.happens('one', 'ThingEnded.v1');
    expect([bench.runner.unsettled, bench.runner.waiting, bench.runner.toAsk]).toEqual([0, 0, 0]);
    await bench.created('one');
    await bench.happens('one', 'ThingEnded.v1');
    await bench.sent[1]?.answer();
    expect([bench.runner.unsettled, bench.runner.waiting, bench.runner.toAsk]).toEqual([0, 0, 0]);
  });
});
