/** Which tables a host follows, and which context publishes each. What they mean for the kernel is compile's. */
import type { Context, JsonObject } from '@weft/api';
import { NAT_TABLE } from '@weft/lb';
import { decodeImportRow, decodePlacementRow, edgesTable, hostsTable, importsTable, placementsTable } from './rows.codec.ts';
import { IMPORTED_TABLES, NETWORK_TABLES, type NetworkTable, PUBLIC_TABLES, PUBLIC_VNI, type TableName } from './rows.ts';

export type FollowedTable = Readonly<{ table: TableName; context: Context }>;

/** Followed as long as the host is there. */
export function tablesOfHost(host: string): readonly FollowedTable[] {
  return [
    { table: hostsTable, context: 'network' },
    { table: edgesTable, context: 'network' },
    { table: placementsTable(host), context: 'network' },
    { table: importsTable(host), context: 'network' },
    { table: NAT_TABLE, context: 'lb' },
  ];
}

/** Followed as long as the network has a placement on the host. */
export function tablesOfNetwork(vni: number): readonly FollowedTable[] {
  return OF_NETWORKS.map(([kind, context]) => ({ table: `${kind}.${vni}`, context }));
}

/** Followed as long as the host imports the network. */
export function tablesOfImport(vni: number): readonly FollowedTable[] {
  return IMPORTED_TABLES.map((kind) => ({ table: `${kind}.${vni}`, context: NETWORK_TABLES[kind] }));
}

/** Followed as long as the host has an uplink: what it needs to forward public packets, of all networks (ADR 31). */
export const tablesOfEdge: readonly FollowedTable[] = PUBLIC_TABLES.map((kind) => ({
  table: `${kind}.${PUBLIC_VNI}`,
  context: NETWORK_TABLES[kind],
}));

/** Rows by table and key. */
type Rows = ReadonlyMap<string, Readonly<{ rows: ReadonlyMap<string, JsonObject> }>>;

/** All tables that a host follows, given the rows of the tables that say so. */
export function tablesFollowedBy(host: string, tables: Rows): readonly FollowedTable[] {
  const rowsOf = (table: TableName) => [...(tables.get(table)?.rows.values() ?? [])];
  const networks = new Set(rowsOf(placementsTable(host)).flatMap((row) => decodePlacementRow(row)?.vni ?? []));
  const imported = new Set(rowsOf(importsTable(host)).flatMap((row) => decodeImportRow(row)?.vni ?? []));
  const isEdge = tables.get(edgesTable)?.rows.has(host) === true;
  const followed = [
    ...tablesOfHost(host),
    ...[...networks].flatMap(tablesOfNetwork),
    ...[...imported].flatMap(tablesOfImport),
    ...(isEdge ? tablesOfEdge : []),
  ];
  return [...new Map(followed.map((each) => [each.table, each])).values()];
}

const OF_NETWORKS = Object.entries(NETWORK_TABLES) as readonly (readonly [NetworkTable, Context])[];
