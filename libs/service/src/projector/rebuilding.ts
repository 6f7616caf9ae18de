/** Rows of all projections of a context, made anew of the present fold beside those that are published, table by table comparable with them. */
import { type Change, type JsonObject, type Position, type Projection, sameJson, type TableChanges } from '@weft/api';

export type Rows = ReadonlyMap<string, JsonObject>;
/** One row that comes out differently; absent where there is none. */
export type RowMadeAnew = Readonly<{ table: string; key: string; anew?: JsonObject; published?: JsonObject }>;

export type RebuildReport = Readonly<{
  /** Up to which the rows were made. */
  position: Position;
  tables: number;
  rows: number;
  different: number;
  first?: RowMadeAnew;
  /** Whether what was made anew is published from now on, and the projections that made it go on. */
  switched: boolean;
}>;

const NONE: Rows = new Map();

export class Rebuilding {
  readonly projections: readonly Projection[];
  /** Table -> the projection that makes it, and its rows. */
  readonly tables = new Map<string, Readonly<{ by: Projection; rows: Map<string, JsonObject> }>>();

  constructor(projections: readonly Projection[]) {
    this.projections = projections;
  }

  /** A change that the fold has taken since. */
  note(change: Change): void {
    for (const projection of this.projections) projection.note(change);
  }

  /** Makes rows for about `sliceMs`. True once there are all of the present fold: as long as nothing is noted. */
  make(sliceMs: number): boolean {
    for (const projection of this.projections) {
      const { done, changes } = projection.seed(sliceMs);
      for (const { table, changes: rows } of changes) {
        let kept = this.tables.get(table);
        if (kept === undefined) this.tables.set(table, (kept = { by: projection, rows: new Map() }));
        for (const { key, row } of rows) {
          if (row === undefined) kept.rows.delete(key);
          else kept.rows.set(key, row);
        }
      }
      if (!done) return false;
    }
    return true;
  }

  /** What leads from the rows that are published to those made anew. O(rows of the table) */
  differencesOf(table: string, published: Rows = NONE): TableChanges['changes'] {
    const anew: Rows = this.tables.get(table)?.rows ?? NONE;
    const changes: { key: string; row: JsonObject | undefined }[] = [];
    for (const [key, row] of anew) {
      const other = published.get(key);
      if (other === undefined || !sameJson(row, other)) changes.push({ key, row });
    }
    for (const key of published.keys()) if (!anew.has(key)) changes.push({ key, row: undefined });
    return changes;
  }
}
