/** What a change of rows touches: the interfaces, balancers, policies and peerings about which packets have to be asked. */
import type { JsonObject } from '@weft/api';
import { visibleFrom } from '../evaluate/visible.ts';
import type { RowIndex, RowTables } from '../rows/row-index.ts';
import { decodeEndpointRow, decodePolicyRow, parseTable, peeringsTable } from '../rows/rows.codec.ts';
import { type EndpointRow, type PolicyRow, PUBLIC_VNI } from '../rows/rows.ts';
import type { RowDifference } from './standing-rows.ts';

export type Touched = Readonly<{
  vnis: ReadonlySet<number>;
  nics: ReadonlySet<string>;
  balancers: ReadonlySet<string>;
  hosts: ReadonlySet<string>;
  /** `<vni> <target>`: policies of these differ. */
  targets: ReadonlySet<string>;
  /** `<vni> <group>`: somebody else than an interface joined or left. */
  groups: ReadonlySet<string>;
  /** `<vni> <vni>` */
  peerings: ReadonlySet<string>;
  /** What public packets of all networks depend on. */
  isPublic: boolean;
}>;

export function touchedBy(rows: readonly RowDifference[]): Touched {
  const vnis = new Set<number>();
  const [nics, balancers, hosts, targets, groups, peerings] = [
    new Set<string>(),
    new Set<string>(),
    new Set<string>(),
    new Set<string>(),
    new Set<string>(),
    new Set<string>(),
  ];
  let isPublic = false;
  const addAll = (set: Set<string>, values: unknown, vni?: number) => {
    for (const value of Array.isArray(values) ? values : [values])
      if (typeof value === 'string') set.add(vni === undefined ? value : `${vni} ${value}`);
  };
  for (const { table, key, before, after } of rows) {
    const parsed = parseTable(table);
    if (parsed === undefined) continue;
    const both = [before, after].filter((row): row is JsonObject => row !== undefined);
    for (const row of both) {
      if (typeof row['vni'] === 'number' && parsed.kind !== 'peerings') vnis.add(row['vni']);
      addAll(nics, row['nic']);
      // Whether it is a target of a balancer is a part of what tells interfaces apart.
      addAll(nics, row['target']);
      addAll(balancers, row['balancer']);
    }
    if ('vni' in parsed && parsed.vni !== PUBLIC_VNI) vnis.add(parsed.vni);
    if (parsed.kind === 'hosts' || parsed.kind === 'imports') hosts.add('host' in parsed ? parsed.host : key);
    if (parsed.kind === 'edges') isPublic = true;
    if (parsed.kind === 'peerings') {
      vnis.add(Number(key));
      for (const text of [`${parsed.vni} ${key}`, `${key} ${parsed.vni}`]) peerings.add(text);
    }
    if (parsed.kind !== 'policies') continue;
    for (const row of both) {
      if ('policy' in row) addAll(targets, row['target'], parsed.vni);
      else if (row['kind'] === 'NetworkInterface') addAll(nics, row['uid']);
      else {
        addAll(groups, row['groups'], parsed.vni);
        addAll(balancers, row['uid']);
      }
    }
  }
  return { vnis, nics, balancers, hosts, targets, groups, peerings, isPublic };
}

/** Policies that differ, as they were. */
export function policiesBefore(rows: readonly RowDifference[]): readonly PolicyRow[] {
  return rows.flatMap(({ table, key, before }) =>
    table.startsWith('policies.') && key.startsWith('policy/') ? (decodePolicyRow(before) ?? []) : [],
  );
}

/**
 * Networks that have an address which an interface takes or gives back, as far as some network sees both: bound to each of them, and not to one another. `rows`: those
 * after the change. O(addresses that differ, times networks that see them)
 */
export function* networksBeside(
  rows: RowIndex,
  differences: readonly RowDifference[],
  peers: (vni: number) => readonly number[],
): Iterable<number> {
  for (const { table, before, after } of differences) {
    const parsed = parseTable(table);
    if (parsed?.kind !== 'endpoints') continue;
    const addresses = new Set([before, after].flatMap((row) => (row === undefined ? [] : addressesOf(decodeEndpointRow(row)))));
    for (const viewer of peers(parsed.vni)) {
      if (peers(viewer).length < 2) continue;
      for (const address of addresses) {
        const { used, shadowed } = visibleFrom(rows, viewer, address);
        for (const { vni } of used === undefined ? shadowed : [used, ...shadowed]) yield vni;
      }
    }
  }
}

/** Under which others reach an interface: its own addresses, and the first of each of its ranges. */
export function addressesOf(endpoint: EndpointRow | undefined): readonly string[] {
  const { ips = [], prefixes = [] } = endpoint ?? {};
  return [...ips, ...prefixes.map((prefix) => prefix.slice(0, prefix.indexOf('/')))];
}

/** Networks that are bound to one, before or after. */
export function peersOf({ tables }: Readonly<{ tables: RowTables }>, rows: readonly RowDifference[]): (vni: number) => readonly number[] {
  const changed = new Map<string, string[]>();
  for (const { table, key } of rows) if (table.startsWith('peerings.')) changed.set(table, [...(changed.get(table) ?? []), key]);
  const known = new Map<number, readonly number[]>();
  return (vni) => {
    let found = known.get(vni);
    if (found === undefined) {
      const table = peeringsTable(vni);
      const names = new Set([...(tables.get(table)?.keys() ?? []), ...(changed.get(table) ?? [])]);
      known.set(vni, (found = [...names].map(Number).sort((a, b) => a - b)));
    }
    return found;
  };
}
