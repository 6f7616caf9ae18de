/** How derivations read. How each read is noted is in `notes.ts`. */
import type { Cause } from './cause.ts';
import type { Collection } from './collection.ts';
import type { Index } from './collection-index.ts';
import type { Lens } from './source.ts';

/**
 * The only way in which a derivation may read. Each read is noted, also of something absent; when its result would differ, the derivation is asked
 * again. It works only during the evaluation that it was given to. Do not keep what it gives back.
 */
export interface Read {
  /** A whole value. Asked again at each change of it. */
  get<V>(from: Collection<V>, key: string): V | undefined;
  /** A part of a value. Asked again only when that part differs. */
  see<V, T>(from: Collection<V>, lens: Lens<V, T>, key: string, arg?: string): T | undefined;
  /** Whole members, also when the index joins several collections. O(members). Asked again at each change of a member. */
  rows<V>(index: Index<V>, value: string): Iterable<V>;
  rows<V>(index: Index<unknown>, value: string, of: Collection<V>): Iterable<V>;
  /** As `rows`, with their keys. */
  entries<V>(index: Index<V>, value: string): Iterable<readonly [key: string, value: V]>;
  /** Members through a lens, without those of which it selects nothing. O(members). Asked again when that part of a member differs. */
  seeAll<V, T>(index: Index<V>, lens: Lens<V, T>, value: string, arg?: string): Iterable<T>;
  /** The keys of members. Asked again when a member comes or goes. */
  keys(index: Index<unknown>, value: string): Iterable<string>;
  count(index: Index<unknown>, value: string): number;
  /** Whether there are members. Asked again when the first comes or the last goes. */
  any(index: Index<unknown>, value: string): boolean;
  /** The first `n` keys in order of their UTF-16 units. O(members). Asked again when one of these goes, or one comes before the last of them. */
  first(index: Index<unknown>, value: string, n: number): readonly string[];
  /** Whether the engine has reached this position. Asked again once, when it does. */
  reached(position: bigint): boolean;
  /** Whether this time (Unix time, ms) has come. Asked again once, when it does. */
  passed(timeMs: number): boolean;
  /**
   * The events behind everything that this evaluation has read so far, through derived values too: distinct, oldest first, and of many only the newest
   * (`causesMax` of the engine). The derivation is asked again when these differ, even if the values that it read stay the same.
   */
  causes(): readonly Cause[];
}

/** Notes reads. */
export interface Notes {
  get(from: Collection<unknown>, key: string): void;
  see(from: Collection<unknown>, lens: Lens<unknown, unknown>, key: string, arg: string): void;
  rows(index: Index<unknown>, value: string): void;
  seeAll(index: Index<unknown>, lens: Lens<unknown, unknown>, value: string, arg: string): void;
  keys(index: Index<unknown>, value: string): void;
  any(index: Index<unknown>, value: string, has: boolean): void;
  first(index: Index<unknown>, value: string, n: number, found: readonly string[]): void;
  reached(position: bigint): void;
  passed(timeMs: number): void;
  causes(): readonly Cause[];
}

/** The position and the time that the engine has reached. */
export type Now = Readonly<{ position: bigint; timeMs: number }>;

export class Reader implements Read {
  readonly #notes: Notes;
  readonly #now: () => Now;

  constructor(notes: Notes, now: () => Now) {
    this.#notes = notes;
    this.#now = now;
  }

  get<V>(from: Collection<V>, key: string): V | undefined {
    this.#notes.get(from, key);
    return from.get(key);
  }

  see<V, T>(from: Collection<V>, lens: Lens<V, T>, key: string, arg = ''): T | undefined {
    this.#notes.see(from, lens, key, arg);
    const value = from.get(key);
    return value === undefined ? undefined : lens.of(value, arg);
  }

  rows<V>(index: Index<V>, value: string, of?: Collection<V>): Iterable<V> {
    this.#notes.rows(index, value);
    return valuesIn(index.members(value, of));
  }

  entries<V>(index: Index<V>, value: string): Iterable<readonly [key: string, value: V]> {
    this.#notes.rows(index, value);
    return index.members(value);
  }

  seeAll<V, T>(index: Index<V>, lens: Lens<V, T>, value: string, arg = ''): Iterable<T> {
    this.#notes.seeAll(index, lens, value, arg);
    return seenIn(index.members(value), lens, arg);
  }

  keys(index: Index<unknown>, value: string): Iterable<string> {
    this.#notes.keys(index, value);
    return keysIn(index.members(value));
  }

  count(index: Index<unknown>, value: string): number {
    this.#notes.keys(index, value);
    return index.count(value);
  }

  any(index: Index<unknown>, value: string): boolean {
    const has = index.has(value);
    this.#notes.any(index, value, has);
    return has;
  }

  first(index: Index<unknown>, value: string, n: number): readonly string[] {
    const found = firstOf(index.members(value), n);
    this.#notes.first(index, value, n, found);
    return found;
  }

  reached(position: bigint): boolean {
    if (this.#now().position >= position) return true;
    this.#notes.reached(position);
    return false;
  }

  passed(timeMs: number): boolean {
    if (this.#now().timeMs >= timeMs) return true;
    this.#notes.passed(timeMs);
    return false;
  }

  causes(): readonly Cause[] {
    return this.#notes.causes();
  }
}

type Members<V> = Iterable<readonly [key: string, value: V]>;

function* valuesIn<V>(members: Members<V>): Iterable<V> {
  for (const [, value] of members) yield value;
}

function* keysIn(members: Members<unknown>): Iterable<string> {
  for (const [key] of members) yield key;
}

function* seenIn<V, T>(members: Members<V>, lens: Lens<V, T>, arg: string): Iterable<T> {
  for (const [, value] of members) {
    const seen = lens.of(value, arg);
    if (seen !== undefined) yield seen;
  }
}

function firstOf(members: Members<unknown>, n: number): readonly string[] {
  const found: string[] = [];
  for (const [key] of members) {
    if (found.length === n && key >= (found[n - 1] ?? '')) continue;
    let at = found.length;
    while (at > 0 && (found[at - 1] as string) > key) at--;
    found.splice(at, 0, key);
    if (found.length > n) found.pop();
  }
  return found;
}
