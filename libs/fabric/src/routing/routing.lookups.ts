/** What is asked about rows of hosts and interfaces. */
import { bitsOf, familyOfIp, isSingleAddress, nameText, parsePrefix } from '@weft/api';
import { Host, Network, NetworkInterface } from '@weft/network';
import type { AskedFold, Lookup, Origin } from '../rows/row-index.ts';
import { decodeEdgeRow, decodeEndpointRow, decodeHostRow, decodePlacementRow, type Table } from '../rows/rows.codec.ts';
import type { EdgeRow, EndpointRow, HostRow, PlacementRow } from '../rows/rows.ts';

export const hostByName: Lookup<HostRow> = {
  name: 'host by name',
  kind: 'hosts',
  decode: decodeHostRow,
  origins: (_, name) => [{ rows: 'rows of hosts', key: name }],
};

/** All hosts with an uplink, under an empty value. */
export const edgesOfFabric: Lookup<EdgeRow> = {
  name: 'edges',
  kind: 'edges',
  decode: decodeEdgeRow,
  valuesOf: () => [''],
  *origins({ facts }) {
    for (const { key } of facts.all(Host)) yield { rows: 'rows of edges', key: key.name };
  },
};

export const placementByNic: Lookup<PlacementRow> = {
  name: 'placement by interface',
  kind: 'placements',
  decode: decodePlacementRow,
  origins: ({ facts }, uid) => interfaces(facts.keys(NetworkInterface, 'uid', uid)),
};

/** By VNI, decimal: whether a host has a router for a network. */
export const placementsInNetwork: Lookup<PlacementRow> = {
  name: 'placements in a network',
  kind: 'placements',
  decode: decodePlacementRow,
  valuesOf: ({ vni }) => [String(vni)],
  *origins({ facts }, vni, table) {
    const host = table !== undefined && 'host' in table ? `${table.host} ` : '';
    for (const network of networksNumbered(facts, vni)) {
      yield* interfaces(facts.keys(NetworkInterface, host === '' ? 'network' : 'hostNetwork', `${host}${network}`));
    }
  },
};

/** By what is routed to an interface, as canonical prefixes. */
export const endpointsByPrefix: Lookup<EndpointRow> = {
  name: 'endpoints by prefix',
  kind: 'endpoints',
  decode: decodeEndpointRow,
  valuesOf: ({ ips, prefixes = [] }) => [...ips.map((ip) => `${ip}/${bitsOf(familyOfIp(ip))}`), ...prefixes],
  *origins({ facts }, text, table) {
    const prefix = parsePrefix(text);
    if (prefix === undefined) return;
    for (const network of networksOf(facts, table)) yield* interfacesUnder(facts, network, prefix, text);
  },
};

/** Interfaces of a network that have an address, or a range, which is this prefix. */
export function* interfacesUnder(
  facts: AskedFold['facts'],
  network: string,
  prefix: NonNullable<ReturnType<typeof parsePrefix>>,
  text: string,
  rows?: string,
): Iterable<Origin> {
  if (isSingleAddress(prefix)) yield* interfaces(facts.keys(NetworkInterface, 'address', `${network} ${prefix.address}`), rows);
  yield* interfaces(facts.keys(NetworkInterface, 'range', `${network} ${text}`), rows);
}

function* interfaces(names: Iterable<Readonly<{ namespace?: string; name: string }>>, rows = 'rows of interfaces'): Iterable<Origin> {
  for (const name of names) yield { rows, key: nameText(name) };
}

/** The Network that a table is about, as `<namespace>/<name>`: one, but for a moment. */
export function networksOf(facts: AskedFold['facts'], table: Table | undefined): Iterable<string> {
  return table !== undefined && 'vni' in table ? networksNumbered(facts, String(table.vni)) : [];
}

export function* networksNumbered(facts: AskedFold['facts'], vni: string): Iterable<string> {
  for (const name of facts.keys(Network, 'vni', vni)) yield nameText(name);
}
