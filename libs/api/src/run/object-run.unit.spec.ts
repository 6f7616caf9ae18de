import { below, type Random, randomOf } from '@weft/testing';
import { uuidv5 } from '../append/uuid.ts';
import { releaseRequestOf } from '../claims/open-releases.ts';
import type { Reply } from '../command/command.ts';
import type { ObjectCommand } from '../decide/deciding.ts';
import { foldStream } from '../fold/evolve.ts';
import { factsOf } from '../kind/facts.ts';
import type { Claim, DecideContext } from '../kind/kind.ts';
import { keyOfStream, type ObjectKey, streamOf } from '../kind/object.ts';
import type { NewEvent, RecordedEvent } from '../log/envelope.ts';
import type { JsonObject } from '../log/json.ts';
import { resourceVersionOf } from '../log/resource-version.ts';
import { registry as registryOf } from '../registry/registry.ts';
import { addressOf, type Book, type BookCommand, claimingDomain, testBook } from '../testing/claiming-kind.ts';
import { NotDoneError, OutcomeUnknownError } from './faults.ts';
import type { Appended, ObjectMemory, ObjectPort } from './object-port.ts';
import { DECISIONS_MAX, runObject } from './object-run.ts';
import { type Ending, ReservationQueue } from './reservation-queue.ts';
import { type Reservation, runReservation } from './reservation-run.ts';
import { runNow } from './steps.ts';

const registry = registryOf([claimingDomain]);
const NOW = '2026-01-02T03:04:05.678Z';
const BOOK = 'Book-ns';
const requestOf = (n: number) => uuidv5('6f1d3c5e-0000-5000-8000-000000000002', String(n));
const keyOf = (name: string): ObjectKey => ({ kind: 'Thing', namespace: 'ns', name });

function creation(metadata: JsonObject, address?: string): ObjectCommand {
  const object = { metadata, spec: address === undefined ? {} : { notes: { address } } };
  return { verb: 'create', kind: 'Thing', namespace: 'ns', object };
}
const create = (name: string, address?: string) => creation({ name }, address);
const move = (name: string, address: string): ObjectCommand => ({
  verb: 'patch',
  key: keyOf(name),
  patchType: 'merge',
  patch: { spec: { notes: { address } } },
});
const want = (name: string, address: string): ObjectCommand => ({
  verb: 'patch',
  key: keyOf(name),
  patchType: 'merge',
  patch: { metadata: { labels: { want: address } } },
});
/** Moves to the address that its label names, which may be another one when the command is decided again. */
const follow = (name: string): ObjectCommand => ({
  verb: 'patch',
  key: keyOf(name),
  patchType: 'json',
  patch: [{ op: 'copy', from: '/metadata/labels/want', path: '/spec/notes/address' }],
});
const remove = (name: string): ObjectCommand => ({ verb: 'delete', key: keyOf(name) });

/** Streams in memory, with the rules of a store: an exact revision, and a repeat with the same ids gets the old result. */
class Log {
  readonly streams = new Map<string, RecordedEvent[]>();
  /** Called with each append. */
  readonly listeners: ((stream: string, by: unknown) => void)[] = [];
  #position = 0n;

  of(stream: string): readonly RecordedEvent[] {
    return this.streams.get(stream) ?? [];
  }

  append(stream: string, expected: bigint | 'none', events: readonly NewEvent[], by?: unknown): Appended {
    const present = this.of(stream);
    const from = expected === 'none' ? 0 : Number(expected) + 1;
    if (present.length !== from) {
      const known = present.slice(from, from + events.length);
      const isRepeat = known.length === events.length && known.every(({ id }, i) => id === events[i]?.id);
      const last = known.at(-1);
      return isRepeat && last !== undefined
        ? { outcome: 'appended', revision: last.revision, position: last.position }
        : { outcome: 'overtaken' };
    }
    const stored = events.map((event, i) => ({
      ...(JSON.parse(JSON.stringify(event)) as NewEvent),
      stream,
      revision: BigInt(from + i),
      position: ++this.#position,
    }));
    this.streams.set(stream, [...present, ...stored]);
    for (const hears of this.listeners) hears(stream, by);
    return { outcome: 'appended', revision: BigInt(from + events.length - 1), position: this.#position };
  }

  book(): Book {
    return this.of(BOOK).reduce((book, event) => testBook.evolve(book, event), testBook.initial());
  }

  objects(): readonly string[] {
    return [...this.streams.keys()].filter((stream) => stream !== BOOK);
  }
}

/** What goes wrong at random; nothing for the replica that a test relies on. */
type Trouble = Readonly<{ happens: (share: number) => boolean; meanwhile: () => void }>;
const CALM: Trouble = { happens: () => false, meanwhile: () => undefined };

/** One writer with its memories. */
class Replica {
  readonly log: Log;
  readonly #trouble: Trouble;
  readonly #memories = new Map<string, ObjectMemory>();
  readonly #queue = new ReservationQueue(BOOK, testBook as never);
  /** Streams that others have written since this replica has read or written them: its lease has lapsed in between. */
  readonly #foreign = new Set<string>();
  /** Whether the newest reply of the newest command was allowed to rest on memory, and whether that command appended. */
  allowed = false;
  appended = false;

  constructor(log: Log, trouble: Trouble = CALM) {
    this.log = log;
    this.#trouble = trouble;
    log.listeners.push((stream, by) => {
      if (by !== this) this.#foreign.add(stream);
    });
  }

  send(command: ObjectCommand, requestId: string, more: Partial<ObjectPort> = {}): Reply {
    this.allowed = this.appended = false;
    const actor = { user: 'tester', verified: false };
    const envelope = { requestId, actor, correlationId: requestId, causationId: requestId };
    const port = { ...this.#portFor(requestId), ...more };
    return runNow(runObject(registry, { command, envelope, progress: { began: false } }), port);
  }

  #portFor(requestId: string): ObjectPort {
    const { log } = this;
    const { happens, meanwhile } = this.#trouble;
    let memory: ObjectMemory;
    const context = (): DecideContext => ({
      now: NOW,
      requestId,
      derive: (label) => uuidv5(requestId, label),
      facts: factsOf({ get: () => undefined, list: () => [], by: () => [], position: 0n }),
    });
    return {
      enter: (key) => {
        memory = this.#memories.get(streamOf(key)) ?? { state: foldStream(registry, key, log.of(streamOf(key))), certain: false };
        this.#memories.set(streamOf(key), memory);
        return memory;
      },
      refresh: () => {
        this.allowed = false;
        if (happens(0.05)) throw new NotDoneError('no time is left');
        return context();
      },
      readTail: () => {
        if (happens(0.05)) throw new NotDoneError('the store is away');
        const { state } = memory;
        const from = state.revision === 'none' ? 0 : Number(state.revision) + 1;
        memory.state = foldStream(registry, state.key, log.of(streamOf(state.key)).slice(from), state);
        memory.certain = true;
        this.#foreign.delete(streamOf(state.key));
      },
      awaitFacts: () => undefined,
      claim: (claims, on) => claims.map((claim) => this.#try(claim, requestId, on)),
      peek: ({ command }) => {
        const decision = testBook.decide(command, log.book(), context());
        return decision.outcome === 'rejected' ? decision.status : undefined;
      },
      append: (stream, expected, events) => {
        if (happens(0.3)) meanwhile();
        if (happens(0.1)) throw new OutcomeUnknownError('nobody knows, it was not');
        const result = log.append(stream, expected, events, this);
        if (happens(0.1)) throw new OutcomeUnknownError('nobody knows, it may have been');
        this.appended ||= result.outcome === 'appended';
        return result;
      },
      replay: (stream, visit) => {
        if (happens(0.05)) throw new OutcomeUnknownError('the store is away');
        for (const event of log.of(stream)) if (!visit(event)) return;
      },
      release: (releases) => {
        for (const release of releases) if (!happens(0.2)) this.#try(release, requestId, context());
      },
      mayAnswer: () => {
        const stream = streamOf(memory.state.key);
        this.allowed = memory.certain && !this.#foreign.has(stream) && !happens(0.1);
        // Nobody else has written, so the state behind the reply must be the newest.
        if (this.allowed) expect(memory.state.revision).toBe(log.of(stream).at(-1)?.revision ?? 'none');
        return this.allowed;
      },
    };
  }

  #try(claim: Claim, requestId: string, context: DecideContext): Reservation | Error {
    try {
      return happensContended(this.#trouble) ? { outcome: 'contended' } : this.#reserve(claim, requestId, context);
    } catch (error) {
      return error as Error;
    }
  }

  #reserve({ command }: Claim, requestId: string, context: DecideContext): Reservation {
    const { happens, meanwhile } = this.#trouble;
    const cause = { requestId, actor: { user: 'tester', verified: false }, correlationId: '', causationId: '' };
    return runNow(runReservation(this.#queue, command, context), {
      load: () => {
        const reading = this.#queue.read();
        for (const event of this.log.of(BOOK)) reading.take(event);
        reading.end();
      },
      propose: (facts) => {
        let ended: Ending = 'overtaken';
        this.#queue.propose(facts, { cause, now: NOW, deadlineMs: 0 }, (ending) => {
          ended = ending;
        });
        if (happens(0.2)) meanwhile();
        const batch = this.#queue.takeBatch();
        if (batch === undefined) throw new Error('what was proposed is in no batch');
        if (happens(0.1)) this.#queue.fail(new OutcomeUnknownError('not written'));
        else {
          const result = this.log.append(BOOK, batch.expected, batch.events);
          if (happens(0.1)) this.#queue.fail(new OutcomeUnknownError('written, perhaps'));
          else if (result.outcome === 'appended') this.#queue.settle(result.position);
          else this.#queue.fail('overtaken');
        }
        return ended;
      },
      settled: () => 'durable',
    });
  }
}

function happensContended({ happens }: Trouble): boolean {
  return happens(0.05);
}

// --- the model: what must hold of the log and of the answers, whatever happened ------------------------------------------------------------------

/** Appends to objects under each request id. */
function appendsByRequest(log: Log): Map<string, RecordedEvent[]> {
  const byRequest = new Map<string, RecordedEvent[]>();
  for (const stream of log.objects()) {
    for (const event of log.of(stream)) {
      if (event.metadata.append.index > 0) continue;
      byRequest.set(event.metadata.requestId, [...(byRequest.get(event.metadata.requestId) ?? []), event]);
    }
  }
  return byRequest;
}

function stateOf(log: Log, stream: string, upTo = Number.POSITIVE_INFINITY) {
  return foldStream(
    registry,
    keyOfStream(stream) as ObjectKey,
    log.of(stream).filter(({ revision }) => Number(revision) <= upTo),
  );
}

/** Everything held is in use, or the log shows that it is to be given back: its request made no append, or an append releases it. */
function checkClaims(log: Log): void {
  const landed = appendsByRequest(log);
  const book = log.book();
  const owed = new Set<string>();
  for (const stream of log.objects()) {
    for (const { metadata } of log.of(stream)) {
      for (const { command } of metadata.releases ?? []) {
        const { uid, address, revision = '' } = command as BookCommand;
        owed.add(`${uid} ${address}`);
        expect(revision).not.toBe('');
      }
    }
  }
  for (const [address, { uid, requests }] of book) {
    for (const request of requests.keys()) {
      const [append] = landed.get(request) ?? [];
      if (append === undefined) continue; // The loop over open claims gives it back.
      const after = stateOf(log, append.stream, Number(append.revision) + append.metadata.append.count - 1);
      const isUsed = addressOf(after.object) === address && after.object.metadata.uid === uid;
      if (!isUsed && !owed.has(`${uid} ${address}`)) throw new Error(`${address} is left behind by ${request}`);
    }
  }
  for (const stream of log.objects()) {
    const { status, object } = stateOf(log, stream);
    const address = addressOf(object);
    if (status === 'live' && address !== undefined) expect(book.get(address)?.uid).toBe(object.metadata.uid);
  }
}

function randomCommand(random: Random): ObjectCommand {
  const name = ['a', 'b', 'c'][below(random, 3)] as string;
  const address = `10.0.0.${below(random, 4)}`;
  const commands: (() => ObjectCommand)[] = [
    () => create(name, address),
    () => creation({ generateName: 'g-' }, address),
    () => move(name, address),
    () => move(name, address),
    () => want(name, address),
    () => follow(name),
    () => follow(name),
    () => remove(name),
    () => ({ ...create(name, address), options: { dryRun: true } }) as ObjectCommand,
  ];
  return (commands[below(random, commands.length)] as () => ObjectCommand)();
}

/** Sends commands through two writers for which things go wrong; each command is repeated under its id while the reply allows that. */
function live(seed: number, steps: number): void {
  const random = randomOf(seed);
  const log = new Log();
  let inside = false;
  let requests = 0;
  const happens = (share: number) => random() < share;
  const meanwhile = () => {
    if (inside) return;
    inside = true;
    // Another command, or a repeat of the one under way, which reaches the other writer.
    const under = happens(0.3) ? current : { command: randomCommand(random), requestId: requestOf(++requests) };
    attempt(two, under);
    inside = false;
  };
  const one = new Replica(log, { happens, meanwhile });
  const two = new Replica(log, { happens, meanwhile: () => undefined });
  let current = { command: create('a'), requestId: requestOf(0) };
  const outcomes = new Map<string, { position: string; object: unknown }>();

  function attempt(replica: Replica, { command, requestId }: typeof current): Reply {
    const before = appendsByRequest(log).has(requestId);
    const reply = replica.send(command, requestId);
    const landed = appendsByRequest(log).get(requestId) ?? [];
    expect(landed.length).toBeLessThanOrEqual(1);
    if (!reply.ok && reply.retry !== 'unknown' && !before && !inside) expect(landed).toEqual([]);
    if (!reply.ok && reply.retry === 'no') expect(replica.allowed).toBe(true);
    if (reply.ok && reply.repeated !== true && !replica.appended) expect(replica.allowed).toBe(true);
    if (reply.ok && landed.length > 0 && !('options' in command)) {
      const outcome = { position: reply.position, object: reply.object };
      if (reply.repeated === true || replica.appended) expect(outcomes.get(requestId) ?? outcome).toEqual(outcome);
      outcomes.set(requestId, outcome);
    }
    checkClaims(log);
    return reply;
  }

  for (let step = 0; step < steps; step++) {
    current = { command: randomCommand(random), requestId: requestOf(++requests) };
    let reply = attempt(one, current);
    for (let repeats = below(random, 5); repeats > 0 && !reply.ok && reply.retry !== 'no'; repeats--) reply = attempt(one, current);
  }
}

describe('The command runner', () => {
  it.each(Array.from({ length: 150 }, (_, i) => i + 1))('keeps its promises whatever goes wrong (seed %i)', (seed) => {
    live(seed, 25);
  });

  describe('when nothing goes wrong', () => {
    let log: Log;
    let replica: Replica;
    beforeEach(() => {
      log = new Log();
      replica = new Replica(log);
    });
    const typesOf = (stream: string) => log.of(stream).map(({ type }) => type);

    it('claims, appends and answers with the state', () => {
      const reply = replica.send(create('a', '10.0.0.1'), requestOf(1));
      expect(reply).toMatchObject({
        ok: true,
        code: 201,
        position: '2',
        object: { metadata: { name: 'a', resourceVersion: resourceVersionOf(log.of('Thing-ns.a')[0]!) } },
      });
      expect([typesOf(BOOK), typesOf('Thing-ns.a')]).toEqual([['Claimed.v1'], ['ThingCreated.v1']]);
    });

    it('answers a repeat with the first outcome, whatever came after', () => {
      const first = replica.send(create('a', '10.0.0.1'), requestOf(1));
      replica.send(move('a', '10.0.0.2'), requestOf(2));
      expect(new Replica(log).send(create('a', '10.0.0.1'), requestOf(1))).toEqual({ ...first, repeated: true });
    });

    it('releases after the append, and gives its position', () => {
      replica.send(create('a', '10.0.0.1'), requestOf(1));
      const releases: Claim[] = [];
      const reply = replica.send(move('a', '10.0.0.2'), requestOf(2), { release: (each) => void releases.push(...each) });
      const kept = log.of('Thing-ns.a').at(-1)?.metadata.releases;
      expect(kept).toMatchObject([{ stream: BOOK, command: { type: 'Release', address: '10.0.0.1' } }]);
      const { position } = reply as Reply & { ok: true };
      expect(releases).toEqual(
        kept?.map(({ stream, command }) => ({
          stream,
          command: { ...command, at: position },
          requestId: releaseRequestOf(requestOf(2)),
        })),
      );
    });

    it('tries other names when a generated one is taken', () => {
      const command = creation({ generateName: 'g-' });
      const nameOf = (reply: Reply) => (reply as { object?: { metadata: { name: string } } }).object?.metadata.name as string;
      const taken = nameOf(replica.send(command, requestOf(1)));
      log.streams.delete(`Thing-ns.${taken}`);
      new Replica(log).send(create(taken), requestOf(2));
      const other = nameOf(new Replica(log).send(command, requestOf(1)));
      expect(other).toMatch(/^g-/);
      expect(other).not.toBe(taken);
    });

    it('gives back what was claimed when the object is refused after all', () => {
      const late = new Replica(log);
      const port: Partial<ObjectPort> = {
        append: (stream, expected, events) => {
          if (expected === 'none') late.send(create('a'), requestOf(2));
          return log.append(stream, expected, events);
        },
      };
      expect(replica.send(create('a', '10.0.0.1'), requestOf(1), port)).toMatchObject({ ok: false, retry: 'no', status: { code: 409 } });
      expect(typesOf(BOOK)).toEqual(['Claimed.v1', 'Released.v1']);
    });

    it('keeps an address that it must claim again at another revision', () => {
      replica.send(create('a'), requestOf(1));
      let calls = 0;
      const reply = replica.send(move('a', '10.0.0.1'), requestOf(2), {
        append: (stream, expected, events) => {
          if (calls++ === 0) new Replica(log).send(want('a', '10.0.0.7'), requestOf(3));
          return log.append(stream, expected, events);
        },
      });
      expect(reply).toMatchObject({ ok: true });
      expect(log.book().get('10.0.0.1')?.requests.size).toBe(1);
    });

    it('gives back what only an earlier decision needed', () => {
      replica.send(create('a'), requestOf(1));
      replica.send(move('a', '10.0.0.9'), requestOf(2));
      replica.send(want('a', '10.0.0.1'), requestOf(3));
      let calls = 0;
      const reply = replica.send(follow('a'), requestOf(4), {
        append: (stream, expected, events) => {
          if (calls++ === 0) new Replica(log).send(want('a', '10.0.0.2'), requestOf(5));
          return log.append(stream, expected, events);
        },
      });
      expect(reply).toMatchObject({ ok: true, object: { spec: { notes: { address: '10.0.0.2' } } } });
      expect([...log.book().keys()]).toEqual(['10.0.0.2']);
    });

    it('does not give back what was granted because it was held already', () => {
      const release = jest.fn();
      const held: Partial<ObjectPort> = {
        claim: (claims) => claims.map(() => ({ outcome: 'granted', grants: {}, facts: [], position: 1n })),
        append: () => ({ outcome: 'tooLarge', limitBytes: 1 }),
        release,
      };
      expect(replica.send(create('a', '10.0.0.1'), requestOf(1), held)).toMatchObject({ ok: false });
      expect(release).not.toHaveBeenCalled();
    });

    it('remembers what it has appended', () => {
      replica.send(create('a'), requestOf(1));
      const readTail = jest.fn();
      expect(replica.send(create('a'), requestOf(2), { readTail })).toMatchObject({ ok: false, status: { code: 409 } });
      expect(readTail).not.toHaveBeenCalled();
    });

    it('reads again after an append whose outcome is unknown', () => {
      replica.send(create('a'), requestOf(1));
      const lost: Partial<ObjectPort> = {
        append: (...append) => {
          log.append(...append);
          throw new OutcomeUnknownError('no answer');
        },
      };
      expect(replica.send(remove('a'), requestOf(2), lost)).toMatchObject({ ok: false, retry: 'unknown', status: { code: 504 } });
      expect(replica.send(create('a'), requestOf(3))).toMatchObject({ ok: true, code: 201 });
    });

    it('gives up after several conflicts, and leaves nothing behind', () => {
      let calls = 0;
      const reply = replica.send(create('a', '10.0.0.1'), requestOf(1), {
        append: () => {
          calls++;
          return { outcome: 'overtaken' };
        },
      });
      expect(reply).toMatchObject({ ok: false, retry: 'safe', status: { code: 503 } });
      expect([calls, log.book().size]).toEqual([DECISIONS_MAX, 0]);
    });

    it('previews a dry run and asks claims without making them', () => {
      replica.send(create('a', '10.0.0.1'), requestOf(1));
      const dry = (name: string, address: string) => ({ ...create(name, address), options: { dryRun: true } }) as ObjectCommand;
      expect(replica.send(dry('b', '10.0.0.2'), requestOf(2))).toMatchObject({ ok: true, code: 201, object: { metadata: { name: 'b' } } });
      expect(replica.send(dry('b', '10.0.0.1'), requestOf(3))).toMatchObject({ ok: false, status: { code: 400 } });
      expect([typesOf(BOOK), typesOf('Thing-ns.b')]).toEqual([['Claimed.v1'], []]);
    });

    it('answers nothing from memory without a valid lease', () => {
      replica.send(create('a'), requestOf(1));
      const lapsed = { mayAnswer: () => false };
      expect(replica.send(create('a'), requestOf(2), lapsed)).toMatchObject({ ok: false, retry: 'safe' });
      replica.send(create('b', '10.0.0.1'), requestOf(3));
      expect(replica.send(create('c', '10.0.0.1'), requestOf(4), lapsed)).toMatchObject({ ok: false, retry: 'safe' });
      expect(replica.send(move('a', '10.0.0.2'), requestOf(5), lapsed)).toMatchObject({ ok: true });
    });

    it('knows when a failure left nothing behind', () => {
      const away = () => {
        throw new NotDoneError('away');
      };
      expect(replica.send(create('a', '10.0.0.1'), requestOf(1), { refresh: away })).toMatchObject({ retry: 'safe' });
      const noClaim: Partial<ObjectPort> = { claim: (claims) => claims.map(() => new NotDoneError('away')) };
      expect(replica.send(create('a', '10.0.0.1'), requestOf(2), noClaim)).toMatchObject({ retry: 'unknown' });
      const noTail: Partial<ObjectPort> = { append: () => ({ outcome: 'overtaken' }), readTail: away };
      expect(replica.send(create('a'), requestOf(3), noTail)).toMatchObject({ retry: 'unknown' });
    });

    it('throws the error of a bug', () => {
      const bug = () => {
        throw new TypeError('a bug');
      };
      expect(() => replica.send(create('a'), requestOf(1), { append: bug })).toThrow(TypeError);
    });

    it('keeps the command with the first event, and cuts it where it would make the append too large', () => {
      replica.send(create('a'), requestOf(1));
      const patch = { metadata: { labels: { x: 'y' } }, spec: { notes: { address: '10.0.0.1' } } };
      const command: ObjectCommand = { verb: 'patch', key: keyOf('a'), patchType: 'merge', patch };
      replica.send(command, requestOf(2));
      const [, labels, notes] = log.of('Thing-ns.a').map(({ metadata }) => metadata.command);
      expect([labels, notes]).toEqual([{ verb: 'patch', patchType: 'merge', patch }, undefined]);
      const tight: Partial<ObjectPort> = {
        append: (stream, expected, events) =>
          events[0]?.metadata.command && 'cut' in events[0].metadata.command
            ? log.append(stream, expected, events)
            : { outcome: 'tooLarge', limitBytes: 7 },
      };
      expect(replica.send(move('a', '10.0.0.2'), requestOf(3), tight)).toMatchObject({ ok: true });
      expect(log.of('Thing-ns.a').at(-1)?.metadata.command).toEqual({ verb: 'patch', cut: true });
      const full: Partial<ObjectPort> = { append: () => ({ outcome: 'tooLarge', limitBytes: 7 }) };
      expect(replica.send(move('a', '10.0.0.3'), requestOf(4), full)).toMatchObject({ ok: false, retry: 'no', status: { code: 413 } });
    });
  });
});
