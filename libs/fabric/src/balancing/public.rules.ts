/**
 * The constant rules by which hosts with an uplink spread what comes from outside over the hosts of a balancer's targets (linux-dataplane 4.7). They stand in
 * the public router (VNI 1), which keeps no state of connections:
 *
 *   lb_edge -> of an error: the flow that it quotes; of an echo or a fragment: its addresses; else its ports, if they are served (`lb_open`)
 *           -> a flow that is known (`lb_flows`) goes to its host as long as that serves (`lb_live`)
 *           -> any other one to the host of its bucket's target (`lb_host`)
 *
 * The mark is the index of the host. It travels with the packet, so that nobody chooses twice while two hosts differ. The host of the target chooses among its
 * own (`lb_near`) and translates.
 */
import type { IpFamily } from '@weft/api';
import { digit, HERE_MARK } from '../edges/public-side.ts';
import type { Chain, NftSection } from '../kernel/sections.ts';
import { FLOW_SEED } from './bucket-of-flow.ts';
import { BUCKETS, GROUP_BITS } from './bucket-table.ts';

export const FAMILIES = ['IPv4', 'IPv6'] as const;
export const ADDRESS = { IPv4: 'ipv4_addr', IPv6: 'ipv6_addr' } as const;

export const FIELDS = {
  IPv4: 'ip saddr . ip daddr . th sport . th dport . meta l4proto',
  IPv6: 'ip6 saddr . ip6 daddr . th sport . th dport . meta l4proto',
} as const;
/** The same fields of the flow that an ICMP error quotes, which is a packet of the answer: header of 8 bytes, then one of IP without options. */
const QUOTED = {
  IPv4: '@th,192,32 . ip daddr . @th,240,16 . @th,224,16 . @th,136,8',
  IPv6: '@th,256,128 . ip6 daddr . @th,400,16 . @th,384,16 . @th,112,8',
} as const;
/** Of what a host gives to one of its targets, since that of the bucket is elsewhere. */
export const SPARE_BUCKETS = 61;
const ADDRESSES = { IPv4: 'ip saddr . ip daddr', IPv6: 'ip6 saddr . ip6 daddr' } as const;

export const bucketIn = (fields: string, buckets = BUCKETS): string => `meta mark set jhash ${fields} mod ${buckets} seed ${FLOW_SEED}`;
/** Of an address in this set: its table has one bucket for each group of those. */
export const groupIn = (address: string, few: string): string => `${address} @${few} meta mark set meta mark >> ${GROUP_BITS}`;
/** A flow is known by a hash of it: two of 100,000 that are known at once have one hash in common, and share a host. */
const flowIn = (fields: string): string => `meta priority set jhash ${fields} mod 0xffffffff seed ${FLOW_SEED}`;

/** Flows that are known go on to a host that has no target any more for so long, and as long as its interface is there. */
const DRAIN_S = 60;
/** Flows that an edge remembers. */
const FLOWS_MAX = 262_144;
/** Filled by rules: hash of a flow -> its host. */
export const FLOWS = `map lb_flows { type classid : mark; size ${FLOWS_MAX}; flags dynamic,timeout; }`;

export const PUBLIC_SECTIONS: readonly NftSection[] = FAMILIES.flatMap((family): readonly NftSection[] => {
  const address = ADDRESS[family];
  const named = (name: string) => ({ kind: 'nft', name: `${name}${digit(family)}` }) as const;
  return [
    { ...named('lb_public'), key: [address] },
    { ...named('lb_open'), key: [address, 'inet_proto', 'inet_service'], interval: true },
    { ...named('lb_public_few'), key: [address] },
    { ...named('lb_host'), key: [address, 'mark'], value: ['mark'], buckets: true },
    { ...named('lb_live'), key: [address, 'mark'], lingersS: DRAIN_S },
  ];
});

const SYN = 'tcp flags & (syn|ack) == syn';

export const PUBLIC_CHAINS: readonly Chain[] = [
  { name: 'lb_go', rules: ['meta priority set none', 'accept'] },
  {
    // A refresh never changes a value, so a new one takes the place of what was deleted. Whoever begins and says no more is forgotten soon.
    name: 'lb_pin',
    rules: [
      `${SYN} update @lb_flows { meta priority timeout 30s : meta mark }`,
      `${SYN} goto lb_go`,
      'update @lb_flows { meta priority timeout 5m : meta mark }',
      'goto lb_go',
    ],
  },
  ...FAMILIES.flatMap(chainsOf),
  {
    name: 'lb_edge',
    declaration: 'type filter hook prerouting priority -290; policy accept',
    rules: [
      // Another host with an uplink has chosen this one.
      `meta priority 0:1 meta mark set ${HERE_MARK} accept`,
      'ip daddr @lb_public4 goto lb_edge4',
      'ip6 daddr @lb_public6 goto lb_edge6',
    ],
  },
];

function chainsOf(family: IpFamily): readonly Chain[] {
  const [ip, n] = [family === 'IPv4' ? 'ip' : 'ip6', digit(family)];
  const hostOfBucket = [groupIn(`${ip} daddr`, `lb_public_few${n}`), `meta mark set ${ip} daddr . meta mark map @lb_host${n}`];
  /** Where nobody serves, the mark is the bucket still, or 0. */
  const hasHost = `${ip} daddr . meta mark @lb_live${n}`;
  const known = ['meta mark set 0', 'meta mark set meta priority map @lb_flows'];
  const errors =
    family === 'IPv4'
      ? 'icmp type { destination-unreachable, time-exceeded, parameter-problem }'
      : 'icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem }';
  return [
    {
      name: `lb_new${n}`,
      rules: [
        'delete @lb_flows { meta priority : meta mark }',
        bucketIn(FIELDS[family]),
        ...hostOfBucket,
        `${hasHost} goto lb_pin`,
        'counter drop',
      ],
    },
    {
      name: `lb_error${n}`,
      rules: [
        flowIn(QUOTED[family]),
        ...known,
        `${hasHost} goto lb_go`,
        bucketIn(QUOTED[family]),
        ...hostOfBucket,
        `${hasHost} goto lb_go`,
        'counter drop',
      ],
    },
    {
      // All of one client's to one host: fragments have no ports.
      name: `lb_any${n}`,
      rules: [bucketIn(ADDRESSES[family]), ...hostOfBucket, `${hasHost} goto lb_go`, 'counter drop'],
    },
    {
      name: `lb_edge${n}`,
      rules: [
        `${family === 'IPv4' ? 'ip frag-off & 0x3fff != 0' : 'exthdr frag exists'} goto lb_any${n}`,
        `${errors} goto lb_error${n}`,
        `${family === 'IPv4' ? 'icmp' : 'icmpv6'} type echo-request goto lb_any${n}`,
        `${ip} daddr . meta l4proto . th dport != @lb_open${n} counter drop`,
        flowIn(FIELDS[family]),
        `${SYN} goto lb_new${n}`,
        ...known,
        `${hasHost} goto lb_pin`,
        `goto lb_new${n}`,
      ],
    },
  ];
}
