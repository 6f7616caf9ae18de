/**
 * From rows to what one host's kernel should hold, in full: the definition. `Compiler` gives the same result change by change.
 *
 *   placements of this host -> ports, and a router per network among them
 *   endpoints elsewhere     -> in each such network, a peer per remote host and a route per address
 *   other hosts             -> guards
 */
import { type HostIdentity, type KernelObject, type KernelState, keyOf } from '../kernel/kernel-objects.ts';
import type { EndpointRow, HostRow, PlacementRow } from '../rows/rows.ts';
import { guardObject, hostOf, isOwn, later, nicOf, peerObject, portObject, routeObject, routerObject, winner } from './compile.rules.ts';

/** The rows that a host mirrors. */
export type HostTables = Readonly<{
  hosts: ReadonlyMap<string, HostRow>;
  /** Of this host. */
  placements: ReadonlyMap<string, PlacementRow>;
  /** By VNI; networks without a placement here are left aside. */
  endpoints: ReadonlyMap<number, ReadonlyMap<string, EndpointRow>>;
}>;

/** `isUp`: whether isolation of a NIC is known to be complete, so that its link may come up. O(rows). */
export function compile(identity: HostIdentity, tables: HostTables, isUp: (placement: PlacementRow) => boolean): KernelState {
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
      ),
    );
    for (const row of placements) put(portObject(row, isUp(row)));

    const local = new Set(placements.flatMap((row) => row.ips));
    const claims = new Map<string, EndpointRow[]>();
    for (const endpoint of tables.endpoints.get(vni)?.values() ?? []) {
      const host = remote.get(endpoint.host);
      if (host !== undefined) put(peerObject(identity, vni, host));
      for (const address of endpoint.ips) claims.set(address, [...(claims.get(address) ?? []), endpoint]);
    }
    for (const [address, endpoints] of claims) {
      const endpoint = winner(endpoints, nicOf);
      const host = endpoint && remote.get(endpoint.host);
      if (endpoint !== undefined && host !== undefined && !local.has(address)) put(routeObject(vni, address, host.index, endpoint));
    }
  }
  return state;
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
