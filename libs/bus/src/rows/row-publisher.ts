/** The projector's side on a bus: sends what RowSource makes, answers asks, paces snapshots. */

import type { BusLog } from '../log.ts';
import type { Bus, BusSubscription, Message } from '../port.ts';
import { subjects } from '../subjects.ts';
import { systemTimers, type Timers } from '../timers.ts';
import { type ChunkMessage, decodeRowMessage, encodeRowMessage, type RowMessage } from './row-messages.ts';
import { RowSource } from './row-source.ts';
import type { RowChange, RowPublisher } from './rows-port.ts';

export type RowPublisherOptions = Readonly<{
  bus: Bus;
  /** Whose tables these are: a service's context. */
  context: string;
  /** Names this run and orders it among all runs: see `newTerm`. */
  term: string;
  log: BusLog;
  timers?: Timers;
  timing?: Partial<RowPublisherTiming>;
  /** Characters of rows per message, before they are deflated; default 131,072. */
  chunkCharacters?: number;
}>;

export type RowPublisherTiming = Readonly<{
  /** Shortest time between two progress messages; the first after a pause goes out at once. Default 5. */
  progressMs: number;
  /** Longest time between two. Default 1,000. */
  heartbeatMs: number;
  /** How long a snapshot waits for more who ask for it. Default 10. */
  gatherMs: number;
  /** Between two chunks, so that other work gets its turn. Default 1. */
  chunkMs: number;
}>;

const TIMING: RowPublisherTiming = { progressMs: 5, heartbeatMs: 1_000, gatherMs: 10, chunkMs: 1 };

/** Snapshots read at once; the others wait in order. */
const SCANS_MAX = 4;
/** Chunks sent before the server must have taken them. */
const CHUNKS_UNCONFIRMED_MAX = 16;

/** A term for a run that starts now: later runs sort behind earlier ones. `random` tells runs of one millisecond apart (8 or more hex digits). */
export function newTerm(startedAt: Date, random: string): string {
  return `${startedAt.getTime().toString().padStart(15, '0')}-${random.replaceAll(/[^A-Za-z0-9]/g, '').slice(0, 12)}`;
}

export function createRowPublisher(options: RowPublisherOptions): RowPublisher {
  return new BusRowPublisher(options);
}

type Scan = { readonly table: string; readonly chunks: Iterator<ChunkMessage>; began: boolean };

class BusRowPublisher implements RowPublisher {
  private readonly source: RowSource;
  private readonly timers: Timers;
  private readonly timing: RowPublisherTiming;
  private readonly asks: BusSubscription[] = [];
  private isOpen = false;
  private isClosed = false;
  private progressSentMs = Number.NEGATIVE_INFINITY;
  private stopProgressTimer: (() => void) | undefined;
  private progressDueMs = 0;
  /** Tables asked for whose reading has not begun. */
  private readonly queued = new Set<string>();
  private readonly scans: Scan[] = [];
  private stopScanTimer: (() => void) | undefined;
  private unconfirmed = 0;
  private confirming = false;

  constructor(private readonly options: RowPublisherOptions) {
    this.source = new RowSource(options.term, options.chunkCharacters);
    this.timers = options.timers ?? systemTimers;
    this.timing = { ...TIMING, ...options.timing };
  }

  get tables(): RowPublisher['tables'] {
    return this.source.tables;
  }

  change(table: string, changes: readonly RowChange[], rev: bigint): void {
    if (this.isClosed) return;
    for (const message of this.source.change(table, changes, rev)) this.send(subjects.rowsDelta(this.options.context, table), message);
  }

  progress(upTo: bigint): void {
    this.source.progress(upTo);
    if (!this.isOpen || !this.source.hasNews) return;
    const dueMs = this.progressSentMs + this.timing.progressMs;
    const nowMs = this.timers.nowMs();
    if (nowMs >= dueMs) this.sendProgress();
    else this.scheduleProgress(dueMs - nowMs);
  }

  open(): void {
    if (this.isOpen || this.isClosed) return;
    this.isOpen = true;
    this.source.open();
    const { bus, context, term } = this.options;
    const answer = (message: Message) => this.answer(message);
    this.asks.push(bus.serve(subjects.rowsAsk(context), answer), bus.serve(subjects.rowsAsk(context, term), answer));
    this.sendProgress();
  }

  async close(): Promise<void> {
    this.isOpen = false;
    this.isClosed = true;
    this.stopProgressTimer?.();
    this.stopScanTimer?.();
    this.queued.clear();
    this.scans.length = 0;
    await Promise.all(this.asks.splice(0).map((ask) => ask.stop()));
  }

  private sendProgress(): void {
    this.stopProgressTimer?.();
    this.stopProgressTimer = undefined;
    this.progressSentMs = this.timers.nowMs();
    for (const message of this.source.takeProgress()) this.send(subjects.rowsProgress(this.options.context), message);
    this.scheduleProgress(this.timing.heartbeatMs);
  }

  private scheduleProgress(afterMs: number): void {
    const dueMs = this.timers.nowMs() + afterMs;
    if (this.stopProgressTimer !== undefined && this.progressDueMs <= dueMs) return;
    this.stopProgressTimer?.();
    this.progressDueMs = dueMs;
    this.stopProgressTimer = this.timers.after(afterMs, () => {
      this.stopProgressTimer = undefined;
      this.sendProgress();
    });
  }

  private answer({ data }: Message): Uint8Array {
    const message = decodeRowMessage(data);
    if (message.kind !== 'ask') throw new TypeError(`a rows ask was expected, not ${message.kind}`);
    if (message.what === 'revs') return encodeRowMessage(this.source.revs(message.tables));
    for (const table of message.tables) this.queued.add(table);
    this.scheduleScan(this.timing.gatherMs);
    return encodeRowMessage({ kind: 'queued', term: this.options.term });
  }

  private scheduleScan(afterMs: number): void {
    if (this.stopScanTimer !== undefined || this.confirming || !this.isOpen) return;
    this.stopScanTimer = this.timers.after(afterMs, () => {
      this.stopScanTimer = undefined;
      this.sendChunk();
    });
  }

  /** One chunk of the scan whose turn it is. Who asks for a table that is being read has missed its first chunk: it is read again afterwards. */
  private sendChunk(): void {
    const reading = new Set(this.scans.map(({ table }) => table));
    for (const table of this.queued) {
      if (this.scans.length >= SCANS_MAX) break;
      if (reading.has(table)) continue;
      this.queued.delete(table);
      this.scans.push({ table, chunks: this.source.snapshot(table), began: false });
    }
    const scan = this.scans.shift();
    if (scan === undefined) return;
    const { value, done } = scan.chunks.next();
    if (done !== true) {
      this.send(subjects.rowsSnapshot(this.options.context, scan.table), value);
      if (!value.last) this.scans.push(scan);
      this.unconfirmed++;
    }
    if (this.unconfirmed >= CHUNKS_UNCONFIRMED_MAX) this.confirm();
    else if (this.scans.length > 0 || this.queued.size > 0) this.scheduleScan(this.timing.chunkMs);
  }

  /** Goes on when the server has taken what was sent. When it is gone, whoever still needs a table asks again. */
  private confirm(): void {
    this.confirming = true;
    const go = () => {
      this.confirming = false;
      this.unconfirmed = 0;
      if (this.scans.length > 0 || this.queued.size > 0) this.scheduleScan(this.timing.chunkMs);
    };
    this.options.bus.flush().then(go, () => {
      this.scans.length = 0;
      this.queued.clear();
      go();
    });
  }

  private send(subject: string, message: RowMessage): void {
    try {
      this.options.bus.publish(subject, encodeRowMessage(message));
    } catch (error) {
      // Whoever misses it sees a gap and asks.
      this.options.log.error({ err: error, subject }, 'rows could not be sent');
    }
  }
}
