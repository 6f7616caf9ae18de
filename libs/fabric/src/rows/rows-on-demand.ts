/**
 * Rows made when somebody asks for them, by the projections that services run, from the fold as it is: nothing is made for what nobody asks, and no row is
 * kept beyond its position. Only what rows are made from, and is no row itself (selections of policies, who is a target of which balancer), is derived
 * ahead and follows each change.
 */
import { type Change, type FactsView, factsOf, type JsonObject, type Registry } from '@weft/api';
import { Engine, type FoldedWorld, FoldSources, TrackedFacts } from '@weft/derive';
import { rowsIn } from '../projections.ts';
import { type AskedFold, type FoundRow, foundIn, type Lookup, type RowIndex, recordsOf } from './row-index.ts';
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

  readonly #isOfPart: boolean;

  /**
   * `world` is a fold that must have applied a change before that is given to `note`. `nowMs`: monotonic, for slices. `isOfPart`: the world is a fold of a
   * part of the log, which has to see all that an answer rests on.
   */
  constructor(
    registry: Registry,
    world: FoldedWorld & FactsView,
    { nowMs, isOfPart = false }: Readonly<{ nowMs?: () => number; isOfPart?: boolean }> = {},
  ) {
    this.#world = world;
    this.#isOfPart = isOfPart;
    this.#asked = { facts: factsOf(world), records: recordsOf(world) };
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

  find<R extends JsonObject>(lookup: Lookup<R>, value: string, table?: string): Iterable<FoundRow<R>> {
    if (this.#at !== this.#world.position) {
      this.#made = new Map();
      this.#at = this.#world.position;
    }
    if (this.#isOfPart) lookup.rests?.(this.#asked, table === undefined ? undefined : parseTable(table));
    return foundIn(lookup, this.#asked, (rows, key) => this.#rowsOf(rows, key), value, table);
  }

  #rowsOf(rows: string, key: string): readonly PlacedRow[] {
    const origin = `${rows} ${key}`;
    let made = this.#made.get(origin);
    // A world without the kinds of a projection has none of its rows.
    if (made === undefined) this.#made.set(origin, (made = this.#makers.get(rows)?.(key) ?? NONE));
    return made;
  }
}
