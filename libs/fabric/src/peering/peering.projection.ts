/**
 * Peering: from the fold to the rows that say which networks see each other, and which hosts follow them (ADR 29).
 *
 *   Network -- vni, bound ---+--> peerings.<vni>     (two networks that are bound to each other: a row in the table of each)
 *   Network -- vni, bound ---+
 *   Host -- imports -------------> imports.<host>
 *
 * One row says what a network exposes to another, however many interfaces it has: whoever needs these follows its endpoints. The rows equal those of
 * `peering.oracle.ts`.
 */
import { nameFrom, uidOf, type View } from '@weft/api';
import { exposedTo, Host, type HostTypes, Network, peerText } from '@weft/network';
import { provenance } from '../rows/provenance.ts';
import type { RowsOf } from '../rows/row-projection.ts';

const uidOfNetwork = uidOf(Network);

/** Of an import that is used: the index has no others. It is the event behind the row. */
const importOf: View<HostTypes, true> = { kind: Host, name: 'import', facets: (vni) => [`imported.${vni}`], of: () => true };

export const peering: RowsOf = {
  name: 'peering',
  version: 1,
  kinds: [Host, Network],
  declare: ({ group, from: { kind } }) => {
    group('rows of peerings', kind('Network').index('bound'), (value, facts, read) => {
      const [exposing, seeing] = pairOf(value);
      const uid = facts.see(uidOfNetwork, nameFrom(seeing));
      const exposure = uid === undefined ? undefined : facts.see(exposedTo, nameFrom(exposing), peerText(seeing, uid));
      const back = exposure && facts.see(exposedTo, nameFrom(seeing), peerText(exposing, exposure.uid));
      if (exposure?.vni === undefined || back?.vni === undefined) return [];
      const { vni, prefixes } = exposure;
      const row = { vni, network: exposing, ...(prefixes && { prefixes: [...prefixes] }), ...provenance(read.causes()) };
      return [{ table: `peerings.${back.vni}`, key: String(vni), row }];
    });
    group('rows of imports', kind('Host').index('import'), (value, facts, read) => {
      const [host, vni] = pairOf(value);
      if (facts.see(importOf, { name: host }, vni) === undefined) return [];
      return [{ table: `imports.${host}`, key: vni, row: { vni: Number(vni), ...provenance(read.causes()) } }];
    });
  },
};

/** The two names of an index value: no name holds a space. */
function pairOf(value: string): readonly [one: string, other: string] {
  const space = value.indexOf(' ');
  return [value.slice(0, space), value.slice(space + 1)];
}
