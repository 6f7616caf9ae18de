/** The projector's side on a bus: sends what RowSource makes, answers asks, paces snapshots. */

import { type Clock, systemClock, type Timer } from '@weft/api';
import type { BusLog } from '../log.ts';
import type { Bus, BusSubscription, Message } from '../port.ts';
import { subjects } from '../subjects.ts';
import { EarliestTimer } from './earliest-timer.ts';
import { type ChunkMessage, decodeRowMessage, encodeRowMessage, type RowMessage } from './row-messages.ts';
import { RowSource } from './row-source.ts';
import type { RowChange, RowPublisher } from './rows-port.ts';

export type RowPublisherOptions = Readonly<{
  bus: Bus;
  /** Whose tables these are: a service's context. */
  context: string;
  log: BusLog;
  clock?: Clock;
  timing?: Partial<RowPublisherTiming>;
  /** Characters of rows per message, before they are deflated; default 131,072. */
  chunkCharacters?: number;
}>;

export type RowPublisherTiming = Readonly<{
  /** Shortest time between two progress messages; the first after a pause goes out at once. Default 5. */
  progressMs: number;
  /** Longest time between two. Default 1,000. */
  heartbeatMs: number;
  /** How long a snapshot that was asked for is held back, so that others who ask meanwhile share it. Default 10. */
  gatherMs: number;
  /** Between two chunks, so that other work gets its turn. Default 1. */
  chunkMs: number;
}>;

const TIMING: RowPublisherTiming = { progressMs: 5, heartbeatMs: 1_000, gatherMs: 10, chunkMs: 1 };

/** Snapshots read at once; the others wait in order. */
const SCANS_MAX = 4;
/** Chunks sent at most before the server has confirmed them. */
const CHUNKS_UNCONFIRMED_MAX = 16;

/**
 * A term that starts now: later ones sort behind earlier ones. `random` distinguishes those of the same millisecond (8 or more hex digits).
 */
export function newTerm(startedAt: Date, random: string): string {
  return `${startedAt.getTime().toString().padStart(15, '0')}-${random.replaceAll(/[^A-Za-z0-9]/g, '').slice(0, 12)}`;
}

export function createRowPublisher(options: RowPublisherOptions): RowPublisher {
  return new BusRowPublisher(options);
}

type Scan = { readonly table: string; readonly chunks: Iterator<ChunkMessage>; began: boolean };

class BusRowPublisher implements RowPublisher {
  readonly #options: RowPublisherOptions;
  readonly #source: RowSource;
  readonly #clock: Clock;
  readonly #timing: RowPublisherTiming;
  readonly #asks: BusSubscription[] = [];
  /** Subjects of deltas, by table: each name is checked once. */
  readonly #deltaSubjects = new Map<string, string>();
  #isOpen = false;
  #isClosed = false;
  #progressSentMs = Number.NEGATIVE_INFINITY;
  /** The timer is set for a message that takes along all that is unsent by then. */
  #progressIsScheduled = false;
  readonly #progressTimer: EarliestTimer;
  /** Tables asked for whose reading has not begun. */
  readonly #queued = new Set<string>();
  readonly #scans: Scan[] = [];
  #scanTimer: Timer | undefined;
  #unconfirmed = 0;
  #confirming = false;

  constructor(options: RowPublisherOptions) {
    this.#options = options;
    this.#source = new RowSource(options.chunkCharacters);
    this.#clock = options.clock ?? systemClock;
    this.#progressTimer = new EarliestTimer(this.#clock, () => this.#sendProgress());
    this.#timing = { ...TIMING, ...options.timing };
  }

  get tables(): RowPublisher['tables'] {
    return this.#source.tables;
  }

  change(table: string, changes: readonly RowChange[], rev: bigint): void {
    if (this.#isClosed) return;
    for (const message of this.#source.change(table, changes, rev)) this.#send(this.#deltaSubjectOf(table), message);
  }

  #deltaSubjectOf(table: string): string {
    let subject = this.#deltaSubjects.get(table);
    if (subject === undefined) this.#deltaSubjects.set(table, (subject = subjects.rowsDelta(this.#options.context, table)));
    return subject;
  }

  progress(upTo: bigint): void {
    this.#source.progress(upTo);
    if (!this.#isOpen || this.#progressIsScheduled || !this.#source.hasUnsent) return;
    const dueMs = this.#progressSentMs + this.#timing.progressMs;
    const nowMs = this.#clock.monotonicMs();
    if (nowMs >= dueMs) this.#sendProgress();
    else {
      this.#progressTimer.set(dueMs - nowMs);
      this.#progressIsScheduled = true;
    }
  }

  open(term: string): void {
    if (this.#isOpen || this.#isClosed) return;
    this.#isOpen = true;
    this.#source.open(term);
    const { bus, context } = this.#options;
    const answer = (message: Message) => this.#answer(message);
    this.#asks.push(bus.serve(subjects.rowsAsk(context), answer), bus.serve(subjects.rowsAsk(context, term), answer));
    this.#sendProgress();
  }

  close(): Promise<void> {
    this.#isClosed = true;
    return this.fallSilent();
  }

  async fallSilent(): Promise<void> {
    this.#isOpen = false;
    this.#source.fallSilent();
    this.#progressTimer.cancel();
    this.#scanTimer?.cancel();
    this.#scanTimer = undefined;
    this.#queued.clear();
    this.#scans.length = 0;
    await Promise.all(this.#asks.splice(0).map((ask) => ask.stop()));
  }

  #sendProgress(): void {
    this.#progressTimer.cancel();
    this.#progressIsScheduled = false;
    this.#progressSentMs = this.#clock.monotonicMs();
    for (const message of this.#source.takeProgress()) this.#send(subjects.rowsProgress(this.#options.context), message);
    this.#progressTimer.set(this.#timing.heartbeatMs);
  }

  #answer({ data }: Message): Uint8Array {
    const message = decodeRowMessage(data);
    if (message.kind !== 'ask') throw new TypeError(`a rows ask was expected, not ${message.kind}`);
    if (message.what === 'revs') return encodeRowMessage(this.#source.revs(message.tables));
    for (const table of message.tables) this.#queued.add(table);
    this.#scheduleScan(this.#timing.gatherMs);
    return encodeRowMessage({ kind: 'queued', term: this.#source.term });
  }

  #scheduleScan(afterMs: number): void {
    if (this.#scanTimer !== undefined || this.#confirming || !this.#isOpen) return;
    this.#scanTimer = this.#clock.after(afterMs, () => {
      this.#scanTimer = undefined;
      this.#sendChunk();
    });
  }

  /**
   * Sends one chunk of the scan whose turn it is. Who asks for a table that is being read has missed its first chunk: it is read again afterwards.
   */
  #sendChunk(): void {
    const reading = new Set(this.#scans.map(({ table }) => table));
    for (const table of this.#queued) {
      if (this.#scans.length >= SCANS_MAX) break;
      if (reading.has(table)) continue;
      this.#queued.delete(table);
      this.#scans.push({ table, chunks: this.#source.snapshot(table), began: false });
    }
    const scan = this.#scans.shift();
    if (scan === undefined) return;
    const { value, done } = scan.chunks.next();
    if (done !== true) {
      this.#send(subjects.rowsSnapshot(this.#options.context, scan.table), value);
      if (!value.last) this.#scans.push(scan);
      this.#unconfirmed++;
    }
    if (this.#unconfirmed >= CHUNKS_UNCONFIRMED_MAX) this.#confirm();
    else if (this.#scans.length > 0 || this.#queued.size > 0) this.#scheduleScan(this.#timing.chunkMs);
  }

  /** Continues when the server has taken what was sent. When it is gone, whoever still needs a table asks again. */
  #confirm(): void {
    this.#confirming = true;
    const goOn = () => {
      this.#confirming = false;
      this.#unconfirmed = 0;
      if (this.#scans.length > 0 || this.#queued.size > 0) this.#scheduleScan(this.#timing.chunkMs);
    };
    this.#options.bus.flush().then(goOn, () => {
      this.#scans.length = 0;
      this.#queued.clear();
      goOn();
    });
  }

  #send(subject: string, message: RowMessage): void {
    try {
      this.#options.bus.publish(subject, encodeRowMessage(message));
    } catch (error) {
      // Subscribers see the gap and ask.
      this.#options.log.error({ err: error, subject }, 'rows could not be sent');
    }
  }
}
