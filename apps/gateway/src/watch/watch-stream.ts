/**
 * One watch (http-api 8.4): the state or the past it starts with, then every change, in position order, none missing, none twice.
 *
 * It pulls: what it has still to send stands in the kind's ring of recent changes (or, for an early start, in the log), not in a queue of its
 * own, so any number of slow readers cost no more than their socket buffers. Between changes that concern it, it waits in the audience of its kind. A reader that takes nothing for a while is cut off; it resumes
 * by resourceVersion. The step from the log to the ring, and from the ring to live, happens without an await in between: nothing can fall
 * into the gap.
 */
import {
  type ApiObject,
  type Clock,
  type Folded,
  type ObjectKey,
  type Position,
  type Presentation,
  presentationOf,
  type Slices,
} from '@weft/api';
import type { EventStore } from '@weft/event-store';
import type { Shown } from '../convergence/converged-condition.ts';
import { failure } from '../http/failures.ts';
import type { ChangeRing, ObjectChange } from '../model/change-ring.ts';
import { type KindView, placeOf } from '../model/kind-view.ts';
import { type ReplayFold, replayChanges, TooFarError } from '../model/log-replay.ts';
import type { ResourceView } from '../model/resource-view.ts';
import { type Encoding, type EventType, encodeBookmark, encodeEvent } from '../resources/encode.ts';
import type { Answer, Audience, Concern, News } from './audience.ts';
import type { PastReaders } from './past-readers.ts';
import type { Sink } from './sink.ts';

export type WatchSource = Readonly<{
  store: EventStore;
  view: ResourceView;
  createFold: () => ReplayFold;
  audience: Audience;
  past: PastReaders;
  clock: Clock;
  slices: Slices;
  onCutOff?: () => void;
}>;

export type WatchRequest = Readonly<{
  encoding: Encoding;
  namespace?: string;
  /** What changes can concern it at all. Default: all. */
  concern?: Concern;
  /** Watches of the same question send the same. Absent: nothing is shared. */
  question?: string;
  /** Of a watch of one object: what it shows beside what is kept, which may change without it. */
  shown?: Shown;
  /** Label and field selectors. */
  matches: (folded: Folded) => boolean;
  /** Everything that is there comes first, as ADDED. Else: changes after this position. */
  start: 'state' | Position;
  /** A bookmark follows the state and marks its end. */
  bookmarkInitialEnd: boolean;
  bookmarks: boolean;
  durationMs: number;
  bookmarkEveryMs: number;
  /** A reader that takes nothing for so long is cut off. */
  stallMs: number;
  /** Where the past is read from the log: how many events before it may be read to know the states that it begins with. */
  earlierMax: number;
}>;

/** How long before its end a watch sends a last bookmark. */
const BOOKMARK_BEFORE_END_MS = 2_000;
const BATCH_LENGTH = 32 * 1024;
/** Of what watches share. */
const ANSWER_LENGTH = 64 * 1024;
/** Changes of an object that is assembled when it is read (ADR 27) are gathered so long: only its newest state is sent. */
const GATHER_MS = 50;

export class WatchStream {
  readonly #source: WatchSource;
  readonly #request: WatchRequest;
  readonly #sink: Sink;
  readonly #kindView: KindView;
  readonly #endsAt: number;
  #nextBookmarkAt: number;
  #pending = '';
  #sentAny = false;
  #stopped = false;
  /** The resourceVersion of the last change that was looked at. */
  #sentUpTo: string | undefined;
  #wake: () => void = () => {};
  /** What is shown beside the object may be another than was sent last. */
  #moved = false;
  #lastShown: string | undefined;
  /** By place: what this reader was sent last of an object of which changes were passed over since. */
  readonly #passedOver = new Map<string, Folded | undefined>();

  constructor(source: WatchSource, request: WatchRequest, sink: Sink) {
    this.#source = source;
    this.#request = request;
    this.#sink = sink;
    this.#kindView = source.view.kind(request.encoding.kind.kind);
    const start = source.clock.monotonicMs();
    this.#endsAt = start + request.durationMs;
    this.#nextBookmarkAt = request.bookmarks ? this.#bookmarkAfter(start) : Number.POSITIVE_INFINITY;
    sink.onceClosed(() => this.stop());
  }

  /** Ends cleanly, as soon as what is being written is written. */
  stop(): void {
    this.#stopped = true;
    this.#wake();
  }

  /** Resolves when the watch is over. Rejects only for a fault of ours, after which the connection is to be broken. */
  async run(): Promise<void> {
    const { shown, start } = this.#request;
    this.#moved = start !== 'state';
    const forget = shown?.follow(() => {
      this.#moved = true;
      this.#wake();
    });
    try {
      await this.#serve();
    } finally {
      forget?.();
    }
  }

  async #serve(): Promise<void> {
    const { ring } = this.#kindView;
    let cursor = this.#request.start === 'state' ? await this.#sendState() : this.#request.start;
    let end = Number.POSITIVE_INFINITY;
    while (this.#goesOn) {
      // Many are told at once.
      const turn = this.#source.slices.turn();
      if (turn !== undefined) await turn;
      const number = ring.after(cursor);
      if (number === undefined) {
        if (this.#request.encoding.kind.servedFrom !== undefined) {
          // The log does not hold these objects, it makes them: who missed changes lists them again.
          this.#put(expiredEvent(`too old resource version: ${cursor} (${ring.floor})`));
          break;
        }
        try {
          cursor = await this.#replay(cursor);
        } catch (error) {
          if (!(error instanceof TooFarError)) throw error;
          this.#put(expiredEvent(`too old resource version: ${cursor}: ${error.message}`));
          break;
        }
        continue;
      }
      cursor = await this.#sendRing(number, Math.min(end, ring.next), cursor);
      if (!this.#goesOn) break;
      this.#sendShown();
      // Still in the same turn as this look at the ring: nothing has been missed up to the view's position.
      if (ring.after(cursor) === ring.next) {
        cursor = later(cursor, this.#source.view.position);
        if (this.#isBookmarkDue) this.#bookmark(this.#source.view.version, false);
      } else if (this.#isBookmarkDue && this.#sentUpTo !== undefined) this.#bookmark(this.#sentUpTo, false);
      if (!(await this.#flush())) break;
      ({ cursor, end } = await this.#newsOrTime(cursor));
      if (this.#gathers) {
        await this.#source.clock.pause(GATHER_MS);
        end = Number.POSITIVE_INFINITY;
      }
    }
    await this.#flush();
    if (!this.#sink.closed) this.#sink.end();
  }

  get #goesOn(): boolean {
    return !this.#stopped && !this.#sink.closed && this.#source.clock.monotonicMs() < this.#endsAt;
  }

  async #sendState(): Promise<Position> {
    const { position, version } = this.#source.view;
    for (const folded of this.#kindView.snapshot(this.#request.namespace)) {
      if (this.#stopped) return position;
      await this.#source.slices.next();
      if (this.#request.matches(folded)) this.#put(encodeEvent('ADDED', this.#presented(folded), this.#encoding(), this.#isFirst()));
      if (this.#pending.length >= BATCH_LENGTH) await this.#flush();
    }
    if (this.#request.bookmarkInitialEnd) this.#bookmark(version, true);
    await this.#flush();
    return position;
  }

  /** Sends what the log holds after `cursor`, until the ring has the rest. */
  async #replay(cursor: Position): Promise<Position> {
    const { store, createFold, past } = this.#source;
    const { earlierMax, encoding } = this.#request;
    const { kind } = encoding.kind;
    let reached = cursor;
    await this.#enterPast();
    let isIn = true;
    try {
      for await (const { position, change } of replayChanges(store, createFold(), { kind, after: cursor, earlierMax })) {
        if (change !== undefined) this.#send(change);
        reached = position;
        await this.#source.slices.next();
        if (this.#pending.length >= BATCH_LENGTH) {
          // Nobody waits for a turn because this reader is slow.
          past.leave();
          isIn = false;
          if (!(await this.#flush())) return reached;
          await this.#enterPast();
          isIn = true;
        }
        if (!this.#goesOn || this.#kindView.ring.after(reached) !== undefined) return reached;
      }
    } finally {
      if (isIn) past.leave();
    }
    await this.#flush();
    if (reached === cursor && this.#kindView.ring.after(reached) === undefined)
      throw new Error(`the log holds nothing after ${cursor}, but recent changes begin after ${this.#kindView.ring.floor}`);
    return reached;
  }

  async #enterPast(): Promise<void> {
    if (!(await this.#source.past.enter())) throw new TooFarError('too many watches read the log again now');
  }

  /** Sends changes from one number on, and those before `end` at least, as far as they are at hand. Returns the position of the last one. */
  async #sendRing(from: number, end: number, start: Position): Promise<Position> {
    const { question } = this.#request;
    if (question !== undefined) return this.#sendAnswers(question, from, end, start);
    const { ring } = this.#kindView;
    // What comes while this reader takes an event is left to the next round: `last` does not know of it.
    const last = this.#gathers ? lastChanges(ring, from, end) : undefined;
    let cursor = start;
    for (let number = from; number < end; number += 1) {
      const change = ring.at(number);
      if (change === undefined) return cursor; // Pushed out while this reader was slow: the log still has it.
      cursor = change.position;
      this.#sentUpTo = change.version;
      const isFollowed = last !== undefined && last.get(placeOf(keyOf(change))) !== number;
      // The end of an object is always sent.
      if (isFollowed && change.after !== undefined) this.#passOver(change);
      else this.#send(change);
      if (this.#pending.length >= BATCH_LENGTH && !(await this.#flush())) return cursor;
      const next = this.#source.slices.next();
      if (next !== undefined) await next;
    }
    return cursor;
  }

  /** The same in bytes that are shared with all who ask the same. */
  async #sendAnswers(question: string, from: number, end: number, start: Position): Promise<Position> {
    let cursor = start;
    for (let number = from; number < end; ) {
      const begin = number;
      const answer = await this.#source.audience.answer(question, begin, end, (cut) => this.#answer(begin, cut));
      if (answer === undefined) return cursor;
      if (answer.bytes.length > 0 && !(await this.#flush(answer.bytes))) return cursor;
      ({ next: number, position: cursor, version: this.#sentUpTo } = answer);
    }
    return cursor;
  }

  /** Undefined when the first change is not at hand any more. */
  async #answer(from: number, end: number): Promise<Answer | undefined> {
    const { ring } = this.#kindView;
    let [text, number, last]: [string, number, ObjectChange | undefined] = ['', from, undefined];
    for (; number < end && text.length < ANSWER_LENGTH; number += 1) {
      const change = ring.at(number);
      if (change === undefined) break;
      last = change;
      text += this.#textOf(change);
      const next = this.#source.slices.next();
      if (next !== undefined) await next;
    }
    return last && { next: number, position: last.position, version: last.version, bytes: Buffer.from(text) };
  }

  /** Whether making an object costs its size: then only the newest of its states that are at hand is made. */
  get #gathers(): boolean {
    return this.#request.encoding.kind.assembly !== undefined;
  }

  /** The object as it is, when what it shows beside what is kept has changed. Its resourceVersion stays: it is that of what is kept. */
  #sendShown(): void {
    const { shown } = this.#request;
    if (shown === undefined || !this.#moved) return;
    this.#moved = false;
    const folded = this.#kindView.get(shown.key);
    if (folded === undefined || !this.#wants(folded) || shown.textOf(folded) === this.#lastShown) return;
    this.#put(this.#event('MODIFIED', folded));
  }

  #passOver(change: ObjectChange): void {
    const place = placeOf(keyOf(change));
    if (!this.#passedOver.has(place)) this.#passedOver.set(place, change.before);
  }

  /** The state that this reader knows of the object. */
  #beforeOf(change: ObjectChange): Folded | undefined {
    if (this.#passedOver.size === 0) return change.before;
    const place = placeOf(keyOf(change));
    const known = this.#passedOver.has(place) ? this.#passedOver.get(place) : change.before;
    this.#passedOver.delete(place);
    return known;
  }

  #send(change: ObjectChange): void {
    this.#put(this.#textOf(change, this.#beforeOf(change)));
  }

  /** Selectors have a memory: what stops matching is DELETED for this watch, what starts is ADDED. Empty for what it does not want. */
  #textOf({ version, before: last, after }: ObjectChange, before = last): string {
    const was = before !== undefined && this.#wants(before) ? before : undefined;
    const is = after !== undefined && this.#wants(after) ? after : undefined;
    if (is !== undefined) return this.#event(was === undefined ? 'ADDED' : 'MODIFIED', is);
    return was === undefined ? '' : this.#event('DELETED', { ...was, object: atVersion(was.object, version) });
  }

  #wants(folded: Folded): boolean {
    const { namespace, matches } = this.#request;
    return (namespace === undefined || folded.key.namespace === namespace) && matches(folded);
  }

  #presented(folded: Folded): Presentation {
    const { shown, encoding } = this.#request;
    if (shown === undefined) return presentationOf(encoding.kind, folded);
    this.#lastShown = shown.textOf(folded);
    return presentationOf(encoding.kind, shown.show(folded));
  }

  #event(type: EventType, folded: Folded): string {
    return encodeEvent(type, this.#presented(folded), this.#encoding(), this.#isFirst());
  }

  #bookmark(version: string, initialEnd: boolean): void {
    this.#put(encodeBookmark(version, this.#request.encoding, initialEnd));
    if (!initialEnd) this.#nextBookmarkAt = this.#bookmarkAfter(this.#source.clock.monotonicMs());
  }

  /** Every so often, and once shortly before the end. */
  #bookmarkAfter(time: number): number {
    const regular = time + this.#request.bookmarkEveryMs;
    const last = this.#endsAt - BOOKMARK_BEFORE_END_MS;
    return last > time && last < regular ? last : regular;
  }

  #put(text: string): void {
    this.#pending += text;
  }

  #isFirst(): boolean {
    const first = !this.#sentAny;
    this.#sentAny = true;
    return first;
  }

  /** Ages in a Table are those of the moment in which it is sent. */
  #encoding(): Encoding {
    const { encoding } = this.#request;
    return encoding.shape.as === 'Table' ? { ...encoding, now: this.#source.clock.now() } : encoding;
  }

  /** Writes what waits, then `bytes`. False when the watch is over. */
  async #flush(bytes?: Uint8Array): Promise<boolean> {
    if (this.#pending === '' && bytes === undefined) return !this.#sink.closed;
    const turn = this.#source.slices.turn();
    if (turn !== undefined) await turn;
    if (this.#sink.closed) return false;
    const text = this.#pending;
    this.#pending = '';
    const hasRoom = text === '' || this.#sink.write(text);
    if ((bytes === undefined || this.#sink.write(bytes)) && hasRoom) return true;
    if (await this.#sink.drained(this.#request.stallMs)) return true;
    this.#stopped = true;
    this.#sink.destroy();
    this.#source.onCutOff?.();
    return false;
  }

  get #isBookmarkDue(): boolean {
    return this.#source.clock.monotonicMs() >= this.#nextBookmarkAt;
  }

  /** Waits for a change that concerns this watch, for the time of a bookmark, or for its end. From where it goes on then, and up to which change. */
  #newsOrTime(cursor: Position): Promise<Readonly<{ cursor: Position; end: number }>> {
    const { clock, audience, view } = this.#source;
    return new Promise((resolve) => {
      const waitMs = Math.max(0, Math.min(this.#endsAt, this.#nextBookmarkAt) - clock.monotonicMs());
      const settle = (news?: News) => {
        timer.cancel();
        const isIdle = remove();
        this.#wake = () => {};
        if (news !== undefined) resolve({ cursor: later(cursor, news.from), end: news.end });
        else resolve({ cursor: isIdle ? later(cursor, view.position) : cursor, end: Number.POSITIVE_INFINITY });
      };
      const timer = clock.after(waitMs, () => settle());
      const remove = audience.wait(this.#request.concern ?? {}, cursor, settle);
      this.#wake = settle;
      if (this.#stopped || (this.#moved && this.#request.shown !== undefined)) settle();
    });
  }
}

const later = (a: Position, b: Position): Position => (a > b ? a : b);

/** A watch's last line when it cannot go on: 410 tells every client to list again (http-api 8.6). */
export function expiredEvent(message: string): string {
  return `{"type":"ERROR","object":${JSON.stringify(failure(410, 'Expired', message))}}\n`;
}

function atVersion(object: ApiObject, resourceVersion: string): ApiObject {
  return { ...object, metadata: { ...object.metadata, resourceVersion } };
}

/** By place: the number of the last change in the ring, from one number to before another. */
function lastChanges(ring: ChangeRing, from: number, end: number): ReadonlyMap<string, number> {
  const last = new Map<string, number>();
  for (let number = from; number < end; number += 1) {
    const change = ring.at(number);
    if (change !== undefined) last.set(placeOf(keyOf(change)), number);
  }
  return last;
}

function keyOf({ before, after }: ObjectChange): ObjectKey {
  return ((after ?? before) as Folded).key;
}
