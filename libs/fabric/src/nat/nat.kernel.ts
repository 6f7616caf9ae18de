/**
 * Slots of NAT gateways in the kernel (linux-dataplane 4.4, 4.6; provider 4.5, R-11, R-40). The router of the interface translates to ports of its slot, and
 * keeps the state; whoever gets an answer finds the host of the slot by the port alone.
 *
 *   nat ─┬─ slot of an interface here ──> nat_out (own address -> public address and ports), nat_slot (whose ports these are: flows end with it)
 *        │                        └─────> on the public side: the ports lead into the network here
 *        └─ at an edge: any slot ───────> on the public side: the ports lead to the host of the interface
 *
 * Slots of an address may be of several sizes, while some drain (R-9). A masked port is looked up, so those of one address are all cut to the smallest.
 * Answers carry their port in one of three places: TCP, UDP and SCTP as destination, echo replies as identifier, errors as source (or identifier) of what they quote.
 */
import { familyOfIp } from '@weft/api';
import type { Derived, Engine, Lens, Read } from '@weft/derive';
import type { Here } from '../compile/here.ts';
import type { InNetwork } from '../compile/network-rows.ts';
import { BY_MARK, digit, HERE_MARK, intoNetwork, isEdge, sourceDraft, wayTo } from '../edges/public-side.ts';
import type { EntryDraft, Feature } from '../kernel/feature.ts';
import { GATEWAY_V4, routerSourceV6 } from '../kernel/router-names.ts';
import { type Chain, type NftSection, wireDevice } from '../kernel/sections.ts';
import { type HostRow, type NatRow, PUBLIC_VNI } from '../rows/rows.ts';

const OUT = wireDevice(PUBLIC_VNI);
/** Powers of two. */
const SIZES = Array.from({ length: 16 }, (_, power) => 2 ** power);
const FAMILIES = [
  { ip: 'ip', icmp: 'icmp', digit: '4', address: 'ipv4_addr', error: '@th,224,16', quoted: '@th,136,8', echo: '@th,256,16', echoNumber: 1 },
  {
    ip: 'ip6',
    icmp: 'icmpv6',
    digit: '6',
    address: 'ipv6_addr',
    error: '@th,384,16',
    quoted: '@th,112,8',
    echo: '@th,416,16',
    echoNumber: 58,
  },
] as const;
const ERRORS = {
  icmp: '{ destination-unreachable, time-exceeded, parameter-problem }',
  icmpv6: '{ destination-unreachable, packet-too-big, time-exceeded, parameter-problem }',
} as const;

/** nft 1.0.6 takes no map of IPv6 addresses to addresses with ports: the ports are in a chain of their own. */
const PORTS_V6: NftSection = {
  kind: 'nft',
  name: 'nat_ports',
  key: ['inet_service'],
  interval: true,
  chainOf: (ports) => [`meta l4proto { tcp, udp, ipv6-icmp, sctp } snat ip6 to ip6 saddr map @nat_out6 : ${ports}`],
};

const SECTIONS: readonly NftSection[] = FAMILIES.flatMap(({ digit: n, address }): readonly NftSection[] => {
  const named = (name: string) => ({ kind: 'nft', name: `${name}${n}` }) as const;
  return [
    ...(n === '4'
      ? [{ ...named('nat_out'), key: [address], value: [address, 'inet_service'], ranges: true } as const]
      : [
          { ...named('nat_out'), key: [address], value: [address] } as const,
          { ...named('nat_range'), key: [address], value: ['verdict'] } as const,
        ]),
    { ...named('nat_slot'), key: [address, 'inet_service'], value: [address], interval: true, ends: 'slice' },
    { ...named('nat_answer'), key: [address], value: [address] },
  ];
});

const CHAINS: readonly Chain[] = [
  {
    // The address itself answers echo requests, and takes nothing else that is no answer (packet P-34).
    name: 'nat_answer',
    declaration: 'type nat hook prerouting priority -99; policy accept',
    rules: FAMILIES.map(
      ({ ip, icmp, digit: n }) => `iifname "${OUT}" ${icmp} type echo-request dnat ${ip} to ${ip} daddr map @nat_answer${n}`,
    ),
  },
  {
    name: 'nat_out',
    declaration: 'type nat hook postrouting priority 100; policy accept',
    rules: [
      `oifname "${OUT}" meta l4proto { tcp, udp, icmp, sctp } snat ip to ip saddr map @nat_out4`,
      `oifname "${OUT}" ip6 saddr vmap @nat_range6`,
    ],
  },
];

const PUBLIC_SECTIONS: readonly NftSection[] = FAMILIES.flatMap(({ ip, icmp, digit: n, address, error }): readonly NftSection[] => {
  const named = (name: string) => ({ kind: 'nft', name: `${name}${n}` }) as const;
  const marks = { key: [address, 'inet_service'], value: ['mark'] } as const;
  return [
    { ...named('nat_size'), key: [address], value: ['verdict'] },
    { ...named('nat_port'), ...marks },
    { ...named('nat_echo'), ...marks, typeof: `${ip} daddr . ${icmp} id : meta mark` },
    { ...named('nat_error'), ...marks, typeof: `${ip} daddr . ${error} : meta mark` },
    { ...named('nat_asked'), key: [address], value: ['mark'] },
  ];
});

function chainOfSize(size: number): Chain {
  const mask = `0x${(0x10000 - size).toString(16)}`;
  return {
    name: chainName(size),
    rules: FAMILIES.flatMap(({ ip, icmp, digit: n, error, quoted, echo, echoNumber }) => {
      const asked = (port: string, map: string) => `meta mark set ${ip} daddr . ( ${port} & ${mask} ) map @${map}${n}`;
      return [
        `meta l4proto { tcp, udp, sctp } ${asked('th dport', 'nat_port')}`,
        `${icmp} type echo-reply ${asked(`${icmp} id`, 'nat_echo')}`,
        `${icmp} type ${ERRORS[icmp]} ${quoted} != ${echoNumber} ${asked(error, 'nat_error')}`,
        `${icmp} type ${ERRORS[icmp]} ${quoted} ${echoNumber} ${asked(echo, 'nat_error')}`,
      ];
    }),
  };
}

function chainName(size: number): string {
  return `nat_${size}`;
}

const PUBLIC_CHAINS: readonly Chain[] = [
  ...SIZES.map(chainOfSize),
  {
    name: 'public_nat',
    declaration: 'type filter hook prerouting priority -200; policy accept',
    rules: FAMILIES.flatMap(({ ip, icmp, digit: n }) => [
      `${icmp} type echo-request meta mark set ${ip} daddr map @nat_asked${n}`,
      `${ip} daddr vmap @nat_size${n}`,
    ]),
  },
  {
    // Errors of the public side itself.
    name: 'public_nat_out',
    declaration: 'type route hook output priority -150; policy accept',
    rules: FAMILIES.map(({ ip, digit: n }) => `${ip} daddr vmap @nat_size${n}`),
  },
];

const indexOfHost: Lens<HostRow, number> = { name: 'number', of: ({ index }) => index };
const sizeOfSlot: Lens<InNetwork<NatRow>, number> = { name: 'size', of: ({ row: { first, last } }) => last - first + 1 };

/** The mark of packets for a host's slot: undefined where it is not known, or for somebody else to say. */
function markOf(read: Read, here: Here, host: string | undefined): number | undefined {
  if (host === undefined) return undefined;
  if (host === here.identity.host) return HERE_MARK;
  return isEdge(read, here) ? read.see(here.hosts, indexOfHost, host) : undefined;
}

/** In the router of the interface. */
function translations(engine: Engine, here: Here): Derived<readonly EntryDraft[]> {
  const { identity, holds, rows } = here;
  return engine.map<readonly EntryDraft[]>('translations', rows.nat, (key, read) => {
    const row = read.get(rows.nat, key)?.row;
    if (row?.host !== identity.host || row.vni === undefined || row.ip === undefined) return undefined;
    const { vni, ip, public: address, first, last } = row;
    if (!read.any(holds, String(vni))) return undefined;
    const owner = `NetworkInterface/${row.nic}`;
    const n = digit(familyOfIp(ip));
    const ports = first === last ? String(first) : `${first}-${last}`;
    const answer = n === '4' ? GATEWAY_V4 : routerSourceV6(vni, identity.index);
    return [
      { vni, section: `nat_slot${n}`, key: `${address} . ${ports}`, value: ip, owner },
      { vni, section: `nat_answer${n}`, key: address, value: answer, owner },
      ...(row.draining === true || row.pending === true ? [] : newFlows(row, ports)),
    ];
  });
}

/** What the interface begins gets ports of this slot. */
function newFlows({ vni = 0, ip = '', public: address, nic }: NatRow, ports: string): readonly EntryDraft[] {
  const owner = `NetworkInterface/${nic}`;
  const source = sourceDraft(vni, ip, owner);
  if (familyOfIp(ip) === 'IPv4') return [source, { vni, section: 'nat_out4', key: ip, value: `${address} . ${ports}`, owner }];
  return [
    source,
    { vni, section: 'nat_out6', key: ip, value: address, owner },
    { vni, section: 'nat_range6', key: ip, value: `goto nat_ports_${ports}`, owner },
    { vni, section: 'nat_ports', key: ports, owner },
  ];
}

/** On the public side: where the ports of each slot lead. */
function ports(engine: Engine, here: Here): readonly Derived<readonly EntryDraft[]>[] {
  const { rows } = here;
  const byAddress = rows.nat.index('public');
  const sizes = engine.group<number>('sizes of slots', byAddress, (address, read) => {
    const smallest = Math.min(...read.seeAll(byAddress, sizeOfSlot, address));
    return Number.isFinite(smallest) ? smallest : undefined;
  });
  const addresses = engine.group<readonly EntryDraft[]>('addresses of slots', byAddress, (address, read) =>
    addressDrafts(read, here, address, read.get(sizes, address)),
  );
  /** The first piece of each, which is all of it where slots are of one size: so one more is no matter of the others. */
  const slots = engine.map<readonly EntryDraft[]>('ports of slots', rows.nat, (key, read) => {
    const row = read.get(rows.nat, key)?.row;
    const mark = row && markOf(read, here, row.host);
    return row === undefined || mark === undefined ? undefined : pieceDrafts(row, row.first, mark);
  });
  return [addresses, slots];
}

/** Where a piece of a slot leads, which begins at this port. */
function pieceDrafts({ public: address, nic }: NatRow, port: number, mark: number): readonly EntryDraft[] {
  const n = digit(familyOfIp(address));
  return ['nat_port', 'nat_echo', 'nat_error'].map((section) => ({
    ...{ vni: PUBLIC_VNI, section: section + n, key: `${address} . ${port}` },
    ...{ value: String(mark), owner: `NetworkInterface/${nic}` },
  }));
}

/** What larger slots than the smallest have beside their first piece. */
function furtherPieces(read: Read, here: Here, row: NatRow, size: number): readonly EntryDraft[] {
  const mark = row.last - row.first + 1 > size ? markOf(read, here, row.host) : undefined;
  if (mark === undefined) return [];
  const drafts: EntryDraft[] = [];
  for (let port = row.first + size; port <= row.last; port += size) drafts.push(...pieceDrafts(row, port, mark));
  return drafts;
}

/** How the ports of an address are looked up, who answers echo requests for it, and where packets for it go. O(its slots). */
function addressDrafts(read: Read, here: Here, address: string, size: number | undefined): readonly EntryDraft[] | undefined {
  const { identity, rows } = here;
  const placed = [...read.rows(rows.nat.index('public'), address)].filter(({ row }) => row.host !== undefined);
  const local = placed.find(({ row }) => row.host === identity.host)?.row;
  const ofEdge = isEdge(read, here);
  if (size === undefined || (local === undefined && !ofEdge)) return undefined;
  const owner = `IP/${address}`;
  const n = digit(familyOfIp(address));
  const lowest = placed.reduce<NatRow | undefined>(
    (best, { row }) => (best === undefined || row.first < best.first ? row : best),
    undefined,
  );
  const asked = local === undefined ? markOf(read, here, lowest?.host) : HERE_MARK;
  return [
    { vni: PUBLIC_VNI, section: `nat_size${n}`, key: address, value: `goto ${chainName(size)}`, owner },
    ...(asked === undefined ? [] : [{ vni: PUBLIC_VNI, section: `nat_asked${n}`, key: address, value: String(asked), owner }]),
    ...placed.flatMap(({ row }) => furtherPieces(read, here, row, size)),
    ...(ofEdge ? [wayTo(address, BY_MARK, owner)] : []),
    ...(local?.vni === undefined ? [] : [wayTo(address, intoNetwork(here, local.vni), owner, 'here_routes')]),
  ];
}

export const natKernel: Feature = {
  name: 'NAT',
  tables: ['nat', 'edges'],
  sections: [...SECTIONS, PORTS_V6],
  chains: CHAINS,
  public: { sections: PUBLIC_SECTIONS, chains: PUBLIC_CHAINS },
  entries: (engine, here) => [translations(engine, here), ...ports(engine, here)],
  publishes: (rows) => [rows.nat.index('nic')],
};
