/** Makes the rows of slots from all states and from the events of the slots themselves, without the ledger that the projection reads. */
import { type Append, type Folded, ofKind, type RecordedEvent } from '@weft/api';
import { NAT_TABLE, natSlotEvents, type Section } from '@weft/lb';
import { Network, NetworkInterface } from '@weft/network';
import { inOrder } from '../rows/provenance.ts';
import type { NatRow, Tables } from '../rows/rows.ts';
import { natKey, natRow } from './nat.projection.ts';

type Opened = Readonly<{ event: RecordedEvent; at: bigint }>;
type Held = {
  section: Section;
  nic: string;
  stream: string;
  since: RecordedEvent[];
  draining: boolean;
  ordered: boolean;
  opened?: Opened;
  /** The range before it, while that is held. */
  former?: Held;
};

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
  const successors = new Map([...held.values()].flatMap((each) => (each.former === undefined ? [] : [[each.former, each] as const])));
  for (const slot of held.values()) {
    const { section, nic: uid, since } = slot;
    const nic = nics.get(uid);
    const placedAt = (nic?.facts.placement && nic.facets['placement']?.position) ?? 0n;
    const isPending = ({ ordered, opened, since: [given] }: Held) =>
      (ordered && (opened?.at ?? -1n) < placedAt) || (ordered && (opened?.at ?? -1n) < (given?.position ?? 0n));
    const successor = successors.get(slot);
    const isInUse = successor !== undefined && !successor.draining && isPending(successor) && !isPending(slot);
    const opening = [slot.opened, successor !== undefined && !successor.draining ? successor.opened : undefined].flatMap(
      (each) => each?.event ?? [],
    );
    const { ips = [] } = nic?.object.status ?? {};
    const network = nic && networks.get(`${nic.key.namespace}/${nic.object.spec?.networkRef?.name ?? ''}`);
    const { host } = nic?.facts.placement ?? {};
    const behind = [
      ...['created', 'addresses', 'placement'].flatMap((facet) => nic?.facets[facet] ?? []),
      ...(network?.facets['vni'] ? [network.facets['vni']] : []),
      ...[...since, ...opening].map(({ position, id: eventId }) => ({ position, eventId })),
    ];
    const read = { uid, ips, ...(host !== undefined && { host }) };
    rows.set(
      natKey(section),
      natRow(
        read,
        network?.facts.vni,
        { section, draining: slot.draining && !isInUse, pending: !slot.draining && isPending(slot) },
        inOrder(behind),
      ),
    );
  }
  return rows.size === 0 ? new Map() : new Map([[NAT_TABLE, rows]]);
}

function take(held: Map<string, Held>, event: ReturnType<typeof natSlotEvents.in>[number]): void {
  const { stream } = event;
  if (event.type === 'NatSlotOpened.v1') {
    const slot = held.get(natKey(event.data));
    if (slot !== undefined) slot.opened = { event, at: BigInt(event.data.at) };
  }
  if (event.type === 'NatSlotReleased.v1') held.delete(natKey(event.data));
  if (event.type !== 'NatSlotAllocated.v1') return;
  const { ip, port, ports, nic, ordered = false } = event.data;
  const former = [...held.values()].find((each) => each.nic === nic && each.stream === stream && !each.draining);
  if (former !== undefined) {
    former.draining = true;
    former.since.push(event);
  }
  const slot = { section: { ip, port, ports }, nic, stream, since: [event], draining: false, ordered };
  held.set(natKey({ ip, port }), { ...slot, ...(former && { former }) });
}
