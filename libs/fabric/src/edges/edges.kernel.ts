/**
 * What joins networks to the public side of a host, and that side to the internet: a wire to each network that has something public here, the way out through
 * an uplink of this host or through a host that has one, and who may use it (linux-dataplane 4.2).
 *
 *   router of a network ── q1 ─── q<vni> ── public side ── uplink (an edge)
 *                                                └──────── vx ── another host
 */
import type { Derived, Engine, Lens } from '@weft/derive';
import type { Here } from '../compile/here.ts';
import type { EntryDraft, Feature } from '../kernel/feature.ts';
import { nextHop, routerMac } from '../kernel/router-names.ts';
import { type Chain, type NftSection, wireDevice } from '../kernel/sections.ts';
import { type HostRow, PUBLIC_VNI } from '../rows/rows.ts';
import { BY_MARK_NEIGHBOUR, HERE_MARK, ROUTER_RANGES, toHost, UPLINK_DEVICE, usableEdges, wayTo } from './public-side.ts';

const EVERYWHERE = ['0.0.0.0/0', '::/0'];
const OWNER = `Network/${PUBLIC_VNI}`;
const OUT = wireDevice(PUBLIC_VNI);
const indexOfHost: Lens<HostRow, number> = { name: 'number', of: ({ index }) => index };

const SECTIONS: readonly NftSection[] = [
  // Addresses of interfaces that have something public to send from.
  { kind: 'nft', name: 'public_source4', key: ['ipv4_addr'] },
  { kind: 'nft', name: 'public_source6', key: ['ipv6_addr'] },
];

const CHAINS: readonly Chain[] = [
  {
    // Nobody out there knows an address of a network: what comes in is translated, or is an answer.
    name: 'public_in',
    rules: ['ct direction reply return', 'ct state related return', 'ct status dnat return', 'counter drop'],
  },
  {
    name: 'public_leave',
    rules: [
      'ct direction reply return',
      'ct state related return',
      'ip saddr @public_source4 return',
      'ip6 saddr @public_source6 return',
      'counter reject with icmpx type no-route',
    ],
  },
  {
    // Protocols without ports leave by no slice of ports.
    name: 'public_out',
    declaration: 'type filter hook postrouting priority 200; policy accept',
    rules: [`ct state new oifname "${OUT}" ct status & snat == 0 counter drop`],
  },
];

const [ROUTERS_V4, ROUTERS_V6] = ROUTER_RANGES;

/** It keeps no state: no rule there touches `ct`, so the kernel tracks nothing (linux-dataplane 3). */
const PUBLIC_CHAINS: readonly Chain[] = [
  {
    // Of a mark that came with a packet no more is kept than that another public side has sent it here by one.
    name: 'arrive',
    declaration: 'type filter hook prerouting priority -300; policy accept',
    rules: [
      'meta priority set none',
      'iifname "vx" meta mark != 0 meta priority set "0:1"',
      'meta mark set 0',
      `iifname "${UPLINK_DEVICE}" ip saddr ${ROUTERS_V4} counter drop`,
      `iifname "${UPLINK_DEVICE}" ip6 saddr ${ROUTERS_V6} counter drop`,
    ],
  },
  {
    name: 'forward',
    declaration: 'type filter hook forward priority 0; policy accept',
    rules: [
      // Two hosts may each take the other one for the owner: it would go round (provider R-40).
      `meta priority 0:1 meta mark != ${HERE_MARK} counter drop`,
      // A public address that nobody has.
      `iifname "${UPLINK_DEVICE}" oifname "${UPLINK_DEVICE}" counter drop`,
    ],
  },
  {
    // What errors are about, neighbours, and a routing daemon (BGP, BFD).
    name: 'input',
    declaration: 'type filter hook input priority 0; policy drop',
    rules: [
      'iifname "lo" accept',
      `iifname "${UPLINK_DEVICE}" meta l4proto { icmp, ipv6-icmp } accept`,
      `iifname "${UPLINK_DEVICE}" tcp dport 179 accept`,
      `iifname "${UPLINK_DEVICE}" tcp sport 179 accept`,
      `iifname "${UPLINK_DEVICE}" udp dport { 3784, 4784 } accept`,
    ],
  },
  {
    // Before the tunnel looks for the frame's destination. The mark that is left travels in its header.
    name: 'leave',
    declaration: 'type filter hook egress device "vx" priority 0; policy accept',
    rules: ['meta priority set none', 'meta mark 0 accept', 'ether daddr set meta mark map @public_host', 'meta mark set 1'],
    netdev: true,
  },
];

/** A wire to each network with something public here, and the way through it for all that the network has not. */
function wires(engine: Engine, { identity: { index }, published }: Here): Derived<readonly EntryDraft[]> {
  return engine.group<readonly EntryDraft[]>('ways to the public side', published, (vni, read) => {
    if (!read.any(published, vni)) return undefined;
    const [own, other] = [Number(vni), PUBLIC_VNI];
    const ends = [
      [own, other],
      [other, own],
    ] as const;
    const way = `${nextHop(other, index)} ${OUT}`;
    return [
      ...ends.flatMap(([at, to]): readonly EntryDraft[] => [
        { vni: at, section: 'wires', key: String(to), owner: OWNER },
        { vni: at, section: 'neighbours', key: `${wireDevice(to)} ${nextHop(to, index)}`, value: routerMac(to, index), owner: OWNER },
      ]),
      ...EVERYWHERE.map((key): EntryDraft => ({ vni: own, section: 'routes', key, value: way, owner: OWNER })),
    ];
  });
}

/** The way out: an uplink of this host is its driver's; without one, through an edge. Hosts spread over those in order by their numbers. */
function wayOut(engine: Engine, { identity, hosts, rows: { edges } }: Here): Derived<readonly EntryDraft[]> {
  const all = edges.index('network');
  return engine.group<readonly EntryDraft[]>('ways out', all, (vni, read) => {
    const found = [...read.rows(all, vni)].map(({ row }) => row);
    if (found.some(({ host }) => host === identity.host)) return [BY_MARK_NEIGHBOUR];
    const indexes = usableEdges(found).flatMap(({ host }) => read.see(hosts, indexOfHost, host) ?? []);
    const edge = indexes[identity.index % indexes.length];
    return edge === undefined ? undefined : EVERYWHERE.map((ip) => wayTo(ip, toHost(edge), OWNER));
  });
}

/** What `BY_MARK` makes of marks. */
function marks(engine: Engine, { numbers }: Here): Derived<readonly EntryDraft[]> {
  return engine.map<readonly EntryDraft[]>('marks of hosts', numbers, (index) => [
    { vni: PUBLIC_VNI, section: 'public_host', key: index, value: routerMac(PUBLIC_VNI, Number(index)), owner: OWNER },
  ]);
}

export const edgesKernel: Feature = {
  name: 'edges',
  tables: ['edges'],
  sections: SECTIONS,
  chains: CHAINS,
  wires: { arriving: [`iifname "${OUT}" jump public_in`], leaving: [`oifname "${OUT}" jump public_leave`] },
  public: { sections: [{ kind: 'nft', name: 'public_host', key: ['mark'], value: ['ether_addr'], netdev: true }], chains: PUBLIC_CHAINS },
  entries: (engine, here) => [wires(engine, here), wayOut(engine, here), marks(engine, here)],
};
