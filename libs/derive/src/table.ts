import { each, type Few, minus, plus, sizeOf } from './few.ts';
import type { Changed, Facets, Source, SourceIndex } from './source.ts';

type Entry<V> = readonly [key: string, value: V];
/** What a table needs to know of an index. Pure. */
export type ValuesOf<V> = (value: V, key: string) => readonly string[];

/** A source that keeps its values itself and reports each change: rows that come over a wire, and tests. */
export class Table<V> implements Source<V> {
  readonly name: string;
  readonly indexes: Readonly<Record<string, TableIndex<V>>>;
  readonly facets?: Facets<V>;
  readonly #entries = new Map<string, Entry<V>>();
  readonly #report: Changed<V>[] = [];

  constructor(name: string, indexes: Readonly<Record<string, ValuesOf<V>>> = {}, facets?: Facets<V>) {
    this.name = name;
    this.indexes = Object.fromEntries(Object.entries(indexes).map(([index, valuesOf]) => [index, new TableIndex(valuesOf)]));
    if (facets !== undefined) this.facets = facets;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: string): V | undefined {
    return this.#entries.get(key)?.[1];
  }

  keys(): Iterable<string> {
    return this.#entries.keys();
  }

  attach(changed: Changed<V>): void {
    this.#report.push(changed);
  }

  put(key: string, after: V): void {
    this.#replace(key, [key, after]);
  }

  delete(key: string): void {
    if (this.#entries.has(key)) this.#replace(key, undefined);
  }

  #replace(key: string, after: Entry<V> | undefined): void {
    const before = this.#entries.get(key);
    if (after === undefined) this.#entries.delete(key);
    else this.#entries.set(key, after);
    for (const name in this.indexes) this.indexes[name]?.replace(before, after);
    for (const report of this.#report) report(key, before?.[1], after?.[1]);
  }
}

export class TableIndex<V> implements SourceIndex<V> {
  readonly #valuesOf: ValuesOf<V>;
  readonly #members = new Map<string, Few<Holder<V>>>();
  readonly #holders = new Map<string, Holder<V>>();

  constructor(valuesOf: ValuesOf<V>) {
    this.#valuesOf = valuesOf;
  }

  valuesOf(value: V, key: string): readonly string[] {
    return this.#valuesOf(value, key);
  }

  count(indexValue: string): number {
    return sizeOf(this.#members.get(indexValue));
  }

  *members(indexValue: string): Iterable<Entry<V>> {
    for (const { entry } of each(this.#members.get(indexValue))) yield entry;
  }

  replace(before: Entry<V> | undefined, after: Entry<V> | undefined): void {
    const key = (after ?? before)?.[0] ?? '';
    const holder = this.#holders.get(key) ?? (after && { entry: after, values: NONE });
    if (holder === undefined) return;
    const values = after === undefined ? NONE : this.#valuesOf(after[1], key);
    for (const value of holder.values) if (!values.includes(value)) this.#set(value, minus(this.#members.get(value), holder));
    for (const value of values) if (!holder.values.includes(value)) this.#set(value, plus(this.#members.get(value), holder));
    holder.values = values.length === 0 ? NONE : values;
    if (after !== undefined) holder.entry = after;
    if (values.length === 0) this.#holders.delete(key);
    else this.#holders.set(key, holder);
  }

  #set(value: string, members: Few<Holder<V>>): void {
    if (members === undefined) this.#members.delete(value);
    else this.#members.set(value, members);
  }
}

/** The present entry of a key and where it is filed, so that a change that moves no index value touches no set. */
type Holder<V> = { entry: Entry<V>; values: readonly string[] };
const NONE: readonly string[] = [];
