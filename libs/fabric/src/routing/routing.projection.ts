/**
 * Routing: from the log to the rows that hosts mirror (`hosts`, `placements.<host>`, `endpoints.<vni>`).
 *
 *   Network -- vni --------------+
 *   NetworkInterface -- mac, ----+--> endpoints.<vni>          (placed, and the network has a number)
 *       addresses, placement     +--> placements.<host>        (and the host holds that network)
 *   Host -- index, underlay -----|--> hosts
 *        -- holds ---------------+
 *
 * Incremental: a change touches the NICs that read it, found by index, and each touched NIC's rows are made anew by the functions that the full
 * version uses; what comes out equal is not sent. So the rows are those of `routingTables` over the present states, whatever the path.
 */
import type { Because, Change, Folded, JsonObject, ObjectKey } from '@weft/api';
import type { Row, TableName } from '../rows/rows.ts';
import { type NetworkRead, type NicRead, readHold, readHolds, readHost, readNetwork, readNic } from './routing.reads.ts';
import { endpointRow, hostRow, placementRow, sameRow } from './routing.rows.ts';

/** Structurally the bus's RowChange; `row` is absent for a removal. */
export type ProjectedRow = Readonly<{ key: string; row: JsonObject | undefined }>;
export type ProjectedChange = Readonly<{ table: string; changes: readonly ProjectedRow[] }>;

export interface RoutingProjection {
  readonly name: 'routing';
  /** Counts up when the rows of the same log come out differently. */
  readonly version: number;
  /** Changes in log order. O(rows that the change touches). An append that touches no row gives an empty list. */
  onChange(change: Change): readonly ProjectedChange[];
  /** Starts from a fold instead of from the first event; only before the first change. Returns all rows. O(states). */
  load(states: Iterable<Folded>): readonly ProjectedChange[];
}

type Placed = Readonly<{ table: TableName; key: string; row: Row }>;

export function createRoutingProjection(): RoutingProjection {
  const networks = new Map<string, NetworkRead>();
  const networksOfVni = new Map<number, Set<string>>();
  const holds = new Map<string, Map<number, Because>>();
  const nics = new Map<string, NicRead>();
  const nicsOfNetwork = new Map<string, Set<string>>();
  /** By host and network: whom a hold concerns. */
  const nicsOfHold = new Map<string, Set<string>>();
  /** What was last said about a NIC, and about a host. */
  const endpoints = new Map<string, Placed>();
  const placements = new Map<string, Placed>();
  const hostRows = new Map<string, Placed>();

  function see(key: ObjectKey, state: Folded | undefined, change: Change | undefined, out: Output): void {
    switch (key.kind) {
      case 'Network':
        seeNetwork(`${key.namespace}/${key.name}`, state, out);
        break;
      case 'NetworkInterface':
        seeNic(`${key.namespace}/${key.name}`, state, out);
        break;
      case 'Host':
        seeHost(key.name, state, change, out);
        break;
    }
  }

  function seeNetwork(network: string, state: Folded | undefined, out: Output): void {
    const before = networks.get(network);
    const after = readNetwork(state);
    if (before !== undefined) drop(networksOfVni, before.vni, network);
    if (after === undefined) networks.delete(network);
    else {
      networks.set(network, after);
      add(networksOfVni, after.vni, network);
    }
    if (before?.vni === after?.vni && sameCauses(before, after)) return;
    for (const nic of nicsOfNetwork.get(network) ?? []) project(nic, out);
  }

  function seeNic(nic: string, state: Folded | undefined, out: Output): void {
    const before = nics.get(nic);
    const after = readNic(state);
    if (before !== undefined) {
      drop(nicsOfNetwork, networkOf(before), nic);
      drop(nicsOfHold, holdKey(before.host, networkOf(before)), nic);
    }
    if (after === undefined) nics.delete(nic);
    else {
      nics.set(nic, after);
      add(nicsOfNetwork, networkOf(after), nic);
      add(nicsOfHold, holdKey(after.host, networkOf(after)), nic);
    }
    project(nic, out);
  }

  function seeHost(name: string, state: Folded | undefined, change: Change | undefined, out: Output): void {
    // A host reports what it applied every second: that, and a few holds, must not cost a look at all its holds.
    const touched = change === undefined ? 'any' : vnisTouchedBy(change);
    const before = holds.get(name) ?? new Map<number, Because>();
    if (touched !== 'any') {
      for (const vni of touched) {
        const held = readHold(state, vni);
        if (held === undefined) before.delete(vni);
        else holds.set(name, before.set(vni, held));
        projectHold(name, vni, out);
      }
      return;
    }
    const read = readHost(state);
    emit(hostRows, name, read && { table: 'hosts', key: name, row: hostRow(read) }, out);
    const after = readHolds(state);
    if (after.size === 0) holds.delete(name);
    else holds.set(name, after);
    for (const vni of new Set([...before.keys(), ...after.keys()])) {
      if (before.get(vni)?.eventId !== after.get(vni)?.eventId) projectHold(name, vni, out);
    }
  }

  function projectHold(host: string, vni: number, out: Output): void {
    for (const network of networksOfVni.get(vni) ?? []) {
      for (const nic of nicsOfHold.get(holdKey(host, network)) ?? []) project(nic, out);
    }
  }

  /** Both rows of one NIC, made anew. */
  function project(nic: string, out: Output): void {
    const read = nics.get(nic);
    const network = read && networks.get(networkOf(read));
    const held = read && network && holds.get(read.host)?.get(network.vni);
    emit(endpoints, nic, read && network && { table: `endpoints.${network.vni}`, key: read.uid, row: endpointRow(read, network) }, out);
    emit(
      placements,
      nic,
      read && network && held && { table: `placements.${read.host}`, key: read.uid, row: placementRow(read, network, held) },
      out,
    );
  }

  let started = false;
  return {
    name: 'routing',
    version: 1,
    onChange(change) {
      started = true;
      const state = change.after ?? change.before;
      if (state === undefined) return [];
      const out = new Output();
      see(state.key, change.after, change, out);
      return out.changes();
    },
    load(states) {
      if (started) throw new Error('routing projection: load comes before the first change, and once');
      started = true;
      const out = new Output();
      for (const state of states) see(state.key, state, undefined, out);
      return out.changes();
    },
  };
}

/** The VNIs whose holds an append changes at a host; `any` when it may touch all of its rows. O(events). */
function vnisTouchedBy({ append, before, after }: Change): ReadonlySet<number> | 'any' {
  if (before?.status !== 'live' || after?.status !== 'live') return 'any';
  if ([...HOST_FACETS, 'created'].some((facet) => before.facets[facet] !== after.facets[facet])) return 'any';
  const vnis = new Set<number>();
  for (const { type, data } of append.events) {
    if (!HOLD_EVENTS.test(type)) continue;
    if (typeof data['vni'] !== 'number') return 'any';
    vnis.add(data['vni']);
  }
  return vnis.size === 0 && before.facts['held'] !== after.facts['held'] ? 'any' : vnis;
}

const HOLD_EVENTS = /^Network(Held|Idle|Released)\./;
const HOST_FACETS = ['index', 'underlay'];

function sameCauses(a: NetworkRead | undefined, b: NetworkRead | undefined): boolean {
  return a?.because.map((cause) => cause.eventId).join() === b?.because.map((cause) => cause.eventId).join();
}

function networkOf(nic: NicRead): string {
  return `${nic.namespace}/${nic.network}`;
}

/** Neither names of hosts nor of networks hold a space. */
function holdKey(host: string, network: string): string {
  return `${host} ${network}`;
}

function add<K>(index: Map<K, Set<string>>, key: K, member: string): void {
  const members = index.get(key) ?? new Set();
  index.set(key, members.add(member));
}

function drop<K>(index: Map<K, Set<string>>, key: K, member: string): void {
  const members = index.get(key);
  members?.delete(member);
  if (members?.size === 0) index.delete(key);
}

/** Says what differs from what was last said. */
function emit(said: Map<string, Placed>, subject: string, now: Placed | undefined, out: Output): void {
  const before = said.get(subject);
  if (before !== undefined && (now === undefined || now.table !== before.table || now.key !== before.key)) {
    out.add(before.table, before.key, undefined);
  }
  if (now === undefined) {
    said.delete(subject);
    return;
  }
  if (before?.table === now.table && before.key === now.key && sameRow(before.row, now.row)) return;
  said.set(subject, now);
  out.add(now.table, now.key, now.row);
}

/** Gathers row changes by table; the last word about a key counts. */
class Output {
  private readonly tables = new Map<string, Map<string, Row | undefined>>();

  add(table: string, key: string, row: Row | undefined): void {
    const rows = this.tables.get(table) ?? new Map<string, Row | undefined>();
    this.tables.set(table, rows.set(key, row));
  }

  changes(): readonly ProjectedChange[] {
    return [...this.tables].map(([table, rows]) => ({
      table,
      // A row is flat JSON; the cast only drops `readonly`.
      changes: [...rows].map(([key, row]) => ({ key, row: row as unknown as JsonObject | undefined })),
    }));
  }
}
