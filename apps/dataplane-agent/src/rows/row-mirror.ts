/**
 * Which tables this host follows, and what their changes mean for the kernel.
 *
 *   hosts, edges, placements.<this host>,
 *     imports.<this host>                                always
 *   the tables of a network                              for each network that has a placement here
 *   those of them that peers need                        for each network that this host imports (ADR 29)
 *   the public tables                                    while this host has an uplink (ADR 31); the kernel gets nothing of them yet
 *
 * This file decides two conditions. *Complete*: every followed table has had its snapshot and the projector's progress is gapless, so what the kernel
 * holds beyond the rows may go. *Gates*, one for each network: a NIC's link comes up once the progress of every projector, those without rows for this host
 * included, is gapless to the position of its placement (DESIGN 5), as are the tables of the host and of the NIC's network, so that no isolation is still on its way.
 *
 * What arrives is worked off in order within each network (`RowQueues`). So both conditions speak of what has been worked off.
 */
import { type Clock, CONTEXTS, type Context } from '@weft/api';
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
import type { Logger } from '@weft/service';
import { HOST, type Queue, RowQueues, type Work } from './row-queues.ts';

export type RowMirrorOptions = Readonly<{
  identity: HostIdentity;
  subscriber: RowSubscriber;
  clock: Clock;
  log: Logger;
  /** What the kernel holds: a link that is up for this very placement stays up. */
  actual: Pick<KernelState, 'get'>;
  /** Kernel objects that changed, with the table that made them change and its rev, and when its rows came; nothing came where a link may come up. `awaited`: others wait until this host has it. */
  onChange: (change: KernelChange, table: string, rev: bigint, delivered?: Date, awaited?: boolean) => void;
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
  readonly #followed = new Map<string, FollowedTable>();
  readonly #queues: RowQueues;
  #gate: bigint | undefined;
  #ends: (() => void)[] = [];

  constructor(options: RowMirrorOptions) {
    this.#options = options;
    this.#placements = placementsTable(options.identity.host);
    this.#imports = importsTable(options.identity.host);
    this.#queues = new RowQueues(options.clock, (queue, work) => this.#workOn(queue, work));
    this.compiler = new Compiler(options.identity, () => options.clock.monotonicMs());
  }

  start(): void {
    const { subscriber } = this.#options;
    this.#ends = [
      subscriber.onChange((change) => this.#take(change, this.#arrivedIn(vniOf(change.table)))),
      subscriber.onProgress(() => this.#progressed()),
    ];
    const tables = tablesOfHost(this.#options.identity.host);
    for (const { table, context } of tables) subscriber.follow(context, table);
    // Rows that were there before this mirror began to listen.
    for (const { table } of tables) this.#takeView(table);
    this.#progressed();
  }

  stop(): void {
    for (const end of this.#ends) end();
    this.#ends = [];
    this.#queues.clear();
  }

  /** Tables followed now. */
  *tables(): Iterable<FollowedTable> {
    yield* tablesOfHost(this.#options.identity.host);
    yield* this.#followed.values();
  }

  /** None of a network, or of the host, of which there is work: which rows it holds is not looked at. */
  *completeTables(): Iterable<{ table: string; rev: bigint }> {
    for (const { table } of this.tables()) {
      if (this.#queues.of(vniOf(table)) !== undefined) continue;
      const view = this.#options.subscriber.view(table);
      if (view?.complete === true) yield { table, rev: view.rev };
    }
  }

  /** Whether some rows of a change of this table are worked off, and others are not. */
  isAmid(table: string): boolean {
    // Only what raises links comes before what is begun.
    const begun = this.#queues.of(vniOf(table))?.work.slice(0, 2) ?? [];
    return begun.some(({ work }) => 'table' in work && work.table === table && work.done > 0);
  }

  get complete(): boolean {
    const { subscriber } = this.#options;
    if (!this.#queues.isIdle) return false;
    for (const { table, context } of this.tables())
      if (subscriber.view(table)?.complete !== true || subscriber.gaplessTo(context) === undefined) return false;
    return true;
  }

  /** The position to which all followed tables are known, without a gap; undefined while a projector is silent. */
  get gate(): bigint | undefined {
    return this.#gate;
  }

  /** The same for what has arrived. */
  get #arrived(): bigint | undefined {
    return lowest((context) => this.#options.subscriber.gaplessTo(context));
  }

  /** … in tables of one network only, or of the host. */
  #arrivedIn(vni: number): bigint | undefined {
    if (vni !== HOST && !this.#networks.has(vni)) return undefined;
    const needed = vni === HOST ? tablesOfHost(this.#options.identity.host) : tablesOfNetwork(vni);
    return lowest((context) => {
      const tables = needed.filter((each) => each.context === context).map(({ table }) => table);
      return this.#options.subscriber.gaplessTo(context, tables);
    });
  }

  /** … that has been worked off. */
  #reached(vni: number): bigint | undefined {
    const queue = this.#queues.of(vni);
    return queue === undefined ? this.#arrivedIn(vni) : queue.gate;
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
    this.#take({ table, rev: view.rev, changes: [...view.rows].map(([key, row]) => ({ key, row })) });
  }

  // ---- work ----

  #take(change: TableChange, gate?: bigint): void {
    this.#queues.take(vniOf(change.table), { what: 'rows', ...change, delivered: this.#options.clock.now(), done: 0 }, gate);
  }

  #workOn(queue: Queue, work: Work): void {
    try {
      this.#workOnPiece(queue, work);
    } catch (error) {
      this.#options.log.error({ err: error, what: work.what }, 'rows cannot be worked off');
    }
  }

  /** It leaves the queue before its last piece is done, so that who is told of that sees what is left. */
  #workOnPiece(queue: Queue, work: Work): void {
    if (work.what === 'gate') {
      this.#queues.done(queue);
      queue.gate = work.gate;
      this.#raise(queue, work.gate);
      return;
    }
    const { done } = work;
    work.done += PIECE;
    if (work.what === 'raise') {
      if (work.done >= work.nics.length) this.#queues.done(queue);
      this.#options.onChange(this.compiler.raise(work.nics.slice(done, work.done)), this.#placements, 0n);
      return;
    }
    if (work.done >= work.changes.length) this.#queues.done(queue);
    const changes = work.changes.slice(done, work.done);
    if (work.what === 'forget') this.#options.onChange(this.compiler.applyRows(work.table, changes), work.table, 0n);
    else this.#rowsChanged({ table: work.table, rev: work.rev, changes }, work.delivered);
  }

  #rowsChanged({ table, changes, rev }: TableChange, delivered: Date): void {
    const parsed = parseTable(table);
    const isOfNetwork = parsed !== undefined && 'vni' in parsed;
    if (isOfNetwork && !this.#followed.has(table)) return; // A late change of a table that was left.
    const change = this.compiler.applyRows(table, changes);
    if (table === this.#placements) this.#adoptLinks(changes);
    this.#options.onChange(change, table, rev, delivered, this.#edge && changes.some(({ row }) => row?.['pending'] === true));
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
    for (const object of remove) {
      if (object.kind === 'router' && this.#networks.delete(object.vni)) this.#followOnly(object.vni);
    }
    for (const object of put) {
      if (object.kind !== 'router' || this.#networks.has(object.vni)) continue;
      this.#networks.add(object.vni);
      this.#followOnly(object.vni);
    }
  }

  #followImports(changes: readonly RowChange[]): void {
    for (const { key, row } of changes) {
      const vni = decodeImportRow(row)?.vni;
      if (vni === undefined) this.#imported.delete(Number(key));
      else this.#imported.add(vni);
      this.#followOnly(vni ?? Number(key));
    }
  }

  #followPublic(changes: readonly RowChange[]): void {
    for (const { key, row } of changes) {
      if (key !== this.#options.identity.host) continue;
      const edge = decodeEdgeRow(row) !== undefined;
      if (edge === this.#edge) continue;
      this.#edge = edge;
      for (const followed of tablesOfEdge) {
        if (edge) this.#follow(followed);
        else this.#leave(followed);
      }
    }
  }

  /** Follows the tables of a network that are needed here, and leaves its others. */
  #followOnly(vni: number): void {
    const [ofNetwork, ofImport] = [tablesOfNetwork(vni), tablesOfImport(vni)];
    const needed = [...(this.#networks.has(vni) ? ofNetwork : []), ...(this.#imported.has(vni) ? ofImport : [])];
    for (const followed of [...ofNetwork, ...ofImport]) if (!needed.some(({ table }) => table === followed.table)) this.#leave(followed);
    for (const followed of needed) this.#follow(followed);
  }

  #follow(followed: FollowedTable): void {
    const { table, context } = followed;
    if (this.#followed.has(table)) return;
    this.#followed.set(table, followed);
    this.#options.subscriber.follow(context, table);
    this.#takeView(table);
  }

  #leave({ table, context }: FollowedTable): void {
    if (!this.#followed.delete(table)) return;
    this.#dropRows(table);
    this.#forget(table);
    this.#options.subscriber.unfollow(context, table);
    this.#options.onLeft(table);
  }

  /** As if all rows of the table were removed. */
  #forget(table: string): void {
    const changes = this.compiler.keysOf(table).map((key) => ({ key, row: undefined }));
    if (changes.length > 0) this.#queues.take(vniOf(table), { what: 'forget', table, changes, done: 0 });
  }

  /** What has arrived of a table that is left must not be taken for rows of when it is followed again. */
  #dropRows(table: string): void {
    this.#queues.drop(vniOf(table), (work) => work.what === 'rows' && work.table === table);
  }

  #progressed(): void {
    for (const vni of new Set([...this.#queues.busy, HOST])) this.#queues.take(vni, { what: 'gate', gate: this.#arrivedIn(vni) });
    const gate = this.#arrived;
    this.#queues.whenDone(() => {
      this.#gate = gate;
      this.#options.onProgress();
    });
  }

  /** Links that may come up now that a network, or the host, is known so far. */
  #raise({ vni }: Queue, gate: bigint | undefined): void {
    const host = vni === HOST ? gate : this.#reached(HOST);
    if (gate === undefined || host === undefined) return;
    const nics = new Map<number, string[]>();
    const gates = new Map<number, bigint | undefined>([[vni, gate]]);
    for (const row of this.compiler.down.values()) {
      if ((vni !== HOST && row.vni !== vni) || !isThrough(row, host)) continue;
      if (!gates.has(row.vni)) gates.set(row.vni, this.#reached(row.vni));
      const reached = gates.get(row.vni);
      if (reached === undefined || !isThrough(row, reached)) continue;
      const through = nics.get(row.vni);
      if (through === undefined) nics.set(row.vni, [row.nic]);
      else through.push(row.nic);
    }
    for (const [of, through] of nics) this.#queues.takeFirst(of, { what: 'raise', nics: through, done: 0 });
  }
}

/** Rows that are worked on at once: less than a slice. */
const PIECE = 64;

/** The network that a table is of. */
function vniOf(table: string): number {
  const parsed = parseTable(table);
  return parsed !== undefined && 'vni' in parsed ? parsed.vni : HOST;
}

function lowest(positionOf: (context: Context) => bigint | undefined): bigint | undefined {
  let lowest: bigint | undefined;
  for (const context of CONTEXTS) {
    const position = positionOf(context);
    if (position === undefined) return undefined;
    if (lowest === undefined || position < lowest) lowest = position;
  }
  return lowest;
}

function isThrough(row: PlacementRow, gate: bigint): boolean {
  return BigInt(row.placedAt) <= gate;
}
