/** Which tables a host follows, and which context publishes each. Tables of another projection are more lines here; what they mean for the kernel is compile's. */
import type { Context } from '@weft/api';
import { endpointsTable, hostsTable, placementsTable } from './rows.codec.ts';
import type { TableName } from './rows.ts';

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
  return [{ table: endpointsTable(vni), context: 'network' }];
}
