/**
 * From the fold to rows that hosts mirror. A context publishes the rows of all its projections, each table of one of them; what a part brings is found in
 * the registry, so that whoever runs the context names none of them.
 */
import type { Position } from '../log/envelope.ts';
import type { JsonObject } from '../log/json.ts';
import type { Registry } from '../registry/registry.ts';
import type { Change, FactsView } from './kind.ts';

/** Rows of one table that differ; `row` is undefined for one that is gone. */
export type TableChanges = Readonly<{
  table: string;
  changes: readonly Readonly<{ key: string; row: JsonObject | undefined }>[];
}>;

export interface Projection {
  /** Unique within its context, for people. */
  readonly name: string;
  /** Counts up when the rows of the same log come out differently. */
  readonly version: number;
  /** Changes in log order, each after the fold took it in; the rows that differ. */
  onChange(change: Change): readonly TableChanges[];
  /** Rows that could not be made, for people; they count as absent. */
  readonly faults?: readonly string[];
  /**
   * Makes some rows once more, for about `sliceMs`, going round and round; `differ` names those that came out otherwise, which is a fault in this program.
   * They are mended: `changes`.
   */
  audit?(sliceMs: number): Readonly<{ differ: readonly string[]; changes: readonly TableChanges[] }>;
}

/** States and records as a fold has them. */
export interface FoldView extends FactsView {
  readonly position: Position;
  count(kind: string, namespace?: string): number;
  /** Of a ledger, by key. */
  records(ledger: string): ReadonlyMap<string, unknown>;
}

/** `nowMs`: monotonic. */
export type ProjectionOver = (registry: Registry, fold: FoldView, nowMs: () => number) => Projection;
