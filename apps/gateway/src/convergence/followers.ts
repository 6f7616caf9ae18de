/** Which hosts have to apply a change of a table: those that follow it (ADR 29, 31). Read from what hosts hold and import now. */
import { type Facts, type Folded, specOf } from '@weft/api';
import { PUBLIC_VNI, parseTable, tablesOfImport } from '@weft/fabric';
import { Host, type HostTypes } from '@weft/network';

/** Names of hosts. O(hosts that follow the table), but for what is public or every host's: O(hosts). */
export function* followersOf(table: string, facts: Facts): Iterable<string> {
  const parsed = parseTable(table);
  if (parsed === undefined) return;
  if ('host' in parsed) {
    if (facts.get(Host, { name: parsed.host })?.status === 'live') yield parsed.host;
    return;
  }
  if ('vni' in parsed && parsed.vni !== PUBLIC_VNI) {
    for (const host of facts.by(Host, 'vni', `${parsed.vni}`)) if (follows(host, table, parsed.vni)) yield host.key.name;
    return;
  }
  for (const host of facts.all(Host)) if (!('vni' in parsed) || specOf(host.object).roles?.includes('Edge') === true) yield host.key.name;
}

/** A network that is idle on a host has no row there that would make it follow the others. */
function follows({ facts: { held, imported } }: Folded<HostTypes>, table: string, vni: number): boolean {
  if (held?.[vni] === '') return true;
  return imported?.[vni] === 'used' && tablesOfImport(vni).some((followed) => followed.table === table);
}
