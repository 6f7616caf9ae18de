/** What is asked about rows of peerings. */
import { membersIn, nameFrom } from '@weft/api';
import { Network } from '@weft/network';
import { networksOf } from '../routing/routing.lookups.ts';
import type { Lookup } from '../rows/row-index.ts';
import { decodeImportRow, decodePeeringRow } from '../rows/rows.codec.ts';
import type { ImportRow, PeeringRow } from '../rows/rows.ts';

/** All peerings of the table's network, under an empty value. */
export const peeringsOfNetwork: Lookup<PeeringRow> = {
  name: 'peerings',
  kind: 'peerings',
  decode: decodePeeringRow,
  valuesOf: () => [''],
  *origins({ facts }, _, table) {
    for (const network of networksOf(facts, table)) {
      const bound = facts.get(Network, nameFrom(network))?.facts.bound;
      if (bound !== undefined) for (const [peer] of membersIn(bound)) yield { rows: 'rows of peerings', key: `${peer} ${network}` };
    }
  },
};

/** By VNI, decimal, in the table of a host. */
export const importByNetwork: Lookup<ImportRow> = {
  name: 'import by network',
  kind: 'imports',
  decode: decodeImportRow,
  origins: (_, vni, table) => (table !== undefined && 'host' in table ? [{ rows: 'rows of imports', key: `${table.host} ${vni}` }] : []),
};
