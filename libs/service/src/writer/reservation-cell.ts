/**
 * One reservation stream in memory (address book, pool): decides claim after claim on the state that all of them will have made, and appends
 * them in batches, one batch under way at a time.
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
import {
  type CommandEnvelope,
  type DecideContext,
  type Fact,
  type JsonObject,
  type NewEvent,
  type Position,
  type ReservationModule,
  type Status,
  toEvents,
} from '@weft/api';
import { type EventStore, type ExpectedRevision, UnavailableError, WrongRevisionError } from '@weft/event-store';
import type { Clock } from '../platform.ts';
import { appendSurely } from './appender.ts';
import { NotDoneError, OutcomeUnknownError } from './faults.ts';

/** Bounds of one append: well below the limit of 1 MiB, and few enough that one slow reader of the stream is not held up for long. */
const BATCH_EVENTS_MAX = 512;
const BATCH_BYTES_MAX = 400_000;
const DECISIONS_MAX = 8;

export type Granted = Readonly<{ outcome: 'granted'; grants: JsonObject; facts: readonly Fact[]; position: Position }>;
export type Reservation = Readonly<
  | Granted
  | { outcome: 'refused'; status: Status }
  /** Nothing was appended for it. */
  | { outcome: 'contended' }
>;

/** How what was decided ended: durable, or not sent because something before it was not written, or it failed. */
type Ending = 'durable' | 'overtaken' | Error;
type Entry = {
  readonly events: readonly NewEvent[];
  readonly bytes: number;
  readonly deadlineMs: number;
  /** The command itself, and the answers that rest on it. */
  readonly waiting: ((ending: Ending) => void)[];
};

export class ReservationCell {
  readonly owner: object;
  readonly stream: string;
  readonly #module: ReservationModule;
  readonly #port: Readonly<{ store: EventStore; clock: Clock }>;
  #state: unknown;
  /** Revision of the newest durable event, and of the newest in the state: -1 without one. */
  #durable = -1n;
  #head = -1n;
  /** Position of the newest durable event of the stream. */
  #position: Position = 0n;
  #loaded = false;
  #loading: Promise<void> | undefined;
  #queue: Entry[] = [];
  #underWay: readonly Entry[] = [];
  #flushing = false;

  constructor(owner: object, stream: string, module: ReservationModule, port: Readonly<{ store: EventStore; clock: Clock }>) {
    this.owner = owner;
    this.stream = stream;
    this.#module = module;
    this.#port = port;
  }

  get busy(): boolean {
    return this.#loading !== undefined || this.#flushing;
  }

  /** Rejects with NotDoneError or OutcomeUnknownError when the store fails. */
  async reserve(
    command: JsonObject & { type: string },
    envelope: CommandEnvelope,
    context: DecideContext,
    deadlineMs: number,
  ): Promise<Reservation> {
    for (let attempt = 0; attempt < DECISIONS_MAX; attempt++) {
      await this.#ready();
      if (!this.#loaded) continue; // Overtaken again in the meantime.
      const decision = this.#module.decide(command, this.#state, context);
      const facts = decision.outcome === 'accepted' ? decision.facts : [];
      // An answer without facts rests on everything decided before: it may be given once that is durable.
      const ending = facts.length === 0 ? await this.#settled() : await this.#propose(facts, envelope, context.now, deadlineMs);
      if (ending === 'overtaken') continue;
      if (ending === 'durable') {
        if (decision.outcome === 'rejected') return { outcome: 'refused', status: decision.status };
        return { outcome: 'granted', grants: decision.grants ?? {}, facts, position: this.#position };
      }
      if (facts.length === 0) continue;
      throw ending instanceof UnavailableError ? new OutcomeUnknownError(ending.message, { cause: ending }) : ending;
    }
    return { outcome: 'contended' };
  }

  /** What would be answered, on the state as it is; appends nothing. */
  async peek(command: JsonObject & { type: string }, context: DecideContext): Promise<Status | undefined> {
    await this.#ready();
    const decision = this.#module.decide(command, this.#state, context);
    return decision.outcome === 'rejected' ? decision.status : undefined;
  }

  /** Reads through a state that must not be changed, once loaded. */
  async inspect<T>(look: (state: unknown) => T): Promise<T> {
    await this.#ready();
    return look(this.#state);
  }

  async #ready(): Promise<void> {
    if (this.#loaded) return;
    try {
      await (this.#loading ??= this.#load());
    } catch (cause) {
      throw new NotDoneError(`stream "${this.stream}" cannot be read: ${(cause as Error).message}`, { cause });
    }
  }

  async #load(): Promise<void> {
    try {
      let state = this.#module.initial();
      let head = -1n;
      let position = 0n;
      for await (const event of this.#port.store.readStream(this.stream)) {
        state = this.#module.evolve(state, event);
        head = event.revision;
        position = event.position;
      }
      this.#state = state;
      this.#durable = this.#head = head;
      this.#position = position;
      this.#loaded = true;
    } finally {
      this.#loading = undefined;
    }
  }

  #propose(facts: readonly Fact[], envelope: CommandEnvelope, time: string, deadlineMs: number): Promise<Ending> {
    const events = toEvents(facts, envelope, { stream: this.stream, expected: toExpected(this.#head), now: time });
    let bytes = 0;
    for (const { type, data, metadata } of events) {
      // Its own position is not known yet; that of the newest durable event is below it.
      this.#state = this.#module.evolve(this.#state, { type, data, metadata, position: this.#position });
      bytes += 1_000 + 2 * JSON.stringify(data).length;
    }
    this.#head += BigInt(events.length);
    return new Promise((end) => {
      this.#queue.push({ events, bytes, deadlineMs, waiting: [end] });
      if (!this.#flushing) void this.#flush();
    });
  }

  async #flush(): Promise<void> {
    this.#flushing = true;
    await Promise.resolve(); // What is decided in the same turn shares a batch.
    while (this.#queue.length > 0) {
      const batch = this.#takeBatch();
      this.#underWay = batch;
      const events = batch.flatMap((entry) => entry.events);
      const deadlineMs = () => Math.max(...batch.map((entry) => entry.deadlineMs));
      let ending: Ending = 'durable';
      try {
        const { position } = await appendSurely(this.#port, this.stream, toExpected(this.#durable), events, deadlineMs);
        this.#durable += BigInt(events.length);
        this.#position = position;
      } catch (error) {
        ending = error instanceof WrongRevisionError ? 'overtaken' : (error as Error);
        // The state holds what did not happen. What was decided on it is not sent; it is read again.
        this.#loaded = false;
        this.#state = undefined;
      }
      this.#underWay = [];
      const rest = ending === 'durable' ? [] : this.#queue.splice(0);
      for (const { waiting } of batch) for (const end of waiting) end(ending);
      for (const { waiting } of rest) for (const end of waiting) end('overtaken');
    }
    this.#flushing = false;
  }

  #takeBatch(): readonly Entry[] {
    let events = 0;
    let bytes = 0;
    let count = 0;
    for (const entry of this.#queue) {
      events += entry.events.length;
      bytes += entry.bytes;
      if (count > 0 && (events > BATCH_EVENTS_MAX || bytes > BATCH_BYTES_MAX)) break;
      count++;
    }
    return this.#queue.splice(0, count);
  }

  /** How all that was decided until now ends. */
  #settled(): Promise<Ending> | 'durable' {
    const last = this.#queue.at(-1) ?? this.#underWay.at(-1);
    return last === undefined ? 'durable' : new Promise((resolve) => last.waiting.push(resolve));
  }
}

function toExpected(revision: bigint): ExpectedRevision {
  return revision < 0n ? 'none' : revision;
}
