/** Which tables a host follows, and which context publishes each. What they mean for the kernel is compile's. */
import type { Context } from '@weft/api';
import { NAT_TABLE } from '@weft/lb';
import { edgesTable, hostsTable, importsTable, placementsTable } from './rows.codec.ts';
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

const OF_NETWORKS = Object.entries(NETWORK_TABLES) as readonly (readonly [NetworkTable, Context])[];
