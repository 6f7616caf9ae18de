/**
 * The rows themselves, as pure functions of what they read, and the full version of the projection: one join over all states. The incremental
 * version (`routing.projection.ts`) must give byte-identical rows on every history.
 */
import type { Because, Folded } from '@weft/api';
import type { EndpointRow, HostRow, PlacementRow, Row, TableName } from '../rows/rows.ts';
import { type HostRead, type NetworkRead, type NicRead, readHolds, readHost, readNetwork, readNic } from './routing.reads.ts';

export type Tables = ReadonlyMap<TableName, ReadonlyMap<string, Row>>;

export function hostRow(host: HostRead): HostRow {
  return { host: host.name, index: host.index, underlay: host.underlay, ...provenance(host.because) };
}

/** A NIC is an endpoint as soon as it is placed and its network has a number. */
export function endpointRow(nic: NicRead, network: NetworkRead): EndpointRow {
  return { nic: nic.uid, host: nic.host, mac: nic.mac, ips: nic.ips, ...provenance([...nic.because, ...network.because]) };
}

/** It is in the placements of its host only once that host's own stream says that it holds the network (DESIGN 9.9). */
export function placementRow(nic: NicRead, network: NetworkRead, held: Because): PlacementRow {
  return {
    nic: nic.uid,
    namespace: nic.namespace,
    name: nic.name,
    network: nic.network,
    vni: network.vni,
    mac: nic.mac,
    ips: nic.ips,
    ...(nic.netns === undefined ? {} : { netns: nic.netns }),
    placedAt: nic.placedAt,
    heldAt: held.position.toString(),
    ...provenance([...nic.because, ...network.because, held]),
  };
}

/** All rows of all tables from states alone, in any order. A table without rows is absent. O(states). */
export function routingTables(states: Iterable<Folded>): Tables {
  const networks = new Map<string, NetworkRead>();
  const hosts: HostRead[] = [];
  const holds = new Map<string, ReadonlyMap<number, Because>>();
  const nics: NicRead[] = [];
  for (const state of states) {
    if (state.key.kind === 'Network') {
      const read = readNetwork(state);
      if (read !== undefined) networks.set(`${state.key.namespace}/${state.key.name}`, read);
    } else if (state.key.kind === 'Host') {
      const read = readHost(state);
      if (read !== undefined) hosts.push(read);
      holds.set(state.key.name, readHolds(state));
    } else if (state.key.kind === 'NetworkInterface') {
      const read = readNic(state);
      if (read !== undefined) nics.push(read);
    }
  }
  const tables = new Map<TableName, Map<string, Row>>();
  const put = (table: TableName, key: string, row: Row): void => {
    const rows = tables.get(table) ?? new Map<string, Row>();
    tables.set(table, rows.set(key, row));
  };
  for (const host of hosts) put('hosts', host.name, hostRow(host));
  for (const nic of nics) {
    const network = networks.get(`${nic.namespace}/${nic.network}`);
    if (network === undefined) continue;
    put(`endpoints.${network.vni}`, nic.uid, endpointRow(nic, network));
    const held = holds.get(nic.host)?.get(network.vni);
    if (held !== undefined) put(`placements.${nic.host}`, nic.uid, placementRow(nic, network, held));
  }
  return tables;
}

/** Highest position, and the distinct events in position order. */
function provenance(because: readonly Because[]): Readonly<{ position: string; because: readonly string[] }> {
  const events = new Map(because.map((cause) => [cause.eventId, cause.position]));
  const ordered = [...events].sort((a, b) => (a[1] < b[1] ? -1 : a[1] > b[1] ? 1 : 0));
  return { position: (ordered.at(-1)?.[1] ?? 0n).toString(), because: ordered.map(([eventId]) => eventId) };
}

/** Rows are flat: scalars and lists of strings. */
export function sameRow(a: Row | undefined, b: Row | undefined): boolean {
  if (a === b) return true;
  if (a === undefined || b === undefined || a.position !== b.position) return false;
  return JSON.stringify(a) === JSON.stringify(b);
}
