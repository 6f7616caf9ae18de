/**
 * The nftables rules that every router namespace and the host's underlay carry. Written as one line each: `nft -i` takes one line as one
 * transaction. Base chains end in drop wherever something could leak (linux-dataplane 6).
 */
import { type Chain, declarationOf, type Feature, type NftSection } from '@weft/fabric';
import { GATEWAY_V4, GATEWAY_V6, ROUTER_SOURCES_V4, ROUTER_SOURCES_V6, VXLAN_PORT } from './names.ts';

const one = (...parts: readonly string[]): string => parts.join('; ');
const chain = (name: string, ...rules: readonly string[]): string => `chain ${name} { ${rules.join('; ')}; }`;

/**
 * Anti-spoofing before defragmentation (-400), so that forged fragments cannot poison reassembly; one element per NIC address covers device, MAC
 * and address, and what is routed to a port may come from it (`alias`: ranges beside the addresses of a NIC); DHCP is for ports that get answers (`answered`). What comes over the tunnel, or a wire from the
 * router of a peered network, must have a source that is routed back that way; a remote router's own ICMP errors come from
 * an address that no guest has. Each solicitation from a link-local address, which nobody knows before, may make an entry in the machine's table of neighbours, so a
 * port has a budget of them. Conntrack sees all that is forwarded: both directions of a flow pass the router of each NIC.
 */
const ROUTER_CHAINS: readonly Chain[] = [
  {
    name: 'from_guest',
    rules: [
      'iifname . ether saddr . ip saddr @src4 accept',
      'iifname . ether saddr . ip6 saddr @src6 accept',
      'ip saddr 0.0.0.0 udp sport 68 udp dport 67 accept',
      'iifname @answered ip6 saddr fe80::/64 udp sport 546 udp dport 547 accept',
      'ip6 saddr fe80::/64 icmpv6 type nd-neighbor-solicit update @solicits { iifname limit rate 6/minute burst 8 packets } accept',
      'ip6 saddr fe80::/64 icmpv6 type { echo-request, echo-reply, mld-listener-report, mld2-listener-report, nd-router-solicit, nd-neighbor-advert } accept',
      'ip6 saddr :: icmpv6 type { nd-neighbor-solicit, nd-router-solicit } accept',
      'ip6 saddr fe80::/10 counter drop',
      'icmpv6 type nd-neighbor-solicit counter drop',
      'iifname . ether saddr @alias fib saddr . iif oif exists accept',
      'counter drop',
    ],
  },
  {
    name: 'from_router',
    rules: [
      'fib saddr . iif oif exists accept',
      `ip saddr ${ROUTER_SOURCES_V4} icmp type { destination-unreachable, time-exceeded, parameter-problem } accept`,
      `ip6 saddr ${ROUTER_SOURCES_V6} icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem } accept`,
      'counter drop',
    ],
  },
  {
    name: 'prerouting',
    declaration: 'type filter hook prerouting priority -450; policy accept',
    rules: ['iifname "g*" goto from_guest', 'iifname "vx" goto from_router', 'iifname "q*" goto from_router'],
  },
  {
    name: 'input',
    declaration: 'type filter hook input priority 0; policy drop',
    rules: [
      'iifname "g*" icmpv6 type { nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert } accept',
      `iifname "g*" ip daddr ${GATEWAY_V4} icmp type echo-request accept`,
      `iifname "g*" ip6 daddr ${GATEWAY_V6} icmpv6 type echo-request accept`,
      'iifname @answered udp dport { 67, 547 } accept',
      // To an address that is answered for here.
      'icmp type echo-request ct status dnat accept',
      'icmpv6 type echo-request ct status dnat accept',
      // Whom it has asked itself.
      'iifname "g*" ct direction reply accept',
    ],
  },
];

/** What is forwarded: replies at once; tunnels and other guests before wires, whose rules the rest need not pass. */
function forwardChains(features: readonly Feature[]): readonly Chain[] {
  const rules = (way: 'arriving' | 'leaving') => features.flatMap(({ wires }) => wires?.[way] ?? []);
  return [
    {
      name: 'forward_from_guest',
      rules: ['oifname "vx" accept', 'oifname "g*" accept', ...rules('leaving'), 'oifname "q*" accept', 'counter drop'],
    },
    { name: 'forward_to_guest', rules: ['iifname "vx" accept', ...rules('arriving'), 'iifname "q*" accept', 'counter drop'] },
    {
      name: 'forward',
      declaration: 'type filter hook forward priority 0; policy drop',
      rules: [
        'ct direction reply ct state established,related accept',
        'iifname "g*" goto forward_from_guest',
        'oifname "g*" goto forward_to_guest',
        'counter drop',
      ],
    },
  ];
}

/** VXLAN has no authentication: whoever may send to its port is inside every network (linux-dataplane 3). */
const GUARD_CHAINS: readonly Chain[] = [
  {
    name: 'in',
    declaration: 'type filter hook input priority -10; policy accept',
    rules: [`udp dport ${VXLAN_PORT} ip6 saddr != @peers6 counter drop`, `udp dport ${VXLAN_PORT} ip saddr != @peers4 counter drop`],
  },
];

const ROUTER_SETS = [
  'set src4 { type ifname . ether_addr . ipv4_addr; }',
  'set src6 { type ifname . ether_addr . ipv6_addr; }',
  'set alias { type ifname . ether_addr; }',
  'set answered { type ifname; }',
  'set solicits { type ifname; size 65535; flags dynamic,timeout; timeout 1m; }',
];

/** Statements of one transaction. */
export type BaseTable = Readonly<{
  name: string;
  family: 'inet' | 'netdev';
  /** Adds what is missing, refills every chain, keeps sets and their elements. `doomed`: what removes things of other versions, once no rule uses them. */
  refill: (doomed?: readonly string[]) => string;
  /** Deletes the table if there is one and makes it anew; set elements are lost. */
  rebuild: string;
}>;

function baseTable(name: string, sets: readonly string[], chains: readonly Chain[], family: BaseTable['family'] = 'inet'): BaseTable {
  const table = `table ${family} ${name}`;
  const declare = `${table} { ${one(...sets, ...chains.map((each) => chain(each.name, ...(each.declaration ? [each.declaration] : []))))}; }`;
  const flush = chains.map((each) => `flush chain ${family} ${name} ${each.name}`);
  const fill = `${table} { ${one(...chains.map((each) => chain(each.name, ...each.rules)))}; }`;
  return {
    name,
    family,
    refill: (doomed = []) => one(declare, ...flush, ...doomed, fill),
    rebuild: one(`add ${table}`, `delete ${table}`, declare, fill),
  };
}

/** Of every router; with the sets, maps and chains of all features. */
export function routerTable(features: readonly Feature[]): BaseTable {
  const sections = features.flatMap(({ sections }) => sections);
  return baseTable(
    ROUTER_TABLE_NAME,
    [...ROUTER_SETS, ...sections.filter(isDeclared).map(declarationOf)],
    [...features.flatMap(({ chains }) => chains), ...ROUTER_CHAINS, ...forwardChains(features)],
  );
}

/** Chains of entries come and go with these. */
function isDeclared({ chainOf }: NftSection): boolean {
  return chainOf === undefined;
}

export const ROUTER_TABLE_NAME = 'dp';

/** Of the public side. `netdev`: the table that looks at whole frames, which needs the tunnel to be there. */
export function publicTable(features: readonly Feature[], family: BaseTable['family']): BaseTable {
  const sides = features.flatMap(({ public: side }) => side ?? []);
  const isIn = ({ netdev }: NftSection | Chain): boolean => (netdev === true) === (family === 'netdev');
  const sections = sides.flatMap((side) => side.sections).filter(isIn);
  const chains = sides.flatMap((side) => side.chains).filter(isIn);
  const filled = family === 'inet' ? sides.flatMap(({ state = [] }) => state) : [];
  return baseTable(PUBLIC_TABLE_NAME, [...filled, ...sections.map(declarationOf)], chains, family);
}

export const PUBLIC_TABLE_NAME = 'public';

/** The comment of its counter `owner` says whose table it is: table comments are missing from the JSON of nft 1.0.6. */
export function guardTable(hostIndex: number): BaseTable {
  const owner = `counter owner { comment "${guardOwner(hostIndex)}"; }`;
  return baseTable('dp_underlay', [owner, 'set peers4 { type ipv4_addr; }', 'set peers6 { type ipv6_addr; }'], GUARD_CHAINS);
}

export function guardOwner(hostIndex: number): string {
  return `weft host=${hostIndex}`;
}

/** `net` sysctls of a router namespace, written before any device exists in it: so devices begin with them. */
export const ROUTER_SYSCTLS: ReadonlyMap<string, string> = new Map([
  ['ipv4/ip_forward', '1'],
  // "Unreachable" passes two limits that share one bucket, and at the default of 1000 ms a guest that keeps asking gets no answer (route.c, icmp.c).
  ['ipv4/icmp_ratelimit', '100'],
  // The router at the other end of a wire has the same source of ICMP errors; rules see to who may send from it.
  ['ipv4/conf/all/accept_local', '1'],
  // A guest that asks in the name of an address which is not routed to it makes no neighbour, and gets no answer. Probes (from 0.0.0.0) do.
  ['ipv4/conf/all/arp_filter', '1'],
  ['ipv4/conf/all/rp_filter', '0'],
  ['ipv4/conf/default/rp_filter', '0'],
  ['ipv4/conf/all/accept_redirects', '0'],
  ['ipv4/conf/default/accept_redirects', '0'],
  ['ipv4/conf/all/send_redirects', '0'],
  ['ipv4/conf/default/send_redirects', '0'],
  ['ipv6/conf/all/disable_ipv6', '0'],
  ['ipv6/conf/default/disable_ipv6', '0'],
  ['ipv6/conf/all/forwarding', '1'],
  ['ipv6/conf/default/forwarding', '1'],
  ['ipv6/conf/default/accept_ra', '0'],
  ['ipv6/conf/default/accept_dad', '0'],
  ['ipv6/conf/default/accept_redirects', '0'],
  // A port of a slot is taken for as long by a question that was asked once: at 30 s, 64 of them to one resolver exhaust a slot of 64 (linux-dataplane 4.4).
  ['netfilter/nf_conntrack_udp_timeout', '10'],
]);

/** Those that count by device: any of which may be changed by itself. */
export const DEVICE_SYSCTLS: ReadonlyMap<string, string> = new Map([
  ['ipv4/conf/*/forwarding', '1'],
  ['ipv6/conf/*/disable_ipv6', '0'],
]);
