/**
 * One table of rows with a digest that does not depend on order: the sum of the hashes of its lines. A change costs its own size, never the table's.
 *
 * A line is the text of one row as it travels: the key as JSON, a tab, the row as canonical JSON. JSON holds no raw tab and no raw line end, so lines
 * need no escaping, and both sides hash the text that travels.
 */
import { hash as hashOnce } from 'node:crypto';
import type { JsonObject, JsonValue } from '@weft/api';
import { DecodeError } from '../json-codec.ts';
import type { AnyRow } from './rows-port.ts';

/** JSON without blanks, object keys sorted by code unit, undefined members left out: equal rows have equal text. */
export function canonicalText(value: JsonValue | undefined): string {
  const ordered = inOrder(value);
  return ordered === UNORDERED ? textInOrder(value) : (JSON.stringify(ordered) ?? 'null');
}

const UNORDERED = Symbol('an object cannot have its keys in this order');
type Ordered = JsonValue | undefined | typeof UNORDERED;
/** Names that objects have in order of their numbers, before all others. */
const NUMBER = /^(?:0|[1-9]\d*)$/;

/**
 * The value itself where all its objects have their keys in order, else a copy that does: one `JSON.stringify` of the whole costs a third of one for each name and
 * member.
 */
function inOrder(value: JsonValue | undefined): Ordered {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    let copy: JsonValue[] | undefined;
    for (let i = 0; i < value.length; i++) {
      const item = inOrder(value[i]);
      if (item === UNORDERED) return item;
      if (item !== value[i]) (copy ??= [...value])[i] = item as JsonValue;
    }
    return copy ?? value;
  }
  const keys = Object.keys(value);
  const isSorted = keys.every((key, i) => i === 0 || (keys[i - 1] as string) < key);
  if (!isSorted && keys.some((key) => key === '__proto__' || NUMBER.test(key))) return UNORDERED;
  let copy: JsonObject | undefined = isSorted ? undefined : {};
  for (const key of isSorted ? keys : keys.sort()) {
    const member = inOrder(value[key]);
    if (member === UNORDERED) return member;
    if (copy === undefined && member !== value[key]) copy = { ...value };
    if (copy !== undefined) copy[key] = member as JsonValue;
  }
  return copy ?? value;
}

/** Name by name. */
function textInOrder(value: JsonValue | undefined): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  if (Array.isArray(value)) return `[${value.map(textInOrder).join(',')}]`;
  const members = Object.keys(value)
    .sort()
    .flatMap((key) => (value[key] === undefined ? [] : [`${JSON.stringify(key)}:${textInOrder(value[key])}`]));
  return `{${members.join(',')}}`;
}

/** A row's line; without a row, the line that removes `key`. */
export function rowToLine(key: string, row: AnyRow | undefined): string {
  return row === undefined ? JSON.stringify(key) : `${JSON.stringify(key)}\t${canonicalText(row)}`;
}

/** Throws a DecodeError. */
export function lineToRow(line: string): { key: string; row: AnyRow | undefined } {
  const tab = line.indexOf('\t');
  try {
    const key: unknown = JSON.parse(tab < 0 ? line : line.slice(0, tab));
    const row: unknown = tab < 0 ? undefined : JSON.parse(line.slice(tab + 1));
    if (typeof key === 'string' && (tab < 0 || (typeof row === 'object' && row !== null && !Array.isArray(row)))) {
      return { key, row: row as AnyRow | undefined };
    }
  } catch (cause) {
    throw new DecodeError('a line of rows', `not JSON: ${line.slice(0, 80)}`, { cause });
  }
  throw new DecodeError('a line of rows', `no key and row: ${line.slice(0, 80)}`);
}

/** 96 bits of SHA-256, a character for each byte: there is one for each row, and a text of 12 characters is what takes least memory. */
export type LineHash = string;

const LANE = 2 ** 48;
const HASH_BYTES = 12;

export function hashLine(line: string): LineHash {
  return hashOnce('sha256', line, 'binary').slice(0, HASH_BYTES);
}

/** 48 bits of a hash, from byte `at` on. */
function lane(hash: LineHash, at: number): number {
  let value = 0;
  for (let i = at; i < at + HASH_BYTES / 2; i++) value = value * 256 + hash.charCodeAt(i);
  return value;
}

/** Reused, since each change of a table makes a text. */
const SUM_BYTES = Buffer.alloc(HASH_BYTES);

/** Sum of hashes, modulo 2^48 in each lane. */
export class Digest {
  #high = 0;
  #low = 0;

  add(hash: LineHash): void {
    this.#high = (this.#high + lane(hash, 0)) % LANE;
    this.#low = (this.#low + lane(hash, 6)) % LANE;
  }

  remove(hash: LineHash): void {
    this.#high = (this.#high - lane(hash, 0) + LANE) % LANE;
    this.#low = (this.#low - lane(hash, 6) + LANE) % LANE;
  }

  copy(): Digest {
    const copy = new Digest();
    copy.#high = this.#high;
    copy.#low = this.#low;
    return copy;
  }

  /** 24 hex digits. */
  text(): string {
    SUM_BYTES.writeUIntBE(this.#high, 0, 6);
    SUM_BYTES.writeUIntBE(this.#low, 6, 6);
    return SUM_BYTES.toString('hex');
  }
}

/** What identifies the content of a table. Two projectors that fold the same log agree on it. */
export type TableState = Readonly<{ rev: bigint; digest: string }>;

export const EMPTY_STATE: TableState = { rev: 0n, digest: new Digest().text() };

export function sameState(a: TableState, b: TableState): boolean {
  return a.rev === b.rev && a.digest === b.digest;
}

export type RowEdit = Readonly<{ key: string; row: AnyRow | undefined; hash: LineHash | undefined }>;

/** Throws a DecodeError. */
export function lineToEdit(line: string): RowEdit {
  const { key, row } = lineToRow(line);
  return { key, row, hash: row === undefined ? undefined : hashLine(line) };
}

export class RowTable {
  readonly rows = new Map<string, AnyRow>();
  readonly hashes = new Map<string, LineHash>();
  state: TableState = EMPTY_STATE;
  readonly #sum = new Digest();

  get rev(): bigint {
    return this.state.rev;
  }

  get digest(): string {
    return this.state.digest;
  }

  /** Leaves `state` as it is: several edits make one. */
  edit({ key, row, hash }: RowEdit): void {
    const old = this.hashes.get(key);
    if (old !== undefined) this.#sum.remove(old);
    if (row === undefined || hash === undefined) {
      this.rows.delete(key);
      this.hashes.delete(key);
      return;
    }
    this.#sum.add(hash);
    this.rows.set(key, row);
    this.hashes.set(key, hash);
  }

  /** Digest of the rows as they are now. */
  sumText(): string {
    return this.#sum.text();
  }

  /** The digest that these edits would make. */
  digestAfter(edits: readonly RowEdit[]): string {
    const sum = this.#sum.copy();
    const touched = new Map<string, LineHash | undefined>();
    for (const { key, hash } of edits) {
      const old = touched.has(key) ? touched.get(key) : this.hashes.get(key);
      if (old !== undefined) sum.remove(old);
      if (hash !== undefined) sum.add(hash);
      touched.set(key, hash);
    }
    return sum.text();
  }
}

/** True when `edit` would change nothing. */
export function isHeld(table: RowTable, { key, hash }: RowEdit): boolean {
  const old = table.hashes.get(key);
  return old === hash;
}
