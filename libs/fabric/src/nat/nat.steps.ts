/** NAT gateways on the way of a packet: each interface has ports of its own of a public address (provider 4.5, R-11). */
import { NAT_TABLE } from '@weft/lb';
import type { FeatureSteps } from '../evaluate/walk.ts';
import { firstRow } from '../rows/row-index.ts';
import { slotsOfAddress, slotsOfNic } from './nat.lookups.ts';

export const natSteps: FeatureSteps = {
  name: 'NAT',
  // A VirtualIP comes first: its feature is asked before this one (packet P-37).
  publish: (walk, { nic, host }) => {
    for (const found of walk.rows.find(slotsOfNic, nic, NAT_TABLE)) {
      const { public: ip, first, last, ip: address, draining } = found.row;
      if (address !== walk.header.src || draining === true) continue;
      const header = { ...walk.header, src: ip, srcPort: { first, last } };
      walk.rewrite('nat', host, `${address} sends from ports ${first} to ${last} of ${ip}`, [found], header);
      return true;
    }
    return false;
  },
  receive: (walk, host) => {
    const found = firstRow(walk.rows, slotsOfAddress, walk.header.dst, NAT_TABLE);
    if (found === undefined) return undefined;
    if (walk.header.protocol === 'ICMP') {
      const slots = [...walk.rows.find(slotsOfAddress, walk.header.dst, NAT_TABLE)].filter(({ row }) => row.host !== undefined);
      const asked = slots.find(({ row }) => row.host === host) ?? slots.sort((a, b) => a.row.first - b.row.first)[0];
      const { vni, nic, host: at } = asked?.row ?? {};
      if (asked !== undefined && vni !== undefined && nic !== undefined && at !== undefined) {
        const detail = `${walk.header.dst} is an address of a NAT gateway: a router of its network answers itself`;
        return [{ at: 'answer', share: 1, header: walk.header, detail, rows: [asked], place: { vni, nic, host: at }, isAnswered: true }];
      }
    }
    return walk.drop('NotAnAnswer', host, `${walk.header.dst} is an address of a NAT gateway, and takes answers only`, [found]);
  },
};
