/** How derivations read. What a reader does with the note that it takes of each read is in `notes.ts`. */
import type { Cause } from './cause.ts';
import type { Collection } from './collection.ts';
import type { Index } from './collection-index.ts';
import type { Lens } from './source.ts';

/**
 * All that a derivation may look at. Each read is noted, also of what is absent, and when what was read differs, the derivation is asked again. Only to
 * be used during the evaluation that it was handed to; what it gives back is not to be kept.
 */
export interface Read {
  /** A value as a whole: asked again at each change of it. */
  get<V>(from: Collection<V>, key: string): V | undefined;
  /** A part of a value: asked again only when that part differs. */
  see<V, T>(from: Collection<V>, lens: Lens<V, T>, key: string, arg?: string): T | undefined;
  /** Members as a whole, of one collection where an index has several. O(members), and again at each change of one of them. */
  rows<V>(index: Index<V>, value: string): Iterable<V>;
  rows<V>(index: Index<unknown>, value: string, of: Collection<V>): Iterable<V>;
  /** As `rows`, with their keys. */
  entries<V>(index: Index<V>, value: string): Iterable<readonly [key: string, value: V]>;
  /** Members through a lens, those left out of which it selects nothing. O(members) when that part of one of them differs. */
  seeAll<V, T>(index: Index<V>, lens: Lens<V, T>, value: string, arg?: string): Iterable<T>;
  /** Who, not what: asked again when a member comes or goes. */
  keys(index: Index<unknown>, value: string): Iterable<string>;
  count(index: Index<unknown>, value: string): number;
  /** Asked again when the first comes or the last goes. */
  any(index: Index<unknown>, value: string): boolean;
  /** The first `n` keys in order of their UTF-16 units. O(members) when one of these goes or one comes before the last of them. */
  first(index: Index<unknown>, value: string, n: number): readonly string[];
  /** Whether the engine has come to this position. Asked again once, when it does. */
  reached(position: bigint): boolean;
  /** Whether it is this time, or later, Unix time in ms. Asked again once, when it is. */
  passed(timeMs: number): boolean;
  /**
   * The events that everything read so far in this evaluation rests on, through derived values too: distinct, oldest first, and of many only
   * the newest (`causesMax` of the engine). Who asks is asked again when these differ, even if what it read stays.
   */
  causes(): readonly Cause[];
}

/** What takes note of reads. */
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

/** Where the engine stands. */
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
