/** Which hosts are told of rows that differ: those that follow the table, before or after. */
import type { FoldFork } from '@weft/api';
import { edgesTable, hostsTable, parseTable, type Rehearsal, type RowDifference } from '@weft/fabric';

/** How many rows that the host follows differ. */
export type TouchedHost = Readonly<{ host: string; added: number; changed: number; removed: number }>;

export function hostsOf({ fork, present, tables }: Rehearsal, rows: readonly RowDifference[]): readonly TouchedHost[] {
  const touched = new Map<string, { added: number; changed: number; removed: number }>();
  const followers = new Map<string, ReadonlySet<string>>();
  for (const { table, before, after } of rows) {
    let hosts = followers.get(table);
    if (hosts === undefined) followers.set(table, (hosts = followersOf(table, [present, fork], tables)));
    for (const host of hosts) {
      let counts = touched.get(host);
      if (counts === undefined) touched.set(host, (counts = { added: 0, changed: 0, removed: 0 }));
      counts[before === undefined ? 'added' : after === undefined ? 'removed' : 'changed']++;
    }
  }
  return [...touched].map(([host, counts]) => ({ host, ...counts })).sort((a, b) => (a.host < b.host ? -1 : 1));
}

function followersOf(table: string, worlds: readonly FoldFork[], tables: Rehearsal['tables']): ReadonlySet<string> {
  const parsed = parseTable(table);
  if (parsed === undefined) return new Set();
  if ('host' in parsed) return new Set([parsed.host]);
  if (!('vni' in parsed)) return new Set(tables.get(hostsTable)?.keys());
  if (parsed.vni === 1) return new Set(tables.get(edgesTable)?.keys());
  return new Set(worlds.flatMap((world) => [...world.by('Host', 'vni', String(parsed.vni))].map(({ key }) => key.name)));
}
