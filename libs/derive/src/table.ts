import { each, type Few, minus, plus, sizeOf } from '@weft/api';
import type { Changed, Facets, Source, SourceIndex } from './source.ts';

type Entry<V> = readonly [key: string, value: V];
/** The value of a key. The table and its indexes share it, so that a change which leaves the index values as they are touches no set. */
type Held<V> = { readonly key: string; value: V };
/** The index values of a value. Pure. */
export type ValuesOf<V> = (value: V, key: string) => readonly string[];

/** A source that keeps its values itself and reports each change: rows that come over a wire, and tests. */
export class Table<V> implements Source<V> {
  readonly name: string;
  readonly indexes: Readonly<Record<string, TableIndex<V>>>;
  readonly facets?: Facets<V>;
  readonly #entries = new Map<string, Held<V>>();
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
    return this.#entries.get(key)?.value;
  }

  keys(): Iterable<string> {
    return this.#entries.keys();
  }

  attach(changed: Changed<V>): void {
    this.#report.push(changed);
  }

  put(key: string, after: V): void {
    const held = this.#entries.get(key);
    if (held === undefined) {
      const added = { key, value: after };
      this.#entries.set(key, added);
      this.#changed(added, undefined, after);
    } else {
      const before = held.value;
      held.value = after;
      this.#changed(held, before, after);
    }
  }

  delete(key: string): void {
    const held = this.#entries.get(key);
    if (held === undefined) return;
    this.#entries.delete(key);
    this.#changed(held, held.value, undefined);
  }

  #changed(held: Held<V>, before: V | undefined, after: V | undefined): void {
    for (const name in this.indexes) this.indexes[name]?.refile(held, before, after);
    for (const report of this.#report) report(held.key, before, after);
  }
}

export class TableIndex<V> implements SourceIndex<V> {
  readonly #valuesOf: ValuesOf<V>;
  readonly #members = new Map<string, Few<Held<V>>>();
  /** The index values before and after the newest change, kept since its listener reads them again. */
  #from: Filed<V> = NOWHERE;
  #to: Filed<V> = NOWHERE;

  constructor(valuesOf: ValuesOf<V>) {
    this.#valuesOf = valuesOf;
  }

  valuesOf(value: V, key: string): readonly string[] {
    if (this.#to.value === value && this.#to.key === key) return this.#to.values;
    if (this.#from.value === value && this.#from.key === key) return this.#from.values;
    return this.#valuesOf(value, key);
  }

  count(indexValue: string): number {
    return sizeOf(this.#members.get(indexValue));
  }

  members(indexValue: string): Iterable<Entry<V>> {
    const members = this.#members.get(indexValue);
    return members === undefined ? NOTHING : entriesOf(members);
  }

  refile(held: Held<V>, before: V | undefined, after: V | undefined): void {
    const from = before === undefined ? NONE : this.valuesOf(before, held.key);
    const to = after === undefined ? NONE : this.#valuesOf(after, held.key);
    this.#from = { value: before, key: held.key, values: from };
    this.#to = { value: after, key: held.key, values: to };
    for (const value of from) if (!to.includes(value)) this.#set(value, minus(this.#members.get(value), held));
    for (const value of to) if (!from.includes(value)) this.#set(value, plus(this.#members.get(value), held));
  }

  #set(value: string, members: Few<Held<V>>): void {
    if (members === undefined) this.#members.delete(value);
    else this.#members.set(value, members);
  }
}

type Filed<V> = Readonly<{ value: V | undefined; key: string; values: readonly string[] }>;

const NONE: readonly string[] = [];
const NOTHING: readonly never[] = [];
const NOWHERE: Filed<never> = { value: undefined, key: '', values: NONE };

function* entriesOf<V>(members: Few<Held<V>>): Iterable<Entry<V>> {
  for (const { key, value } of each(members)) yield [key, value];
}
