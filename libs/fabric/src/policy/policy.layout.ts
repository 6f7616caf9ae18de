/**
 * How policies stand in the router's nft table (linux-dataplane 4.10; ADR 49). Nothing is there per policy: a port is of a class, an address of an identity,
 * and a pair of both has ports.
 *
 *   class       of a port and a direction: the set of names that pick it as a target      in `meta priority`
 *   identity    of an address: the set of groups that it is in; 0 stands for anybody       in `meta mark`
 *   pair        what a class admits of an identity: everything, or the ports in two sets (single ports; ranges, of which there are few)
 *   block       what a class admits of a range of addresses
 *
 *   staged      of a port that only staged policies restrict: what its class refuses is counted and passes, at the end of both chains (ADR 73)
 *
 *     forward ── policy_egress (sender's port) ── policy_ingress (receiver's port) ── policy_end (both scratch registers are empty again)
 *
 * Both base chains end in drop, and a port without a class neither sends nor receives. Packets of a flow's first direction are judged each time, so a flow
 * that runs is cut when what admitted it goes; replies and related errors pass (provider R-28.6).
 */
import { familyOfIp, type IpFamily, isSingleAddress, parsePrefix, rangeOf, uuidv5 } from '@weft/api';
import { TELL_BALANCER } from '../balancing/balancer-mark.ts';
import type { EntryDraft } from '../kernel/feature.ts';
import { portDevice, routerMac } from '../kernel/router-names.ts';
import type { Chain, NftSection } from '../kernel/sections.ts';
import type { MemberRow, PolicyDirection } from '../rows/rows.ts';
import { type AddressSpan, type FamilySpan, textOfSpan } from './address-spans.ts';
import { PORT_MAX, type PortSet } from './port-set.ts';

const ADDRESS = { IPv4: 'ipv4_addr', IPv6: 'ipv6_addr' } as const;
const FAMILIES = ['IPv4', 'IPv6'] as const;
const digit = (family: IpFamily): string => family.slice(-1);

function perFamily(
  name: string,
  section: (address: 'ipv4_addr' | 'ipv6_addr') => Omit<NftSection, 'kind' | 'name'>,
): readonly NftSection[] {
  return FAMILIES.map((family) => ({ kind: 'nft', name: name + digit(family), ...section(ADDRESS[family]) }));
}

export const POLICY_SECTIONS: readonly NftSection[] = [
  { kind: 'nft', name: 'policy_egress', key: ['ifname'], value: ['classid'] },
  { kind: 'nft', name: 'policy_ingress', key: ['ifname'], value: ['classid'] },
  // Source MACs of the routers of this network, but for the host: what comes from another network has another one.
  { kind: 'nft', name: 'policy_own', key: ['ether_addr'] },
  ...perFamily('policy_nic', (address) => ({ key: [address], value: ['mark'] })),
  // Of ranges that are routed to an interface. The second part is always whole: a plain interval set would slow down every change of the table.
  ...perFamily('policy_range', (address) => ({ key: [address, 'inet_proto'], value: ['mark'], interval: true })),
  ...perFamily('policy_vip', (address) => ({ key: [address], value: ['mark'] })),
  ...perFamily('policy_lb', (address) => ({ key: [address], value: ['mark'] })),
  // By the number of a balancer of this network: what is told of a flow by the router that translated it.
  // Ports whose class in this direction restricts nothing, but for staged policies: what these would refuse is counted, and passes.
  { kind: 'nft', name: 'policy_staged_egress', key: ['ifname'], value: ['mark'], counts: true },
  { kind: 'nft', name: 'policy_staged_ingress', key: ['ifname'], value: ['mark'], counts: true },
  { kind: 'nft', name: 'policy_number', key: ['mark'], value: ['mark'] },
  { kind: 'nft', name: 'policy_pairs', key: ['classid', 'mark'], value: ['verdict'], looked: 'first' },
  { kind: 'nft', name: 'policy_ports', key: ['classid', 'mark', 'inet_proto', 'inet_service'], looked: 'then' },
  { kind: 'nft', name: 'policy_spans', key: ['classid', 'mark', 'inet_proto', 'inet_service'], interval: true, looked: 'then' },
  ...perFamily('policy_block', (address) => ({
    ...{ key: ['classid', address, 'inet_proto', 'inet_service'], interval: true },
    looked: 'then',
  })),
];

const ADMITTED = 'meta priority . meta mark vmap @policy_pairs';
const TUPLE = 'meta priority . meta mark . meta l4proto . th dport';
const REPLY = 'ct direction reply ct state established,related accept';
/** Of the other direction: rare, so it is asked when nothing else has admitted a packet. */
const RELATED = 'ct state related accept';
/** `map` holds the identity of `address` (`ip …` or `ip6 …`). */
const ask = (address: string, map: string): string => `meta mark set ${address} map @${map} ${ADMITTED}`;
/** What can be asked of both families. */
const both = (address: string, map: string, when = ''): string[] => [
  `${when}${ask(address.replace('IP', 'ip'), `${map}4`)}`,
  `${when}${ask(address.replace('IP', 'ip6'), `${map}6`)}`,
];
const blocks = (address: string): string[] => [
  `meta priority . ${address.replace('IP', 'ip')} . meta l4proto . th dport @policy_block4 accept`,
  `meta priority . ${address.replace('IP', 'ip6')} . meta l4proto . th dport @policy_block6 accept`,
];
const WRITTEN = 'ct original IP daddr';

/**
 * A register is emptied before a lookup that may miss, or the rule ends with the miss. The class of another port, or the identity of another address, would
 * be left in it otherwise.
 */
export const POLICY_CHAINS: readonly Chain[] = [
  { name: 'policy_exact', rules: [`${TUPLE} @policy_ports accept`] },
  { name: 'policy_wide', rules: [`${TUPLE} @policy_ports accept`, `${TUPLE} @policy_spans accept`] },
  {
    name: 'policy_members',
    rules: [...both('IP saddr', 'policy_nic'), ...both('IP saddr . meta l4proto', 'policy_range')],
  },
  {
    // Numbers of balancers are those of this network, so another network's router is not believed.
    name: 'policy_tunnel',
    rules: ['jump policy_members', `ct mark != 0 meta mark set ct mark map @policy_number ${ADMITTED}`],
  },
  {
    name: 'policy_egress',
    declaration: 'type filter hook forward priority 10; policy drop',
    rules: [
      'iifname != "g*" accept',
      REPLY,
      'meta priority set none meta priority set iifname map @policy_egress meta priority 0:1 accept',
      `meta mark set 0 ${ADMITTED}`,
      // As the sender wrote it: before a balancer's translation. What leaves for a peered network is no interface of this one.
      ...both(WRITTEN, 'policy_nic', 'oifname { "g*", "vx" } '),
      ...both(`${WRITTEN} . meta l4proto`, 'policy_range', 'oifname { "g*", "vx" } '),
      ...both(WRITTEN, 'policy_vip'),
      ...both(WRITTEN, 'policy_lb'),
      ...blocks(WRITTEN),
      RELATED,
      'meta mark set iifname map @policy_staged_egress accept',
      'counter drop',
    ],
  },
  {
    name: 'policy_ingress',
    declaration: 'type filter hook forward priority 20; policy drop',
    rules: [
      'oifname != "g*" accept',
      REPLY,
      'meta priority set none meta priority set oifname map @policy_ingress meta priority 0:1 accept',
      `meta mark set 0 ${ADMITTED}`,
      // A balancer stands for what came through it (provider R-28.9).
      ...both(WRITTEN, 'policy_lb'),
      // An address says who an interface is within its network only (packet P-94).
      'iifname "g*" jump policy_members',
      'iifname "vx" ether saddr & ff:ff:ff:ff:00:00 @policy_own jump policy_tunnel',
      ...both('IP saddr', 'policy_vip'),
      ...blocks('IP saddr'),
      RELATED,
      'meta mark set oifname map @policy_staged_ingress accept',
      'counter drop',
    ],
  },
  {
    // The mark would travel in the header of the tunnel, and the priority choose a queue. Then the tunnel tells which balancer chose the target of a flow.
    name: 'policy_end',
    declaration: 'type filter hook forward priority 30; policy accept',
    rules: ['meta priority set none meta mark set 0', TELL_BALANCER],
  },
];

// --- numbers ------------------------------------------------------------------------------------------------------------------------------------

/** The class of a port that no policy restricts in this direction. */
export const OPEN = 1;
/** The identity that everybody has. */
export const ANYBODY = 0;
const NAMES = '6f1d3c5e-0000-5000-8000-000000000003';
const HALF = 2 ** 31;

/**
 * The number of a class or an identity follows from what it stands for, so it never stands for another one, on no host and at no time: a packet that is between
 * two lookups while they change finds what its number meant, or nothing. Where two of one network would have one number, both take their second one.
 */
export type Numbers = Readonly<{ first: number; second: number }>;

/** `text` says what it stands for; '' is anybody. */
export function numbersOf(text: string): Numbers {
  if (text === '') return { first: ANYBODY, second: ANYBODY };
  const id = uuidv5(NAMES, text);
  const first = Number.parseInt(id.slice(0, 8), 16) % HALF;
  return { first: first > OPEN ? first : first + 2, second: (Number.parseInt(id.slice(-8), 16) % HALF) + HALF };
}

/** `claims`: how many of its network have its first number. */
export function numberOf(text: string, claims: number): number {
  const { first, second } = numbersOf(text);
  return claims > 1 ? second : first;
}

export function classText(direction: PolicyDirection, targets: readonly string[]): string {
  return [direction, ...targets].join('\n');
}

/** `groups`: sorted, each once. A rule that admits anybody names the group ''. */
export function identityText(groups: readonly string[]): string {
  return groups.join('\n');
}

export function groupsOf(identity: string): readonly string[] {
  return identity.split('\n');
}

function classid(number: number): string {
  return `${Math.floor(number / 0x10000).toString(16)}:${(number % 0x10000).toString(16)}`;
}

// --- entries ------------------------------------------------------------------------------------------------------------------------------------

export function ownDraft(vni: number): EntryDraft {
  return { vni, section: 'policy_own', key: routerMac(vni, 0), owner: `Network/${vni}` };
}

export function classDraft(vni: number, direction: PolicyDirection, nic: string, number: number): EntryDraft {
  const owner = `NetworkInterface/${nic}`;
  return { vni, section: `policy_${direction}`, key: portDevice(nic), value: classid(number), owner };
}

/**
 * `staged`: the staged policies that restrict it, as `<uid> <position of the row>`. Their number is the value: when one of them changes, the element is made anew,
 * and its count begins with them.
 */
export function stagedDraft(vni: number, direction: PolicyDirection, nic: string, staged: readonly string[]): EntryDraft {
  const uids = staged.map((each) => each.slice(0, each.indexOf(' ')));
  const value = String(numbersOf(staged.join('\n')).first);
  return { vni, section: stagedSection(direction), key: portDevice(nic), value, owner: `NetworkPolicy/${uids.join(',')}` };
}

export function stagedSection(direction: PolicyDirection): string {
  return `policy_staged_${direction}`;
}

/** Where an address of a member says who it is: section and key, and the range where it is one. */
export type Place = Readonly<{ section: string; address: string; range?: FamilySpan }>;

const MAPS: Readonly<Record<MemberRow['kind'], string>> = {
  NetworkInterface: 'policy_nic',
  VirtualIP: 'policy_vip',
  LoadBalancer: 'policy_lb',
};

/** Ranges of other members than interfaces are none: they admit nobody. */
export function placesOf({ kind, prefixes }: MemberRow): readonly Place[] {
  return prefixes.flatMap((text) => {
    const prefix = parsePrefix(text);
    if (prefix === undefined) return [];
    const family = digit(prefix.family);
    if (isSingleAddress(prefix)) return [{ section: MAPS[kind] + family, address: text.slice(0, text.indexOf('/')) }];
    return kind === 'NetworkInterface' ? [{ section: `policy_range${family}`, address: text, range: rangeOf(prefix) }] : [];
  });
}

export function addressDraft(vni: number, section: string, address: string, number: number, owner: string): EntryDraft {
  return { vni, section, key: address, value: String(number), owner };
}

/** `balancer`: its number in the network. */
export function numberDraft(vni: number, balancer: number, number: number, owner: string): EntryDraft {
  return { vni, section: 'policy_number', key: String(balancer), value: String(number), owner };
}

/** Where an address of a balancer says what it is. */
export function balancerAt(ip: string): string {
  return `${MAPS.LoadBalancer}${digit(familyOfIp(ip))}/${ip}`;
}

export function rangeDraft(vni: number, family: IpFamily, span: AddressSpan, number: number, owner: string): EntryDraft {
  return { vni, section: `policy_range${digit(family)}`, key: `${textOfSpan(span, family)} . 0-255`, value: String(number), owner };
}

/** `ports` is not empty. */
export function pairDrafts(vni: number, classNumber: number, identity: number, ports: PortSet, owner: string): readonly EntryDraft[] {
  const key = `${classid(classNumber)} . ${identity}`;
  const pair = (value: string): EntryDraft => ({ vni, section: 'policy_pairs', key, value, owner });
  if (ports === 'all') return [pair('accept')];
  const isExact = ports.every(({ first, last }) => first === last);
  return [
    pair(`jump ${isExact ? 'policy_exact' : 'policy_wide'}`),
    ...ports.map(({ protocol, first, last }): EntryDraft => {
      const section = first === last ? 'policy_ports' : 'policy_spans';
      return { vni, section, key: `${key} . ${protocol.toLowerCase()} . ${first === last ? first : `${first}-${last}`}`, owner };
    }),
  ];
}

/** `ports` is not empty. */
export function blockDrafts(
  vni: number,
  classNumber: number,
  { family, ...span }: FamilySpan,
  ports: PortSet,
  owner: string,
): readonly EntryDraft[] {
  const key = `${classid(classNumber)} . ${textOfSpan(span, family)}`;
  const section = `policy_block${digit(family)}`;
  if (ports === 'all') return [{ vni, section, key: `${key} . 0-255 . 0-${PORT_MAX}`, owner }];
  return ports.map(({ protocol, first, last }) => ({
    vni,
    section,
    key: `${key} . ${protocol.toLowerCase()} . ${first === last ? first : `${first}-${last}`}`,
    owner,
  }));
}
