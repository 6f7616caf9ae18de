/** How far the hosts on a packet's way have come, by what they have reported: the log says what is wanted, their kernels may hold something older. */
import { conditionOf, type Facts, type Folded, statusOf } from '@weft/api';
import { type Path, parseTable, tablesOfHost } from '@weft/fabric';
import { Host, type HostTypes, hasApplied, isReady } from '@weft/network';

/** A host that may not do what a trace says. */
export type Lag = Readonly<{
  host: string;
  /** `Pending`: it has rows to apply; else why it is not Ready. */
  reason: string;
  /** Since when it has rows to apply, as it says. */
  since?: string;
  /** Of the rows that decide there, those that it has not acknowledged. */
  rows: readonly Readonly<{ table: string; key: string; position: string }>[];
}>;

type Deciding = Readonly<{ table: string; key: string; position: string }>;

export function lagsOf(paths: readonly Path[], facts: Facts): readonly Lag[] {
  const lags: Lag[] = [];
  for (const [name, rows] of rowsByHost(paths)) {
    const host = facts.get(Host, { name });
    if (host?.status !== 'live') continue;
    const waiting = [...rows.values()].filter(({ table, position }) => follows(host, table) && !hasApplied(host, table, position));
    const { pendingSince } = statusOf(host.object);
    if (waiting.length === 0 && pendingSince === undefined && isReady(host)) continue;
    const reason = isReady(host) ? 'Pending' : (conditionOf(host.object, 'Ready')?.reason ?? 'Pending');
    lags.push({ host: name, reason, ...(pendingSince !== undefined && { since: pendingSince }), rows: waiting });
  }
  return lags;
}

function rowsByHost(paths: readonly Path[]): ReadonlyMap<string, ReadonlyMap<string, Deciding>> {
  const hosts = new Map<string, Map<string, Deciding>>();
  for (const { steps, answer } of paths) {
    for (const { host, rows } of [...steps, ...(answer?.steps ?? [])]) {
      if (host === '') continue;
      const here = hosts.get(host) ?? new Map<string, Deciding>();
      hosts.set(host, here);
      for (const { table, key, row } of rows) here.set(`${table} ${key}`, { table, key, position: row.position });
    }
  }
  return hosts;
}

/** Whether rows of a table go to a host, as far as the host says. */
export function follows(host: Folded<HostTypes>, table: string): boolean {
  const { name } = host.key;
  if (tablesOfHost(name).some((each) => each.table === table)) return true;
  const { held = {}, imported = {}, applied = {} } = host.facts;
  const parsed = parseTable(table);
  if (parsed === undefined || !('vni' in parsed)) return false;
  const vni = String(parsed.vni);
  return applied[table] !== undefined || held[vni] !== undefined || imported[vni] !== undefined;
}
