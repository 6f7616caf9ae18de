/**
 * The newest appends of the log, for subscribers that are not far behind: each event is encoded once, however many want it. Nothing is encoded that
 * nobody asks for.
 */
import {
  type Append,
  type Change,
  type Clock,
  cloudEventText,
  cursorOf,
  cursorOfVersion,
  type Position,
  positionOfVersion,
  type RecordedEvent,
  sourceOf,
} from '@weft/api';
import type { Follower } from '@weft/service';
import { Tick } from '../watch/tick.ts';
import type { EventFilter, Labels } from './event-filter.ts';

/** One append, with the labels of its object before and after; absent where it was not there. `frames`: made when somebody is to have them. */
type Entry = {
  readonly append: Append;
  readonly before: Labels | undefined;
  readonly after: Labels | undefined;
  frames: string[] | undefined;
};

/** Bytes that several subscribers share: those of the appends from one number up to another one. */
type Block = Readonly<{ to: number; last: RecordedEvent; bytes: Uint8Array }>;

/** Names the start of the log. */
export const START = '0';

const BLOCK_LENGTH = 64 * 1024;
/** Blocks end at multiples of so many appends: subscribers that came out of step, since some were slow, have the same ones again from there on. */
const BLOCK_APPENDS = 64;
const BLOCKS_MAX = 128;

export class EventTail {
  readonly #follower: Follower;
  readonly #tick: Tick;
  readonly #capacity: number;
  readonly #source: string;
  readonly #entries: Entry[] = [];
  #next = 0;
  #floor: Position = 0n;
  #position: Position = 0n;
  /** Made when it is asked for. */
  #cursor: string | undefined = START;
  #unsubscribe: (() => void) | undefined;
  #waiting = new Set<() => void>();
  /** By filter and number of the first append, those that were made last. */
  readonly #blocks = new Map<string, Block>();

  constructor(options: Readonly<{ follower: Follower; clock: Clock; capacity: number; storeId: string }>) {
    this.#follower = options.follower;
    this.#tick = new Tick(options.clock, () => this.#tell());
    this.#capacity = options.capacity;
    this.#source = sourceOf(options.storeId);
  }

  /** It begins with the last append that the fold has taken, once the log has been read. */
  start(onBegin: () => void): void {
    this.#unsubscribe = this.#follower.consume({
      name: 'events',
      onBegin: () => {
        const { version } = this.#follower;
        this.#position = positionOfVersion(version) ?? 0n;
        this.#cursor = cursorOfVersion(version) ?? START;
        this.#floor = this.#position;
        onBegin();
      },
      onChange: (change) => this.#take(change),
    });
  }

  stop(): void {
    this.#unsubscribe?.();
  }

  /** Everything up to here has been taken. */
  get position(): Position {
    return this.#position;
  }

  /** What names this position for those who come back. */
  get cursor(): string {
    this.#cursor ??= cursorOf(lastOf((this.#at(this.#next - 1) as Entry).append));
    return this.#cursor;
  }

  /** Everything after it is here. */
  get floor(): Position {
    return this.#floor;
  }

  /** Number that the next append will have. */
  get next(): number {
    return this.#next;
  }

  /** Number of the first append whose position is behind this one; undefined when some of those are no longer here. */
  after(position: Position): number | undefined {
    if (position < this.#floor) return undefined;
    let low = this.#first;
    let high = this.#next;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#at(middle) as Entry).append.position > position) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  appendAt(number: number): Append | undefined {
    return this.#at(number)?.append;
  }

  /** What one append holds for a subscriber: of its events those behind `after`. Undefined when it is no longer here. */
  frames(number: number, filter: EventFilter, after: Position): string | undefined {
    const entry = this.#at(number);
    if (entry === undefined) return undefined;
    const { append, before, after: labels } = entry;
    if (!filter.wantsStream(append.stream) || !filter.wantsLabels(before, labels)) return '';
    let text = '';
    for (let i = 0; i < append.events.length; i++) {
      const event = append.events[i] as Append['events'][number];
      if (event.position <= after || !filter.wantsEvent(event)) continue;
      entry.frames ??= [];
      text += entry.frames[i] ??= frameOf(this.#source, event, append);
    }
    return text;
  }

  /**
   * What the appends from one number on, up to some later one, hold for those with this filter: many may have the same, and then it is made once. Undefined
   * when it is no longer here.
   */
  block(from: number, filter: EventFilter): Block | undefined {
    const place = `${from} ${filter.key}`;
    const known = this.#blocks.get(place);
    if (known !== undefined) return known;
    const end = Math.min(this.#next, from - (from % BLOCK_APPENDS) + BLOCK_APPENDS);
    let text = '';
    let to = from;
    while (to < end && text.length < BLOCK_LENGTH) text += this.frames(to++, filter, 0n) ?? '';
    const last = this.#at(to - 1);
    if (from < this.#first || last === undefined) return undefined;
    const block = { to, last: lastOf(last.append), bytes: Buffer.from(text) };
    this.#blocks.set(place, block);
    if (this.#blocks.size > BLOCKS_MAX) this.#blocks.delete(this.#blocks.keys().next().value as string);
    return block;
  }

  /** Calls `wake` once, when something has come. Returns its removal. */
  onceChanged(wake: () => void): () => void {
    this.#waiting.add(wake);
    return () => this.#waiting.delete(wake);
  }

  get #first(): number {
    return Math.max(0, this.#next - this.#capacity);
  }

  #at(number: number): Entry | undefined {
    return number < this.#first || number >= this.#next ? undefined : this.#entries[number % this.#capacity];
  }

  #take({ append, before, after }: Change): void {
    const slot = this.#next % this.#capacity;
    const evicted = this.#entries[slot];
    if (evicted !== undefined) this.#floor = evicted.append.position;
    this.#entries[slot] = { append, before: labelsOf(before), after: labelsOf(after), frames: undefined };
    this.#next += 1;
    this.#position = append.position;
    this.#cursor = undefined;
    this.#tick.due(this.#waiting.size);
  }

  #tell(): void {
    const waiting = this.#waiting;
    this.#waiting = new Set();
    for (const wake of waiting) wake();
  }
}

function labelsOf(folded: Change['before']): Labels | undefined {
  return folded?.status === 'live' ? (folded.object.metadata.labels ?? NO_LABELS) : undefined;
}
const NO_LABELS: Labels = {};

/** One event of a stream of server-sent events. Its id is its cursor: what is behind it comes after it. */
export function frameOf(source: string, event: Append['events'][number], append: Append): string {
  return `id: ${cursorOf(event)}\ndata: ${cloudEventText(source, event, append)}\n\n`;
}

/** An append holds at least one. */
export function lastOf({ events }: Append): RecordedEvent {
  return events.at(-1) as RecordedEvent;
}
