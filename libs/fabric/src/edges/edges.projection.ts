/**
 * Edges: hosts with an uplink for public packets (`edges`). They stand beside `hosts` and not in it: kernel objects of every host have the position of a
 * host's row, and another role of a host changes none of them.
 */
import { nameFrom, specOf, type View } from '@weft/api';
import { Host, type HostTypes } from '@weft/network';
import { provenance } from '../rows/provenance.ts';
import type { RowsOf } from '../rows/row-projection.ts';

const edge: View<HostTypes, true> = {
  kind: Host,
  name: 'edge',
  facets: () => ['created', 'spec.roles'],
  of: ({ object }) => (specOf(object).roles?.includes('Edge') === true ? true : undefined),
};

export const edges: RowsOf = {
  name: 'edges',
  version: 1,
  kinds: [Host],
  declare: ({ map, from }) =>
    map('rows of edges', from.kind(Host.kind), (key, facts, read) => {
      const { name } = nameFrom(key);
      const isEdge = facts.see(edge, { name }) === true;
      return isEdge ? [{ table: 'edges', key: name, row: { host: name, ...provenance(read.causes()) } }] : [];
    }),
};
