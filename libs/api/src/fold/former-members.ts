/**
 * Where things were found once and are found no more. Today's fold knows the members of each index; this knows the streams whose objects left them, and the
 * streams that a record of a ledger ever followed from. Together they name all streams that a question about any position may have to read (ADR 59).
 *
 * A fold that is given one keeps it as it goes, and it lies in snapshots (ADR 75). As hashes: two that coincide name a stream too many, which does no harm,
 * since whoever asks reads it and looks. About 60 bytes for each that left.
 */
import { type IndexOf, staysIn } from '../kind/index-of.ts';
import type { Change, Folded } from '../kind/kind.ts';
import { streamOf } from '../kind/object.ts';
import { hash32 } from '../kind/partition.ts';
import type { Registry } from '../registry/registry.ts';
import type { FormerPiece } from './image.ts';

const NOBODY: ReadonlySet<number> = new Set();

/** Kinds and ledgers of which it is kept: those that rows follow from. */
export type Followed = Readonly<{ kinds: ReadonlySet<string>; ledgers: ReadonlySet<string> }>;

const NOTHING: Followed = { kinds: new Set(), ledgers: new Set() };

export class FormerMembers {
  readonly #indexes: ReadonlyMap<string, readonly (readonly [name: string, valuesOf: IndexOf<Folded>])[]>;
  readonly #ledgers: ReadonlySet<string>;
  readonly #streams: string[] = [];
  readonly #numbers = new Map<string, number>();
  /** Hash of a place, which is an index value, a kind or a record -> numbers of streams. Most have one. */
  readonly #left = new Map<number, number | Set<number>>();
  /** What has come since it was taken last; undefined while nobody takes. */
  #noted: FormerPiece[] | undefined;

  constructor(registry: Registry, { kinds, ledgers }: Followed = NOTHING) {
    this.#indexes = new Map(
      registry.kinds.filter(({ kind }) => kinds.has(kind)).map(({ kind, indexes = {} }) => [kind, Object.entries(indexes)]),
    );
    this.#ledgers = ledgers;
  }

  /** Takes the changes of the whole log, in any order; one that comes twice is noted once. */
  note({ append, before, after, records = [] }: Change): void {
    for (const { ledger, key } of records) {
      if (!this.#ledgers.has(ledger)) continue;
      this.#add(recordPlace(ledger, key), append.stream);
      this.#add(ledger, append.stream);
    }
    if (before?.status === 'live') this.#noteLeft(before, after?.status === 'live' ? after : undefined);
  }

  #noteLeft(was: Folded, is: Folded | undefined): void {
    const { kind } = was.key;
    const indexes = this.#indexes.get(kind);
    if (indexes === undefined) return;
    if (is === undefined) this.#add(kind, streamOf(was.key));
    for (const [name, valuesOf] of indexes) {
      if (is !== undefined && staysIn(valuesOf, was, is)) continue;
      const present = is === undefined ? [] : valuesOf(is);
      for (const value of valuesOf(was)) if (!present.includes(value)) this.#add(indexPlace(kind, name, value), streamOf(was.key));
    }
  }

  /** Streams of objects that had this index value at some position and have not now. */
  left(kind: string, index: string, value: string): Iterable<string> {
    return this.#at(indexPlace(kind, index, value));
  }

  /** Streams of objects of this kind that have ended at some position. */
  ended(kind: string): Iterable<string> {
    return this.#at(kind);
  }

  /** Streams that have ever changed this record; without a key, any record of the ledger. */
  behind(ledger: string, key?: string): Iterable<string> {
    return this.#at(key === undefined ? ledger : recordPlace(ledger, key));
  }

  // ---- for snapshots ----

  /** All that is noted; from now on what comes is noted for `takeNoted`. */
  *all(): Iterable<FormerPiece> {
    for (const [place, found] of this.#left) for (const stream of this.#streamsOf(found)) yield { place, stream };
  }

  startNoting(): void {
    this.#noted = [];
  }

  takeNoted(): readonly FormerPiece[] {
    const noted = this.#noted ?? [];
    if (noted.length > 0) this.#noted = [];
    return noted;
  }

  get noted(): number {
    return this.#noted?.length ?? 0;
  }

  restore({ place, stream }: FormerPiece): void {
    this.#put(place, stream);
  }

  *#at(place: string): Iterable<string> {
    yield* this.#streamsOf(this.#left.get(hash32(place)) ?? NOBODY);
  }

  *#streamsOf(found: number | ReadonlySet<number>): Iterable<string> {
    for (const number of typeof found === 'number' ? [found] : found) yield this.#streams[number] as string;
  }

  #add(text: string, stream: string): void {
    const place = hash32(text);
    if (this.#put(place, stream)) this.#noted?.push({ place, stream });
  }

  /** Gives whether it is new. */
  #put(place: number, stream: string): boolean {
    const number = this.#numberOf(stream);
    const present = this.#left.get(place);
    if (present === number || (present instanceof Set && present.has(number))) return false;
    if (present === undefined) this.#left.set(place, number);
    else if (present instanceof Set) present.add(number);
    else this.#left.set(place, new Set([present, number]));
    return true;
  }

  #numberOf(stream: string): number {
    let number = this.#numbers.get(stream);
    if (number === undefined) {
      number = this.#streams.length;
      this.#streams.push(stream);
      this.#numbers.set(stream, number);
    }
    return number;
  }
}

function indexPlace(kind: string, index: string, value: string): string {
  return `${kind} ${index} ${value}`;
}

function recordPlace(ledger: string, key: string): string {
  return `${ledger}/${key}`;
}
