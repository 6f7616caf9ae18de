/**
 * Routing: from the fold to the rows that say where interfaces are (`hosts`, `placements.<host>`, `endpoints.<vni>`).
 *
 *   Network -- vni --------------+
 *   NetworkInterface -- index, --+--> endpoints.<vni>          (placed, and the network has a number)
 *       addresses, placement     +--> placements.<host>        (and the host holds that network)
 *   Host -- index, underlay -----|--> hosts
 *        -- holds ---------------+
 *
 * They equal a full join over all states (`routing.oracle.ts`), on whichever path these were reached. A row depends on the events of the facets that it
 * read: its position is the highest of theirs.
 */
import { nameFrom } from '@weft/api';
import { Host, Network, NetworkInterface } from '@weft/network';
import type { PlacedRow, RowsOf } from '../rows/row-projection.ts';
import { holdOf, networkNumber, placedInterfaces, placedNic, registeredHost } from './routing.reads.ts';
import { endpointRow, hostRow, placementRow } from './routing.rows.ts';

export const routing: RowsOf = {
  name: 'routing',
  version: 5,
  kinds: [Host, Network, NetworkInterface],
  declare: ({ map, from: { kind, some } }) => {
    map('rows of hosts', kind('Host'), (key, facts, read) => {
      const host = facts.see(registeredHost, nameFrom(key));
      return host === undefined ? [] : [{ table: 'hosts', key: host.host, row: hostRow(host, read.causes()) }];
    });
    map('rows of interfaces', some(placedInterfaces), (key, facts, read) => {
      const nic = facts.see(placedNic, nameFrom(key));
      const vni = nic && facts.see(networkNumber, { namespace: nic.namespace, name: nic.network });
      if (nic === undefined || vni === undefined) return [];
      const rows: PlacedRow[] = [];
      // The endpoint does not depend on the hold, which is read after it.
      const endpoint = endpointRow(nic, vni, read.causes());
      if (endpoint !== undefined) rows.push({ table: `endpoints.${vni}`, key: nic.uid, row: endpoint });
      const heldAt = facts.see(holdOf, { name: nic.host }, String(vni));
      const placement = heldAt === undefined ? undefined : placementRow(nic, vni, heldAt, read.causes());
      if (placement !== undefined) rows.push({ table: `placements.${nic.host}`, key: nic.uid, row: placement });
      return rows;
    });
  },
};
