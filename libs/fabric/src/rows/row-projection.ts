/**
 * From the fold to rows: what every projection of this library has in common. A projection declares how its rows are derived; reads are tracked (ADR 19), so
 * rows are functions of present state, whichever way that was reached.
 *
 *   const routing: RowsOf = { name: 'routing', version: 2, kinds: [Host, …], declare: ({ map, from }) => map('rows of hosts', from.kind('Host'), …) };
 *   new RowProjection(routing, registry, fold)
 */
import type { Change, JsonObject, KindRef, KindTypes, LedgerRef, Projection, Registry } from '@weft/api';
import {
  type Collection,
  type Derived,
  Engine,
  type FoldCollections,
  type FoldedWorld,
  FoldSources,
  type Graph,
  type Index,
  type Read,
  TrackedFacts,
} from '@weft/derive';
import { sameRow } from './provenance.ts';
import type { Row, TableName } from './rows.ts';

/** The same shape as the bus's RowChange; `row` is undefined for a removal. */
export type ProjectedRow = Readonly<{ key: string; row: JsonObject | undefined }>;
export type ProjectedChange = Readonly<{ table: string; changes: readonly ProjectedRow[] }>;

/** A row and where it belongs. */
export type PlacedRow = Readonly<{ table: TableName; key: string; row: Row }>;

/** Rows of one key. `read.causes()` are the events behind all that it has read so far. */
export type MakeRows = (key: string, facts: TrackedFacts, read: Read) => readonly PlacedRow[];

export type RowMaker = Readonly<{
  /** For what rows are made of and no row itself. */
  engine: Engine;
  from: FoldCollections;
  /** Rows for each key of a collection. */
  map: (name: string, over: Collection<unknown>, make: MakeRows) => void;
  /** Rows for each value of an index that has members. */
  group: (name: string, over: Index<unknown>, make: MakeRows) => void;
}>;

export type RowsOf = Readonly<{
  /** Unique within its context, for people. */
  name: string;
  /** Raised by one whenever a new version of the code makes other rows of the same log. */
  version: number;
  /** The kinds that it cannot do without: a world without one of them has none of these rows. */
  kinds: readonly KindRef<KindTypes>[];
  /** Ledgers that it reads, likewise. */
  ledgers?: readonly LedgerRef<unknown>[];
  declare: (maker: RowMaker) => void;
}>;

export class RowProjection implements Projection {
  readonly name: string;
  readonly version: number;
  readonly #engine: Engine;
  readonly #sources: FoldSources;
  #output = new Output();

  /** `world` is a fold that must have applied a change before that is given to `onChange`. `nowMs`: monotonic, for audits. */
  constructor({ name, version, declare }: RowsOf, registry: Registry, world: FoldedWorld, nowMs?: () => number) {
    this.name = name;
    this.version = version;
    const engine = new Engine(nowMs === undefined ? {} : { now: nowMs });
    this.#engine = engine;
    this.#sources = new FoldSources(registry, world);
    const from = this.#sources.within(engine);
    const derive = (make: MakeRows) => (key: string, read: Read) => {
      const rows = make(key, new TrackedFacts(from, read), read);
      return rows.length === 0 ? undefined : rows;
    };
    const listen = (rows: Derived<readonly PlacedRow[]>) => rows.listen((_, before, after) => this.#output.moved(before, after));
    declare({
      engine,
      from,
      map: (rows, over, make) => listen(engine.map(rows, over, derive(make), { same: sameRows })),
      group: (rows, over, make) => listen(engine.group(rows, over, derive(make), { same: sameRows })),
    });
  }

  /**
   * Takes changes in log order and gives the rows that differ. O(rows that the change touches). The first call also gives the rows that existed at the
   * start.
   */
  onChange(change: Change): readonly ProjectedChange[] {
    this.note(change);
    return this.settle();
  }

  note(change: Change): void {
    this.#sources.apply(change);
  }

  seed(sliceMs: number): Readonly<{ done: boolean; changes: readonly ProjectedChange[] }> {
    const done = this.#engine.settleSlice(sliceMs);
    return { done, changes: this.#made() };
  }

  slice(change: Change | undefined, sliceMs: number): readonly ProjectedChange[] | undefined {
    if (change !== undefined) this.#sources.apply(change);
    return this.#engine.settleSlice(sliceMs) ? this.#made() : undefined;
  }

  /** Gives the rows that differ from those given before. */
  settle(): readonly ProjectedChange[] {
    this.#engine.settle();
    return this.#made();
  }

  #made(): readonly ProjectedChange[] {
    if (this.#output.isEmpty) return NONE;
    const output = this.#output;
    this.#output = new Output();
    return output.changes();
  }

  /** Derives some rows once more, for about this long, and corrects those that differ. */
  audit(sliceMs: number): Readonly<{ differ: readonly string[]; changes: readonly ProjectedChange[] }> {
    const { findings } = this.#engine.auditSlice(sliceMs);
    return { differ: findings.map(({ collection, key, what }) => `${collection} ${key}: ${what}`), changes: this.settle() };
  }

  /** The rows whose derivation threw, with the error, for people. They count as absent. */
  get faults(): readonly string[] {
    return [...this.#engine.faults()].map(({ collection, key, error }) => `${collection} ${key}: ${error.message}`);
  }

  describe(): Graph {
    return this.#engine.describe();
  }

  /** How often rows, and what they are made of, were derived; tests set budgets for it. */
  get evaluations(): number {
    return this.#engine.derived.reduce((sum, { evaluations }) => sum + evaluations, 0);
  }
}

const NONE: readonly ProjectedChange[] = [];

function isAt(a: PlacedRow, b: PlacedRow): boolean {
  return a.table === b.table && a.key === b.key;
}

function isSame(a: PlacedRow, b: PlacedRow): boolean {
  return isAt(a, b) && sameRow(a.row, b.row);
}

function sameRows(a: readonly PlacedRow[], b: readonly PlacedRow[]): boolean {
  return a.length === b.length && a.every((row, i) => isSame(row, b[i] as PlacedRow));
}

/** Gathers row changes by table. */
class Output {
  readonly #tables = new Map<string, Map<string, Row | undefined>>();

  get isEmpty(): boolean {
    return this.#tables.size === 0;
  }

  /** The rows that one key had, and has. They are few. */
  moved(before: readonly PlacedRow[] = [], after: readonly PlacedRow[] = []): void {
    for (const row of before) if (!after.some((other) => isAt(row, other))) this.#add(row.table, row.key, undefined);
    for (const row of after) if (!before.some((other) => isSame(row, other))) this.#add(row.table, row.key, row.row);
  }

  changes(): readonly ProjectedChange[] {
    return [...this.#tables].map(([table, rows]) => ({
      table,
      changes: [...rows].map(([key, row]) => ({ key, row })),
    }));
  }

  /** When one key leaves a row and another one takes it over, the row is there, whichever of the two comes first. */
  #add(table: string, key: string, row: Row | undefined): void {
    let rows = this.#tables.get(table);
    if (rows === undefined) this.#tables.set(table, (rows = new Map()));
    if (row !== undefined || !rows.has(key)) rows.set(key, row);
  }
}
