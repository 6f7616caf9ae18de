/**
 * Routing: from the fold to the rows that hosts mirror (`hosts`, `placements.<host>`, `endpoints.<vni>`).
 *
 *   Network -- vni --------------+
 *   NetworkInterface -- index, --+--> endpoints.<vni>          (placed, and the network has a number)
 *       addresses, placement     +--> placements.<host>        (and the host holds that network)
 *   Host -- index, underlay -----|--> hosts
 *        -- holds ---------------+
 *
 * Rows are functions of present state with tracked reads. So they equal a full join over all states (`routing.oracle.ts`), on whichever path these were
 * reached. A row depends on the events of the facets that it read: its position is the highest of theirs.
 */
import { type Change, type JsonObject, nameFrom, type Registry } from '@weft/api';
import { Engine, type FoldedWorld, FoldSources, type Graph, TrackedFacts } from '@weft/derive';
import type { Row, TableName } from '../rows/rows.ts';
import { holdOf, networkNumber, placedNic, registeredHost } from './routing.reads.ts';
import { endpointRow, hostRow, placementRow, sameRow } from './routing.rows.ts';

/** The same shape as the bus's RowChange; `row` is undefined for a removal. */
export type ProjectedRow = Readonly<{ key: string; row: JsonObject | undefined }>;
export type ProjectedChange = Readonly<{ table: string; changes: readonly ProjectedRow[] }>;

type Placed = Readonly<{ table: TableName; key: string; row: Row }>;
/** Both rows of one interface. */
type NicRows = Readonly<{ endpoint?: Placed; placement?: Placed }>;

export class RoutingProjection {
  readonly name = 'routing';
  /** Raised by one whenever a new version of the code makes other rows of the same log. */
  readonly version = 2;
  readonly #engine: Engine;
  readonly #sources: FoldSources;
  #output = new Output();

  /** `world` is a fold that must have applied a change before that is given to `onChange`. `nowMs`: monotonic, for audits. */
  constructor(registry: Registry, world: FoldedWorld, nowMs?: () => number) {
    const engine = new Engine(nowMs === undefined ? {} : { now: nowMs });
    this.#engine = engine;
    this.#sources = new FoldSources(registry, world);
    const from = this.#sources.within(engine);
    const { kind } = from;

    engine
      .map<Placed>(
        'rows of hosts',
        kind('Host'),
        (key, read) => {
          const host = new TrackedFacts(from, read).see(registeredHost, nameFrom(key));
          return host && { table: 'hosts', key: host.host, row: hostRow(host, read.causes()) };
        },
        { same: samePlaced },
      )
      .listen((_, before, after) => this.#output.moved(before, after));
    engine
      .map<NicRows>(
        'rows of interfaces',
        kind('NetworkInterface'),
        (key, read) => {
          const facts = new TrackedFacts(from, read);
          const nic = facts.see(placedNic, nameFrom(key));
          const vni = nic && facts.see(networkNumber, { namespace: nic.namespace, name: nic.network });
          if (nic === undefined || vni === undefined) return undefined;
          // The endpoint does not depend on the hold, which is read after it.
          const endpoint = endpointRow(nic, vni, read.causes());
          const heldAt = facts.see(holdOf, { name: nic.host }, String(vni));
          const placement = heldAt === undefined ? undefined : placementRow(nic, vni, heldAt, read.causes());
          return {
            ...(endpoint && { endpoint: { table: `endpoints.${vni}`, key: nic.uid, row: endpoint } as const }),
            ...(placement && { placement: { table: `placements.${nic.host}`, key: nic.uid, row: placement } as const }),
          };
        },
        { same: (a, b) => sameOrNone(a.endpoint, b.endpoint) && sameOrNone(a.placement, b.placement) },
      )
      .listen((_, before, after) => {
        this.#output.moved(before?.endpoint, after?.endpoint);
        this.#output.moved(before?.placement, after?.placement);
      });
  }

  /**
   * Takes changes in log order and gives the rows that differ. O(rows that the change touches). The first call also gives the rows that existed at the
   * start.
   */
  onChange(change: Change): readonly ProjectedChange[] {
    this.#sources.apply(change);
    return this.settle();
  }

  /** Gives the rows that differ from those given before. */
  settle(): readonly ProjectedChange[] {
    this.#engine.settle();
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

  /** How often rows were derived; tests set budgets for it. */
  get evaluations(): number {
    return this.#engine.derived.reduce((sum, { evaluations }) => sum + evaluations, 0);
  }
}

const NONE: readonly ProjectedChange[] = [];

function samePlaced(a: Placed, b: Placed): boolean {
  return a.table === b.table && a.key === b.key && sameRow(a.row, b.row);
}

function sameOrNone(a: Placed | undefined, b: Placed | undefined): boolean {
  return a === undefined || b === undefined ? a === b : samePlaced(a, b);
}

/** Gathers row changes by table. */
class Output {
  readonly #tables = new Map<string, Map<string, Row | undefined>>();

  get isEmpty(): boolean {
    return this.#tables.size === 0;
  }

  moved(before: Placed | undefined, after: Placed | undefined): void {
    if (before !== undefined && after !== undefined && samePlaced(before, after)) return;
    if (before !== undefined && (after === undefined || before.table !== after.table || before.key !== after.key)) {
      this.#add(before.table, before.key, undefined);
    }
    if (after !== undefined) this.#add(after.table, after.key, after.row);
  }

  changes(): readonly ProjectedChange[] {
    return [...this.#tables].map(([table, rows]) => ({
      table,
      changes: [...rows].map(([key, row]) => ({ key, row })),
    }));
  }

  /** When one interface leaves a key and another one takes it over, the key has a row, whichever of the two comes first. */
  #add(table: string, key: string, row: Row | undefined): void {
    let rows = this.#tables.get(table);
    if (rows === undefined) this.#tables.set(table, (rows = new Map()));
    if (row !== undefined || !rows.has(key)) rows.set(key, row);
  }
}
