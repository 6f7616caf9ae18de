/** Random fabrics and packets for them. A fabric is a list of objects that people create, so that it can be made smaller object by object. */
import { type JsonObject, NETNS_ATTRIBUTE } from '@weft/api';
import type { Packet, PlacementRow, Protocol, RowTables } from '@weft/fabric';
import { hostKey } from '@weft/network';
import { STAGED_ANNOTATION } from '@weft/policy';
import { INTERNET_IPS, PUBLIC_RANGES } from '../netlab/internet.ts';
import { below, type Random } from '../world/random.ts';
import { World } from '../world/world.ts';
import { WorldAgent } from '../world/world-agent.ts';
import { WorldFabric } from '../world/world-fabric.ts';

/** What a fabric may have beside networks and interfaces. */
export type Extra = 'ranges' | 'peerings' | 'policies' | 'balancers' | 'public';

/** A host of the lab, with the number that it has there. */
export type Host = Readonly<{ name: string; index: number; underlay: string }>;

const NETWORKING = 'networking.ironcore.dev/v1alpha1';
const COMPUTE = 'compute.ironcore.dev/v1alpha1';
const NETWORKS = ['red', 'blue', 'grey'];
export const APPS = ['a', 'b', 'c'];
const LAST_MAX = 12;
const PORTS = [80, 443, 5432, 5440];
/** Addresses that are no host's: routers drop packets with some of them, and forward those with others. */
export const SPECIAL_IPS: readonly string[] = [
  ...['0.0.0.0', '0.0.0.1', '127.0.0.1', '127.255.255.255', '169.254.0.2', '169.254.169.254', '192.0.0.1', '198.18.0.1'],
  ...['224.0.0.1', '224.0.0.5', '239.255.255.255', '240.0.0.1', '255.255.255.254', '255.255.255.255'],
  ...['::', '::1', '::2', '64:ff9b::1', '100::1', 'fe80::77', 'febf::1', 'fec0::1', 'ff01::1', 'ff02::1', 'ff05::2', 'ff0e::1'],
];

export class Chance {
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  pick<T>(of: readonly T[]): T {
    return of[below(this.#random, of.length)] as T;
  }
  number(first: number, last: number): number {
    return first + below(this.#random, last - first + 1);
  }
  happens(share: number): boolean {
    return this.#random() < share;
  }
}

/** `guests`: network namespaces, one for each interface. */
export function randomObjects(
  chance: Chance,
  hosts: readonly Host[],
  guests: readonly string[],
  extras: ReadonlySet<Extra>,
): readonly JsonObject[] {
  const object = (apiVersion: string, kind: string, name: string, spec: JsonObject, labels: JsonObject = {}): JsonObject => ({
    apiVersion,
    kind,
    metadata: { namespace: 'ns', name, labels },
    spec,
  });
  const networks = NETWORKS.slice(0, chance.number(extras.has('peerings') ? 2 : 1, NETWORKS.length));
  const filters = [[], [], [], [], ['10.0.0.0/29'], ['fd10::/125'], ['10.0.0.0/28', 'fd10::/124'], ['10.9.0.0/16', '10.0.0.4/30']];
  const peered = new Set(
    networks.flatMap((one, i) =>
      networks.slice(i + 1).flatMap((other) => (chance.happens(0.85) ? [`${one} ${other}`, `${other} ${one}`] : [])),
    ),
  );
  const peerings = (network: string): JsonObject[] =>
    networks
      .filter((other) => extras.has('peerings') && peered.has(`${network} ${other}`))
      .map((other) => ({
        name: `to-${other}`,
        networkRef: { name: other },
        prefixes: chance.pick(filters).map((prefix, i) => ({ name: `p${i}`, prefix })),
      }));
  const nics = guests.flatMap((netns, i) => {
    const last = chance.number(1, LAST_MAX);
    const families = chance.pick([[4, 6], [4, 6], [4, 6], [4], [6]]);
    const ips = families.map((family) => ({ value: family === 4 ? `10.0.0.${last}` : `fd10::${last.toString(16)}` }));
    const prefixes =
      extras.has('ranges') && chance.happens(0.3) ? [{ value: chance.pick([`10.9.${i}.0/24`, `fd99:${i}::/64`, `10.9.${i}.8/29`]) }] : [];
    const spec = {
      networkRef: { name: chance.pick(networks) },
      ipFamilies: families.map((family) => `IPv${family}`),
      ips,
      prefixes,
      attributes: { [NETNS_ATTRIBUTE]: netns },
      ...(extras.has('public') && chance.happens(0.35) && { virtualIP: { virtualIPRef: { name: `v${i}` } } }),
    };
    const networkInterfaces = [{ name: 'one', networkInterfaceRef: { name: `n${i}` } }];
    return [
      object(NETWORKING, 'NetworkInterface', `n${i}`, spec, { app: chance.pick(APPS) }),
      ...('virtualIP' in spec
        ? [object(NETWORKING, 'VirtualIP', `v${i}`, { type: 'Public', ipFamily: chance.pick(spec.ipFamilies) })]
        : []),
      object(COMPUTE, 'Machine', `m${i}`, { machinePoolRef: { name: chance.pick(hosts).name }, networkInterfaces }),
    ];
  });
  const policies = extras.has('policies')
    ? Array.from({ length: chance.number(1, 3) }, (_, i) =>
        stagedOrNot(chance, object(NETWORKING, 'NetworkPolicy', `p${i}`, randomPolicy(chance, networks))),
      )
    : [];
  const balancers = extras.has('balancers')
    ? Array.from({ length: 1 }, (_, i) =>
        object(NETWORKING, 'LoadBalancer', `l${i}`, randomBalancer(chance, networks, i, extras.has('public') && chance.happens(0.7)), {
          app: chance.pick(APPS),
        }),
      )
    : [];
  const pool: JsonObject = {
    apiVersion: 'fabric.weft.dev/v1alpha1',
    kind: 'AddressPool',
    metadata: { name: 'public' },
    spec: { prefixes: [...PUBLIC_RANGES] },
  };
  const gateways = networks.flatMap((name) =>
    ['IPv4', 'IPv6']
      .filter(() => extras.has('public') && chance.happens(0.6))
      .map((ipFamily) =>
        object(NETWORKING, 'NATGateway', `g-${name}-${ipFamily.toLowerCase()}`, {
          ...{ type: 'Public', ipFamily, networkRef: { name } },
          portsPerNetworkInterface: chance.pick([64, 1_024, 2_048]),
        }),
      ),
  );
  return [
    ...(extras.has('public') ? [pool] : []),
    ...networks.map((name) => object(NETWORKING, 'Network', name, { peerings: peerings(name) })),
    ...nics,
    ...policies,
    ...balancers,
    ...gateways,
  ];
}

/** Most fabrics have interfaces that only staged policies select. */
function stagedOrNot(chance: Chance, policy: JsonObject): JsonObject {
  if (!chance.happens(0.4)) return policy;
  return { ...policy, metadata: { ...(policy['metadata'] as JsonObject), annotations: { [STAGED_ANNOTATION]: 'true' } } };
}

function randomPolicy(chance: Chance, networks: readonly string[]): JsonObject {
  const some = <T>(most: number, make: () => T, least = 0): T[] => Array.from({ length: chance.number(least, most) }, make);
  const peer = (): JsonObject =>
    chance.pick<() => JsonObject>([
      () => ({ objectSelector: { kind: 'NetworkInterface', matchLabels: { app: chance.pick(APPS) } } }),
      () => ({ objectSelector: { kind: 'LoadBalancer', matchLabels: { app: chance.pick(APPS) } } }),
      () => ({
        ipBlock: {
          cidr: chance.pick(['10.0.0.0/28', '10.0.0.0/29', 'fd10::/64', '10.0.0.0/8']),
          except: chance.pick([[], ['10.0.0.2/32'], ['10.0.0.4/30']]),
        },
      }),
    ])();
  const port = (): JsonObject =>
    chance.pick<JsonObject>([
      { port: 80 },
      { port: 5432, endPort: 5440 },
      { protocol: 'UDP' },
      { protocol: 'TCP' },
      { protocol: 'SCTP' },
      { protocol: 'UDP', port: 443 },
      { protocol: 'SCTP', port: 80 },
    ]);
  const valid = (found: JsonObject): JsonObject => {
    const block = found['ipBlock'] as JsonObject | undefined;
    // An exception lies inside of its block.
    return block !== undefined && block['cidr'] === 'fd10::/64'
      ? { ipBlock: { cidr: 'fd10::/64', except: chance.pick([[], ['fd10::2/128']]) } }
      : found;
  };
  const rule = (side: 'from' | 'to'): JsonObject => ({ [side]: some(2, () => valid(peer())), ports: some(2, port) });
  return {
    networkRef: { name: chance.pick(networks) },
    networkInterfaceSelector: chance.pick<JsonObject>([
      {},
      { matchLabels: { app: chance.pick(APPS) } },
      { matchLabels: { app: chance.pick(APPS) } },
    ]),
    ingress: some(3, () => rule('from'), 1),
    egress: some(3, () => rule('to'), 1),
    policyTypes: chance.pick([['Ingress'], ['Egress'], ['Egress', 'Ingress']]),
  };
}

function randomBalancer(chance: Chance, networks: readonly string[], i: number, isPublic: boolean): JsonObject {
  // Tables of 1,024 buckets in each router that sees the address: few, so that most of the time goes into packets.
  const family = chance.pick([4, 6]);
  return {
    ...(isPublic
      ? { type: 'Public', ipFamilies: ['IPv4', 'IPv6'] }
      : {
          type: 'Internal',
          ipFamilies: [`IPv${family}`],
          ips: [{ value: family === 4 ? `10.0.0.${100 + i}` : `fd10::${(100 + i).toString(16)}` }],
        }),
    networkRef: { name: chance.pick(networks) },
    networkInterfaceSelector: chance.pick<JsonObject>([
      { matchExpressions: [{ key: 'app', operator: 'Exists' }] },
      { matchExpressions: [{ key: 'app', operator: 'Exists' }] },
      { matchExpressions: [{ key: 'app', operator: 'Exists' }] },
      { matchLabels: { app: chance.pick(APPS) } },
    ]),
    ports: chance.pick<JsonObject[]>([
      [],
      [],
      [],
      [{ protocol: 'TCP', port: 80 }],
      [
        { protocol: 'UDP', port: 443 },
        { protocol: 'TCP', port: 5432, endPort: 5440 },
      ],
      [],
    ]),
  };
}

/** What the control plane makes of objects, with hosts that report. */
export class WorldOfObjects {
  readonly world = new World();
  readonly #hosts: readonly Host[];
  readonly #agents: readonly WorldAgent[];
  readonly #fabric: WorldFabric;

  constructor(objects: readonly JsonObject[], hosts: readonly Host[]) {
    const { world } = this;
    this.#hosts = hosts;
    this.#fabric = new WorldFabric(world);
    world.watch(this.#fabric.onChange);
    world.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'ns' } });
    this.#agents = hosts.map(({ name, underlay }) => new WorldAgent(world, name, underlay));
    for (const agent of this.#agents) agent.register();
    // One host has an uplink.
    const [edge] = hosts;
    if (edge !== undefined && objects.some(({ kind }) => kind === 'AddressPool'))
      world.patch(hostKey(edge.name), { spec: { roles: ['Edge'] } });
    for (const object of objects) world.create(object);
    for (let round = 0; round < 4; round++) this.report();
  }

  report(): void {
    for (const agent of this.#agents) agent.report();
  }

  get tables(): RowTables {
    return withNumbers(this.#fabric.tables, this.#hosts);
  }
}

/** A placed interface. */
export type Guest = PlacementRow & Readonly<{ host: string }>;

/** What the control plane makes of objects: the rows of all hosts, at rest. */
export class Topology {
  readonly objects: readonly JsonObject[];
  readonly hosts: readonly Host[];
  readonly tables: RowTables;
  readonly guests: readonly Guest[];
  /** Balancers. */
  readonly balanced: readonly Readonly<{ ips: readonly string[]; vni: number }>[];
  readonly hasStaged: boolean;
  /** Public addresses, of VirtualIPs, gateways and balancers. */
  readonly published: readonly string[];
  /** … of balancers alone. */
  readonly publicBalanced: readonly string[];

  /** `tables`: those of hosts as they are at rest, or at some position of a history. */
  constructor(objects: readonly JsonObject[], hosts: readonly Host[], tables: RowTables = new WorldOfObjects(objects, hosts).tables) {
    this.objects = objects;
    this.hosts = hosts;
    this.tables = tables;
    this.hasStaged = [...tables].some(
      ([table, rows]) => table.startsWith('policies.') && [...rows.values()].some(({ staged }) => staged !== undefined),
    );
    this.guests = hosts.flatMap(({ name }) =>
      [...(this.tables.get(`placements.${name}`)?.values() ?? [])].map((row) => ({ ...(row as PlacementRow), host: name })),
    );
    const rowsOf = (table: string) => [...(this.tables.get(table)?.values() ?? [])];
    this.publicBalanced = rowsOf('balancers.1').flatMap((row) => row['ips'] as string[]);
    this.published = [
      ...new Set([
        ...rowsOf('virtual-ips.1').map((row) => row['ip'] as string),
        ...rowsOf('nat').map((row) => row['public'] as string),
        ...this.publicBalanced,
      ]),
    ];
    this.balanced = [...this.tables].flatMap(([table, rows]) =>
      table.startsWith('balancers.') ? [...rows.values()].map(({ ips, vni }) => ({ ips: ips as string[], vni: vni as number })) : [],
    );
  }
}

/** The control plane numbers hosts from 1; in the lab they have numbers that nobody else on the machine uses. */
export function withNumbers(tables: RowTables, hosts: readonly Host[]): RowTables {
  const renumbered = new Map(
    [...(tables.get('hosts') ?? [])].map(([name, row]) => [name, { ...row, index: hosts.find((host) => host.name === name)?.index ?? 0 }]),
  );
  return new Map([...tables, ['hosts', renumbered]]);
}

const WITH_PORTS: readonly Protocol[] = ['TCP', 'UDP', 'SCTP'];
const PROTOCOLS: readonly Protocol[] = [...WITH_PORTS, 'ICMP'];
const FIRST_PORT = 10_000;

/** From the internet, also as an address of some network, or to an address that nobody has. */
function packetFromInternet(chance: Chance, { published, publicBalanced, guests }: Topology, id: number): Packet {
  const balancers = Array.from({ length: 5 }, () => publicBalanced).flat();
  const dst = chance.pick([...balancers, ...published, ...published, ...published, '203.0.113.250', '2001:db8:100::fff0']);
  const isV6 = dst.includes(':');
  const inside = guests.flatMap(({ ips }) => ips).filter((ip) => ip.includes(':') === isV6);
  const outside = isV6 ? '2001:db8:51::77' : '198.51.100.77';
  const special = SPECIAL_IPS.filter((ip) => ip.includes(':') === isV6);
  const src = inside.length > 0 && chance.happens(0.1) ? chance.pick(inside) : chance.happens(0.1) ? chance.pick(special) : outside;
  const protocol = chance.pick(PROTOCOLS);
  return {
    ...{ protocol, src, dst, hopLimit: chance.happens(0.1) ? chance.number(1, 2) : 64 },
    ...(protocol !== 'ICMP' && { srcPort: FIRST_PORT + (id % 50_000), dstPort: chance.pick(PORTS) }),
  };
}

/** The packet with this number, from some interface, or the internet, to somewhere. Undefined: this time none. */
export function randomPacket(chance: Chance, topology: Topology, id: number): Packet | undefined {
  const { guests, balanced, tables, published, publicBalanced } = topology;
  if (published.length > 0 && chance.happens(publicBalanced.length > 0 ? 0.3 : 0.1)) return packetFromInternet(chance, topology, id);
  if (guests.length === 0) return undefined;
  const from = chance.pick(guests);
  const own = [...from.ips, ...(from.prefixes ?? []).map((range) => inside(chance, range))];
  const src = chance.pick([...from.ips, ...own]);
  const isV6 = src.includes(':');
  const ofFamily = (ip: string) => ip.includes(':') === isV6;
  const all = guests.flatMap(({ ips }) => ips).filter(ofFamily);
  const near = guests.filter(({ vni, nic }) => vni === from.vni && nic !== from.nic).flatMap(({ ips }) => ips);
  const somewhere = isV6
    ? chance.pick([`fd10::${chance.number(1, LAST_MAX).toString(16)}`, 'fd77::1'])
    : chance.pick([`10.0.0.${chance.number(1, LAST_MAX)}`, '192.0.2.9']);
  const peers = new Set([...(tables.get(`peerings.${from.vni}`)?.values() ?? [])].map(({ vni }) => vni as number));
  const peered = guests
    .filter(({ vni }) => peers.has(vni))
    .flatMap(({ ips }) => ips)
    .filter(ofFamily);
  const peeredHere = guests
    .filter(({ vni, host }) => peers.has(vni) && host === from.host)
    .flatMap(({ ips }) => ips)
    .filter(ofFamily);
  const seen = guests.filter(({ vni }) => vni === from.vni || peers.has(vni));
  const ranges = seen.flatMap(({ prefixes = [] }) => prefixes).filter(ofFamily);
  const inRanges = ranges.map((range) => inside(chance, range));
  const served = balanced
    .filter(({ vni }) => vni === from.vni || peers.has(vni))
    .flatMap(({ ips }) => ips)
    .filter(ofFamily);
  const lists = [
    near.filter(ofFamily),
    near.filter(ofFamily),
    near.filter(ofFamily),
    peered,
    peered,
    peered,
    peeredHere,
    peeredHere,
    peeredHere,
    inRanges,
    inRanges,
    inRanges,
    ...Array.from({ length: 10 }, () => served),
  ];
  const outside = published.length === 0 ? [] : [INTERNET_IPS, INTERNET_IPS, published];
  lists.push(...outside.map((ips) => ips.filter(ofFamily)));
  const some = lists.filter((list) => list.length > 0);
  const to = chance.pick([...some, all, [somewhere]]);
  const isGateway = chance.happens(0.08);
  const gateway = isV6 ? 'fe80::1' : '169.254.0.1';
  const dst = isGateway ? gateway : chance.pick(chance.happens(0.05) ? SPECIAL_IPS.filter(ofFamily) : to);
  // What guests make of packets from themselves is their own affair.
  if (from.ips.includes(dst)) return undefined;
  // What balancers make of echo requests is soon seen.
  const isBalanced = served.includes(dst) && chance.happens(0.85);
  const protocol = isGateway ? 'ICMP' : chance.pick(isBalanced ? WITH_PORTS : PROTOCOLS);
  const isForged = !isGateway && chance.happens(0.07);
  const forged = isV6 ? `fd10::${chance.number(1, 20).toString(16)}` : `10.0.0.${chance.number(1, 20)}`;
  return {
    from: from.nic,
    protocol,
    src: isForged ? forged : src,
    dst,
    ...(protocol !== 'ICMP' && { srcPort: FIRST_PORT + (id % 50_000), dstPort: chance.pick(PORTS) }),
    ...(!isGateway && chance.happens(0.03) && { mac: '02:00:00:aa:bb:cc' }),
    hopLimit: !isGateway && chance.happens(0.15) ? chance.number(1, 2) : 64,
  };
}

/** Some address of a range. */
function inside(chance: Chance, range: string): string {
  const [base = ''] = range.split('/');
  if (base.endsWith('::')) return `${base}${chance.number(1, 200).toString(16)}`;
  const octets = base.split('.');
  const last = Number(octets.pop());
  return [...octets, last + chance.number(0, 7)].join('.');
}
