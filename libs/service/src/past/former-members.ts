/**
 * Where things were found once and are found no more. Today's fold knows the members of each index; this knows the streams whose objects left them, and the
 * streams that a record of a ledger ever followed from. Together they name all streams that a question about any position may have to read.
 *
 * Kept as hashes: two that coincide name a stream too many, which does no harm, since whoever asks reads it and looks. About 60 bytes for each that left.
 */
import { type Change, createFold, type Fold, type Folded, hash32, type IndexOf, type Registry, staysIn, streamOf } from '@weft/api';

const NOBODY: ReadonlySet<number> = new Set();

type Followed = Readonly<{ kinds: ReadonlySet<string>; ledgers: ReadonlySet<string> }>;

export class FormerMembers {
  readonly #registry: Registry;
  readonly #kinds: ReadonlySet<string>;
  readonly #indexes: ReadonlyMap<string, readonly (readonly [name: string, valuesOf: IndexOf<Folded>])[]>;
  readonly #ledgers: ReadonlySet<string>;
  readonly #streams: string[] = [];
  readonly #numbers = new Map<string, number>();
  /** Hash of an index value, or of a record -> numbers of streams. Most have one. */
  readonly #left = new Map<number, number | Set<number>>();

  /** `kinds`, `ledgers`: of which to note it. */
  constructor(registry: Registry, { kinds, ledgers }: Followed) {
    this.#registry = registry;
    this.#kinds = kinds;
    this.#indexes = new Map(
      registry.kinds.filter(({ kind }) => kinds.has(kind)).map(({ kind, indexes = {} }) => [kind, Object.entries(indexes)]),
    );
    this.#ledgers = ledgers;
  }

  /** A fold that gives the changes which matter here, for less than one of everything costs: without other kinds and ledgers, and without indexes. */
  fold(): Fold {
    const kinds = this.#registry.kinds.filter(({ kind }) => this.#kinds.has(kind)).map((kind) => ({ ...kind, indexes: {} }));
    const ledgers = this.#registry.ledgers.filter(({ ledger }) => this.#ledgers.has(ledger));
    return createFold({ ...this.#registry, kinds, ledgers });
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
    for (const [name, valuesOf] of this.#indexes.get(kind) ?? []) {
      if (is !== undefined && staysIn(valuesOf, was, is)) continue;
      const present = is === undefined ? [] : valuesOf(is);
      for (const value of valuesOf(was)) if (!present.includes(value)) this.#add(indexPlace(kind, name, value), streamOf(was.key));
    }
  }

  /** Streams of objects that had this index value at some position and have not now. */
  left(kind: string, index: string, value: string): Iterable<string> {
    return this.#at(indexPlace(kind, index, value));
  }

  /** Streams that have ever changed this record; without a key, any record of the ledger. */
  behind(ledger: string, key?: string): Iterable<string> {
    return this.#at(key === undefined ? ledger : recordPlace(ledger, key));
  }

  /** How many index values and records have something noted. */
  get size(): number {
    return this.#left.size;
  }

  *#at(place: string): Iterable<string> {
    const found = this.#left.get(hash32(place)) ?? NOBODY;
    for (const number of typeof found === 'number' ? [found] : found) yield this.#streams[number] as string;
  }

  #add(place: string, stream: string): void {
    const hash = hash32(place);
    const number = this.#numberOf(stream);
    const present = this.#left.get(hash);
    if (present === undefined) this.#left.set(hash, number);
    else if (typeof present !== 'number') present.add(number);
    else if (present !== number) this.#left.set(hash, new Set([present, number]));
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
