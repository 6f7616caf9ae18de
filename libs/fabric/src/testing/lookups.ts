/** All lookups, and what each may be asked. */
import { balancersByAddress, publicTargetsOfBalancer, targetsOfBalancer } from '../balancing/balancing.lookups.ts';
import { slotsOfAddress, slotsOfNic } from '../nat/nat.lookups.ts';
import { importByNetwork, peeringsOfNetwork } from '../peering/peering.lookups.ts';
import { memberByKey, membersByPrefix, policiesByTarget } from '../policy/policy.lookups.ts';
import { edgesOfFabric, endpointsByPrefix, hostByName, placementByNic, placementsInNetwork } from '../routing/routing.lookups.ts';
import type { Lookup, RowIndex, RowTables } from '../rows/row-index.ts';
import { parseTable } from '../rows/rows.codec.ts';
import { publicVirtualIpByAddress, virtualIpByAddress, virtualIpsOfNic } from '../virtual-ips/virtual-ips.lookups.ts';

const LOOKUPS = [
  hostByName,
  edgesOfFabric,
  placementByNic,
  placementsInNetwork,
  endpointsByPrefix,
  peeringsOfNetwork,
  importByNetwork,
  policiesByTarget,
  memberByKey,
  membersByPrefix,
  balancersByAddress,
  targetsOfBalancer,
  publicTargetsOfBalancer,
  virtualIpByAddress,
  publicVirtualIpByAddress,
  virtualIpsOfNic,
  slotsOfNic,
  slotsOfAddress,
] as const;

/** Members of other kinds than interfaces are not asked for by their key. */
const isAsked = (lookup: unknown, row: unknown): boolean =>
  lookup !== memberByKey || (row as { kind?: string }).kind === 'NetworkInterface';

/** What an index answers to every question that these tables, or those of an earlier time (`asked`), raise. `asked` takes the questions. */
export function answersOf(index: RowIndex, tables: RowTables, asked: Set<string>): Readonly<Record<string, readonly string[]>> {
  for (const [table, rows] of tables) {
    for (const lookup of LOOKUPS as readonly Lookup<never>[]) {
      if (lookup.kind !== parseTable(table)?.kind) continue;
      for (const [key, raw] of rows) {
        const row = lookup.decode(raw, key);
        if (row === undefined || !isAsked(lookup, row)) continue;
        for (const value of lookup.valuesOf?.(row) ?? [key]) asked.add(JSON.stringify([lookup.name, table, value]));
      }
    }
  }
  const answers: Record<string, readonly string[]> = {};
  for (const question of asked) {
    const [name, table, value] = JSON.parse(question) as [string, string, string];
    const lookup = LOOKUPS.find((each) => each.name === name) as Lookup<never>;
    answers[question] = [...index.find(lookup, value, table)].map((found) => JSON.stringify(found)).sort();
    if (lookup === (placementByNic as unknown))
      answers[`${question} anywhere`] = [...index.find(lookup, value)].map((found) => JSON.stringify(found));
  }
  return answers;
}

/** Names of the lookups that were asked. */
export function namesOf(asked: ReadonlySet<string>): readonly string[] {
  return [...new Set([...asked].map((question) => (JSON.parse(question) as string[])[0] as string))].sort();
}
export const LOOKUP_NAMES: readonly string[] = LOOKUPS.map(({ name }) => name).sort();
