/**
 * The event store in EventStoreDB (23.10 and later) or KurrentDB, through @eventstore/db-client. It hides what that server and client do
 * differently from the port: which start is inclusive, positions that are no record's, the system's own events, the forms that an outage
 * takes, subscriptions that are lost. E-numbers: docs/eventstoredb.md.
 */
import {
  type AllStreamResolvedEvent,
  BACKWARDS,
  END,
  eventTypeFilter,
  FORWARDS,
  type ResolvedEvent,
  START,
  type StreamingRead,
} from '@eventstore/db-client';
import { type Append, type Clock, type NewEvent, type Position, type RecordedEvent, systemClock } from '@weft/api';
import { appendBytes, checkEvents, checkStreamName, toRevision } from '../append.rules.ts';
import { appendPages, readBeginning } from '../append-grouping.ts';
import { ClosedError, InvalidArgumentError, UnavailableError } from '../errors.ts';
import { checkLimit } from '../limits.ts';
import type {
  AppendResult,
  EventStore,
  ExpectedRevision,
  ReadAllOptions,
  ReadOptions,
  SubscribeOptions,
  Subscription,
  SubscriptionHandlers,
} from '../port.ts';
import { type Surroundings, storeIdentity } from '../store-identity.ts';
import { withoutPassword } from '../without-password.ts';
import { BatchAppender } from './batch-appender.ts';
import { acquireConnection, type Connection } from './connection.ts';
import { fromResolved, toPosition } from './event.codec.ts';
import { pagesOf } from './event-pages.ts';
import { EventStoreDbSubscription, type Opened, type RetryPolicy } from './eventstoredb-subscription.ts';
import { isNoRecord, isStreamNotFound, toAppendError, toStoreError } from './fault.mapping.ts';
import { PositionIndex } from './position-index.ts';

export type EventStoreDbOptions = Surroundings &
  Readonly<{
    /** `esdb://…` or `kurrentdb://…`. */
    url: string;
    /** How long an append waits for its answer, 10 s unless given; then its outcome is unknown. */
    appendTimeoutMs?: number;
    /** How long a read waits for the next of its events, 10 s unless given. */
    readTimeoutMs?: number;
    /** How long opening waits for a server that is not there or not ready, 30 s unless given. */
    openTimeoutMs?: number;
    /** Pauses between attempts of a subscription, 50 ms to 2 s unless given. */
    retry?: RetryPolicy;
  }>;

/** The largest position that the server can be asked for. */
const POSITION_MAX = 2n ** 63n - 1n;
/** Read beyond a limit, for events of the system's that are left out. */
const SPARE = 32;
/** Events looked at between two checkpoints that the server sends (E-23). */
const SEARCH_WINDOW = 1_000;
/** Appends whose outcome is unknown, remembered so that a repeat is recognised. */
const UNKNOWN_MAX = 10_000;

type UnderWay = Readonly<{ expected: ExpectedRevision; events: readonly NewEvent[]; result: Promise<AppendResult> }>;

/** Waits until the server is ready. Throws UnavailableError when it is not in time, InvalidArgumentError for a URL that cannot be read. */
export async function openEventStoreDb(options: EventStoreDbOptions): Promise<EventStore> {
  const store = new EventStoreDbStore(options);
  const clock = options.clock ?? systemClock;
  const deadlineMs = clock.monotonicMs() + (options.openTimeoutMs ?? 30_000);
  for (let pauseMs = 50; ; pauseMs = Math.min(pauseMs * 2, 1_000)) {
    try {
      store.storeId = await storeIdentity(store, withoutPassword(options.url), options);
      await store.head();
      return store;
    } catch (error) {
      if (!(error instanceof UnavailableError) || clock.monotonicMs() + pauseMs > deadlineMs) {
        await store.close();
        throw error;
      }
      await clock.pause(pauseMs);
    }
  }
}

class EventStoreDbStore implements EventStore {
  storeId = '';
  readonly #connection: Connection;
  readonly #client: Connection['client'];
  readonly #appender: BatchAppender;
  readonly #readTimeoutMs: number;
  readonly #retry: RetryPolicy;
  readonly #clock: Clock;
  readonly #index = new PositionIndex();
  readonly #subscriptions = new Set<EventStoreDbSubscription>();
  /** Appends under way, by stream and first id. */
  readonly #pending = new Map<string, UnderWay>();
  /** First ids of appends whose outcome is unknown. */
  readonly #unknown = new Set<string>();
  #look: Promise<void> | undefined;
  /** No event that is written from now on can have a position at or below this. */
  #seen: Position = 0n;
  /** The last event known, and up to where it is known to be the last. */
  #head: Position = 0n;
  #closing: Promise<void> | undefined;

  constructor({
    url,
    appendTimeoutMs = 10_000,
    readTimeoutMs = 10_000,
    retry = { pauseMsMin: 50, pauseMsMax: 2_000 },
    clock = systemClock,
  }: EventStoreDbOptions) {
    this.#connection = acquireConnection(url, clock);
    this.#client = this.#connection.client;
    this.#appender = new BatchAppender(this.#connection, appendTimeoutMs, clock);
    this.#readTimeoutMs = readTimeoutMs;
    this.#retry = retry;
    this.#clock = clock;
  }

  async append(stream: string, expected: ExpectedRevision, events: readonly NewEvent[]): Promise<AppendResult> {
    checkStreamName(stream);
    toRevision(stream, expected);
    checkEvents(stream, events);
    this.#assertOpen();
    const first = (events[0] as NewEvent).id;
    const key = `${first} ${stream}`;
    const underWay = this.#pending.get(key);
    // The server lets a repeat of an append that is still under way time out (E-39).
    if (underWay !== undefined && isSame(underWay, expected, events)) return { ...(await underWay.result), repeated: true };
    // Nothing is awaited before the request is on its way, so that requests leave in the order of the calls.
    // A retry looks at the end of the log first, to recognise a repeat; what is called after it waits for that look too.
    if (this.#unknown.size > 0 && this.#unknown.has(first)) this.#look ??= this.#lookAtEnd();
    const result =
      this.#look === undefined ? this.#append(stream, expected, events) : this.#look.then(() => this.#append(stream, expected, events));
    this.#pending.set(key, { expected, events, result });
    try {
      return await result;
    } finally {
      if (this.#pending.get(key)?.result === result) this.#pending.delete(key);
    }
  }

  async #lookAtEnd(): Promise<void> {
    try {
      await this.head();
    } finally {
      this.#look = undefined;
    }
  }

  async #append(stream: string, expected: ExpectedRevision, events: readonly NewEvent[]): Promise<AppendResult> {
    const seen = this.#seen;
    const first = (events[0] as NewEvent).id;
    let position: Position;
    try {
      position = await this.#appender.append(stream, expected, events);
    } catch (error) {
      const fault = toAppendError(error, stream, expected, () => appendBytes(events));
      if (fault.retry === 'unknown' && this.#unknown.size < UNKNOWN_MAX) this.#unknown.add(first);
      throw fault;
    }
    this.#unknown.delete(first);
    const revision = (expected === 'none' ? -1n : expected) + BigInt(events.length);
    // The server does not mark a repeat (E-10). A new event lies behind all that was seen before it was sent, and its position is new.
    if (position <= seen || this.#isAcknowledged(position))
      return { revision, position: await this.#positionOf(stream, revision), repeated: true };
    this.#acknowledge(position);
    return { revision, position, repeated: false };
  }

  async *readStream(stream: string, options: ReadOptions = {}): AsyncGenerator<RecordedEvent, void, undefined> {
    checkStreamName(stream);
    const limit = checkLimit(options.limit);
    if (options.from !== undefined) toRevision(stream, options.from);
    this.#assertOpen();
    const backwards = options.direction === 'backwards';
    const read = this.#client.readStream(stream, {
      direction: backwards ? BACKWARDS : FORWARDS,
      fromRevision: options.from ?? (backwards ? END : START),
      ...(limit === Number.POSITIVE_INFINITY ? {} : { maxCount: limit }),
    });
    try {
      for await (const page of this.#pagesOf<ResolvedEvent>(read)) {
        for (const resolved of page) {
          this.#assertOpen();
          const event = fromResolved(resolved);
          if (event !== undefined) yield event;
        }
      }
    } catch (error) {
      if (!isStreamNotFound(error)) throw toStoreError(error, `read of stream "${stream}"`);
    }
  }

  async *readAll(options: ReadAllOptions = {}): AsyncGenerator<RecordedEvent, void, undefined> {
    for await (const page of this.readAllPages(options)) for (const event of page) yield event;
  }

  async *readAllPages({
    direction = 'forwards',
    from,
    limit,
  }: ReadAllOptions = {}): AsyncGenerator<readonly RecordedEvent[], void, undefined> {
    let left = checkLimit(limit);
    checkPosition(from ?? 0n);
    this.#assertOpen();
    const pages = direction === 'forwards' ? this.#forwards(from ?? 0n, left) : this.#backwards(from, left);
    for await (const page of pages) {
      this.#assertOpen();
      if (page.length === 0) continue;
      yield page.length > left ? page.slice(0, left) : page;
      left -= page.length;
      if (left <= 0) return;
    }
  }

  readAppendPages({ from }: Readonly<{ from?: Position }> = {}): AsyncIterable<readonly Append[]> {
    const pages = this.readAllPages(from === undefined ? {} : { from });
    return appendPages(pages, (stream, options) => this.readStream(stream, options));
  }

  subscribe({ after = 0n, stream }: SubscribeOptions, handlers: SubscriptionHandlers): Subscription {
    if (stream !== undefined) checkStreamName(stream);
    checkPosition(after);
    this.#assertOpen();
    const subscription = new EventStoreDbSubscription({
      after,
      handlers,
      retry: this.#retry,
      clock: this.#clock,
      connection: this.#connection,
      openedWithinMs: this.#readTimeoutMs,
      open: (position) => (stream === undefined ? this.#subscribeToAll(position) : this.#subscribeToStream(stream, position)),
      readBeginning: (event) => readBeginning(event, (name, options) => this.readStream(name, options)),
      onPage: (position, events) => {
        if (stream === undefined) this.#observe(position, events);
      },
      onDone: (ended) => this.#subscriptions.delete(ended),
    });
    this.#subscriptions.add(subscription);
    return subscription;
  }

  /** Looks no further back than the last look did, past whatever the system wrote since. */
  async head(): Promise<Position> {
    this.#assertOpen();
    const known = this.#head;
    for await (const page of this.#backwards(undefined, 1, known)) {
      const [event] = page;
      if (event === undefined) continue;
      if (event.position > this.#head) this.#head = event.position;
      this.#raiseSeen(event.position);
      break;
    }
    return this.#head;
  }

  async floor(position: Position): Promise<Position> {
    checkPosition(position);
    this.#assertOpen();
    if (position === 0n) return 0n;
    if (position >= this.#head) {
      const head = await this.head();
      if (position >= head) return head;
    }
    const record = await this.#recordAt(position);
    if (record !== undefined) {
      const event = fromResolved(record);
      if (event !== undefined) return event.position;
      for await (const [before] of this.#backwardsFromRecord(position, 1)) if (before !== undefined) return before.position;
      return 0n;
    }
    let below = this.#index.knownAtOrBelow(position);
    for await (const page of this.#forwardsFromRecord(below, Number.POSITIVE_INFINITY)) {
      for (const event of page) {
        if (event.position > position) return below;
        below = event.position;
      }
    }
    return below;
  }

  async positionAt(time: Date): Promise<Position> {
    const timeMs = time.getTime();
    if (Number.isNaN(timeMs)) throw new InvalidArgumentError('positionAt: not a time');
    this.#assertOpen();
    let { position, maxTimeMs } = this.#index.timeMarkAtOrBefore(timeMs);
    for await (const page of this.#forwardsFromRecord(position, Number.POSITIVE_INFINITY)) {
      for (const event of page) {
        const eventMs = Date.parse(event.metadata?.time);
        if (eventMs > maxTimeMs) maxTimeMs = eventMs;
        if (maxTimeMs > timeMs) return position;
        position = event.position;
      }
    }
    return position;
  }

  async ping(): Promise<void> {
    this.#assertOpen();
    const read = this.#client.readAll({ direction: BACKWARDS, fromPosition: END, maxCount: 1, requiresLeader: true });
    try {
      for await (const _ of this.#pagesOf(read)) return;
    } catch (error) {
      throw toStoreError(error, 'the event store does not answer');
    }
  }

  async close(): Promise<void> {
    this.#closing ??= this.#close();
    await this.#closing;
  }

  async #close(): Promise<void> {
    await Promise.allSettled([...this.#pending.values()].map(({ result }) => result));
    await Promise.all([...this.#subscriptions].map((subscription) => subscription.end(new ClosedError('the store was closed'))));
    this.#appender.close();
    await this.#connection.release();
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw new ClosedError('the store was closed');
  }

  // Subscribing

  async #subscribeToAll(after: Position): Promise<Opened> {
    const record = await this.floor(after);
    const filter = eventTypeFilter({ regex: '^[^$]', maxSearchWindow: SEARCH_WINDOW });
    return { source: this.#client.subscribeToAll({ fromPosition: record === 0n ? START : toPosition(record), filter }), empty: false };
  }

  async #subscribeToStream(stream: string, after: Position): Promise<Opened> {
    const revision = await this.#lastRevisionUpTo(stream, after);
    const empty = revision === undefined && (await this.#isEmpty(stream));
    return { source: this.#client.subscribeToStream(stream, { fromRevision: revision === undefined ? START : revision }), empty };
  }

  async #isEmpty(stream: string): Promise<boolean> {
    for await (const _ of this.readStream(stream, { limit: 1 })) return false;
    return true;
  }

  async #lastRevisionUpTo(stream: string, position: Position): Promise<bigint | undefined> {
    if (position === 0n) return undefined;
    const record = await this.#recordAt(position < POSITION_MAX ? position : POSITION_MAX);
    if (record?.event?.streamId === stream) return record.event.revision;
    let last: bigint | undefined;
    for await (const event of this.readStream(stream)) {
      if (event.position > position) break;
      last = event.revision;
    }
    return last;
  }

  // Reading

  /** Events behind a position, which may be no record's. */
  async *#forwards(after: Position, limit: number): AsyncGenerator<readonly RecordedEvent[], void, undefined> {
    const record = after === 0n ? 0n : await this.floor(after);
    yield* this.#forwardsFromRecord(record, limit);
  }

  /** The server includes the record it begins with (E-17): it is left out here. */
  async *#forwardsFromRecord(record: Position, limit: number): AsyncGenerator<readonly RecordedEvent[], void, undefined> {
    let at = record;
    let left = limit;
    let cursor = record;
    for (;;) {
      const maxCount = left + SPARE;
      let looked = 0;
      for await (const page of this.#page(FORWARDS, at === 0n ? START : toPosition(at), maxCount)) {
        looked += page.length;
        const events: RecordedEvent[] = [];
        for (const resolved of page) {
          const event = fromResolved(resolved);
          if (event !== undefined && event.position > cursor) events.push(event);
        }
        at = page.at(-1)?.event?.position?.commit ?? at;
        this.#observe(cursor, events);
        cursor = events.at(-1)?.position ?? cursor;
        left -= events.length;
        if (events.length > 0) yield events;
      }
      if (left <= 0 || looked < maxCount || maxCount === Number.POSITIVE_INFINITY) return;
    }
  }

  /** Events at or before a position, last first. */
  async *#backwards(
    from: Position | undefined,
    limit: number,
    notBelow: Position = 0n,
  ): AsyncGenerator<readonly RecordedEvent[], void, undefined> {
    if (from === undefined) return yield* this.#backwardsFromRecord(undefined, limit, notBelow);
    const record = await this.floor(from);
    if (record === 0n) return;
    const event = await this.#recordAt(record);
    const first = event === undefined ? undefined : fromResolved(event);
    if (first === undefined) throw new UnavailableError(`position ${record} could not be read`);
    yield [first];
    if (limit > 1) yield* this.#backwardsFromRecord(record, limit - 1);
  }

  /** The server leaves out the record it begins with (E-17). */
  async *#backwardsFromRecord(
    record: Position | undefined,
    limit: number,
    notBelow: Position = 0n,
  ): AsyncGenerator<readonly RecordedEvent[], void, undefined> {
    let at = record;
    let left = limit;
    for (;;) {
      const maxCount = left === 1 ? SPARE : left + SPARE;
      let looked = 0;
      for await (const page of this.#page(BACKWARDS, at === undefined ? END : toPosition(at), maxCount)) {
        looked += page.length;
        const events: RecordedEvent[] = [];
        for (const resolved of page) {
          const event = fromResolved(resolved);
          if (event !== undefined) events.push(event);
        }
        at = page.at(-1)?.event?.position?.commit ?? at;
        left -= events.length;
        if (events.length > 0) yield events;
        if (at !== undefined && at < notBelow) return;
      }
      if (left <= 0 || looked < maxCount || maxCount === Number.POSITIVE_INFINITY) return;
    }
  }

  async *#page(
    direction: typeof FORWARDS | typeof BACKWARDS,
    fromPosition: typeof START | typeof END | ReturnType<typeof toPosition>,
    maxCount: number,
  ): AsyncGenerator<readonly AllStreamResolvedEvent[], void, undefined> {
    const read = this.#client.readAll({ direction, fromPosition, ...(maxCount === Number.POSITIVE_INFINITY ? {} : { maxCount }) });
    try {
      yield* this.#pagesOf<AllStreamResolvedEvent>(read);
    } catch (error) {
      throw isNoRecord(error) ? error : toStoreError(error, 'read of the log');
    }
  }

  /** The record at a position, undefined when the position is no record's, or behind the end. */
  async #recordAt(position: Position): Promise<AllStreamResolvedEvent | undefined> {
    try {
      for await (const [record] of this.#page(FORWARDS, toPosition(position), 1)) {
        if (record?.event?.position?.commit === position) return record;
      }
    } catch (error) {
      if (!isNoRecord(error)) throw error;
    }
    return undefined;
  }

  #pagesOf<T>(read: StreamingRead<T>): AsyncGenerator<readonly T[], void, undefined> {
    return pagesOf(read, this.#readTimeoutMs, this.#clock, this.#connection);
  }

  async #positionOf(stream: string, revision: bigint): Promise<Position> {
    for await (const event of this.readStream(stream, { from: revision, limit: 1 })) return event.position;
    throw new UnavailableError(`revision ${revision} of stream "${stream}" could not be read back`);
  }

  // Remembering

  #observe(after: Position, events: readonly RecordedEvent[]): void {
    const last = events.at(-1);
    if (last === undefined) return;
    this.#index.observe(after, events);
    this.#raiseSeen(last.position);
  }

  #raiseSeen(position: Position): void {
    if (position > this.#seen) this.#seen = position;
  }

  /** Positions of the last appends, in the order of the answers: two answers with one position are one append and its repeat. */
  #acknowledged = new Set<Position>();
  #isAcknowledged(position: Position): boolean {
    return this.#acknowledged.has(position);
  }

  #acknowledge(position: Position): void {
    this.#raiseSeen(position);
    this.#acknowledged.add(position);
    if (this.#acknowledged.size > 4_096) this.#acknowledged = new Set([...this.#acknowledged].slice(-2_048));
  }
}

function isSame(underWay: UnderWay, expected: ExpectedRevision, events: readonly NewEvent[]): boolean {
  return (
    underWay.expected === expected && underWay.events.length === events.length && events.every(({ id }, i) => id === underWay.events[i]?.id)
  );
}

/** Throws InvalidArgumentError below 0. */
function checkPosition(position: Position): void {
  if (typeof position !== 'bigint' || position < 0n)
    throw new InvalidArgumentError(`position ${String(position)} is not a whole number from 0`);
}
