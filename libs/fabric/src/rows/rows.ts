/**
 * Rows: what a host must know to forward, grouped into tables. A row carries the highest position of the facets it reads and the events
 * behind it, so it does not depend on the path by which it was reached (DESIGN 9.8).
 */
import { type Static, Type } from '@sinclair/typebox';
import type { Context } from '@weft/api';

/**
 * The tables of a network, and which context publishes each: `endpoints.<vni>` says where every placed NIC address of it is, `peerings.<vni>` which other
 * networks it sees, `balancers.<vni>` and `targets.<vni>` where its LoadBalancers send traffic, `virtual-ips.<vni>` which public address stands for which of
 * its own, `policies.<vni>` who may send what to whom. One more kind of table is a line here, its schema below, and its rows.
 */
export const NETWORK_TABLES = {
  endpoints: 'network',
  peerings: 'network',
  balancers: 'lb',
  targets: 'lb',
  'virtual-ips': 'ipam',
  policies: 'policy',
} as const satisfies Readonly<Record<string, Context>>;
export type NetworkTable = keyof typeof NETWORK_TABLES;
/** Those that a host follows of a network which it imports: what it needs of it to forward from the networks that are peered with it (ADR 29). */
export const IMPORTED_TABLES: readonly NetworkTable[] = ['endpoints', 'balancers', 'targets'];

/** The number of public packets between hosts (linux-dataplane 2). Its tables say the same of public addresses, of all networks, and where they lead (ADR 31). */
export const PUBLIC_VNI = 1;
/** Its tables. */
export const PUBLIC_TABLES = ['balancers', 'targets', 'virtual-ips'] as const satisfies readonly NetworkTable[];

/** Table names are topics: `hosts`, `edges`, `nat` (slots of all NAT gateways); `placements.<host>` (NICs of one host); `imports.<host>` (networks that it follows for its own); `<kind>.<vni>`. */
export type TableName = 'hosts' | 'edges' | 'nat' | `placements.${string}` | `imports.${string}` | `${NetworkTable}.${number}`;

const text = Type.String({ minLength: 1 });
/** A position, decimal. */
const position = Type.String({ pattern: '^[0-9]+$' });
const vni = Type.Integer({ minimum: 0, maximum: 0xffffff });
const provenance = {
  /** Highest position of what the row reads. */
  position,
  /** Ids of the events behind the row, highest position last. */
  because: Type.Array(text),
};
const nicFields = {
  nic: text,
  /** Six octets. */
  mac: text,
  /** Canonical text, IPv4 and IPv6. */
  ips: Type.Array(text),
  /** Ranges that are routed to it beside its addresses, in canonical text without host bits; absent: none. */
  prefixes: Type.Optional(Type.Array(text)),
};

/** Key: host name. */
export type HostRow = Readonly<Static<typeof hostRow>>;
export const hostRow = Type.Object({
  ...provenance,
  host: text,
  index: Type.Integer({ minimum: 0, maximum: 0xffff }),
  underlay: text,
  /** Of the device with its underlay address, in bytes; absent: not known. */
  mtu: Type.Optional(Type.Integer({ minimum: 1 })),
});

/** Key: host name. In `edges`: the host has an uplink for public packets, and follows the tables of `PUBLIC_VNI`. */
export type EdgeRow = Readonly<Static<typeof edgeRow>>;
export const edgeRow = Type.Object({
  ...provenance,
  host: text,
  /** Others send what leaves the fabric by another edge, while there is one: its agent is silent or in trouble, or the host is to be left. */
  avoid: Type.Optional(Type.Literal(true)),
});

/** Key: NIC uid. In `placements.<host>`; it exists only while the NIC's network has a VNI and the host's stream says NetworkHeld for it. */
export type PlacementRow = Readonly<Static<typeof placementRow>>;
export const placementRow = Type.Object({
  ...provenance,
  ...nicFields,
  namespace: text,
  name: text,
  network: text,
  vni,
  /** Network namespace of the guest; absent: `weftguest-<first 12 hex of the uid>`. */
  netns: Type.Optional(text),
  /** It is a TAP device instead, which this user and group may open: `<uid>[:<gid>]`. */
  tap: Type.Optional(text),
  /** DHCP and router solicitations of the guest are answered. */
  answers: Type.Optional(Type.Literal(true)),
  /** Position of the placement: the link comes up only when all projectors have read that far (DESIGN 5). */
  placedAt: position,
  /** Position of the host's NetworkHeld for `vni`: the same in all rows of one host and network, so the router made for them can carry it. */
  heldAt: position,
});

/** Key: NIC uid. In `endpoints.<vni>`. */
export type EndpointRow = Readonly<Static<typeof endpointRow>>;
export const endpointRow = Type.Object({ ...provenance, ...nicFields, host: text });

/**
 * Key: VNI of the other network, decimal. In `peerings.<vni>`: the network with this VNI and the one in the row accept each other, and addresses of that one
 * are visible from here when they lie in one of `prefixes` as a whole. Without `prefixes` all are, with an empty list none is (provider 3.4).
 */
export type PeeringRow = Readonly<Static<typeof peeringRow>>;
export const peeringRow = Type.Object({
  ...provenance,
  /** The other network, which exposes. */
  vni,
  /** `<namespace>/<name>` of it, for people. */
  network: text,
  prefixes: Type.Optional(Type.Array(text)),
});

/** Key: the VNI, decimal. In `imports.<host>`: the host's stream says that it imports this network, so rows of it may go there. */
export type ImportRow = Readonly<Static<typeof importRow>>;
export const importRow = Type.Object({ ...provenance, vni });

const port = Type.Integer({ minimum: 1, maximum: 0xffff });
/** Network, interface and host that something public leads to: in the tables of `PUBLIC_VNI` only. */
const where = { vni, nic: text, host: text };

/** How hosts of targets find out whether these serve. `port`: of TCP and UDP. `rise`, `fall`: so many checks in a row turn a target. */
const healthCheck = Type.Object({
  protocol: Type.Union([Type.Literal('TCP'), Type.Literal('UDP'), Type.Literal('ICMP')]),
  port: Type.Optional(port),
  intervalMs: Type.Integer({ minimum: 1 }),
  timeoutMs: Type.Integer({ minimum: 1 }),
  rise: Type.Integer({ minimum: 1 }),
  fall: Type.Integer({ minimum: 1 }),
});

/**
 * Key: LoadBalancer uid. In `balancers.<vni>` of its Network while the balancer has a number there, also for a moment after its end, and the same of a
 * Public one that has an address in `balancers.1`.
 */
export type BalancerRow = Readonly<Static<typeof balancerRow>>;
export const balancerRow = Type.Object({
  ...provenance,
  balancer: text,
  /** For people. */
  namespace: text,
  name: text,
  /** Of its Network. */
  vni,
  scheme: Type.Union([Type.Literal('Public'), Type.Literal('Internal')]),
  /** Of the balancer within its Network. Absent in rows of older versions. */
  number: Type.Optional(Type.Integer({ minimum: 1, maximum: 0xffff })),
  /** Its addresses, of either family, canonical; none: not yet, or not any more. */
  ips: Type.Array(text),
  /** What it lets through, ranges whole and inclusive; empty: everything. */
  ports: Type.Array(Type.Object({ protocol: Type.String(), first: port, last: port })),
  /** Absent: nobody looks. */
  check: Type.Optional(healthCheck),
});

/**
 * Key: `<LoadBalancer uid>/<target>`. In `targets.<vni>` of its Network. It may be there while the balancer has no row, and then means nothing.
 */
export type TargetRow = Readonly<Static<typeof targetRow>>;
const targetFields = {
  ...provenance,
  balancer: text,
  /** What the table of buckets knows it by: uid of the NIC, or the address that somebody wrote into the LoadBalancerRouting. */
  target: text,
  /** Of the NIC; without one, the address. The first targets by name serve when there are too many. */
  name: text,
  /** Canonical, of either family; traffic of a family goes to the first one of it. */
  ips: Type.Array(text, { minItems: 1 }),
  /** It fails the check of its balancer: new flows go to others, as long as there are others. */
  failed: Type.Optional(Type.Literal(true)),
};
export const targetRow = Type.Object(targetFields);

/** The same of a Public balancer, in `targets.1`, while the target is an interface with a place. */
export type PublicTargetRow = Readonly<Static<typeof publicTargetRow>>;
export const publicTargetRow = Type.Object({
  ...targetFields,
  ...where,
  /** Of the NIC: the inner destination of the packet on its way to the target's host. */
  mac: text,
});

/** Key: VirtualIP uid. In `virtual-ips.<vni>` of the Network of the NIC that holds it, while it has its address and the NIC one of the same family. */
export type VirtualIpRow = Readonly<Static<typeof virtualIpRow>>;
const virtualIpFields = {
  ...provenance,
  virtualIp: text,
  /** The public address. */
  ip: text,
  nic: text,
  /** The address of the NIC that it stands for. */
  address: text,
};
export const virtualIpRow = Type.Object(virtualIpFields);

/** The same in `virtual-ips.1`, while the NIC has a place. */
export type PublicVirtualIpRow = Readonly<Static<typeof publicVirtualIpRow>>;
export const publicVirtualIpRow = Type.Object({ ...virtualIpFields, ...where });

/**
 * Key: `<public> <first>`. In `nat`: the interface has these ports of a public address, both inclusive and aligned to their number, so that a masked match finds
 * their owner. What is not known, yet or any more (the interface has ended), is absent: then the ports are taken, and nothing is translated.
 */
export type NatRow = Readonly<Static<typeof natRow>>;
export const natRow = Type.Object({
  ...provenance,
  public: text,
  first: port,
  last: port,
  nic: text,
  /** Private address of the interface, of the same family. */
  ip: Type.Optional(text),
  /** Its network, and the host to which packets go. */
  vni: Type.Optional(vni),
  host: Type.Optional(text),
  /** For old flows only. */
  draining: Type.Optional(Type.Literal(true)),
  /** Its host does not send from it yet: edges are to know it first. */
  pending: Type.Optional(Type.Literal(true)),
});

/** `group`: a name in `groups` of MemberRows. `cidr`, `except`: canonical prefixes, and each exception lies inside. */
export type PolicyPeer = Readonly<Static<typeof policyPeer>>;
const policyPeer = Type.Union([Type.Object({ group: text }), Type.Object({ cidr: text, except: Type.Array(text) })]);
/** Destination ports, both inclusive; without them every port of the protocol. */
export type PolicyPort = Readonly<Static<typeof policyPort>>;
const policyPort = Type.Object({
  protocol: Type.Union([Type.Literal('TCP'), Type.Literal('UDP'), Type.Literal('SCTP')]),
  ports: Type.Optional(Type.Object({ first: port, last: port })),
});
/** Admits what one of its peers and one of its ports match. An empty list matches nothing; it never stands for all. */
export type PolicyRule = Readonly<Static<typeof policyRule>>;
const policyRule = Type.Object({
  peers: Type.Union([Type.Literal('any'), Type.Array(policyPeer)]),
  ports: Type.Union([Type.Literal('any'), Type.Array(policyPort)]),
});

export const POLICY_DIRECTIONS = ['egress', 'ingress'] as const;
export type PolicyDirection = (typeof POLICY_DIRECTIONS)[number];

/** What a policy says of those that it regulates. */
export type PolicyRules = Readonly<Static<typeof policyRules>>;
const rulesOfPolicy = {
  /** Directions in which these may have only what some policy that regulates them allows. */
  isolates: Type.Array(Type.Union([Type.Literal('egress'), Type.Literal('ingress')])),
  egress: Type.Array(policyRule),
  ingress: Type.Array(policyRule),
};
const policyRules = Type.Object(rulesOfPolicy);

/** Key: `policy/<uid>`. In `policies.<vni>`: one NetworkPolicy, whole. */
export type PolicyRow = Readonly<Static<typeof policyRow>>;
export const policyRow = Type.Object({
  ...provenance,
  policy: text,
  namespace: text,
  name: text,
  /** It regulates those that have this name in `targets` of their MemberRow. */
  target: text,
  ...rulesOfPolicy,
  /** Of a staged policy: what it would say if it were enforced. It says nothing otherwise, so whoever does not know this field refuses nothing by it (ADR 73). */
  staged: Type.Optional(policyRules),
});

/**
 * Key: `member/<uid>`. In `policies.<vni>`: what policies of the network select an object as. Each placed interface of the network has such a row, also one
 * that no policy selects: without a row it may neither send nor receive. Other
 * objects have one while a policy names them.
 */
export type MemberRow = Readonly<Static<typeof memberRow>>;
export const memberRow = Type.Object({
  ...provenance,
  kind: Type.Union([Type.Literal('NetworkInterface'), Type.Literal('LoadBalancer'), Type.Literal('VirtualIP')]),
  uid: text,
  name: text,
  /** Canonical prefixes: what it stands for as a peer. */
  prefixes: Type.Array(text),
  /** Names of what selects it as a target, sorted. */
  targets: Type.Array(text),
  /** Names of the groups of peers that it is in, sorted. */
  groups: Type.Array(text),
});

export type Row =
  | HostRow
  | EdgeRow
  | PlacementRow
  | EndpointRow
  | PeeringRow
  | ImportRow
  | BalancerRow
  | TargetRow
  | PublicTargetRow
  | VirtualIpRow
  | PublicVirtualIpRow
  | NatRow
  | PolicyRow
  | MemberRow;

/** By key. */
export type Tables = ReadonlyMap<TableName, ReadonlyMap<string, Row>>;
