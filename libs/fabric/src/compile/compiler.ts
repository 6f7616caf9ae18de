/**
 * From rows to what one host's kernel should hold, change by change: row changes in, changes of kernel objects out, at a cost that grows with the
 * change. The result is that of `compile`, whatever the path.
 *
 *   row changes ──> FollowedRows ──> engine: deriveObjects ──> DerivedState
 *                   (sources)                    └───────────> KernelChange
 */
import { type Derived, Engine, type Finding, type Graph } from '@weft/derive';
import type { TargetCheck } from '../balancing/checks.ts';
import { FEATURES } from '../features.ts';
import type { Feature } from '../kernel/feature.ts';
import type { HostIdentity, KernelObject, KernelState } from '../kernel/kernel-objects.ts';
import type { ProjectedRow } from '../rows/row-projection.ts';
import type { PlacementRow } from '../rows/rows.ts';
import { type DerivedObjects, deriveObjects } from './compile.derived.ts';
import { entryOfBlock, type PlacedBlock } from './compile.entries.ts';
import { DerivedState } from './derived-state.ts';
import { FollowedRows } from './followed-rows.ts';

/** A key is in one of both, never in both. */
export type KernelChange = Readonly<{ put: readonly KernelObject[]; remove: readonly KernelObject[] }>;

export class Compiler {
  readonly state: KernelState;
  /** Placements whose link is down, by NIC uid. */
  readonly down: ReadonlyMap<string, PlacementRow>;
  /** Interfaces here that have to be asked whether they serve. */
  readonly checks: Derived<TargetCheck>;
  readonly #rows: FollowedRows;
  readonly #engine: Engine;
  readonly #objects: DerivedObjects;
  #put: KernelObject[] = [];
  #remove: KernelObject[] = [];

  /** `nowMs` bounds slices of the audit: without it there are none. */
  constructor(identity: HostIdentity, nowMs?: () => number, features: readonly Feature[] = FEATURES) {
    this.#engine = new Engine(nowMs === undefined ? {} : { now: nowMs });
    this.#rows = new FollowedRows(identity);
    const derived = deriveObjects(this.#engine, identity, this.#rows, features);
    this.#objects = derived.objects;
    this.state = new DerivedState(derived);
    this.down = this.#rows.down;
    this.checks = derived.checks;
    const all: readonly Derived<KernelObject>[] = Object.values(this.#objects);
    for (const objects of all) objects.listen((_, before, after) => this.#moved(before, after));
    derived.blocks?.listen((_, before, after) => this.#movedBlock(before, after));
  }

  /** Networks with a placement here: those whose endpoints this host needs. */
  *networks(): Iterable<number> {
    for (const vni of this.#objects.router.keys()) yield Number(vni);
  }

  /** Changes of one table, in order. Tables and rows that are not understood count as absent. */
  applyRows(table: string, changes: readonly ProjectedRow[]): KernelChange {
    this.#rows.apply(table, changes);
    return this.#settle();
  }

  /** Keys of the rows of a table that are there. */
  keysOf(table: string): readonly string[] {
    return this.#rows.keysOf(table);
  }

  /** The table is no longer followed: as if all its rows were removed. */
  forget(table: string): KernelChange {
    return this.applyRows(
      table,
      this.#rows.keysOf(table).map((key) => ({ key, row: undefined })),
    );
  }

  /** Lets the links of these NICs come up; it lasts as long as their placement (same network, same `placedAt`). A repeat changes nothing. */
  raise(nics: Iterable<string>): KernelChange {
    for (const nic of nics) this.#rows.raise(nic);
    return this.#settle();
  }

  /** For `compile`: what was raised. */
  isUp(placement: PlacementRow): boolean {
    return this.#rows.isUp(placement);
  }

  /** Checks some of what was derived once more, for about this long, and mends what differs. A finding is a fault in this program. */
  auditSlice(sliceMs: number): Readonly<{ findings: readonly Finding[]; change: KernelChange }> {
    const { findings } = this.#engine.auditSlice(sliceMs);
    return { findings, change: this.#settle() };
  }

  /** Objects that could not be made, with the error; they count as absent. */
  get faults(): readonly string[] {
    return [...this.#engine.faults()].map(({ collection, key, error }) => `${collection} ${key}: ${error.message}`);
  }

  describe(): Graph {
    return this.#engine.describe();
  }

  /** How often objects, and what they are made of, were made anew; tests set budgets for it. */
  get evaluations(): number {
    return this.#engine.derived.reduce((sum, { evaluations }) => sum + evaluations, 0);
  }

  #settle(): KernelChange {
    this.#engine.settle();
    const change = { put: this.#put, remove: this.#remove };
    this.#put = [];
    this.#remove = [];
    return change;
  }

  #moved(before: KernelObject | undefined, after: KernelObject | undefined): void {
    if (after !== undefined) this.#put.push(after);
    else if (before !== undefined) this.#remove.push(before);
  }

  /** Entries whose values stay do not move: no kernel holds their position. */
  #movedBlock(before: PlacedBlock | undefined, after: PlacedBlock | undefined): void {
    const length = Math.max(before?.values.length ?? 0, after?.values.length ?? 0);
    for (let at = 0; at < length; at++) {
      const value = after?.values[at];
      if (value === before?.values[at]) continue;
      if (value !== undefined) this.#put.push(entryOfBlock(after as PlacedBlock, at));
      else this.#remove.push(entryOfBlock(before as PlacedBlock, at));
    }
  }
}
