/**
 * From rows to what one host's kernel should hold, in full: the definition. `Compiler` gives the same result change by change.
 *
 *   placements of this host -> ports, and a router per network among them
 *   endpoints elsewhere     -> in each such network, a peer per remote host and a route per address
 *   other hosts             -> guards
 */
import { FEATURES } from '../features.ts';
import type { Feature } from '../kernel/feature.ts';
import { type HostIdentity, type KernelObject, type KernelState, keyOf, vniOfObject } from '../kernel/kernel-objects.ts';
import { destinationsOf } from '../rows/provenance.ts';
import { endpointsTable, hostsTable, peeringsTable, placementsTable } from '../rows/rows.codec.ts';
import { type EndpointRow, type HostRow, type PlacementRow, PUBLIC_VNI, type Row, type TableName, type Tables } from '../rows/rows.ts';
import { guardObject, hostOf, isOwn, later, nicOf, peerObject, portObject, routeObject, routerObject, winner } from './compile.rules.ts';
import { Compiler } from './compiler.ts';
import { overlayMtu } from './overlay-mtu.ts';

/** The rows that a host mirrors. */
export type HostTables = Readonly<{
  hosts: ReadonlyMap<string, HostRow>;
  /** Of this host. */
  placements: ReadonlyMap<string, PlacementRow>;
  /** By VNI; networks without a placement here are left aside. */
  endpoints: ReadonlyMap<number, ReadonlyMap<string, EndpointRow>>;
  /** Tables of networks that features read. */
  others?: Tables;
}>;

/**
 * `isUp`: whether isolation of a NIC is known to be complete, so that its link may come up. O(rows). Entries are what a compiler makes that gets all rows at
 * once; what they should be is the oracles' of each feature.
 */
export function compile(
  identity: HostIdentity,
  tables: HostTables,
  isUp: (placement: PlacementRow) => boolean,
  features: readonly Feature[] = FEATURES,
): KernelState {
  const state = new Map<string, KernelObject>();
  const put = (object: KernelObject): void => void state.set(keyOf(object), object);

  const known = [...tables.hosts.values()].filter((row) => !isOwn(identity, row));
  const guards = groupBy(known, (row) => row.underlay);
  for (const [underlay, rows] of guards) put(guardObject(underlay, winner(rows, hostOf)?.position ?? '0'));
  const remote = new Map<string, HostRow>();
  for (const rows of groupBy(known, (row) => row.index).values()) {
    const host = winner(rows, hostOf);
    if (host !== undefined) remote.set(host.host, host);
  }

  for (const [vni, placements] of groupBy(tables.placements.values(), (row) => row.vni)) {
    put(
      routerObject(
        vni,
        placements.map((row) => row.heldAt).reduce((a, b) => (later(b, a) ? b : a)),
        narrowest(identity, tables, vni),
      ),
    );
    for (const row of placements) put(portObject(row, isUp(row)));

    const local = new Set(placements.flatMap(destinationsOf));
    const claims = new Map<string, EndpointRow[]>();
    for (const endpoint of tables.endpoints.get(vni)?.values() ?? []) {
      const host = remote.get(endpoint.host);
      if (host !== undefined) put(peerObject(identity, vni, host));
      for (const address of destinationsOf(endpoint)) claims.set(address, [...(claims.get(address) ?? []), endpoint]);
    }
    for (const [address, endpoints] of claims) {
      const endpoint = winner(endpoints, nicOf);
      const host = endpoint && remote.get(endpoint.host);
      if (endpoint !== undefined && host !== undefined && !local.has(address)) put(routeObject(vni, address, host.index, endpoint));
    }
  }
  for (const object of byFeatures(identity, tables, features)) put(object);
  return state;
}

/** What the tunnel of a network takes, where that is less than what the underlay of this host leaves. */
function narrowest(identity: HostIdentity, { hosts, endpoints, others }: HostTables, vni: number): number | undefined {
  const takes = (name: string): number => {
    const { underlay, mtu } = hosts.get(name) ?? {};
    return underlay === undefined || mtu === undefined ? Number.POSITIVE_INFINITY : overlayMtu(underlay, mtu);
  };
  const own = takes(identity.host);
  const seen = [...(others?.get(peeringsTable(vni))?.values() ?? [])].flatMap((row) => ('vni' in row ? row.vni : []));
  const there = [vni, ...seen].flatMap((each) => [...(endpoints.get(each)?.values() ?? [])].map(({ host }) => host));
  const elsewhere = there.filter((host) => hosts.get(host) !== undefined && !isOwn(identity, hosts.get(host)!));
  const least = Math.min(...elsewhere.map(takes));
  return own !== Number.POSITIVE_INFINITY && least < own ? least : undefined;
}

/** Entries, and the public side of the host, which is there for them. */
function* byFeatures(identity: HostIdentity, tables: HostTables, features: readonly Feature[]): Iterable<KernelObject> {
  const compiler = new Compiler(identity, undefined, features);
  const take = (table: TableName, rows: ReadonlyMap<string, Row>): void =>
    void compiler.applyRows(
      table,
      [...rows].map(([key, row]) => ({ key, row })),
    );
  for (const [table, rows] of tables.others ?? []) take(table, rows);
  take(hostsTable, tables.hosts);
  for (const [vni, rows] of tables.endpoints) take(endpointsTable(vni), rows);
  take(placementsTable(identity.host), tables.placements);
  for (const object of compiler.state.values()) if (object.kind === 'entry' || vniOfObject(object) === PUBLIC_VNI) yield object;
}

function groupBy<K, V>(values: Iterable<V>, keyOf: (value: V) => K): Map<K, V[]> {
  const groups = new Map<K, V[]>();
  for (const value of values) {
    const key = keyOf(value);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [value]);
    else group.push(value);
  }
  return groups;
}
