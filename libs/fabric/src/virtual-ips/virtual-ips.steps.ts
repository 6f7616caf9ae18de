/** VirtualIPs on the way of a packet, 1:1 in both directions (provider 4.6, ours; linux-dataplane 4.2). */
import { familyOfIp } from '@weft/api';
import type { FeatureSteps } from '../evaluate/walk.ts';
import { firstRow } from '../rows/row-index.ts';
import { PUBLIC_VNI } from '../rows/rows.ts';
import { publicVirtualIpByAddress, virtualIpByAddress, virtualIpsOfNic } from './virtual-ips.lookups.ts';

export const virtualIpSteps: FeatureSteps = {
  name: 'virtual IPs',
  // Inside its network the address leads to its holder at once, wherever that is.
  redirect: ({ rows, header }, { vni }) => {
    const found = firstRow(rows, virtualIpByAddress, header.dst, `virtual-ips.${vni}`);
    if (found === undefined) return undefined;
    const { address } = found.row;
    return [
      {
        at: 'virtual-ip',
        share: 1,
        header: { ...header, dst: address },
        detail: `${header.dst} stands for ${address} in this network`,
        rows: [found],
      },
    ];
  },
  publish: (walk, { vni, nic, host }) => {
    for (const found of walk.rows.find(virtualIpsOfNic, nic, `virtual-ips.${vni}`)) {
      const { ip, address } = found.row;
      if (familyOfIp(ip) !== familyOfIp(walk.header.dst) || address !== walk.header.src) continue;
      walk.rewrite('virtual-ip', host, `${ip} stands for ${address}`, [found], { ...walk.header, src: ip });
      return true;
    }
    return false;
  },
  returns: ({ rows, header }, { vni, nic }) => {
    for (const { row } of rows.find(virtualIpsOfNic, nic, `virtual-ips.${vni}`)) if (row.address === header.dst) return true;
    return false;
  },
  receive: ({ rows, header }) => {
    const found = firstRow(rows, publicVirtualIpByAddress, header.dst, `virtual-ips.${PUBLIC_VNI}`);
    if (found === undefined) return undefined;
    const { address, vni, nic, host } = found.row;
    const detail = `${header.dst} stands for ${address}, on host ${host}`;
    return [{ at: 'virtual-ip', share: 1, header: { ...header, dst: address }, detail, rows: [found], place: { vni, nic, host } }];
  },
};
