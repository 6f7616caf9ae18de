/** Makes the rows of peerings and imports by one join over all states, without the indexes and views of the projection. */
import { type Folded, membersIn, ofKind } from '@weft/api';
import { Host, Network, type NetworkTypes } from '@weft/network';
import { inOrder, provenance } from '../rows/provenance.ts';
import type { ImportRow, PeeringRow, Tables } from '../rows/rows.ts';

/** O(states). A table without rows is absent. */
export function peeringTables(states: Iterable<Folded>): Tables {
  const living = [...states].filter(({ status }) => status === 'live');
  const tables = new Map<`peerings.${number}` | `imports.${string}`, Map<string, PeeringRow | ImportRow>>();
  const put = (table: `peerings.${number}` | `imports.${string}`, row: PeeringRow | ImportRow): void => {
    const rows = tables.get(table) ?? new Map<string, PeeringRow | ImportRow>();
    tables.set(table, rows.set(String(row.vni), row));
  };
  const networks = living.flatMap((state) => ofKind(Network, state) ?? []);
  const bound = new Map(networks.map((network) => [network, new Map(membersIn(network.facts.bound ?? {}))]));
  for (const exposing of networks) {
    for (const seeing of networks) {
      const exposure = bound.get(exposing)?.get(nameOf(seeing));
      const back = bound.get(seeing)?.get(nameOf(exposing));
      const agreed = exposure?.uid === seeing.object.metadata.uid && back?.uid === exposing.object.metadata.uid;
      const [{ vni }, { vni: own }] = [exposing.facts, seeing.facts];
      if (!agreed || vni === undefined || own === undefined) continue;
      const prefixes = exposure?.prefixes?.flatMap(({ prefix }) => prefix ?? []);
      const behind = [...causes(exposing, seeing), ...causes(seeing, exposing)];
      put(`peerings.${own}`, { vni, network: nameOf(exposing), ...(prefixes && { prefixes }), ...provenance(inOrder(behind)) });
    }
  }
  for (const host of living.flatMap((state) => ofKind(Host, state) ?? [])) {
    for (const [vni, use] of Object.entries(host.facts.imported ?? {})) {
      const since = host.facets[`imported.${vni}`];
      if (use === 'used' && since !== undefined) put(`imports.${host.key.name}`, { vni: Number(vni), ...provenance([since]) });
    }
  }
  return tables;
}

function nameOf({ key }: Folded<NetworkTypes>): string {
  return `${key.namespace}/${key.name}`;
}

function causes({ facets }: Folded<NetworkTypes>, other: Folded<NetworkTypes>) {
  return ['created', 'vni', `bound.${nameOf(other)}`].flatMap((name) => facets[name] ?? []);
}
