/** Which tables a host follows, and which context publishes each. What they mean for the kernel is compile's. */
import type { Context } from '@weft/api';
import { hostsTable, placementsTable } from './rows.codec.ts';
import { NETWORK_TABLES, type NetworkTable, type TableName } from './rows.ts';

export type FollowedTable = Readonly<{ table: TableName; context: Context }>;

/** Followed as long as the host is there. */
export function tablesOfHost(host: string): readonly FollowedTable[] {
  return [
    { table: hostsTable, context: 'network' },
    { table: placementsTable(host), context: 'network' },
  ];
}

/** Followed as long as the network has a placement on the host. */
export function tablesOfNetwork(vni: number): readonly FollowedTable[] {
  return OF_NETWORKS.map(([kind, context]) => ({ table: `${kind}.${vni}`, context }));
}

const OF_NETWORKS = Object.entries(NETWORK_TABLES) as readonly (readonly [NetworkTable, Context])[];
