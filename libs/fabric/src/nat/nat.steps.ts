/** NAT gateways on the way of a packet: each interface has ports of its own of a public address (provider 4.5, R-11). */
import { NAT_TABLE } from '@weft/lb';
import type { FeatureSteps, Walk } from '../evaluate/walk.ts';
import type { FoundRow } from '../rows/row-index.ts';
import type { NatRow } from '../rows/rows.ts';
import { slotsOfAddress, slotsOfNic } from './nat.lookups.ts';

export const natSteps: FeatureSteps = {
  name: 'NAT',
  // A VirtualIP comes first: its feature is asked before this one (packet P-37).
  publish: (walk, { nic, host }) => {
    for (const found of walk.rows.find(slotsOfNic, nic, NAT_TABLE)) {
      const { public: ip, first, last, ip: address, draining, pending } = found.row;
      if (address !== walk.header.src || draining === true || pending === true) continue;
      const header = { ...walk.header, src: ip, srcPort: { first, last } };
      walk.rewrite('nat', host, `${address} sends from ports ${first} to ${last} of ${ip}`, [found], header);
      return true;
    }
    return false;
  },
  receive: (walk, host) => {
    const { dst, dstPort, protocol } = walk.header;
    const found = [...walk.rows.find(slotsOfAddress, dst, NAT_TABLE)];
    const [any] = found;
    if (any === undefined) return undefined;
    const placed = found.filter(({ row }) => row.host !== undefined);
    const isAsked = protocol === 'ICMP';
    const slot = isAsked
      ? askedOf(walk, placed, host)
      : placed.find(({ row: { first, last } }) => dstPort !== undefined && first <= dstPort && dstPort <= last);
    const { vni, nic, host: at } = slot?.row ?? {};
    const refusal = `${dst} is an address of a NAT gateway, and takes answers only`;
    if (slot === undefined || vni === undefined || nic === undefined || at === undefined)
      return walk.drop('NotAnAnswer', host, refusal, [any]);
    const detail = isAsked ? `a router of its network answers for ${dst}` : `port ${dstPort} of ${dst} is in a slot of ${walk.nameOf(nic)}`;
    const way = { share: 1, header: walk.header, detail, rows: [slot], place: { vni, nic, host: at } };
    if (isAsked) return [{ ...way, at: 'answer', ends: () => ({ outcome: 'answered' }) }];
    return [{ ...way, at: 'nat', ends: (there) => there.drop('NotAnAnswer', at, refusal, [slot]) }];
  },
};

/** Whose router answers for the address: each public side knows the slots of its own host, and that of an edge all of them. */
function askedOf(walk: Walk, placed: readonly FoundRow<NatRow>[], host: string): FoundRow<NatRow> | undefined {
  const slotAt = (at: string | undefined) => placed.find(({ row }) => row.host === at);
  return slotAt(host) ?? slotAt(walk.edgeFor(host)?.row.host) ?? placed.toSorted((a, b) => a.row.first - b.row.first)[0];
}
