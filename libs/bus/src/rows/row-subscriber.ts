/** The subscriber's side on a bus: feeds RowSink, and asks for what it needs until it has it. */

import { Backoff } from '../backoff.ts';
import type { BusLog } from '../log.ts';
import type { Bus, BusSubscription } from '../port.ts';
import { subjects } from '../subjects.ts';
import { systemTimers, type Timers } from '../timers.ts';
import { decodeRowMessage, encodeRowMessage, type RowMessage } from './row-messages.ts';
import { RowSink } from './row-sink.ts';
import type { RowSubscriber, TableChange, TableView } from './rows-port.ts';

export type RowSubscriberOptions = Readonly<{
  bus: Bus;
  /** Contexts whose progress is heard from the start, with or without tables. `follow` adds others. */
  contexts: readonly string[];
  log: BusLog;
  timers?: Timers;
  timing?: Partial<RowSubscriberTiming>;
  /** In [0, 1); spreads repeated asks. */
  random?: () => number;
}>;

export type RowSubscriberTiming = Readonly<{
  /** For an answer to an ask. Default 2,000. */
  askMs: number;
  /** Wait after an ask that failed; doubles. Default 50 to 2,000. */
  retryMsFirst: number;
  retryMsMax: number;
  /** A snapshot that was promised, or began, and brings nothing for so long is asked for again; doubles up to eight times as long. Default 1,000. */
  snapshotIdleMs: number;
  /** A projector that was silent for so long gives way to another one, whichever started later. Default 5,000. */
  silenceMs: number;
}>;

const TIMING: RowSubscriberTiming = { askMs: 2_000, retryMsFirst: 50, retryMsMax: 2_000, snapshotIdleMs: 1_000, silenceMs: 5_000 };

/** From a message that shows a need to the ask. */
const PUMP_MS = 2;
/** Tables in one ask for snapshots. */
const TABLES_PER_ASK = 500;
/** So that an answer with the states of all fits one message. */
export const TABLES_MAX = 30_000;

export function createRowSubscriber(options: RowSubscriberOptions): RowSubscriber {
  return new BusRowSubscriber(options);
}

class BusRowSubscriber implements RowSubscriber {
  private readonly contexts = new Map<string, ContextFeed>();
  private readonly contextOf = new Map<string, string>();
  private readonly changeListeners = new Set<(change: TableChange) => void>();
  private readonly progressListeners = new Set<(context: string) => void>();
  private readonly stopHearing: () => void;
  private isClosed = false;

  constructor(private readonly options: RowSubscriberOptions) {
    for (const context of options.contexts) this.feed(context);
    this.stopHearing = options.bus.onConnection((connected) => {
      if (connected) for (const feed of this.contexts.values()) feed.reconnected();
    });
  }

  /** Throws a TypeError when the table is another context's, a RangeError past TABLES_MAX tables. */
  follow(context: string, table: string): void {
    if (this.isClosed) return;
    const owner = this.contextOf.get(table);
    if (owner === context) return;
    if (owner !== undefined) throw new TypeError(`table ${table} is followed as one of ${owner}; it cannot be one of ${context} too`);
    this.feed(context).follow(table);
    this.contextOf.set(table, context);
  }

  unfollow(context: string, table: string): void {
    if (this.contextOf.get(table) !== context) return;
    this.contextOf.delete(table);
    this.contexts.get(context)?.unfollow(table);
  }

  view(table: string): TableView | undefined {
    return this.contexts.get(this.contextOf.get(table) ?? '')?.sink.view(table);
  }

  gaplessTo(context: string): bigint | undefined {
    return this.contexts.get(context)?.sink.gaplessTo;
  }

  onChange(listener: (change: TableChange) => void): () => void {
    const each = (change: TableChange) => listener(change);
    this.changeListeners.add(each);
    return () => this.changeListeners.delete(each);
  }

  onProgress(listener: (context: string) => void): () => void {
    const each = (context: string) => listener(context);
    this.progressListeners.add(each);
    return () => this.progressListeners.delete(each);
  }

  async close(): Promise<void> {
    this.isClosed = true;
    this.stopHearing();
    await Promise.all([...this.contexts.values()].map((feed) => feed.close()));
    this.changeListeners.clear();
    this.progressListeners.clear();
  }

  private feed(context: string): ContextFeed {
    const known = this.contexts.get(context);
    if (known !== undefined) return known;
    const feed = new ContextFeed(context, this.options, {
      onChange: (change) => this.tell(this.changeListeners, change),
      onProgress: () => this.tell(this.progressListeners, context),
    });
    this.contexts.set(context, feed);
    return feed;
  }

  private tell<T>(listeners: ReadonlySet<(value: T) => void>, value: T): void {
    for (const listener of [...listeners]) {
      try {
        listener(value);
      } catch (error) {
        this.options.log.error({ err: error }, 'a listener to rows failed');
      }
    }
  }
}

/** When a table's snapshot may be asked for again. */
type SnapshotAsk = { subscription: BusSubscription; dueMs: number; idleMs: number };

/** One context: its sink, its subscriptions, and the asks that are due. */
class ContextFeed {
  readonly sink: RowSink;
  private readonly timers: Timers;
  private readonly timing: RowSubscriberTiming;
  private readonly progress: BusSubscription;
  private readonly deltas = new Map<string, BusSubscription>();
  private readonly snapshots = new Map<string, SnapshotAsk>();
  private readonly revsBackoff: Backoff;
  private readonly snapshotBackoff: Backoff;
  private revsDueMs = 0;
  private revsAreAsked = false;
  private snapshotsDueMs = 0;
  private snapshotsAreAsked = false;
  private stopTimer: (() => void) | undefined;
  private timerDueMs = 0;
  private isClosed = false;
  private badMessages = 0;

  constructor(
    private readonly context: string,
    private readonly options: RowSubscriberOptions,
    told: Readonly<{ onChange: (change: TableChange) => void; onProgress: () => void }>,
  ) {
    this.timers = options.timers ?? systemTimers;
    this.timing = { ...TIMING, ...options.timing };
    const random = options.random ?? Math.random;
    this.revsBackoff = new Backoff(this.timing.retryMsFirst, this.timing.retryMsMax, random);
    this.snapshotBackoff = new Backoff(this.timing.retryMsFirst, this.timing.retryMsMax, random);
    this.sink = new RowSink({ silenceMs: this.timing.silenceMs, ...told });
    this.progress = options.bus.subscribe(subjects.rowsProgress(context), ({ data }) => this.take(data));
    this.wake();
  }

  follow(table: string): void {
    if (this.deltas.size >= TABLES_MAX) throw new RangeError(`no more than ${TABLES_MAX} tables of a context can be followed`);
    this.deltas.set(
      table,
      this.options.bus.subscribe(subjects.rowsDelta(this.context, table), ({ data }) => this.take(data)),
    );
    this.sink.follow(table);
    this.wake();
  }

  unfollow(table: string): void {
    void this.deltas.get(table)?.stop();
    this.deltas.delete(table);
    this.sink.unfollow(table);
    this.dropSnapshot(table);
  }

  reconnected(): void {
    this.sink.reconnected();
    this.revsBackoff.reset();
    this.snapshotBackoff.reset();
    this.revsDueMs = 0;
    this.snapshotsDueMs = 0;
    for (const ask of this.snapshots.values()) ask.dueMs = 0;
    this.wake();
  }

  async close(): Promise<void> {
    this.isClosed = true;
    this.stopTimer?.();
    const all = [this.progress, ...this.deltas.values(), ...[...this.snapshots.values()].map(({ subscription }) => subscription)];
    await Promise.all(all.map((subscription) => subscription.stop()));
  }

  private take(data: Uint8Array): void {
    if (this.isClosed) return;
    try {
      const message = decodeRowMessage(data);
      this.feedSink(message);
      if (message.kind === 'chunk' && !this.sink.isInNeed(message.table)) this.dropSnapshot(message.table);
    } catch (error) {
      // What it said is missed, and asked for like anything that was lost. Logged once: a wrong version sends many.
      if (this.badMessages++ === 0) this.options.log.error({ err: error, context: this.context }, 'a rows message cannot be read');
    }
    // Once for many messages: looking through what is needed costs as much as is needed.
    if (this.sink.isInNeedOfAnything || this.snapshots.size > 0) this.schedule(PUMP_MS);
  }

  private feedSink(message: RowMessage): void {
    const nowMs = this.timers.nowMs();
    const termBefore = this.sink.term;
    switch (message.kind) {
      case 'delta':
        this.sink.delta(message, nowMs);
        break;
      case 'progress':
        this.sink.progress(message, nowMs);
        break;
      case 'chunk':
        this.sink.chunk(message, nowMs);
        break;
      case 'revs':
        this.sink.revs(message, nowMs);
        break;
      default:
        break; // An ask is for projectors; 'queued' says nothing more.
    }
    if (this.sink.term === termBefore) return;
    // Another projector: what was asked of the last one need not be waited for.
    this.revsBackoff.reset();
    this.snapshotBackoff.reset();
    this.revsDueMs = 0;
    this.snapshotsDueMs = 0;
    for (const ask of this.snapshots.values()) ask.dueMs = 0;
  }

  /** As `pump`, but not within the caller's call. */
  private wake(): void {
    this.schedule(0);
  }

  private pump(): void {
    if (this.isClosed) return;
    const nowMs = this.timers.nowMs();
    let nextMs = Number.POSITIVE_INFINITY;
    if (this.sink.needsRevs && !this.revsAreAsked) {
      if (nowMs >= this.revsDueMs) void this.askRevs();
      else nextMs = this.revsDueMs;
    }
    for (const table of this.snapshots.keys()) if (!this.sink.isInNeed(table)) this.dropSnapshot(table);
    if (!this.snapshotsAreAsked) {
      const due: string[] = [];
      for (const { table, receivingSinceMs } of this.sink.tablesInNeed()) {
        const ask = this.snapshots.get(table);
        const dueMs = Math.max(
          this.snapshotsDueMs,
          ask?.dueMs ?? 0,
          receivingSinceMs === undefined ? 0 : receivingSinceMs + (ask?.idleMs ?? 0),
        );
        if (dueMs > nowMs) nextMs = Math.min(nextMs, dueMs);
        else if (due.push(table) === TABLES_PER_ASK) break;
      }
      if (due.length > 0) void this.askSnapshots(due);
    }
    if (nextMs < Number.POSITIVE_INFINITY) this.schedule(nextMs - nowMs);
  }

  private async askRevs(): Promise<void> {
    this.revsAreAsked = true;
    try {
      const answer = await this.ask({ kind: 'ask', what: 'revs', tables: this.sink.tables });
      if (this.isClosed) return;
      this.feedSink(answer);
      this.revsBackoff.reset();
      // Still in need: the answer was overtaken. Not at once again.
      this.revsDueMs = this.timers.nowMs() + this.timing.retryMsFirst;
    } catch (error) {
      this.revsDueMs = this.timers.nowMs() + this.revsBackoff.nextMs();
      this.options.log.debug({ err: error, context: this.context }, 'revs could not be asked for');
    }
    this.revsAreAsked = false;
    this.pump();
  }

  private async askSnapshots(tables: readonly string[]): Promise<void> {
    this.snapshotsAreAsked = true;
    try {
      for (const table of tables) {
        if (this.snapshots.has(table)) continue;
        // Before the ask, on the same connection: no chunk can come first.
        const subscription = this.options.bus.subscribe(subjects.rowsSnapshot(this.context, table), ({ data }) => this.take(data));
        this.snapshots.set(table, { subscription, dueMs: 0, idleMs: this.timing.snapshotIdleMs });
      }
      await this.ask({ kind: 'ask', what: 'snapshot', tables });
      this.snapshotBackoff.reset();
      const nowMs = this.timers.nowMs();
      for (const table of tables) {
        const ask = this.snapshots.get(table);
        if (ask === undefined) continue;
        ask.dueMs = nowMs + ask.idleMs;
        ask.idleMs = Math.min(ask.idleMs * 2, this.timing.snapshotIdleMs * 8);
      }
    } catch (error) {
      this.snapshotsDueMs = this.timers.nowMs() + this.snapshotBackoff.nextMs();
      this.options.log.debug({ err: error, context: this.context }, 'snapshots could not be asked for');
    }
    this.snapshotsAreAsked = false;
    this.pump();
  }

  private async ask(message: RowMessage): Promise<RowMessage> {
    // Of the projector that is heard; two may live for a while.
    const subject = subjects.rowsAsk(this.context, this.sink.term);
    return decodeRowMessage(await this.options.bus.request(subject, encodeRowMessage(message), { timeoutMs: this.timing.askMs }));
  }

  private dropSnapshot(table: string): void {
    void this.snapshots.get(table)?.subscription.stop();
    this.snapshots.delete(table);
  }

  private schedule(afterMs: number): void {
    const dueMs = this.timers.nowMs() + Math.max(0, afterMs);
    if (this.isClosed || (this.stopTimer !== undefined && this.timerDueMs <= dueMs)) return;
    this.stopTimer?.();
    this.timerDueMs = dueMs;
    this.stopTimer = this.timers.after(Math.max(0, afterMs), () => {
      this.stopTimer = undefined;
      this.pump();
    });
  }
}
