/** Where values are found by something that they hold. */
import type { Collection, Derived } from './collection.ts';
import { each, type Few, minus, plus, sizeOf } from './few.ts';
import { FacetsInUse } from './lenses.ts';
import { Bucket, PRESENT, type ValueCell } from './node.ts';
import type { SourceIndex } from './source.ts';

/** How one collection is filed under values. Either the owner of a source keeps the members, or the engine does, for what it derives. */
export interface Filing<V> {
  readonly of: Collection<V>;
  /** Those that watch it: its own, and joint ones. */
  readonly indexes: Index<V>[];
  valuesOf(value: V, key: string): readonly string[];
  members(value: string): Iterable<readonly [key: string, value: V]>;
  count(value: string): number;
  has(value: string): boolean;
  same?(before: V, after: V): boolean;
}

/** To be read by `Read`. `Collection.index` and `Engine.join` make them. */
export class Index<V> {
  readonly name: string;
  readonly id: number;
  readonly stage: number;
  readonly isLazy = false;
  readonly filings: readonly Filing<V>[];
  /** Values that somebody looks at. */
  readonly buckets = new Map<string, Bucket>();
  readonly groups: Derived<unknown>[] = [];
  /** Buckets that are read whole. */
  readWhole = 0;
  readonly facetsInUse = new FacetsInUse();

  constructor(name: string, id: number, filings: readonly Filing<V>[]) {
    this.name = name;
    this.id = id;
    this.filings = filings;
    this.stage = Math.max(...filings.map((filing) => filing.of.stage));
    for (const filing of filings) filing.indexes.push(this);
  }

  has(value: string): boolean {
    for (const filing of this.filings) if (filing.has(value)) return true;
    return false;
  }

  count(value: string): number {
    return this.filings.reduce((sum, filing) => sum + filing.count(value), 0);
  }

  *members(value: string, of?: Collection<unknown>): Iterable<readonly [key: string, value: V]> {
    for (const filing of this.filings) if (of === undefined || filing.of === of) yield* filing.members(value);
  }

  /** Values under which something is found, each perhaps several times. O(all values). */
  *values(): Iterable<string> {
    for (const filing of this.filings) {
      for (const key of filing.of.keys()) {
        const value = filing.of.get(key);
        if (value !== undefined) yield* filing.valuesOf(value, key);
      }
    }
  }

  get isWatched(): boolean {
    return this.buckets.size > 0 || this.groups.length > 0;
  }

  bucketOf(value: string): Bucket {
    let bucket = this.buckets.get(value);
    if (bucket === undefined) {
      bucket = new Bucket(this, value);
      this.buckets.set(value, bucket);
    }
    return bucket;
  }

  forget(bucket: Bucket): void {
    if (this.buckets.get(bucket.value) === bucket) this.buckets.delete(bucket.value);
  }

  /** A key is found under a value since now, or no longer. Gives the bucket, if somebody looks at it. */
  moved(value: string, key: string): Bucket | undefined {
    for (const group of this.groups) group.markIfTurned(value, this);
    const bucket = this.buckets.get(value);
    if (bucket === undefined) return undefined;
    bucket.rows?.wake();
    bucket.keys?.wake();
    for (const first of bucket.firsts?.values() ?? []) first.moved(key);
    if (bucket.any !== undefined && this.has(value) !== bucket.had) bucket.any.wake(); // Its readers will see anew.
    return bucket;
  }

  wantCauses(): void {
    for (const { of } of this.filings) of.wantCauses();
  }
}

/** The owner keeps the members. */
export class SourceFiling<V> implements Filing<V> {
  readonly of: Collection<V>;
  readonly indexes: Index<V>[] = [];
  readonly #index: SourceIndex<V>;

  constructor(of: Collection<V>, index: SourceIndex<V>) {
    this.of = of;
    this.#index = index;
  }

  valuesOf(value: V, key: string): readonly string[] {
    return this.#index.valuesOf(value, key);
  }

  members(value: string): Iterable<readonly [key: string, value: V]> {
    return this.#index.members(value);
  }

  count(value: string): number {
    if (this.#index.count !== undefined) return this.#index.count(value);
    let count = 0;
    for (const _ of this.#index.members(value)) count++;
    return count;
  }

  has(value: string): boolean {
    if (this.#index.count !== undefined) return this.#index.count(value) > 0;
    for (const _ of this.#index.members(value)) return true;
    return false;
  }

  same(before: V, after: V): boolean {
    return this.#index.same?.(before, after) ?? false;
  }
}

/** Method syntax, so that a filing of some values is a filing of unknown values. */
interface FilingRule<V> {
  valuesOf(value: V, key: string): readonly string[];
}

/** The engine keeps the members, of what it derived itself. */
export class DerivedFiling<V> implements Filing<V> {
  readonly of: Derived<V>;
  readonly indexes: Index<V>[] = [];
  readonly #rule: FilingRule<V>;
  readonly #members = new Map<string, Few<ValueCell>>();

  constructor(of: Derived<V>, rule: FilingRule<V>) {
    this.of = of;
    this.#rule = rule;
  }

  valuesOf(value: V, key: string): readonly string[] {
    return this.#rule.valuesOf(value, key);
  }

  *members(value: string): Iterable<readonly [key: string, value: V]> {
    for (const cell of each(this.#members.get(value))) yield [cell.key, this.of.heldBy(cell) as V];
  }

  count(value: string): number {
    return sizeOf(this.#members.get(value));
  }

  has(value: string): boolean {
    return this.#members.has(value);
  }

  move(cell: ValueCell, from: readonly string[], to: readonly string[]): void {
    for (const value of from) if (!to.includes(value)) this.#set(value, minus(this.#members.get(value), cell));
    for (const value of to) if (!from.includes(value)) this.#set(value, plus(this.#members.get(value), cell));
  }

  #set(value: string, members: Few<ValueCell>): void {
    if (members === undefined) this.#members.delete(value);
    else this.#members.set(value, members);
  }
}

export const isPresent = (cell: ValueCell | undefined): boolean => cell !== undefined && (cell.flags & PRESENT) !== 0;
