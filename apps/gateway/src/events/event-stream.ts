/**
 * One subscriber's events: from a position on, in the order of the log, none missing, none twice. As a watch does, it pulls: what it has still to send
 * stands in the log or in the tail that all share, so a slow subscriber costs no more than one piece of text and its socket's buffer.
 *
 *   the log, in pages ──> … until the tail has the rest ──> the tail ──> caught up ──> what comes
 */
import { type Append, type Clock, cursorOf, type Position, type RecordedEvent, type Slices } from '@weft/api';
import type { EventStore } from '@weft/event-store';
import type { Sink } from '../watch/sink.ts';
import type { EventFilter, Labels } from './event-filter.ts';
import { type EventTail, frameOf, lastOf } from './event-tail.ts';

export type EventSource = Readonly<{
  /** `source` of its CloudEvents. */
  source: string;
  store: Pick<EventStore, 'readAppendPages'>;
  tail: EventTail;
  /** Whether a kind has objects, which have labels. */
  holdsObject: (stream: string) => boolean;
  clock: Clock;
  slices: Slices;
}>;

export type EventRequest = Readonly<{
  filter: EventFilter;
  /** What is behind it is delivered. */
  after: Position;
  /** What names this position. */
  cursor: string;
  /** False: it ends once it has caught up. */
  follow: boolean;
  /** It ends behind the event at this position, or the last one before it. */
  until?: Position;
  /** How often it is told how far the log was read while nothing is to be delivered. */
  progressEveryMs: number;
  /** A subscriber that takes nothing for so long is cut off. */
  stallMs: number;
  labelsAround: (append: Append) => Promise<Readonly<{ before?: Labels; after?: Labels }>>;
}>;

const PIECE_LENGTH = 64 * 1024;
/** How long a subscriber waits that has lost its connection, in ms. */
const RETRY_MS = 1_000;

export class EventStream {
  readonly #source: EventSource;
  readonly #request: EventRequest;
  readonly #sink: Sink;
  #cursor: Position;
  /** Of the cursor: the event there, or what names it. */
  #last: string | RecordedEvent;
  #text = `retry: ${RETRY_MS}\n\n`;
  #isBehind = true;
  #stopped = false;
  #wroteMs: number;
  #wake: () => void = () => {};

  constructor(source: EventSource, request: EventRequest, sink: Sink) {
    this.#source = source;
    this.#request = request;
    this.#sink = sink;
    this.#cursor = request.after;
    this.#last = request.cursor;
    this.#wroteMs = source.clock.monotonicMs();
    sink.onceClosed(() => this.stop());
  }

  /** Ends cleanly, as soon as what is being written is written. */
  stop(): void {
    this.#stopped = true;
    this.#wake();
  }

  /** Resolves when it is over. Rejects only for a fault of ours, after which the connection is to be broken. */
  async run(): Promise<void> {
    const { tail, slices } = this.#source;
    if (this.#request.until !== undefined) await this.#sendRange(this.#request.until);
    while (this.#request.until === undefined && this.#goesOn) {
      // What comes wakes all subscribers at once.
      const turn = slices.turn();
      if (turn !== undefined) await turn;
      const number = tail.after(this.#cursor);
      if (number === undefined) {
        this.#isBehind = true;
        await this.#sendLog();
        continue;
      }
      await this.#sendTail(number);
      // Nothing is awaited between this look at the tail and the wait for what comes.
      if (!this.#isAtEnd) continue;
      if (tail.position >= this.#cursor) {
        this.#cursor = tail.position;
        this.#last = tail.cursor;
        if (this.#isBehind) this.#tell('caught-up');
        this.#isBehind = false;
        if (!this.#request.follow) break;
      }
      if (this.#progressIsDue) this.#tell('progress');
      if (this.#text === '') await this.#changeOrTime();
      else await this.#flush();
    }
    await this.#flush();
    if (!this.#sink.closed) this.#sink.end();
  }

  get #goesOn(): boolean {
    return !this.#stopped && !this.#sink.closed;
  }

  get #isAtEnd(): boolean {
    const { tail } = this.#source;
    return tail.after(this.#cursor) === tail.next;
  }

  get #progressIsDue(): boolean {
    return this.#source.clock.monotonicMs() - this.#wroteMs >= this.#request.progressEveryMs;
  }

  /** What the log holds up to a position that it has reached. */
  async #sendRange(until: Position): Promise<void> {
    const { store } = this.#source;
    for await (const page of this.#cursor < until ? store.readAppendPages({ from: this.#cursor }) : []) {
      for (const append of page) {
        if (append.events[0].position > until) break;
        if (!(await this.#sendAppend(append, until))) return;
      }
      if ((page.at(-1) as Append).position >= until) break;
    }
    this.#tell('caught-up');
  }

  /** One append of the log: of its events those behind the cursor, up to `until`. False when the stream is over. */
  async #sendAppend(append: Append, until?: Position): Promise<boolean> {
    const { slices, source } = this.#source;
    const { filter } = this.#request;
    const events = until === undefined ? append.events : append.events.filter(({ position }) => position <= until);
    if (filter.wantsStream(append.stream) && (await this.#wantsLabels(append))) {
      for (const event of events) {
        if (event.position > this.#cursor && filter.wantsEvent(event)) this.#text += frameOf(source, event, append);
      }
    }
    this.#reach(events.at(-1) as RecordedEvent);
    if (this.#text.length >= PIECE_LENGTH && !(await this.#flush())) return false;
    const next = slices.next();
    if (next !== undefined) await next;
    return this.#goesOn;
  }

  /** Sends what the log holds, until the tail has the rest. */
  async #sendLog(): Promise<void> {
    const { store, tail } = this.#source;
    const from = this.#cursor;
    for await (const page of store.readAppendPages({ from })) {
      for (const append of page) if (!(await this.#sendAppend(append))) return;
      if (this.#progressIsDue) {
        if (this.#text === '') this.#tell('progress');
        if (!(await this.#flush())) return;
      }
      if (tail.after(this.#cursor) !== undefined) return;
    }
    if (this.#cursor === from) throw new Error(`the log holds nothing after ${from}, but the newest appends begin after ${tail.floor}`);
  }

  #reach(last: RecordedEvent): void {
    this.#cursor = last.position;
    this.#last = last;
  }

  async #wantsLabels(append: Append): Promise<boolean> {
    const { filter, labelsAround } = this.#request;
    if (!filter.selectsLabels) return true;
    if (!this.#source.holdsObject(append.stream)) return false;
    const { before, after } = await labelsAround(append);
    return filter.wantsLabels(before, after);
  }

  async #sendTail(from: number): Promise<void> {
    const { tail, slices } = this.#source;
    const { filter } = this.#request;
    const end = tail.next;
    for (let number = from; number < end; ) {
      const append = tail.appendAt(number);
      if (append === undefined) return; // Pushed out while this subscriber was slow: the log still has it.
      const isCut = (append.events[0].position as Position) <= this.#cursor;
      const block = isCut ? undefined : tail.block(number, filter);
      if (block !== undefined) {
        if (block.bytes.length > 0 && !((await this.#flush()) && (await this.#write(block.bytes)))) return;
        number = block.to;
        this.#reach(block.last);
        continue;
      }
      this.#text += tail.frames(number, filter, this.#cursor) ?? '';
      this.#reach(lastOf(append));
      number += 1;
      if (this.#text.length >= PIECE_LENGTH && !(await this.#flush())) return;
      const next = slices.next();
      if (next !== undefined) await next;
    }
  }

  /** How far the log was read: what comes after is behind it. */
  #tell(event: 'caught-up' | 'progress'): void {
    const position = this.#cursor.toString();
    const time = this.#source.clock.now().toISOString();
    const cursor = typeof this.#last === 'string' ? this.#last : cursorOf(this.#last);
    this.#text += `id: ${cursor}\nevent: ${event}\ndata: ${JSON.stringify({ position, cursor, time, source: this.#source.source })}\n\n`;
  }

  /** False when the stream is over. */
  async #flush(): Promise<boolean> {
    if (this.#text === '') return !this.#sink.closed;
    const text = this.#text;
    this.#text = '';
    return this.#write(text);
  }

  async #write(piece: string | Uint8Array): Promise<boolean> {
    const turn = this.#source.slices.turn();
    if (turn !== undefined) await turn;
    if (this.#sink.closed) return false;
    this.#wroteMs = this.#source.clock.monotonicMs();
    if (this.#sink.write(piece)) return true;
    if (await this.#sink.drained(this.#request.stallMs)) return true;
    this.#stopped = true;
    this.#sink.destroy();
    return false;
  }

  #changeOrTime(): Promise<void> {
    const { tail, clock } = this.#source;
    return new Promise((resolve) => {
      const waitMs = Math.max(0, this.#wroteMs + this.#request.progressEveryMs - clock.monotonicMs());
      const settle = () => {
        timer.cancel();
        remove();
        this.#wake = () => {};
        resolve();
      };
      const timer = clock.after(waitMs, settle);
      const remove = tail.onceChanged(settle);
      this.#wake = settle;
      if (this.#stopped) settle();
    });
  }
}
