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
 * holds beyond the rows may go. *The gate*: a NIC's link comes up once the progress of every projector, those without rows for this host
 * included, is gapless to the position of its placement (DESIGN 5), so that no isolation is still on its way.
 *
 * What arrives is worked off in order, in slices: the rows of a large table may come all at once. So both conditions speak of what has been worked off.
 */
import { type Clock, CONTEXTS, Slices } from '@weft/api';
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

export type RowMirrorOptions = Readonly<{
  identity: HostIdentity;
  subscriber: RowSubscriber;
  clock: Clock;
  log: Logger;
  /** What the kernel holds: a link that is up for this very placement stays up. */
  actual: Pick<KernelState, 'get'>;
  /** Kernel objects that changed, with the table that made them change and its rev, and when its rows came; nothing came where a link may come up. */
  onChange: (change: KernelChange, table: string, rev: bigint, delivered?: Date) => void;
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
  readonly #work: Work[] = [];
  readonly #slices: Slices;
  /** The rest of the work follows in the next slice. */
  #waits = false;
  #gate: bigint | undefined;
  #ends: (() => void)[] = [];

  constructor(options: RowMirrorOptions) {
    this.#options = options;
    this.#placements = placementsTable(options.identity.host);
    this.#imports = importsTable(options.identity.host);
    this.#slices = new Slices(options.clock);
    this.compiler = new Compiler(options.identity, () => options.clock.monotonicMs());
  }

  start(): void {
    const { subscriber } = this.#options;
    this.#ends = [
      subscriber.onChange((change) => this.#take({ what: 'rows', ...change, delivered: this.#options.clock.now(), done: 0 })),
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
    this.#work.length = 0;
  }

  /** Tables followed now. */
  *tables(): Iterable<FollowedTable> {
    yield* tablesOfHost(this.#options.identity.host);
    yield* this.#followed.values();
  }

  /** None while there is work: which rows it holds is not looked at. */
  *completeTables(): Iterable<{ table: string; rev: bigint }> {
    if (this.#work.length > 0) return;
    for (const { table } of this.tables()) {
      const view = this.#options.subscriber.view(table);
      if (view?.complete === true) yield { table, rev: view.rev };
    }
  }

  /** Whether some rows of a change of this table are worked off, and others are not. */
  isAmid(table: string): boolean {
    const [work] = this.#work;
    return work !== undefined && 'table' in work && work.table === table && work.done > 0;
  }

  get complete(): boolean {
    const { subscriber } = this.#options;
    if (this.#work.length > 0) return false;
    for (const { table, context } of this.tables())
      if (subscriber.view(table)?.complete !== true || subscriber.gaplessTo(context) === undefined) return false;
    return true;
  }

  /** The position to which every projector is known to have read, without a gap; undefined while one is silent. */
  get gate(): bigint | undefined {
    return this.#gate;
  }

  /** The same for what has arrived. */
  get #arrived(): bigint | undefined {
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
    const changes = [...view.rows].map(([key, row]) => ({ key, row }));
    this.#take({ what: 'rows', table, rev: view.rev, changes, delivered: this.#options.clock.now(), done: 0 });
  }

  // ---- work ----

  #take(work: Work): void {
    const last = this.#work.at(-1);
    if (work.what === 'progress' && last?.what === 'progress') last.gate = work.gate;
    else this.#work.push(work);
    this.#workOff();
  }

  #workOff(): void {
    if (this.#waits) return;
    this.#waits = true; // What is taken meanwhile comes behind the rest.
    for (let work = this.#work[0]; work !== undefined; work = this.#work[0]) {
      try {
        this.#workOn(work);
      } catch (error) {
        this.#options.log.error({ err: error, what: work.what }, 'rows cannot be worked off');
      }
      const next = this.#slices.next();
      if (next === undefined) continue;
      void next.then(() => {
        this.#waits = false;
        this.#workOff();
      });
      return;
    }
    this.#waits = false;
  }

  /** One piece of it. It leaves the queue before its last piece is done, so that who is told of that sees what is left. */
  #workOn(work: Work): void {
    if (work.what === 'progress') {
      const nics = this.#through(work.gate);
      if (nics.length > 0)
        this.#work.unshift({ what: 'raise', nics, done: 0 }); // Then this again.
      else {
        this.#work.shift();
        this.#gate = work.gate;
        this.#options.onProgress();
      }
      return;
    }
    const { done } = work;
    work.done += PIECE;
    if (work.what === 'raise') {
      if (work.done >= work.nics.length) this.#work.shift();
      this.#options.onChange(this.compiler.raise(work.nics.slice(done, work.done)), this.#placements, 0n);
      return;
    }
    if (work.done >= work.changes.length) this.#work.shift();
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
    this.#options.onChange(change, table, rev, delivered);
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
    if (changes.length > 0) this.#take({ what: 'forget', table, changes, done: 0 });
  }

  /** What has arrived of a table that is left must not be taken for rows of when it is followed again. */
  #dropRows(table: string): void {
    for (let at = this.#work.length - 1; at >= 0; at--) {
      const work = this.#work[at] as Work;
      if (work.what === 'rows' && work.table === table) this.#work.splice(at, 1);
    }
  }

  #progressed(): void {
    this.#take({ what: 'progress', gate: this.#arrived });
  }

  /** NICs whose links may come up. */
  #through(gate: bigint | undefined): readonly string[] {
    const nics: string[] = [];
    if (gate !== undefined) for (const row of this.compiler.down.values()) if (isThrough(row, gate)) nics.push(row.nic);
    return nics;
  }
}

/** Rows that are worked on at once: less than a slice. */
const PIECE = 64;

/** What is to be done, and how much of it was. `progress`: what came before was all up to `gate`. */
type Work =
  | {
      readonly what: 'rows';
      readonly table: string;
      readonly rev: bigint;
      readonly changes: readonly RowChange[];
      readonly delivered: Date;
      done: number;
    }
  | { readonly what: 'forget'; readonly table: string; readonly changes: readonly RowChange[]; done: number }
  | { readonly what: 'raise'; readonly nics: readonly string[]; done: number }
  | { readonly what: 'progress'; gate: bigint | undefined };

function isThrough(row: PlacementRow, gate: bigint): boolean {
  return BigInt(row.placedAt) <= gate;
}
