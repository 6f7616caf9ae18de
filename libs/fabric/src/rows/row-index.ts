/**
 * How the rows of all hosts are asked: by what a packet carries, and not by what rows are called. A `Lookup` is one such question, declared by the feature
 * whose rows it finds. It is answered from tables (`TableRows`, O(rows) once for each table that is asked, then O(answer)), or straight from the fold
 * (`RowsOnDemand`), which makes just the rows of the answer.
 */
import { bitsOf, type Facts, familyOfIp, type IpPrefix, type JsonObject, type LedgerRef, maskedPrefix } from '@weft/api';
import type { PlacedRow } from './row-projection.ts';
import { parseTable, type Table } from './rows.codec.ts';

export type FoundRow<R> = Readonly<{ table: string; key: string; row: R }>;

/** Of which key, of which rows of a projection (`RowMaker`), a row may be made. */
export type Origin = Readonly<{ rows: string; key: string }>;

export type Lookup<R> = Readonly<{
  /** Unique, for caches. */
  name: string;
  kind: Table['kind'];
  decode: (row: JsonObject | undefined, key: string) => R | undefined;
  /** What a row is found by; absent: its key. */
  valuesOf?: (row: R) => readonly string[];
  /** What may make rows that have the value: all that do, and few others. `table`: the one that is asked. */
  origins: (fold: AskedFold, value: string, table: Table | undefined) => Iterable<Origin>;
  /** Reads what such rows rest on by what is derived ahead of them: for those who follow a question, or have a part of the log only. */
  rests?: (fold: AskedFold, table: Table | undefined) => void;
}>;

/** The fold, as lookups ask it. */
export type AskedFold = Readonly<{ facts: Facts; records: <R>(ledger: LedgerRef<R>) => Iterable<readonly [key: string, record: R]> }>;

/** A ledger's own definition made its records. */
export function recordsOf(world: Readonly<{ records: (ledger: string) => ReadonlyMap<string, unknown> }>): AskedFold['records'] {
  return <R>({ ledger }: LedgerRef<R>) => world.records(ledger) as ReadonlyMap<string, R>;
}

export interface RowIndex {
  /** Rows that have the value, each once. `table`: only of this one; absent: of all of the lookup's kind. A row that is not understood counts as absent. */
  find<R extends JsonObject>(lookup: Lookup<R>, value: string, table?: string): Iterable<FoundRow<R>>;
  /** Lengths of the prefixes by which rows of a table are found; without it any may be. */
  lengths?<R extends JsonObject>(lookup: Lookup<R>, table: string): ReadonlySet<number>;
}

/** The rows of an answer, made of their origins by `rowsOf`. */
export function* foundIn<R extends JsonObject>(
  { kind, decode, valuesOf, origins }: Lookup<R>,
  asked: AskedFold,
  rowsOf: (rows: string, key: string) => readonly PlacedRow[],
  value: string,
  table?: string,
): Iterable<FoundRow<R>> {
  for (const { rows, key: from } of origins(asked, value, table === undefined ? undefined : parseTable(table))) {
    for (const { table: of, key, row: made } of rowsOf(rows, from)) {
      if (table === undefined ? parseTable(of)?.kind !== kind : of !== table) continue;
      const row = decode(made, key);
      if (row !== undefined && (valuesOf?.(row) ?? [key]).includes(value)) yield { table: of, key, row };
    }
  }
}

export function firstRow<R extends JsonObject>(rows: RowIndex, lookup: Lookup<R>, value: string, table?: string): FoundRow<R> | undefined {
  for (const found of rows.find(lookup, value, table)) return found;
  return undefined;
}

/** Rows that have a prefix which holds the address (canonical), the longest prefixes first, with that prefix. The lookup is by canonical prefix. */
export function* rowsHolding<R extends JsonObject>(
  rows: RowIndex,
  lookup: Lookup<R>,
  address: string,
  table: string,
): Iterable<FoundRow<R> & Readonly<{ prefix: IpPrefix }>> {
  const family = familyOfIp(address);
  const present = rows.lengths?.(lookup, table);
  for (let length = bitsOf(family); length >= 0; length--) {
    if (present?.has(length) === false) continue;
    const text = prefixOver(address, length);
    for (const found of rows.find(lookup, text, table)) {
      yield { ...found, prefix: { address: text.slice(0, text.indexOf('/')), length, family } };
    }
  }
}

/** Prefixes over the addresses that were asked about last: one packet asks the same in several tables. */
const over = new Map<string, (string | undefined)[]>();
const ADDRESSES_MAX = 64;

/** The canonical prefix of a length that holds an address. */
function prefixOver(address: string, length: number): string {
  const family = familyOfIp(address);
  let texts = over.get(address);
  if (texts === undefined) {
    if (over.size >= ADDRESSES_MAX) over.clear();
    over.set(address, (texts = []));
  }
  return (texts[length] ??= maskedPrefix({ address, length, family }));
}

export type RowTables = ReadonlyMap<string, ReadonlyMap<string, JsonObject>>;

/** Rows in tables by name, as they come over the bus. They must not change while this is in use. */
export class TableRows implements RowIndex {
  readonly #tables: RowTables;
  /** By lookup and table. */
  readonly #indexes = new Map<string, ReadonlyMap<string, readonly FoundRow<JsonObject>[]>>();
  readonly #lengths = new Map<string, ReadonlySet<number>>();

  constructor(tables: RowTables) {
    this.#tables = tables;
  }

  *find<R extends JsonObject>(lookup: Lookup<R>, value: string, table?: string): Iterable<FoundRow<R>> {
    if (table !== undefined && lookup.valuesOf === undefined) {
      const row = lookup.decode(this.#tables.get(table)?.get(value), value);
      if (row !== undefined) yield { table, key: value, row };
    } else yield* (this.#indexOf(lookup, table).get(value) ?? []) as readonly FoundRow<R>[];
  }

  lengths<R extends JsonObject>(lookup: Lookup<R>, table: string): ReadonlySet<number> {
    const name = `${lookup.name} ${table}`;
    let lengths = this.#lengths.get(name);
    if (lengths === undefined) {
      lengths = new Set([...this.#indexOf(lookup, table).keys()].map((prefix) => Number(prefix.slice(prefix.indexOf('/') + 1))));
      this.#lengths.set(name, lengths);
    }
    return lengths;
  }

  #indexOf<R extends JsonObject>(lookup: Lookup<R>, table?: string): ReadonlyMap<string, readonly FoundRow<JsonObject>[]> {
    const name = `${lookup.name} ${table ?? ''}`;
    let index = this.#indexes.get(name);
    if (index === undefined) this.#indexes.set(name, (index = this.#makeIndex(lookup, table)));
    return index;
  }

  #makeIndex<R extends JsonObject>(
    { kind, decode, valuesOf }: Lookup<R>,
    only?: string,
  ): ReadonlyMap<string, readonly FoundRow<JsonObject>[]> {
    const index = new Map<string, FoundRow<JsonObject>[]>();
    for (const [table, rows] of this.#tables) {
      if (only === undefined ? parseTable(table)?.kind !== kind : table !== only) continue;
      for (const [key, raw] of rows) {
        const row = decode(raw, key);
        if (row === undefined) continue;
        for (const value of new Set(valuesOf?.(row) ?? [key])) {
          const found = index.get(value);
          if (found === undefined) index.set(value, [{ table, key, row }]);
          else found.push({ table, key, row });
        }
      }
    }
    return index;
  }
}
