/** Makes the rows of slots from all states and from the events of the slots themselves, without the ledger that the projection reads. */
import { type Append, type Folded, ofKind, type RecordedEvent } from '@weft/api';
import { NAT_TABLE, natSlotEvents, type Section } from '@weft/lb';
import { Network, NetworkInterface } from '@weft/network';
import { inOrder } from '../rows/provenance.ts';
import type { NatRow, Tables } from '../rows/rows.ts';
import { natKey, natRow } from './nat.projection.ts';

type Held = { section: Section; nic: string; stream: string; since: RecordedEvent[]; draining: boolean };

/** O(log, states). */
export function natTables(log: Iterable<Append>, states: Iterable<Folded>): Tables {
  const held = new Map<string, Held>();
  for (const append of log) for (const event of natSlotEvents.in(append)) take(held, event);
  const living = [...states].filter(({ status }) => status === 'live');
  const nics = new Map(living.flatMap((state) => ofKind(NetworkInterface, state) ?? []).map((nic) => [nic.object.metadata.uid, nic]));
  const networks = new Map(
    living.flatMap((state) => ofKind(Network, state) ?? []).map((each) => [`${each.key.namespace}/${each.key.name}`, each]),
  );
  const rows = new Map<string, NatRow>();
  for (const { section, nic: uid, since, draining } of held.values()) {
    const nic = nics.get(uid);
    const { ips = [] } = nic?.object.status ?? {};
    const network = nic && networks.get(`${nic.key.namespace}/${nic.object.spec?.networkRef?.name ?? ''}`);
    const { host } = nic?.facts.placement ?? {};
    const behind = [
      ...['created', 'addresses', 'placement'].flatMap((facet) => nic?.facets[facet] ?? []),
      ...(network?.facets['vni'] ? [network.facets['vni']] : []),
      ...since.map(({ position, id: eventId }) => ({ position, eventId })),
    ];
    const read = { uid, ips, ...(host !== undefined && { host }) };
    rows.set(natKey(section), natRow(read, network?.facts.vni, section, draining, inOrder(behind)));
  }
  return rows.size === 0 ? new Map() : new Map([[NAT_TABLE, rows]]);
}

function take(held: Map<string, Held>, event: ReturnType<typeof natSlotEvents.in>[number]): void {
  if (event.type === 'NatSlotReleased.v1') held.delete(natKey(event.data));
  if (event.type !== 'NatSlotAllocated.v1') return;
  const { ip, port, ports, nic } = event.data;
  for (const each of held.values()) {
    if (each.nic !== nic || each.stream !== event.stream || each.draining) continue;
    each.draining = true;
    each.since.push(event);
  }
  held.set(natKey({ ip, port }), { section: { ip, port, ports }, nic, stream: event.stream, since: [event], draining: false });
}
