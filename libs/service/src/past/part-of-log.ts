/**
 * As much of the log as one question about the past needs: the streams that it reads, found by asking. A fold of these alone answers as the fold of
 * everything does, since an object's state follows from its own stream, and whoever asks says which streams might answer (`PartWorld`).
 *
 *   streams known so far ──fold──> asked ──> read others? ──yes: they are fetched, and it is asked again
 *                                                └─no──> the answer
 *
 * So cost grows with what the question's objects went through, and not with the log or the world.
 */
import {
  type Append,
  type FactsView,
  type Fold,
  type Folded,
  inParallel,
  type ObjectKey,
  type Position,
  type Slices,
  streamOf,
} from '@weft/api';
import type { FoldedWorld } from '@weft/derive';
import { type EventStore, streamAppends } from '@weft/event-store';
import type { Follower } from '../platform.ts';

/** Streams that are read at a time: EventStoreDB answers each after a while. */
const READS_AT_ONCE = 32;

/** The question has to read more of the log than is allowed. */
export class PartTooLargeError extends Error {
  readonly eventsMax: number;
  constructor(eventsMax: number) {
    super(`more than ${eventsMax} events would have to be read`);
    this.eventsMax = eventsMax;
  }
}

export class PartOfLog {
  readonly #store: Pick<EventStore, 'readStream'>;
  readonly #slices: Slices;
  readonly #upTo: Position;
  readonly #eventsMax: number;
  readonly #streams = new Set<string>();
  #appends: Append[] = [];
  #isSorted = true;
  #events = 0;

  /** `upTo`: the position of an append; nothing behind it is read. */
  constructor(options: Readonly<{ store: Pick<EventStore, 'readStream'>; slices: Slices; upTo: Position; eventsMax: number }>) {
    this.#store = options.store;
    this.#slices = options.slices;
    this.#upTo = options.upTo;
    this.#eventsMax = options.eventsMax;
  }

  /** Reads those of these streams that it does not have; gives whether there were any. Throws `PartTooLargeError`. */
  async add(streams: Iterable<string>): Promise<boolean> {
    const missing = [...streams].filter((stream) => !this.#streams.has(stream));
    for (const stream of missing) this.#streams.add(stream);
    await inParallel(missing, READS_AT_ONCE, async (stream) => {
      for await (const append of streamAppends(this.#store, stream, { upTo: this.#upTo })) {
        this.#appends.push(append);
        this.#isSorted = false;
        this.#events += append.events.length;
        if (this.#events > this.#eventsMax) throw new PartTooLargeError(this.#eventsMax);
        await this.#slices.turn();
      }
    });
    return missing.length > 0;
  }

  /** In the order of the log. */
  get appends(): readonly Append[] {
    if (!this.#isSorted) this.#appends.sort((a, b) => (a.position < b.position ? -1 : a.position > b.position ? 1 : 0));
    this.#isSorted = true;
    return this.#appends;
  }

  get events(): number {
    return this.#events;
  }
}

/** The fold of everything, which knows what there is now, and where it was once. */
export type Today = Pick<Follower, 'by' | 'list' | 'former'>;

/** A fold of a part of the log, which notes the streams that its answers rest on. */
export class PartWorld implements FactsView, FoldedWorld {
  /** The streams that answers so far rest on, whether the part has them or not. */
  readonly asked = new Set<string>();
  readonly #fold: Fold;
  readonly #today: Today;
  readonly #records = new Map<string, NotedRecords>();
  readonly #places = new Set<string>();
  #listsCount = false;

  constructor(fold: Fold, today: Today) {
    this.#fold = fold;
    this.#today = today;
  }

  get position(): Position {
    return this.#fold.position;
  }

  /**
   * Within `ask` a list of all objects of a kind rests on all their streams. Outside of it lists are those of the part: what is derived ahead looks at all that
   * there is, and who needs more than the part has asks for it by other ways.
   */
  asking<T>(ask: () => T): T {
    this.#listsCount = true;
    try {
      return ask();
    } finally {
      this.#listsCount = false;
    }
  }

  get(key: ObjectKey): Folded | undefined {
    this.asked.add(streamOf(key));
    return this.#fold.get(key);
  }

  /** The part's own come first: who needs no more than one of them, as for whether there is any, rests on no others. */
  *by(kind: string, index: string, value: string): Iterable<Folded> {
    yield* this.#fold.by(kind, index, value);
    if (!this.#isNew(`${kind} ${index} ${value}`)) return;
    for (const { key } of this.#today.by(kind, index, value)) this.asked.add(streamOf(key));
    for (const stream of this.#today.former.left(kind, index, value)) this.asked.add(stream);
  }

  list(kind: string, namespace?: string): Iterable<Folded> {
    if (this.#listsCount && this.#isNew(kind)) {
      for (const { key } of this.#today.list(kind)) this.asked.add(streamOf(key));
      for (const stream of this.#today.former.ended(kind)) this.asked.add(stream);
    }
    return this.#fold.list(kind, namespace);
  }

  values(kind: string, index: string): Iterable<string> {
    return this.#fold.values?.(kind, index) ?? [];
  }

  count(kind: string, namespace?: string): number {
    return this.#fold.count(kind, namespace);
  }

  record(ledger: string, key: string): unknown {
    return this.records(ledger).get(key);
  }

  records(ledger: string): ReadonlyMap<string, unknown> {
    let records = this.#records.get(ledger);
    if (records === undefined) {
      const noted = (key?: string) => {
        if ((key !== undefined || this.#listsCount) && this.#isNew(`${ledger}/${key ?? ''}`))
          for (const stream of this.#today.former.behind(ledger, key)) this.asked.add(stream);
      };
      this.#records.set(ledger, (records = new NotedRecords(this.#fold.records(ledger), noted)));
    }
    return records;
  }

  #isNew(place: string): boolean {
    if (this.#places.has(place)) return false;
    this.#places.add(place);
    return true;
  }
}

class NotedRecords implements ReadonlyMap<string, unknown> {
  readonly #records: ReadonlyMap<string, unknown>;
  /** Without a key: all of them are read. */
  readonly #note: (key?: string) => void;

  constructor(records: ReadonlyMap<string, unknown>, note: (key?: string) => void) {
    this.#records = records;
    this.#note = note;
  }

  get size(): number {
    return this.#records.size;
  }
  get(key: string): unknown {
    this.#note(key);
    return this.#records.get(key);
  }
  has(key: string): boolean {
    this.#note(key);
    return this.#records.has(key);
  }
  keys(): MapIterator<string> {
    this.#note();
    return this.#records.keys();
  }
  values(): MapIterator<unknown> {
    this.#note();
    return this.#records.values();
  }
  entries(): MapIterator<[string, unknown]> {
    this.#note();
    return this.#records.entries();
  }
  [Symbol.iterator](): MapIterator<[string, unknown]> {
    return this.entries();
  }
  forEach(each: (value: unknown, key: string, map: ReadonlyMap<string, unknown>) => void): void {
    for (const [key, value] of this.entries()) each(value, key, this);
  }
}
