/**
 * Makes all rows by one join over all states: the projection must give the same rows on every history. Both share how a row looks (`routing.rows.ts`)
 * and nothing else: neither what is read, nor how it is found, nor the events behind it.
 */
import { type Because, type Folded, guestWish, type IpPrefix, maskedPrefix, ofKind, parsePrefix } from '@weft/api';
import { Host, Network, NetworkInterface, type NicTypes } from '@weft/network';
import { inOrder, type RowCause } from '../rows/provenance.ts';
import type { Row, TableName, Tables } from '../rows/rows.ts';
import { endpointRow, hostRow, placementRow } from './routing.rows.ts';

type Number = Readonly<{ vni: number; since: Because | undefined }>;

/** The rows of these states, given in any order; ended ones are ignored. A table without rows is absent. O(states). */
export function routingTables(states: Iterable<Folded>): Tables {
  const living = [...states].filter(({ status }) => status === 'live');
  const tables = new Map<TableName, Map<string, Row>>();
  const put = (table: TableName, key: string, row: Row | undefined): void => {
    if (row === undefined) return;
    const rows = tables.get(table) ?? new Map<string, Row>();
    tables.set(table, rows.set(key, row));
  };
  const numbers = new Map<string, Number>();
  const holds = new Map<string, Because>();
  for (const state of living) {
    const { vni } = ofKind(Network, state)?.facts ?? {};
    if (vni !== undefined) numbers.set(`${state.key.namespace}/${state.key.name}`, { vni, since: state.facets['vni'] });
    const host = ofKind(Host, state);
    if (host === undefined) continue;
    const { name } = host.key;
    for (const held of Object.keys(host.facts.held ?? {})) {
      const since = host.facets[`held.${held}`];
      if (since !== undefined) holds.set(`${name} ${held}`, since);
    }
    const { index } = host.facts;
    const underlay = host.object.spec?.underlay?.ip ?? '';
    const { mtu } = host.object.status ?? {};
    if (index !== undefined && underlay !== '') {
      const read = { host: name, index, underlay, ...(mtu !== undefined && { mtu }) };
      put('hosts', name, hostRow(read, causes(host, 'created', 'index', 'underlay', 'mtu')));
    }
  }
  for (const state of living) {
    const nic = ofKind(NetworkInterface, state);
    if (nic !== undefined) addNic(nic, numbers, holds, put);
  }
  return tables;
}

function addNic(
  nic: Folded<NicTypes>,
  numbers: ReadonlyMap<string, Number>,
  holds: ReadonlyMap<string, Because>,
  put: (table: TableName, key: string, row: Row | undefined) => void,
): void {
  const { key, object, facts, facets } = nic;
  const { namespace = '', name } = key;
  const { uid } = object.metadata;
  const network = object.spec?.networkRef?.name ?? '';
  const host = facts.placement?.host;
  const placed = facets['placement'];
  const { ips = [], prefixes = [] } = object.status ?? {};
  const number = numbers.get(`${namespace}/${network}`);
  if (host === undefined || placed === undefined || ips.length === 0 || number === undefined) return;
  const { vni, since } = number;
  const { index, mac } = facts;
  const read = {
    uid,
    namespace,
    name,
    network,
    ...(index !== undefined && { index }),
    ...(mac !== undefined && { mac }),
    ips,
    ...(prefixes.length > 0 && { prefixes: prefixes.map((range) => maskedPrefix(parsePrefix(range) as IpPrefix)) }),
    host,
    guest: guestWish(object.spec?.attributes),
    placedAt: placed.position.toString(),
  };
  const behind = [...causes(nic, 'created', 'addresses', 'prefixes', 'placement'), ...(since === undefined ? [] : [since])];
  put(`endpoints.${vni}`, uid, endpointRow(read, vni, inOrder(behind)));
  const held = holds.get(`${host} ${vni}`);
  if (held === undefined) return;
  put(`placements.${host}`, uid, placementRow(read, vni, held.position.toString(), inOrder([...behind, held])));
}

function causes({ facets }: Pick<Folded, 'facets'>, ...names: readonly string[]): readonly RowCause[] {
  return inOrder(names.flatMap((name) => facets[name] ?? []));
}
