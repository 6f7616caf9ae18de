/**
 * VirtualIPs in the kernel, 1:1 in both directions (linux-dataplane 4.2, 4.3; provider 4.6).
 *
 *   virtual-ips.<vni> ──> vip_in (public -> own address), in each router of the network: inside, the address leads to its holder at once
 *        └─ holder here > vip_out (own -> public) for what leaves, vip_self for what comes back to its sender, a route on the public side into the network
 *   virtual-ips.1 ──────> at an edge: a route on the public side to the host of the holder
 */
import { familyOfIp, type IpFamily } from '@weft/api';
import type { Derived, Engine, Lens } from '@weft/derive';
import type { Here } from '../compile/here.ts';
import { inNetwork } from '../compile/network-key.ts';
import { digit, intoNetwork, isEdge, sourceDraft, toHost, wayTo } from '../edges/public-side.ts';
import type { EntryDraft, Feature } from '../kernel/feature.ts';
import { type Chain, type NftSection, wireDevice } from '../kernel/sections.ts';
import { type HostRow, PUBLIC_VNI } from '../rows/rows.ts';

const OUT = wireDevice(PUBLIC_VNI);
const ADDRESS = { IPv4: 'ipv4_addr', IPv6: 'ipv6_addr' } as const;
const FAMILIES: readonly IpFamily[] = ['IPv4', 'IPv6'];
const IP = { IPv4: 'ip', IPv6: 'ip6' } as const;
const indexOfHost: Lens<HostRow, number> = { name: 'number', of: ({ index }) => index };

const SECTIONS: readonly NftSection[] = FAMILIES.flatMap((family): readonly NftSection[] => {
  const named = (name: string) => ({ kind: 'nft', name: `${name}${digit(family)}` }) as const;
  const address = ADDRESS[family];
  return [
    // A running flow would keep its old translation.
    { ...named('vip_in'), key: [address], value: [address], ends: 'key' },
    { ...named('vip_out'), key: [address], value: [address], ends: 'value' },
    { ...named('vip_self'), key: [address, address] },
  ];
});

const CHAINS: readonly Chain[] = [
  {
    name: 'vip_in',
    // Before balancers are asked.
    declaration: 'type nat hook prerouting priority -101; policy accept',
    rules: FAMILIES.map((family) => `iifname { "g*", "${OUT}" } dnat ${IP[family]} to ${IP[family]} daddr map @vip_in${digit(family)}`),
  },
  {
    name: 'vip_out',
    // Before slots of ports are asked (packet P-37).
    declaration: 'type nat hook postrouting priority 99; policy accept',
    rules: FAMILIES.flatMap((family) => [
      `oifname "${OUT}" snat ${IP[family]} to ${IP[family]} saddr map @vip_out${digit(family)}`,
      `${IP[family]} saddr . ${IP[family]} daddr @vip_self${digit(family)} snat ${IP[family]} to ct original ${IP[family]} daddr`,
    ]),
  },
];

/** In routers of its network, and on the public side of its own host. */
function inNetworks(engine: Engine, here: Here): Derived<readonly EntryDraft[]> {
  const { rows, holds, stays } = here;
  const all = rows['virtual-ips'];
  return engine.map<readonly EntryDraft[]>('virtual IPs in networks', all, (key, read) => {
    const found = read.get(all, key);
    if (found === undefined || found.vni === PUBLIC_VNI || !read.any(holds, String(found.vni))) return undefined;
    const { vni, row } = found;
    const { ip, address, nic } = row;
    const owner = `VirtualIP/${row.virtualIp}`;
    const family = digit(familyOfIp(ip));
    const inside: EntryDraft = { vni, section: `vip_in${family}`, key: ip, value: address, owner };
    if (read.see(stays, networkOfStay, nic) !== vni) return [inside];
    return [
      inside,
      { vni, section: `vip_out${family}`, key: address, value: ip, owner },
      { vni, section: `vip_self${family}`, key: `${address} . ${address}`, owner },
      sourceDraft(vni, address, owner),
      wayTo(ip, intoNetwork(here, vni), owner),
    ];
  });
}

const networkOfStay: Lens<Readonly<{ row: Readonly<{ vni: number }> }>, number> = { name: 'network', of: ({ row }) => row.vni };

/** On the public side of an edge. */
function elsewhere(engine: Engine, here: Here): Derived<readonly EntryDraft[]> {
  const { rows, hosts, stays } = here;
  const all = rows['virtual-ips'];
  return engine.map<readonly EntryDraft[]>('virtual IPs elsewhere', all, (key, read) => {
    const row = read.get(all, key)?.row;
    if (row === undefined || !('host' in row) || !isEdge(read, here)) return undefined;
    // What is here counts, whatever the other row still says.
    if (read.see(stays, networkOfStay, row.nic) === row.vni && read.get(all, inNetwork(row.vni, row.virtualIp)) !== undefined)
      return undefined;
    const index = read.see(hosts, indexOfHost, row.host);
    return index === undefined ? undefined : [wayTo(row.ip, toHost(index), `VirtualIP/${row.virtualIp}`)];
  });
}

export const virtualIpsKernel: Feature = {
  name: 'virtual IPs',
  tables: ['virtual-ips'],
  sections: SECTIONS,
  chains: CHAINS,
  entries: (engine, here) => [inNetworks(engine, here), elsewhere(engine, here)],
  publishes: (rows) => [rows['virtual-ips'].index('nic')],
};
