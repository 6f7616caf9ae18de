/**
 * Snapshot-then-deltas transport for rows (DESIGN 5). The projector of a context (one at a time, under a `term` of its own) owns tables; a table has `rev`
 * (position of its last change) and a digest that does not depend on order. Deltas name the rev before and after; a gap, another digest or another
 * term makes the subscriber ask for that table's snapshot, which has an end mark. Numbered progress messages say how far the projector has read.
 * Nothing here knows what rows mean.
 */
import type { JsonObject } from '@weft/api';

/** `position` is decimal text. */
export type AnyRow = JsonObject;

export type RowChange = Readonly<{ key: string; row: AnyRow | undefined }>;

export interface RowPublisher {
  /** Applies changes to one table at `rev` (a log position at or above the table's present rev) and sends one delta. No change: nothing is sent. */
  change(table: string, changes: readonly RowChange[], rev: bigint): void;
  /** The projector has read the log up to `upTo`. Sent when something changed, else once a second. */
  progress(upTo: bigint): void;
  /**
   * Begins a term (`newTerm`). Before it (after the projection has caught up) nothing is sent and no snapshot answered: no partial views. Rows and their
   * digests stay from one term to the next; tables that have had no rows count from the position of the last `progress`.
   */
  open(term: string): void;
  /** Ends the term: nothing is sent and nothing answered until the next `open`. Changes are taken as before. */
  fallSilent(): Promise<void>;
  readonly tables: ReadonlyMap<string, Readonly<{ rev: bigint; digest: string; rows: ReadonlyMap<string, AnyRow> }>>;
  close(): Promise<void>;
}

export type TableView = Readonly<{
  table: string;
  /** False until a snapshot with its end mark was applied; the rows are then the projector's at `rev`. Stays true through a resync: the last complete rows are kept until the next complete ones replace them. */
  complete: boolean;
  rev: bigint;
  rows: ReadonlyMap<string, AnyRow>;
}>;

export type TableChange = Readonly<{ table: string; changes: readonly RowChange[]; rev: bigint }>;

export interface RowSubscriber {
  /** Starts to mirror a table of a context's projector. A repeat does nothing. */
  follow(context: string, table: string): void;
  /** Stops and forgets it. */
  unfollow(context: string, table: string): void;
  view(table: string): TableView | undefined;
  /**
   * For one context: the position to which everything followed is known to be gapless and equal to the projector's revs (undefined while unknown).
   * A context with no followed tables counts by its progress messages alone. `tables`: only these, which are followed, whatever others lag; none: progress alone.
   */
  gaplessTo(context: string, tables?: Iterable<string>): bigint | undefined;
  /** Changes of rows (also the difference that a snapshot made), in order per table. */
  onChange(listener: (change: TableChange) => void): () => void;
  /** When `gaplessTo` or completeness moved. */
  onProgress(listener: (context: string) => void): () => void;
  close(): Promise<void>;
}
