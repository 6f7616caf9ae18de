/**
 * Marks the readers that must be asked again after a change. Nothing is evaluated here.
 *
 *   a key changes ──> readers of the whole value
 *                ──> readers of a part of it that differs
 *                ──> buckets that it is in, has left or has joined: readers of their members, their keys, or whether there are any
 *                ──> `map`s over the collection, `group`s over its indexes, when a key or a group came or went
 *
 * A value may stay the same while its causes differ. Readers that asked for causes are marked then, too.
 */

import { each } from '@weft/api';
import { NewestCauses, sameCauses } from './cause.ts';
import type { Collection } from './collection.ts';
import { type DerivedFiling, type Filing, Index, lookup } from './collection-index.ts';
import { type LensHolder, type LensNode, lensesOf, seenDiffers, touchedLenses } from './lenses.ts';
import type { Bucket, Cell, Node, ValueCell } from './node.ts';
import { facetsOf } from './source.ts';

export type KeyChange = Readonly<{
  of: Collection<unknown>;
  key: string;
  before: unknown;
  after: unknown;
  /** The facets that differ, if they are known. */
  facets?: readonly string[] | undefined;
}>;

/** For a change of a source. The owner's data and indexes must show it already. */
export function wakeForSource(change: KeyChange): void {
  wakeForKey(change, change.of.findCell(change.key));
  for (const filing of change.of.filings) refileAtSource(filing, change);
}

/** For a derived value that has changed. `filed` are its index values, one list for each filing. */
export function wakeForDerived(cell: ValueCell, before: unknown, filed: readonly (readonly string[])[]): void {
  const { of, key, value: after } = cell;
  const change = { of, key, before, after };
  wakeForKey(change, cell);
  of.derivedFilings.forEach((filing, i) => {
    refileDerived(filing, cell, change, filed[i] ?? []);
  });
}

function wakeForKey(change: KeyChange, cell: Cell | undefined): void {
  const { of, key, before, after } = change;
  if (cell !== undefined) {
    cell.wake();
    wakeLenses(cell, change);
  }
  if ((before === undefined) !== (after === undefined)) for (const map of of.maps) map.mark(map.cellOf(key));
}

function wakeLenses(holder: LensHolder, change: KeyChange): void {
  const { of, before, after, facets } = change;
  for (const node of touchedLenses(holder, of, before, after, facets)) {
    if (seenDiffers(node, before, after)) node.wake();
    else if (of.causesWanted && causesMayDiffer(node, change)) recauseReaders(node);
  }
}

/** Whether a lens that selects the same as before may have other causes now. */
function causesMayDiffer({ lens, arg }: LensNode, { of, key, before, after }: KeyChange): boolean {
  if (of.stage > 0 || facetsOf(lens, arg) !== undefined) return true;
  return !sameCauses(causesSeen(before), causesSeen(after));

  function causesSeen(value: unknown) {
    const causes = new NewestCauses(Number.POSITIVE_INFINITY);
    if (value !== undefined) of.addLensCauses(key, value, lens, arg, causes);
    return causes.list();
  }
}

// ---- Indexes ----

function refileAtSource(filing: Filing<unknown>, change: KeyChange): void {
  const watching = watchedOf(filing.indexes);
  if (watching.length === 0) return; // Most indexes are not read.
  const { key, before, after } = change;
  const lives = before !== undefined && after !== undefined;
  const members = lives && watching.some((index) => readsMembers(index, change));
  const stays = lives && filing.same?.(before, after) === true;
  if (stays && !members) return;
  const from = valuesOf(filing, before, key);
  const to = stays ? from : valuesOf(filing, after, key);
  if (lives && sameValues(from, to)) {
    if (members) refile(watching, change, from);
  } else refile(watching, change, from, to);
}

/** Most filings have one index. */
function watchedOf(indexes: readonly Index<unknown>[]): readonly Index<unknown>[] {
  const [first] = indexes;
  if (indexes.length === 1) return first?.isWatched === true ? indexes : NONE;
  return indexes.filter(({ isWatched }) => isWatched);
}

const NONE: readonly never[] = [];

function sameValues(a: readonly string[], b: readonly string[]): boolean {
  return a === b || (a.length === b.length && a.every((value, i) => value === b[i]));
}

/** As `refileAtSource`, for members that the engine keeps; `to` was found when the value was derived. */
function refileDerived(filing: DerivedFiling<unknown>, cell: ValueCell, change: KeyChange, to: readonly string[]): void {
  const from = valuesOf(filing, change.before, change.key);
  filing.move(cell, from, to);
  const watching = watchedOf(filing.indexes);
  if (watching.length > 0) refile(watching, change, from, to);
}

function valuesOf(filing: Filing<unknown>, value: unknown, key: string): readonly string[] {
  return value === undefined ? NONE : filing.valuesOf(value, key);
}

function readsMembers(index: Index<unknown>, { of, before, after, facets }: KeyChange): boolean {
  return index.readWhole > 0 || index.facetsInUse.mayDiffer(of, before, after, facets);
}

function refile(watching: readonly Index<unknown>[], change: KeyChange, from: readonly string[], to: readonly string[] = from): void {
  const { before, after } = change;
  if (from.length === 0 || to.length === 0) {
    for (const index of watching) {
      for (const value of from) left(index, value, change);
      for (const value of to) joined(index, value, change);
    }
    return;
  }
  const wasIn = lookup(from);
  const isIn = from === to ? wasIn : lookup(to);
  for (const index of watching) {
    for (const value of from) if (!isIn(value)) left(index, value, change);
    for (const value of to) if (!wasIn(value)) joined(index, value, change);
    if (before === undefined || after === undefined || !readsMembers(index, change)) continue;
    for (const value of to) if (wasIn(value)) stayed(index.buckets.get(value), change);
  }
}

function left(index: Index<unknown>, value: string, change: KeyChange): void {
  const bucket = index.moved(value, change.key);
  if (bucket?.lenses !== undefined) wakeLenses(bucket, { ...change, after: undefined });
}

function joined(index: Index<unknown>, value: string, change: KeyChange): void {
  const bucket = index.moved(value, change.key);
  if (bucket?.lenses !== undefined) wakeLenses(bucket, { ...change, before: undefined });
}

function stayed(bucket: Bucket | undefined, change: KeyChange): void {
  if (bucket === undefined) return;
  bucket.rows?.wake();
  wakeLenses(bucket, change);
}

// ---- Causes ----

/** Marks readers of causes: the value is the same or was not derived again, but its causes may differ. */
export function passCauses(cell: ValueCell): void {
  if (cell.of.causesWanted) passTo(cell, new Set());
}

function recauseReaders(node: Node): void {
  const seen = new Set<ValueCell>();
  for (const reader of each(node.readers)) recause(reader, seen);
}

function recause(cell: ValueCell, seen: Set<ValueCell>): void {
  const { of } = cell;
  if (seen.has(cell)) return;
  seen.add(cell);
  of.causesKept.delete(cell);
  if (of.usesCauses) of.mark(cell);
  if (of.causesWanted) passTo(cell, seen);
}

function passTo(cell: ValueCell, seen: Set<ValueCell>): void {
  const { of, key, value } = cell;
  toReadersOf(cell);
  for (const filing of of.filings) {
    if (value === undefined || !filing.indexes.some((index) => index.buckets.size > 0)) continue;
    for (const under of filing.valuesOf(value, key)) {
      for (const index of filing.indexes) {
        const bucket = index.buckets.get(under);
        if (bucket === undefined) continue;
        if (bucket.rows !== undefined) toReaders(bucket.rows);
        for (const lens of lensesOf(bucket)) toReaders(lens);
      }
    }
  }

  function toReadersOf(at: Cell): void {
    toReaders(at);
    for (const lens of lensesOf(at)) toReaders(lens);
  }
  function toReaders(node: Node): void {
    for (const reader of each(node.readers)) recause(reader, seen);
  }
}
