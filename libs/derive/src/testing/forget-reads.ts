/**
 * Mutants of what is derived: one read of one derivation is not noted any more. Its value is given as before, but a change of it wakes nobody. Reads have the
 * names that `npm run graph` prints. It holds for all engines of the process, and is for tests alone.
 */
import type { Collection } from '../collection.ts';
import type { Index } from '../collection-index.ts';
import { Notebook } from '../notes.ts';
import type { Lens } from '../source.ts';

/** One read of one derivation: `loop settle-interfaces` and `Host . born-at`. */
export type ReadOf = Readonly<{ reader: string; read: string }>;

type AnyLens = Lens<unknown, unknown>;

/** The name of the read that tells whether a time has come. */
export const TIME = 'the time';

class ReadsForgotten {
  isForgotten: ((read: ReadOf) => boolean) | undefined;
  onRead: ((read: ReadOf) => void) | undefined;
  #reader = '';

  begin(reader: string): void {
    this.#reader = reader;
  }

  /** Whether the read has to be noted. */
  notes(read: string): boolean {
    const { isForgotten, onRead } = this;
    if (isForgotten === undefined && onRead === undefined) return true;
    const made = { reader: this.#reader, read };
    onRead?.(made);
    return isForgotten?.(made) !== true;
  }
}

let reads: ReadsForgotten | undefined;

/** Forgets these reads from now on, in place of those before; undefined: none. */
export function forgetReads(isForgotten: ((read: ReadOf) => boolean) | undefined): void {
  installed().isForgotten = isForgotten;
}

/** Calls the listener with each read from now on. */
export function onRead(listener: ((read: ReadOf) => void) | undefined): void {
  installed().onRead = listener;
}

function installed(): ReadsForgotten {
  if (reads !== undefined) return reads;
  const made = new ReadsForgotten();
  reads = made;
  const notebook = Notebook.prototype;
  const { begin, get, see, rows, seeAll, keys, any, first, passed } = notebook;
  notebook.begin = function (reader) {
    made.begin(reader.name);
    begin.call(this, reader);
  };
  notebook.get = function (from, key) {
    if (made.notes(from.name)) get.call(this, from, key);
  };
  notebook.see = function (from, lens, key, arg) {
    if (made.notes(readName(from, lens))) see.call(this, from, lens, key, arg);
  };
  notebook.rows = function (index, value) {
    if (made.notes(readName(index, 'rows'))) rows.call(this, index, value);
  };
  notebook.seeAll = function (index, lens, value, arg) {
    if (made.notes(readName(index, lens))) seeAll.call(this, index, lens, value, arg);
  };
  notebook.keys = function (index, value) {
    if (made.notes(readName(index, 'keys'))) keys.call(this, index, value);
  };
  notebook.any = function (index, value, has) {
    if (made.notes(readName(index, 'any'))) any.call(this, index, value, has);
  };
  notebook.first = function (index, value, n, found) {
    if (made.notes(readName(index, 'first'))) first.call(this, index, value, n, found);
  };
  notebook.passed = function (timeMs) {
    if (made.notes(TIME)) passed.call(this, timeMs);
  };
  return made;
}

/** `hosts . number`, `nics by host: keys`; what is read whole has the bare name of its collection. */
export function readName({ name }: Collection<unknown> | Index<unknown>, how: string | AnyLens): string {
  return typeof how === 'string' ? `${name}: ${how}` : `${name} . ${how.name}`;
}
