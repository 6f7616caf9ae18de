/** All rows of a world that is switched between the fold and its forks, made by the projections that services run, and what differs in them. */
import type { Change, JsonObject, Registry } from '@weft/api';
import type { FoldedWorld } from '@weft/derive';
import { rowsIn } from '../projections.ts';
import { type ProjectedChange, RowProjection } from '../rows/row-projection.ts';

export type RowDifference = Readonly<{ table: string; key: string; before?: JsonObject; after?: JsonObject }>;

type Rows = Map<string, JsonObject>;

export class StandingRows {
  readonly #projections: readonly RowProjection[];
  readonly #tables = new Map<string, Rows>();
  /** By table and key: the row when noting began. */
  #noted: Map<string, Map<string, JsonObject | undefined>> | undefined;

  constructor(registry: Registry, world: FoldedWorld, nowMs: () => number) {
    this.#projections = rowsIn(registry).map((rows) => new RowProjection(rows, registry, world, nowMs));
  }

  note(change: Change): void {
    for (const projection of this.#projections) projection.note(change);
  }

  /** Gives whether all rows are those of the world. */
  settle(sliceMs: number): boolean {
    for (const projection of this.#projections) {
      const { done, changes } = projection.seed(sliceMs);
      this.#take(changes);
      if (!done) return false;
    }
    return true;
  }

  get tables(): ReadonlyMap<string, ReadonlyMap<string, JsonObject>> {
    return this.#tables;
  }

  /** From now on `differences` tells what has become of rows. */
  watch(): void {
    this.#noted = new Map();
  }

  /** Rows whose contents differ from when `watch` was called; where they come from is not compared. */
  *differences(): Iterable<RowDifference> {
    for (const [table, keys] of [...(this.#noted ?? [])].sort(byName)) {
      for (const [key, before] of [...keys].sort(byName)) {
        const after = this.#tables.get(table)?.get(key);
        if (sameContents(before, after)) continue;
        yield { table, key, ...(before !== undefined && { before }), ...(after !== undefined && { after }) };
      }
    }
  }

  unwatch(): void {
    this.#noted = undefined;
  }

  #take(projected: readonly ProjectedChange[]): void {
    for (const { table, changes } of projected) {
      let rows = this.#tables.get(table);
      if (rows === undefined) this.#tables.set(table, (rows = new Map()));
      for (const { key, row } of changes) {
        this.#note(table, key, rows.get(key));
        if (row === undefined) rows.delete(key);
        else rows.set(key, row);
      }
      if (rows.size === 0) this.#tables.delete(table);
    }
  }

  #note(table: string, key: string, before: JsonObject | undefined): void {
    if (this.#noted === undefined) return;
    let keys = this.#noted.get(table);
    if (keys === undefined) this.#noted.set(table, (keys = new Map()));
    if (!keys.has(key)) keys.set(key, before);
  }
}

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1;
}

/** Positions in rows: a fork has others than the log. */
const OF_THE_LOG = new Set(['position', 'because', 'placedAt', 'heldAt']);

/** What of a row hosts act on. */
export function contentsOf(row: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(row).filter(([name]) => !OF_THE_LOG.has(name)));
}

function sameContents(a: JsonObject | undefined, b: JsonObject | undefined): boolean {
  if (a === b) return true;
  return a !== undefined && b !== undefined && JSON.stringify(contentsOf(a)) === JSON.stringify(contentsOf(b));
}
