/**
 * Edges: hosts with an uplink for public packets (`edges`). They stand beside `hosts` and not in it: kernel objects of every host have the position of a
 * host's row, and another role of a host changes none of them.
 */
import { EVERYTHING, type Folded, nameFrom, specOf, type View } from '@weft/api';
import { Host, type HostTypes, isReady } from '@weft/network';
import { provenance } from '../rows/provenance.ts';
import type { RowsOf } from '../rows/row-projection.ts';
import { edgesTable } from '../rows/rows.codec.ts';

const edge: View<HostTypes, true> = {
  kind: Host,
  name: 'edge',
  facets: () => ['created', 'spec.roles'],
  of: ({ object }) => (specOf(object).roles?.includes('Edge') === true ? true : undefined),
};

/** Whether others had better send by another edge: its agent is not in order, it is to be left, or its kernel has no public side of an edge yet. */
const avoided: View<HostTypes, true> = {
  kind: Host,
  name: 'avoided',
  of: (host) => (!isReady(host) || specOf(host.object).unschedulable === true || !hasBecomeEdge(host) ? true : undefined),
};

/** Whether its kernel reflects the row that says so. */
function hasBecomeEdge({ facts: { applied = {} }, facets }: Folded<HostTypes>): boolean {
  const since = (facets['spec.roles'] ?? facets['created'])?.position ?? 0n;
  return [edgesTable, EVERYTHING].some((table) => BigInt(applied[table] ?? '0') >= since);
}

export const edges: RowsOf = {
  name: 'edges',
  version: 3,
  kinds: [Host],
  declare: ({ map, from }) =>
    map('rows of edges', from.kind(Host.kind), (key, facts, read) => {
      const { name } = nameFrom(key);
      if (facts.see(edge, { name }) !== true) return [];
      // Of the role alone: conditions are said again and again.
      const why = provenance(read.causes());
      const avoid = facts.see(avoided, { name });
      return [{ table: 'edges', key: name, row: { host: name, ...(avoid && { avoid }), ...why } }];
    }),
};
