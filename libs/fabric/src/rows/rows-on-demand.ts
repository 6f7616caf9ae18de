/**
 * Rows made when somebody asks for them, by the projections that services run, from the fold as it is: nothing is made for what nobody asks, and no row is
 * kept beyond its position. Only what rows are made from, and is no row itself (selections of policies, who is a target of which balancer), is derived
 * ahead and follows each change.
 */
import { type Change, type FactsView, factsOf, type JsonObject, type LedgerRef, type Registry } from '@weft/api';
import { Engine, type FoldedWorld, FoldSources, TrackedFacts } from '@weft/derive';
import { rowsIn } from '../projections.ts';
import type { AskedFold, FoundRow, Lookup, RowIndex } from './row-index.ts';
import type { MakeRows, PlacedRow, RowMaker } from './row-projection.ts';
import { parseTable } from './rows.codec.ts';

const NONE: readonly PlacedRow[] = [];

export class RowsOnDemand implements RowIndex {
  readonly #world: FoldedWorld;
  readonly #asked: AskedFold;
  readonly #engine: Engine;
  readonly #sources: FoldSources;
  readonly #makers = new Map<string, (key: string) => readonly PlacedRow[] | undefined>();
  /** Rows of the present position, by origin: those of one packet are few. */
  #made = new Map<string, readonly PlacedRow[]>();
  #at: bigint | undefined;

  /** `world` is a fold that must have applied a change before that is given to `note`. `nowMs`: monotonic, for slices. */
  constructor(registry: Registry, world: FoldedWorld & FactsView, nowMs?: () => number) {
    this.#world = world;
    // A ledger's own definition made its records.
    this.#asked = { facts: factsOf(world), records: <R>({ ledger }: LedgerRef<R>) => world.records(ledger) as ReadonlyMap<string, R> };
    this.#engine = new Engine(nowMs === undefined ? {} : { now: nowMs });
    this.#sources = new FoldSources(registry, world);
    const from = this.#sources.within(this.#engine);
    const add = (name: string, over: Parameters<RowMaker['map']>[1] | Parameters<RowMaker['group']>[1], make: MakeRows) =>
      void this.#makers.set(
        name,
        this.#engine.onDemand(name, over, (key, read) => make(key, new TrackedFacts(from, read), read)),
      );
    for (const { declare } of rowsIn(registry)) declare({ engine: this.#engine, from, map: add, group: add });
  }

  note(change: Change): void {
    this.#at = undefined;
    this.#sources.apply(change);
  }

  /** Derives ahead what waits for it, for about this long; gives whether all of it is done. Only then rows may be asked for. */
  settle(sliceMs?: number): boolean {
    if (sliceMs !== undefined) return this.#engine.settleSlice(sliceMs);
    this.#engine.settle();
    return true;
  }

  *find<R extends JsonObject>({ kind, decode, valuesOf, origins }: Lookup<R>, value: string, table?: string): Iterable<FoundRow<R>> {
    if (this.#at !== this.#world.position) {
      this.#made = new Map();
      this.#at = this.#world.position;
    }
    for (const { rows, key: from } of origins(this.#asked, value, table === undefined ? undefined : parseTable(table))) {
      for (const { table: of, key, row: made } of this.#rowsOf(rows, from)) {
        if (table === undefined ? parseTable(of)?.kind !== kind : of !== table) continue;
        const row = decode(made, key);
        if (row !== undefined && (valuesOf?.(row) ?? [key]).includes(value)) yield { table: of, key, row };
      }
    }
  }

  #rowsOf(rows: string, key: string): readonly PlacedRow[] {
    const origin = `${rows} ${key}`;
    let made = this.#made.get(origin);
    // A world without the kinds of a projection has none of its rows.
    if (made === undefined) this.#made.set(origin, (made = this.#makers.get(rows)?.(key) ?? NONE));
    return made;
  }
}
