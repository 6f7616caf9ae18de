/** Indexes: they find values by something that these hold. */

import { each, type Few, minus, plus, sizeOf } from '@weft/api';
import type { Collection, Derived } from './collection.ts';
import { FacetsInUse } from './lenses.ts';
import { Bucket, PRESENT, type ValueCell } from './node.ts';
import type { SourceIndex } from './source.ts';

/** One collection, filed under index values. The owner of a source keeps the members of its filings; the engine keeps those of derived values. */
export interface Filing<V> {
  readonly of: Collection<V>;
  /** The indexes over this filing: its own, and joins. */
  readonly indexes: Index<V>[];
  valuesOf(value: V, key: string): readonly string[];
  members(value: string): Iterable<readonly [key: string, value: V]>;
  count(value: string): number;
  has(value: string): boolean;
  same?(before: V, after: V): boolean;
  values?(): Iterable<string> | undefined;
}

/** An index, made by `Collection.index` or `Engine.join`. Derivations read it by `Read`. */
export class Index<V> {
  readonly name: string;
  readonly id: number;
  readonly stage: number;
  readonly isLazy = false;
  readonly filings: readonly Filing<V>[];
  /** Buckets by index value, for those values that somebody reads. */
  readonly buckets = new Map<string, Bucket>();
  readonly groups: Derived<unknown>[] = [];
  /** Number of buckets whose members are read whole. */
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

  /** Index values that have members; one may come several times. O(all values). */
  *values(): Iterable<string> {
    for (const filing of this.filings) {
      const known = filing.values?.();
      if (known !== undefined) {
        yield* known;
        continue;
      }
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

  /** To be called when a key has come to an index value, or has left it. Gives the bucket, if somebody reads it. */
  moved(value: string, key: string): Bucket | undefined {
    for (const group of this.groups) group.markIfTurned(value, this);
    const bucket = this.buckets.get(value);
    if (bucket === undefined) return undefined;
    bucket.rows?.wake();
    bucket.keys?.wake();
    for (const first of bucket.firsts?.values() ?? []) first.moved(key);
    if (bucket.any !== undefined && this.has(value) !== bucket.had) bucket.any.wake(); // Its readers set `had` again.
    return bucket;
  }

  wantCauses(): void {
    for (const { of } of this.filings) of.wantCauses();
  }
}

/** A filing of a source, whose owner keeps the members. */
export class SourceFiling<V> implements Filing<V> {
  readonly of: Collection<V>;
  readonly indexes: Index<V>[] = [];
  readonly #index: SourceIndex<V>;

  constructor(of: Collection<V>, index: SourceIndex<V>) {
    this.of = of;
    this.#index = index;
  }

  values(): Iterable<string> | undefined {
    return this.#index.values?.();
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

/** A filing of derived values, whose members the engine keeps. */
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
    const [wasIn, isIn] = [lookup(from), lookup(to)];
    for (const value of from) if (!isIn(value)) this.#set(value, minus(this.#members.get(value), cell));
    for (const value of to) if (!wasIn(value)) this.#set(value, plus(this.#members.get(value), cell));
  }

  #set(value: string, members: Few<ValueCell>): void {
    if (members === undefined) this.#members.delete(value);
    else this.#members.set(value, members);
  }
}

/** Whether a value is in a list, which may be long. */
export function lookup(values: readonly string[]): (value: string) => boolean {
  if (values.length <= 16) return (value) => values.includes(value);
  const set = new Set(values);
  return (value) => set.has(value);
}

export const isPresent = (cell: ValueCell | undefined): boolean => cell !== undefined && (cell.flags & PRESENT) !== 0;
