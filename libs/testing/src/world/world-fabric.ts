/**
 * Rows, each host's kernel objects and packets of a World, computed from each change by the code that services and agents run:
 *
 *   const fabric = new WorldFabric(world);
 *   world.watch(fabric.onChange);
 *   fabric.kernelOf('host-a'); fabric.evaluate({ from: uid, src: '10.0.0.1', dst: '10.0.0.2' });
 */
import type { Change, Fold, JsonObject, Registry } from '@weft/api';
import type { Graph } from '@weft/derive';
import {
  Compiler,
  decodeHostRow,
  evaluate,
  hostsTable,
  type KernelState,
  type Packet,
  type ProjectedChange,
  RowProjection,
  rowsIn,
  TableRows,
  type Verdict,
} from '@weft/fabric';

type Rows = Map<string, JsonObject>;

export class WorldFabric {
  readonly #projections: readonly RowProjection[];
  readonly #tables = new Map<string, Rows>();
  /** As packets ask them; until the next change. */
  #rows: TableRows | undefined;
  /** By host name, under the identity that its row gives. */
  readonly #compilers = new Map<string, Readonly<{ identity: string; compiler: Compiler }>>();

  /** Begins with the present states of the fold. Each later change must be given to `onChange` after the fold has applied it. */
  constructor({ registry, fold }: Readonly<{ registry: Registry; fold: Fold }>) {
    this.#projections = rowsIn(registry).map((rows) => new RowProjection(rows, registry, fold));
    for (const projection of this.#projections) this.#take(projection.settle());
  }

  readonly onChange = (change: Change): void => {
    for (const projection of this.#projections) this.#take(projection.onChange(change));
  };

  /** Rows that could not be made. */
  get faults(): readonly string[] {
    return this.#projections.flatMap(({ faults }) => faults);
  }

  /** The tables that have rows. */
  get tables(): ReadonlyMap<string, ReadonlyMap<string, JsonObject>> {
    return this.#tables;
  }
  get hosts(): readonly string[] {
    return [...this.#compilers.keys()];
  }

  /** What the kernel of a host holds once it has applied everything: links of NICs that are in rows are up. Undefined for a host that is not registered. */
  kernelOf(host: string): KernelState | undefined {
    return this.#compilers.get(host)?.compiler.state;
  }

  /** What rows are made from, and what kernel objects are made from: one for each host that is registered. */
  describe(): Readonly<{ rows: readonly Readonly<{ projection: string; graph: Graph }>[]; compile: readonly Graph[] }> {
    return {
      rows: this.#projections.map((projection) => ({ projection: projection.name, graph: projection.describe() })),
      compile: [...this.#compilers.values()].map(({ compiler }) => compiler.describe()),
    };
  }

  evaluate(packet: Packet): Verdict {
    this.#rows ??= new TableRows(this.#tables);
    return evaluate({ rows: this.#rows }, packet);
  }

  #take(projected: readonly ProjectedChange[]): void {
    this.#rows = undefined;
    for (const { table, changes } of projected) {
      const rows = this.#tables.get(table) ?? new Map<string, JsonObject>();
      this.#tables.set(table, rows);
      for (const { key, row } of changes) {
        if (row === undefined) rows.delete(key);
        else rows.set(key, row);
      }
      if (rows.size === 0) this.#tables.delete(table);
      for (const { compiler } of this.#compilers.values()) compiler.applyRows(table, changes);
      if (table === hostsTable) for (const { key, row } of changes) this.#identify(key, row);
    }
    for (const { compiler } of this.#compilers.values()) compiler.raise([...compiler.down.keys()]);
  }

  /** When the number or the address of a host changes, its compiler is made again, as in its agent. */
  #identify(host: string, row: JsonObject | undefined): void {
    const decoded = decodeHostRow(row);
    if (decoded === undefined) {
      this.#compilers.delete(host);
      return;
    }
    const identity = `${decoded.index} ${decoded.underlay}`;
    if (this.#compilers.get(host)?.identity === identity) return;
    const compiler = new Compiler({ host, index: decoded.index, underlay: decoded.underlay });
    for (const [table, rows] of this.#tables) {
      compiler.applyRows(
        table,
        [...rows].map(([key, present]) => ({ key, row: present })),
      );
    }
    this.#compilers.set(host, { identity, compiler });
  }
}
