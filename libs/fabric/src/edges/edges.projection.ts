/**
 * Edges: hosts with an uplink for public packets (`edges`). They stand beside `hosts` and not in it: kernel objects of every host have the position of a
 * host's row, and another role of a host changes none of them.
 */
import { nameFrom, specOf, type View } from '@weft/api';
import { Host, type HostTypes, isReady } from '@weft/network';
import { provenance } from '../rows/provenance.ts';
import type { RowsOf } from '../rows/row-projection.ts';

const edge: View<HostTypes, true> = {
  kind: Host,
  name: 'edge',
  facets: () => ['created', 'spec.roles'],
  of: ({ object }) => (specOf(object).roles?.includes('Edge') === true ? true : undefined),
};

/** Whether others had better send by another edge. */
const avoided: View<HostTypes, true> = {
  kind: Host,
  name: 'avoided',
  facets: () => ['created', 'conditions', 'spec.unschedulable'],
  of: (host) => (!isReady(host) || specOf(host.object).unschedulable === true ? true : undefined),
};

export const edges: RowsOf = {
  name: 'edges',
  version: 2,
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
