/** The rows of one context, from the bus: its subscriptions, the sink that they feed, and the asks for what the sink is missing. */

import { type Clock, type Random, systemClock, systemRandom } from '@weft/api';
import type { BusLog } from '../log.ts';
import type { Bus, BusSubscription } from '../port.ts';
import { subjects } from '../subjects.ts';
import { EarliestTimer } from './earliest-timer.ts';
import type { KeepRow } from './followed-table.ts';
import { PacedAsk } from './paced-ask.ts';
import { decodeRowMessage, encodeRowMessage, type RowMessage } from './row-messages.ts';
import { RowSink } from './row-sink.ts';
import type { TableChange } from './rows-port.ts';

export type FeedOptions = Readonly<{
  bus: Bus;
  log: BusLog;
  clock?: Clock;
  timing?: Partial<RowSubscriberTiming>;
  /** Spreads repeated asks. */
  random?: Random;
  /** Keeps less than whole rows, where their reader needs less. */
  keep?: KeepRow;
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

/** How long an ask waits for further messages that may show more needs. */
const PUMP_MS = 2;
/** Tables in one ask for snapshots. */
const TABLES_PER_ASK = 500;
/** So that an answer with the states of all fits one message. */
export const TABLES_MAX = 30_000;

export type FeedListener = Readonly<{ onChange: (change: TableChange) => void; onProgress: () => void }>;

/** A table's snapshot that was asked for, and when it may be asked for again. */
type AwaitedSnapshot = { readonly subscription: BusSubscription; dueMs: number; idleMs: number };

export class ContextFeed {
  readonly sink: RowSink;
  readonly #context: string;
  readonly #options: FeedOptions;
  readonly #clock: Clock;
  readonly #timing: RowSubscriberTiming;
  readonly #progress: BusSubscription;
  readonly #deltas = new Map<string, BusSubscription>();
  readonly #awaited = new Map<string, AwaitedSnapshot>();
  readonly #revsAsk: PacedAsk;
  readonly #snapshotsAsk: PacedAsk;
  readonly #pumpTimer: EarliestTimer;
  #isClosed = false;
  #badMessages = 0;

  constructor(context: string, options: FeedOptions, listener: FeedListener) {
    this.#context = context;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#timing = { ...TIMING, ...options.timing };
    const { retryMsFirst, retryMsMax, silenceMs } = this.#timing;
    const pacing = { clock: this.#clock, random: options.random ?? systemRandom, log: options.log, retryMsFirst, retryMsMax };
    this.#revsAsk = new PacedAsk(pacing);
    this.#snapshotsAsk = new PacedAsk(pacing);
    this.#pumpTimer = new EarliestTimer(this.#clock, () => this.#pump());
    this.sink = new RowSink({ silenceMs, keep: options.keep, ...listener });
    this.#progress = options.bus.subscribe(subjects.rowsProgress(context), ({ data }) => this.#take(data));
    this.#schedule(0);
  }

  /** Throws a RangeError past TABLES_MAX tables. */
  follow(table: string): void {
    if (this.#deltas.size >= TABLES_MAX) throw new RangeError(`no more than ${TABLES_MAX} tables of a context can be followed`);
    this.#deltas.set(
      table,
      this.#options.bus.subscribe(subjects.rowsDelta(this.#context, table), ({ data }) => this.#take(data)),
    );
    this.sink.follow(table);
    this.#schedule(0);
  }

  unfollow(table: string): void {
    void this.#deltas.get(table)?.stop();
    this.#deltas.delete(table);
    this.sink.unfollow(table);
    this.#dropAwaited(table);
  }

  reconnected(): void {
    this.sink.reconnected();
    this.#askAnew();
    this.#schedule(0);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#pumpTimer.cancel();
    const snapshots = [...this.#awaited.values()].map(({ subscription }) => subscription);
    await Promise.all([this.#progress, ...this.#deltas.values(), ...snapshots].map((subscription) => subscription.stop()));
  }

  #take(data: Uint8Array): void {
    if (this.#isClosed) return;
    try {
      const message = decodeRowMessage(data);
      this.#feedSink(message);
      if (message.kind === 'chunk' && !this.sink.isInNeed(message.table)) this.#dropAwaited(message.table);
    } catch (error) {
      // Its content is now missing, and is asked for like that of any lost message. Logged once: another version would send many.
      if (this.#badMessages++ === 0) this.#options.log.error({ err: error, context: this.#context }, 'a rows message cannot be read');
    }
    // One pump for many messages: to look through the needs costs as much as there are.
    if (this.sink.isInNeedOfAnything || this.#awaited.size > 0) this.#schedule(PUMP_MS);
  }

  #feedSink(message: RowMessage): void {
    const nowMs = this.#clock.monotonicMs();
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
        break; // An ask is for projectors; 'queued' has no content.
    }
    // Another projector: what the former one was asked for need not be waited for.
    if (this.sink.term !== termBefore) this.#askAnew();
  }

  /** Whatever is missing may be asked for at once. */
  #askAnew(): void {
    this.#revsAsk.reset();
    this.#snapshotsAsk.reset();
    for (const awaited of this.#awaited.values()) awaited.dueMs = 0;
  }

  #schedule(ms: number): void {
    if (!this.#isClosed) this.#pumpTimer.set(ms);
  }

  /** Asks for what is missing and due, and schedules itself for the time when the next is due. */
  #pump(): void {
    if (this.#isClosed) return;
    const nowMs = this.#clock.monotonicMs();
    const nextMs = Math.min(this.#pumpRevs(nowMs), this.#pumpSnapshots(nowMs));
    if (nextMs < Number.POSITIVE_INFINITY) this.#schedule(nextMs - nowMs);
  }

  /** Answers when revs will be due, if they are needed and not due yet. */
  #pumpRevs(nowMs: number): number {
    if (!this.sink.needsRevs || this.#revsAsk.isUnderWay) return Number.POSITIVE_INFINITY;
    if (nowMs < this.#revsAsk.dueMs) return this.#revsAsk.dueMs;
    void this.#askRevs();
    return Number.POSITIVE_INFINITY;
  }

  /** Answers when the first of the snapshots will be due that are needed and not due yet. */
  #pumpSnapshots(nowMs: number): number {
    for (const table of this.#awaited.keys()) if (!this.sink.isInNeed(table)) this.#dropAwaited(table);
    let nextMs = Number.POSITIVE_INFINITY;
    if (this.#snapshotsAsk.isUnderWay) return nextMs;
    const due: string[] = [];
    for (const { table, receivingSinceMs } of this.sink.tablesInNeed()) {
      const dueMs = Math.max(this.#snapshotsAsk.dueMs, this.#snapshotDueMs(table, receivingSinceMs));
      if (dueMs > nowMs) nextMs = Math.min(nextMs, dueMs);
      else if (due.push(table) === TABLES_PER_ASK) break;
    }
    if (due.length > 0) void this.#askSnapshots(due);
    return nextMs;
  }

  #snapshotDueMs(table: string, receivingSinceMs: number | undefined): number {
    const awaited = this.#awaited.get(table);
    const idleUntilMs = receivingSinceMs === undefined ? 0 : receivingSinceMs + (awaited?.idleMs ?? 0);
    return Math.max(awaited?.dueMs ?? 0, idleUntilMs);
  }

  async #askRevs(): Promise<void> {
    const ask = async () => {
      const answer = await this.#ask({ kind: 'ask', what: 'revs', tables: this.sink.tables });
      if (!this.#isClosed) this.#feedSink(answer);
    };
    const failed = { fields: { context: this.#context }, message: 'revs could not be asked for' };
    // If revs are still needed, later messages overtook the answer: do not ask at once again.
    await this.#revsAsk.run(ask, failed, this.#timing.retryMsFirst);
    this.#pump();
  }

  async #askSnapshots(tables: readonly string[]): Promise<void> {
    const ask = async () => {
      for (const table of tables) this.#await(table);
      await this.#ask({ kind: 'ask', what: 'snapshot', tables });
      const nowMs = this.#clock.monotonicMs();
      for (const table of tables) {
        const awaited = this.#awaited.get(table);
        if (awaited === undefined) continue;
        awaited.dueMs = nowMs + awaited.idleMs;
        awaited.idleMs = Math.min(awaited.idleMs * 2, this.#timing.snapshotIdleMs * 8);
      }
    };
    const failed = { fields: { context: this.#context }, message: 'snapshots could not be asked for' };
    await this.#snapshotsAsk.run(ask, failed);
    this.#pump();
  }

  /** Subscribes before the ask, on the same connection, so that no chunk can be missed. */
  #await(table: string): void {
    if (this.#awaited.has(table)) return;
    const subscription = this.#options.bus.subscribe(subjects.rowsSnapshot(this.#context, table), ({ data }) => this.#take(data));
    this.#awaited.set(table, { subscription, dueMs: 0, idleMs: this.#timing.snapshotIdleMs });
  }

  async #ask(message: RowMessage): Promise<RowMessage> {
    // Asks the projector whose messages count: for a while there may be two.
    const subject = subjects.rowsAsk(this.#context, this.sink.term);
    return decodeRowMessage(await this.#options.bus.request(subject, encodeRowMessage(message), { timeoutMs: this.#timing.askMs }));
  }

  #dropAwaited(table: string): void {
    void this.#awaited.get(table)?.subscription.stop();
    this.#awaited.delete(table);
  }
}
