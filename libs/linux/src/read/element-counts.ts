/** What elements of sections that count have counted, in one router. */
import { type ElementCount, keyOf, type NftSection, routerScope } from '@weft/fabric';
import type { KernelAccess } from '../kernel/kernel-access.ts';
import { ROUTER_TABLE_NAME } from '../objects/base-tables.ts';
import { routerNamespace } from '../objects/names.ts';
import type { NftJson } from './dump.ts';
import { setElements } from './table-shape.ts';

/** By key; empty where nothing can be read. `sections`: those that count. */
export async function elementCounts(
  access: KernelAccess,
  hostIndex: number,
  vni: number,
  sections: readonly NftSection[],
): Promise<ReadonlyMap<string, ElementCount>> {
  const list = sections.map(({ name, value }) => `nft -j list ${value === undefined ? 'set' : 'map'} inet ${ROUTER_TABLE_NAME} ${name}`);
  const { output } = await access.shell(routerNamespace(hostIndex, vni), `exec 2>/dev/null; ${list.join('; ')}`);
  const counts = new Map<string, ElementCount>();
  for (const line of output.split('\n').filter((each) => each.startsWith('{'))) {
    for (const { name } of sections) {
      for (const { key, value, packets } of setElements(JSON.parse(line) as NftJson, name)) {
        if (packets === undefined) continue;
        const entry = {
          kind: 'entry',
          scope: routerScope(vni),
          section: name,
          key: key.join(' . '),
          value,
          position: '',
          owner: '',
        } as const;
        counts.set(keyOf(entry), { value, packets });
      }
    }
  }
  return counts;
}
