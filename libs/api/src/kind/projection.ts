/**
 * Projections make rows, which hosts mirror, from the fold. A context publishes the rows of all its projections; each table comes from one of them. The
 * registry has the projections of each part, so the code that runs a context names none of them.
 */
import type { Position } from '../log/envelope.ts';
import type { JsonObject } from '../log/json.ts';
import type { Registry } from '../registry/registry.ts';
import type { Change, FactsView } from './kind.ts';

/** The rows of one table that differ; `row` is undefined for a removed one. */
export type TableChanges = Readonly<{
  table: string;
  changes: readonly Readonly<{ key: string; row: JsonObject | undefined }>[];
}>;

export interface Projection {
  /** Unique within its context, for people. */
  readonly name: string;
  /** Raised by one whenever a new version of the code makes other rows of the same log. */
  readonly version: number;
  /** Takes changes in log order, each after the fold has applied it, and gives the rows that differ. */
  onChange(change: Change): readonly TableChanges[];
  /**
   * The same for about `sliceMs` at a time: undefined while there is more to do. Then it is called again, without a change, before the fold goes on.
   */
  slice?(change: Change | undefined, sliceMs: number): readonly TableChanges[] | undefined;
  /**
   * Makes the rows of what was there before this projection, for about `sliceMs`; to be called until `done`. Changes in between are given to `note`, and to
   * `onChange` only after that.
   */
  seed(sliceMs: number): Readonly<{ done: boolean; changes: readonly TableChanges[] }>;
  /** Takes a change whose rows `seed` will make. */
  note(change: Change): void;
  /** The rows that could not be made, for people. They count as absent. */
  readonly faults?: readonly string[];
  /**
   * Makes some rows once more, for about `sliceMs`; the next call goes on from there, without end. `differ` names rows that came out differently, which
   * is a bug in this program; `changes` corrects them.
   */
  audit?(sliceMs: number): Readonly<{ differ: readonly string[]; changes: readonly TableChanges[] }>;
}

/** The states and records of a fold. */
export interface FoldView extends FactsView {
  readonly position: Position;
  count(kind: string, namespace?: string): number;
  /** The records of a ledger, by key. */
  records(ledger: string): ReadonlyMap<string, unknown>;
}

/** `nowMs`: monotonic. */
export type ProjectionOver = (registry: Registry, fold: FoldView, nowMs: () => number) => Projection;
