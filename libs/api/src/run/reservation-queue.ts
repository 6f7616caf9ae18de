/**
 * One reservation stream in memory (address book, pool): decisions are made on the state that everything decided before will have made, and are
 * appended in batches, one batch under way at a time. Pure: its owner appends the batches and reports how they ended.
 *
 *   decided ──> queue ──> batch under way ──> durable, answered
 *          state already holds all of it
 *
 * Why not several appends under way: the second one's expected revision says how many events stand before it, not which. If another writer's
 * single event took the place of our first append, our second would be accepted although it was decided on a past that never was. With one
 * batch under way, whatever was decided on a batch that failed is never sent. A batch costs one write for hundreds of claims.
 *
 * The state is changed in place, so it cannot go back: after a conflict it is read again from the stream.
 */
import { type Cause, toEvents } from '../append/to-events.ts';
import type { DecideContext, Decision, Fact, ReservationModule } from '../kind/kind.ts';
import { isOurs, type NewEvent, type Position, type RecordedEvent } from '../log/envelope.ts';
import type { JsonObject } from '../log/json.ts';
import { failure } from '../status/statuses.ts';
import { copyOf } from '../values/copy-of.ts';
import { jsonBytesBound } from '../values/json-size.ts';

/** Bounds of one append: well below the limit of 1 MiB, and few enough that one slow reader of the stream is not held up for long. */
const BATCH_EVENTS_MAX = 512;
const BATCH_BYTES_MAX = 400_000;

/** How a decision ended: its facts are durable, or were not sent because an append before them was not written, or their append failed. */
export type Ending = 'durable' | 'overtaken' | Error;

type Entry = {
  readonly events: readonly NewEvent[];
  readonly bytes: number;
  readonly deadlineMs: number;
  /** Called when it ends: the command itself, and replies that rest on it. */
  readonly waiting: ((ending: Ending) => void)[];
};

export type Batch = Readonly<{ expected: bigint | 'none'; events: readonly NewEvent[]; deadlineMs: number }>;

/** The command that proposes facts: what its events carry of it, and until when the append is tried. */
export type Proposer = Readonly<{ cause: Cause; now: string; deadlineMs: number }>;

/** Reads the stream from its start into a queue. */
export type Reading = Readonly<{ take: (event: RecordedEvent) => void; end: () => void }>;

export class ReservationQueue {
  readonly stream: string;
  readonly #module: ReservationModule;
  #state: unknown;
  /** Why the stream cannot be read to its end. */
  #unreadable: string | undefined;
  /** Revision of the newest durable event, and of the newest in the state: -1 without one. */
  #durable = -1n;
  #head = -1n;
  #position: Position = 0n;
  #loaded = false;
  #entries: Entry[] = [];
  #underWay: readonly Entry[] = [];

  constructor(stream: string, module: ReservationModule) {
    this.stream = stream;
    this.#module = module;
  }

  /** While false, the stream must be read before anything is decided. */
  get loaded(): boolean {
    return this.#loaded;
  }

  /** Position of the newest durable event of the stream. */
  get position(): Position {
    return this.#position;
  }

  /** Callers must not change it. */
  get state(): unknown {
    return this.#state;
  }

  /** One that stands as this one does, with nothing under way; neither changes the other. O(state) */
  fork(): ReservationQueue {
    const fork = new ReservationQueue(this.stream, this.#module);
    fork.#state = copyOf(this.#state);
    fork.#unreadable = this.#unreadable;
    fork.#durable = fork.#head = this.#durable;
    fork.#position = this.#position;
    fork.#loaded = this.#loaded;
    return fork;
  }

  /** Revision of the newest durable event; -1 without one. */
  get revision(): bigint {
    return this.#durable;
  }

  /** The old state stays until the reading has ended. More may be taken after an end, and ended again. */
  read(): Reading {
    let state = this.#module.initial();
    let head = -1n;
    let position: Position = 0n;
    let unreadable: string | undefined;
    return {
      take: (event) => {
        try {
          if (!isOurs(event)) throw new Error(`it was not written by Weft (event type "${event.type}")`);
          if (unreadable === undefined) state = this.#module.evolve(state, event);
        } catch (error) {
          unreadable ??= `revision ${event.revision} of stream "${this.stream}" cannot be read: ${(error as Error).message}`;
        }
        head = event.revision;
        position = event.position;
      },
      end: () => {
        this.#state = state;
        this.#unreadable = unreadable;
        this.#durable = this.#head = head;
        this.#position = position;
        this.#loaded = true;
      },
    };
  }

  /** Nothing is granted from a stream that cannot be read to its end: what holds what is not known. */
  decide(command: JsonObject & { type: string }, context: DecideContext): Decision {
    if (this.#unreadable !== undefined)
      return {
        outcome: 'rejected',
        status: failure(403, 'Forbidden', `nothing can be claimed: ${this.#unreadable}. Let a version write it that knows this event`),
      };
    return this.#module.decide(command, this.#state, context);
  }

  /** Queues facts that were decided on the present state; `end` is called once. */
  propose(facts: readonly Fact[], { cause, now, deadlineMs }: Proposer, end: (ending: Ending) => void): void {
    const events = toEvents(facts, cause, { stream: this.stream, expected: toExpected(this.#head), now });
    let bytes = 0;
    for (const { type, data, metadata } of events) {
      // Its own position is not known yet; that of the newest durable event is below it.
      this.#state = this.#module.evolve(this.#state, { type, data, metadata, position: this.#position });
      bytes += 1_000 + jsonBytesBound(data) / 3;
    }
    this.#head += BigInt(events.length);
    this.#entries.push({ events, bytes, deadlineMs, waiting: [end] });
  }

  /** Calls `end` when all that was decided until now has ended; false when it has already, durably. */
  whenSettled(end: (ending: Ending) => void): boolean {
    const last = this.#entries.at(-1) ?? this.#underWay.at(-1);
    last?.waiting.push(end);
    return last !== undefined;
  }

  /** The next append, if anything waits. It must be settled or failed before the next one is taken. */
  takeBatch(): Batch | undefined {
    let count = 0;
    let events = 0;
    let bytes = 0;
    for (const entry of this.#entries) {
      events += entry.events.length;
      bytes += entry.bytes;
      if (count > 0 && (events > BATCH_EVENTS_MAX || bytes > BATCH_BYTES_MAX)) break;
      count++;
    }
    if (count === 0) return undefined;
    const taken = this.#entries.splice(0, count);
    this.#underWay = taken;
    const batch: NewEvent[] = [];
    let deadlineMs = Number.NEGATIVE_INFINITY;
    for (const entry of taken) {
      for (const event of entry.events) batch.push(event);
      deadlineMs = Math.max(deadlineMs, entry.deadlineMs);
    }
    return { expected: toExpected(this.#durable), events: batch, deadlineMs };
  }

  /** The batch that was taken is durable, its last event at this position. */
  settle(position: Position): void {
    const batch = this.#underWay;
    this.#underWay = [];
    for (const { events } of batch) this.#durable += BigInt(events.length);
    this.#position = position;
    endAll(batch, 'durable');
  }

  /** The batch that was taken was not appended, or perhaps not. What was decided after it is not sent. */
  fail(ending: 'overtaken' | Error): void {
    const batch = this.#underWay;
    const rest = this.#entries;
    this.#underWay = [];
    this.#entries = [];
    this.#loaded = false;
    this.#state = undefined;
    endAll(batch, ending);
    endAll(rest, 'overtaken');
  }
}

function endAll(entries: readonly Entry[], ending: Ending): void {
  for (const { waiting } of entries) for (const end of waiting) end(ending);
}

function toExpected(revision: bigint): bigint | 'none' {
  return revision < 0n ? 'none' : revision;
}
