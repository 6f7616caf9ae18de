/**
 * The event store port. Two implementations (embedded, EventStoreDB) are held to one contract suite.
 *
 * Streams are never deleted. Appends are all or nothing, with an expected revision that is exact or "none"
 * and never "any": what must not double carries its expectation, and a retry carries the same one.
 *
 * The log is delivered in whole appends: what one command wrote to one stream, as its events' metadata says (a writer may send several commands'
 * events in one call of `append`). The events of one `append` call lie side by side in the log.
 */
import type { Append, NewEvent, Position, RecordedEvent } from '@weft/api';

/** The revision the stream must have: that of its last event, or `'none'` for a stream without events. */
export type ExpectedRevision = bigint | 'none';

export type AppendResult = Readonly<{
  /** Revision of the last event of this append. */
  revision: bigint;
  /** Position of the last event of this append. */
  position: Position;
  /** Position of its first event, where the store knows that those of its events follow one another. */
  firstPosition?: Position;
  /** True when the same ids had been written with the same expectation before: nothing was written now, figures are the old ones. */
  repeated: boolean;
}>;

export type ReadOptions = Readonly<{
  direction?: 'forwards' | 'backwards';
  /** Inclusive. Default: the start (forwards) or the end (backwards). Past the end: forwards empty, backwards from the end. */
  from?: bigint;
  /** At least 1. Default: no limit. */
  limit?: number;
}>;

export type ReadAllOptions = Readonly<{
  direction?: 'forwards' | 'backwards';
  /**
   * Forwards: events *after* this position (exclusive; absent: from the start). Backwards: events *at or before* it (absent: from the end).
   * Any position of this store's past is accepted, also one that is no event's.
   */
  from?: Position;
  limit?: number;
}>;

export type SubscriptionHandlers = Readonly<{
  /** Called in position order, gapless, none twice. A returned promise is awaited before the next call (back-pressure). */
  onAppend: (append: Append) => void | Promise<void>;
  /** Called once for each time the subscription reaches the end of the log, never in the middle of an append: everything up to `position` has been delivered. */
  onCaughtUp?: (position: Position) => void | Promise<void>;
  /** After an outage or lag was healed inside; for health and metrics only. */
  onResumed?: (cause: Error) => void;
  /** The subscription ended for good: a handler threw, or the store was closed or damaged. */
  onEnded?: (cause: Error) => void;
}>;

export type SubscribeOptions = Readonly<{
  /**
   * Exclusive: delivered are the appends whose own position, that of their last event, lies behind it. So one that it cuts is delivered whole.
   * Absent: from the start. For a stream: the position of one of its events.
   */
  after?: Position;
  /** Only this stream. */
  stream?: string;
}>;

export interface Subscription {
  /** Stops delivery; resolves when no handler runs any more (so never await it inside a handler). A repeat does nothing. */
  stop(): Promise<void>;
}

export interface EventStore {
  /** Random, made with the store: `id` in the data of the first event of stream `Store-.id`. */
  readonly storeId: string;
  /**
   * Resolves when durable. Appends of one process are judged in the order of the calls, so consecutive exact revisions may be sent
   * without waiting for replies. Errors: WrongRevisionError, TooLargeError, UnavailableError (outcome unknown), ClosedError, InvalidArgumentError.
   */
  append(stream: string, expected: ExpectedRevision, events: readonly NewEvent[]): Promise<AppendResult>;
  /** A missing stream reads as empty. Sees what was acknowledged before the call. */
  readStream(stream: string, options?: ReadOptions): AsyncIterable<RecordedEvent>;
  /** Sees at least everything that was acknowledged before the call. The events of all reads are shared: never change them. */
  readAll(options?: ReadAllOptions): AsyncIterable<RecordedEvent>;
  /** The same in pages, none empty, of the store's own size: for folds of millions of events. */
  readAllPages(options?: ReadAllOptions): AsyncIterable<readonly RecordedEvent[]>;
  /** Forwards, in whole appends: those whose position lies behind `from`, as in a subscription. Pages as in `readAllPages`. */
  readAppendPages(options?: Readonly<{ from?: Position }>): AsyncIterable<readonly Append[]>;
  subscribe(options: SubscribeOptions, handlers: SubscriptionHandlers): Subscription;
  /** Position of the last event in the log (0n when empty). */
  head(): Promise<Position>;
  /** The largest event position at or below the given one, 0n when there is none. */
  floor(position: Position): Promise<Position>;
  /** Position of the last event whose running maximum of times is at or before `time` (RFC 3339 or Date), 0n when there is none. */
  positionAt(time: Date): Promise<Position>;
  /** Resolves when the store answers; rejects with UnavailableError, ClosedError or DamagedError naming what is wrong and the remedy. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

/**
 * An append may hold at most 1 MiB, in every store: JSON text of data and metadata in UTF-8, and two bytes for each character
 * of a type, which is how EventStoreDB counts.
 */
export const APPEND_BYTES_MAX = 1_048_576;
