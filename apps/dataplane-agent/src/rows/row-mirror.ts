/**
 * Which tables this host follows, and what their changes mean for the kernel.
 *
 *   hosts, edges, placements.<this host>,
 *     imports.<this host>                                always
 *   the tables of a network                              for each network that has a placement here
 *   those of them that peers need                        for each network that this host imports (ADR 29); the kernel gets nothing of them yet
 *   the public tables                                    while this host has an uplink (ADR 31); the kernel gets nothing of them yet
 *
 * This file decides two conditions. *Complete*: every followed table has had its snapshot and the projector's progress is gapless, so what the kernel
 * holds beyond the rows may go. *The gate*: a NIC's link comes up once the progress of every projector, those without rows for this host
 * included, is gapless to the position of its placement (DESIGN 5), so that no isolation is still on its way.
 */
import { type Clock, CONTEXTS } from '@weft/api';
import type { RowChange, RowSubscriber, TableChange } from '@weft/bus';
import {
  Compiler,
  decodeEdgeRow,
  decodeImportRow,
  edgesTable,
  type FollowedTable,
  type HostIdentity,
  hostsTable,
  importsTable,
  type KernelChange,
  type KernelState,
  type PlacementRow,
  parseTable,
  placementsTable,
  tablesOfEdge,
  tablesOfHost,
  tablesOfImport,
  tablesOfNetwork,
} from '@weft/fabric';

export type RowMirrorOptions = Readonly<{
  identity: HostIdentity;
  subscriber: RowSubscriber;
  clock: Clock;
  /** What the kernel holds: a link that is up for this very placement stays up. */
  actual: Pick<KernelState, 'get'>;
  /** Kernel objects that changed, with the table that made them change and its rev. */
  onChange: (change: KernelChange, table: string, rev: bigint) => void;
  /** A table is no longer followed. */
  onLeft: (table: string) => void;
  /** Completeness or the gate moved. */
  onProgress: () => void;
}>;

export class RowMirror {
  readonly compiler: Compiler;
  readonly #options: RowMirrorOptions;
  readonly #placements: string;
  readonly #imports: string;
  /** VNIs of networks with a placement here. */
  readonly #networks = new Set<number>();
  /** VNIs of networks that this host imports. */
  readonly #imported = new Set<number>();
  /** Whether this host has an uplink, so that it follows what is public. */
  #edge = false;
  /** Tables of these networks, and what is public, by name. */
  #followed: ReadonlyMap<string, FollowedTable> = new Map();
  #ends: (() => void)[] = [];

  constructor(options: RowMirrorOptions) {
    this.#options = options;
    this.#placements = placementsTable(options.identity.host);
    this.#imports = importsTable(options.identity.host);
    this.compiler = new Compiler(options.identity, () => options.clock.monotonicMs());
  }

  start(): void {
    const { subscriber } = this.#options;
    this.#ends = [subscriber.onChange((change) => this.#rowsChanged(change)), subscriber.onProgress(() => this.#progressed())];
    const tables = tablesOfHost(this.#options.identity.host);
    for (const { table, context } of tables) subscriber.follow(context, table);
    // Rows that were there before this mirror began to listen.
    for (const { table } of tables) this.#takeView(table);
    this.#progressed();
  }

  stop(): void {
    for (const end of this.#ends) end();
    this.#ends = [];
  }

  /** Tables followed now. */
  *tables(): Iterable<FollowedTable> {
    yield* tablesOfHost(this.#options.identity.host);
    yield* this.#followed.values();
  }

  *completeTables(): Iterable<{ table: string; rev: bigint }> {
    for (const { table } of this.tables()) {
      const view = this.#options.subscriber.view(table);
      if (view?.complete === true) yield { table, rev: view.rev };
    }
  }

  get complete(): boolean {
    const { subscriber } = this.#options;
    for (const { table, context } of this.tables())
      if (subscriber.view(table)?.complete !== true || subscriber.gaplessTo(context) === undefined) return false;
    return true;
  }

  /** The position to which every projector is known to have read, without a gap; undefined while one is silent. */
  get gate(): bigint | undefined {
    let lowest: bigint | undefined;
    for (const context of CONTEXTS) {
      const upTo = this.#options.subscriber.gaplessTo(context);
      if (upTo === undefined) return undefined;
      if (lowest === undefined || upTo < lowest) lowest = upTo;
    }
    return lowest;
  }

  /** Contexts whose projectors are not heard, for people. */
  get silent(): readonly string[] {
    return CONTEXTS.filter((context) => this.#options.subscriber.gaplessTo(context) === undefined);
  }

  /** This host's own row: 'unknown' until the table is complete. */
  get ownRow(): 'unknown' | 'same' | 'missing' | 'different' {
    const view = this.#options.subscriber.view(hostsTable);
    if (view?.complete !== true) return 'unknown';
    const { host, index, underlay } = this.#options.identity;
    const row = view.rows.get(host);
    if (row === undefined) return 'missing';
    return row['index'] === index && row['underlay'] === underlay ? 'same' : 'different';
  }

  #takeView(table: string): void {
    const view = this.#options.subscriber.view(table);
    if (view === undefined || view.rows.size === 0) return;
    this.#rowsChanged({ table, rev: view.rev, changes: [...view.rows].map(([key, row]) => ({ key, row })) });
  }

  #rowsChanged({ table, changes, rev }: TableChange): void {
    const parsed = parseTable(table);
    const isOfNetwork = parsed !== undefined && 'vni' in parsed;
    if (isOfNetwork && !this.#followed.has(table)) return; // A late change of a table that was left.
    const change = isOfNetwork && !this.#networks.has(parsed.vni) ? NOTHING : this.compiler.applyRows(table, changes);
    if (table === this.#placements) this.#adoptLinks(changes);
    this.#options.onChange(change, table, rev);
    if (table === this.#placements) this.#followNetworks(change);
    if (table === this.#imports) this.#followImports(changes);
    if (table === edgesTable) this.#followPublic(changes);
  }

  /**
   * A former run of the agent brought a link up once its gate was open. The kernel's port carries the position of its row, which is not below the
   * placement that the row reads; so an older one belongs to an earlier stay of the NIC and waits for the gate again.
   */
  #adoptLinks(changes: readonly RowChange[]): void {
    const { actual, onChange } = this.#options;
    const upAlready = changes.flatMap(({ key }) => {
      const row = this.compiler.down.get(key);
      const port = actual.get(`port/${key}`);
      const adopted = row && port?.kind === 'port' && port.up && port.vni === row.vni && BigInt(port.position) >= BigInt(row.placedAt);
      return adopted === true ? [key] : [];
    });
    if (upAlready.length > 0) onChange(this.compiler.raise(upAlready), this.#placements, 0n);
  }

  /** A network comes to this host with its first placement, which also makes its router, and leaves with it. */
  #followNetworks({ put, remove }: KernelChange): void {
    const gone = remove.flatMap((object) => (object.kind === 'router' && this.#networks.delete(object.vni) ? [object.vni] : []));
    const come = put.flatMap((object) => (object.kind === 'router' && !this.#networks.has(object.vni) ? [object.vni] : []));
    for (const vni of come) this.#networks.add(vni);
    for (const { table } of gone.flatMap(tablesOfNetwork)) this.#options.onChange(this.compiler.forget(table), table, 0n);
    // Rows of a network that was imported before are there already.
    const known = come.flatMap(tablesOfNetwork).filter(({ table }) => this.#followed.has(table));
    if (gone.length + come.length > 0) this.#follow();
    for (const { table } of known) this.#takeView(table);
  }

  #followImports(changes: readonly RowChange[]): void {
    for (const { key, row } of changes) {
      const vni = decodeImportRow(row)?.vni;
      if (vni === undefined) this.#imported.delete(Number(key));
      else this.#imported.add(vni);
    }
    this.#follow();
  }

  #followPublic(changes: readonly RowChange[]): void {
    for (const { key, row } of changes) {
      if (key !== this.#options.identity.host) continue;
      const edge = decodeEdgeRow(row) !== undefined;
      if (edge === this.#edge) continue;
      this.#edge = edge;
      this.#follow();
    }
  }

  /** Follows the tables of all networks that are here or imported, and what is public, and leaves those that were. O(networks). */
  #follow(): void {
    const { subscriber, onLeft } = this.#options;
    const tables = [
      ...[...this.#networks].flatMap(tablesOfNetwork),
      ...[...this.#imported].flatMap(tablesOfImport),
      ...(this.#edge ? tablesOfEdge : []),
    ];
    const former = this.#followed;
    this.#followed = new Map(tables.map((followed) => [followed.table, followed]));
    for (const { table, context } of former.values()) {
      if (this.#followed.has(table)) continue;
      subscriber.unfollow(context, table);
      onLeft(table);
    }
    for (const { table, context } of this.#followed.values()) {
      if (former.has(table)) continue;
      subscriber.follow(context, table);
      this.#takeView(table);
    }
  }

  #progressed(): void {
    this.#openGate();
    this.#options.onProgress();
  }

  #openGate(): void {
    if (this.compiler.down.size === 0) return;
    const gate = this.gate;
    if (gate === undefined) return;
    const open: string[] = [];
    for (const row of this.compiler.down.values()) if (isThrough(row, gate)) open.push(row.nic);
    if (open.length > 0) this.#options.onChange(this.compiler.raise(open), this.#placements, 0n);
  }
}

const NOTHING: KernelChange = { put: [], remove: [] };

function isThrough(row: PlacementRow, gate: bigint): boolean {
  return BigInt(row.placedAt) <= gate;
}
