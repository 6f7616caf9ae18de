/**
 * From what one router namespace and its guests hold to kernel objects: the inverse of what the writers write. Pure. An object counts as there
 * only when every part of it is as it would be written today; else it is a suspect, with what was found of it.
 */
import { type HostIdentity, type KernelObject, keyOf, type PeerObject, type PortObject, type RouterObject } from '@weft/fabric';
import { ROUTER_SYSCTLS, ROUTER_TABLE } from '../objects/base-tables.ts';
import {
  canonicalAddress,
  GATEWAY_MAC,
  GATEWAY_V4,
  GATEWAY_V6,
  GUEST_DEVICE,
  hostPrefix,
  isV4,
  nextHop,
  parseLabel,
  parseRouterMac,
  portDevice,
  ROUTE_PROTOCOL,
  routerMac,
  VXLAN_DEVICE,
  VXLAN_PORT,
} from '../objects/names.ts';
import type { Fdb, GuestDump, Link, RouterDump } from './dump.ts';
import type { RouteSorter } from './route-sorter.ts';
import { type SetElement, setElements, type TableShape, tableShape } from './table-shape.ts';
import { elementOf, type PortTraces, type RouterTraces, type Strays, type Suspect, tracesOfPort } from './traces.ts';

export type RouterContext = Readonly<{
  identity: HostIdentity;
  vni: number;
  /** Of the tunnel and of guests' devices. */
  mtu: number;
  /** The router table as freshly loaded. */
  shape: TableShape;
}>;

export type Recognised = Readonly<{ objects: Map<string, KernelObject>; suspects: Map<string, Suspect> }>;

const PROTO = String(ROUTE_PROTOCOL);

export function recogniseRouter(
  context: RouterContext,
  dump: RouterDump,
  routes: RouteSorter,
  guests: ReadonlyMap<string, GuestDump | undefined>,
): Recognised {
  const objects = new Map<string, KernelObject>();
  const suspects = new Map<string, Suspect>();
  const peers = recognisePeers(context, dump);
  const tunnel = dump.links.find((link) => link.ifname === VXLAN_DEVICE);
  const router = recogniseRouterItself(context, dump, routes, tunnel, peers.strays);
  if ('traces' in router) suspects.set(`router/${context.vni}`, router);
  else objects.set(keyOf(router), router);

  // A tunnel that must be made anew takes its neighbours and routes along: none of them counts as there.
  const doomed = 'traces' in router && router.traces.tunnel !== 'ok';
  for (const peer of peers.objects) {
    if (!doomed) objects.set(keyOf(peer), peer);
  }
  if (!doomed) {
    for (const [key, suspect] of peers.suspects) suspects.set(key, suspect);
    for (const [key, route] of routes.objects) objects.set(key, route);
  }
  const tableLost = 'traces' in router && router.traces.table === 'rebuild';
  for (const [key, found] of recognisePorts(context, dump, routes, guests)) {
    if ('traces' in found) suspects.set(key, found);
    else if (tableLost)
      suspects.set(key, suspectPort('the table of its router must be made anew', context.vni, { ...tracesOfPort(found), elements: [] }));
    else objects.set(key, found);
  }
  return { objects, suspects };
}

/** What is known of a router whose namespace is there by name but cannot be entered. */
export function deadRouter(vni: number): Suspect {
  const traces: RouterTraces = { ...ABSENT_ROUTER, namespace: 'dead' };
  return { kind: 'router', vni, reason: 'its namespace is only a name', traces };
}

export const ABSENT_ROUTER: RouterTraces = {
  namespace: 'absent',
  sysctlsWrong: true,
  tunnel: 'absent',
  table: 'rebuild',
  strays: { ip: [], bridge: [], nft: [] },
};

function recogniseRouterItself(
  { identity, vni, mtu, shape }: RouterContext,
  dump: RouterDump,
  routes: RouteSorter,
  tunnel: Link | undefined,
  tunnelStrays: Peers['strays'],
): RouterObject | Extract<Suspect, { kind: 'router' }> {
  const reasons: string[] = [];
  const check = (fine: boolean, reason: string): boolean => {
    if (!fine) reasons.push(reason);
    return fine;
  };
  const sysctlsRight = check(
    [...ROUTER_SYSCTLS].every(([name, value]) => dump.sysctls.get(name) === value) && dump.wrongDeviceSysctls.length === 0,
    'sysctls differ',
  );
  const label = parseLabel(tunnel?.ifalias);
  const mine = tunnel !== undefined && isTunnel(tunnel, vni, identity);
  if (check(tunnel !== undefined, 'its tunnel device is missing') && check(mine, 'its tunnel device is another') && tunnel !== undefined) {
    check(tunnel.mtu === mtu, 'its MTU differs');
    check(tunnel.flags.includes('UP'), 'its tunnel is down');
    check(tunnel.addr_info.length === 0, 'its tunnel has an address');
    check(label?.['pos'] !== undefined, 'its label is missing');
  }
  const loopback = dump.links.find((link) => link.ifname === 'lo');
  check(
    loopback?.flags.includes('UP') === true && loopback.addr_info.some((each) => each.local === GATEWAY_V4 && each.prefixlen === 32),
    'its gateway address is missing',
  );
  check(routes.unreachable.size === 2, 'its unreachable defaults are missing');
  const strays: Strays = {
    ip: [
      ...routes.strays,
      ...tunnelStrays.ip,
      ...strayAddresses(loopback, LOOPBACK_ADDRESSES).map((address) => `addr del ${address} dev lo`),
    ],
    bridge: tunnelStrays.bridge,
    nft: dump.tables.filter((table) => table !== `inet ${ROUTER_TABLE.name}`).map((table) => `delete table ${table}`),
  };
  check(
    Object.values(strays).every((each) => each.length === 0),
    'it holds stray routes, neighbours, addresses, tunnel entries or nft tables',
  );
  const found = dump.table === undefined ? undefined : tableShape(dump.table);
  const table = found === undefined || found.structure !== shape.structure ? 'rebuild' : found.rules !== shape.rules ? 'refill' : 'ok';
  check(table === 'ok', 'its nft table differs');
  if (reasons.length === 0) return { kind: 'router', vni, position: label?.['pos'] ?? '' };
  const traces: RouterTraces = {
    namespace: 'alive',
    sysctlsWrong: !sysctlsRight,
    tunnel: mine ? 'ok' : tunnel === undefined ? 'absent' : 'wrong',
    table,
    strays,
  };
  return { kind: 'router', vni, reason: reasons.join(', '), traces };
}

const LOOPBACK_ADDRESSES: readonly string[] = [`${GATEWAY_V4}/32`, '127.0.0.1/8', '::1/128'];

/** With their lengths. */
function strayAddresses(link: Link | undefined, wanted: readonly string[]): readonly string[] {
  return (link?.addr_info ?? []).map(({ local, prefixlen }) => `${local}/${prefixlen}`).filter((address) => !wanted.includes(address));
}

function isTunnel(link: Link, vni: number, { underlay, index }: HostIdentity): boolean {
  const { info_kind: kind, info_data: set = {} } = link.linkinfo ?? {};
  const local = set['local6'] ?? set['local'];
  return (
    kind === 'vxlan' &&
    link.address === routerMac(vni, index) &&
    set['id'] === vni &&
    set['port'] === VXLAN_PORT &&
    set['learning'] === false &&
    typeof local === 'string' &&
    canonicalAddress(local) === underlay &&
    (isV4(underlay) || set['udp_zero_csum6_rx'] === true)
  );
}

type Peers = Readonly<{ objects: readonly PeerObject[]; suspects: ReadonlyMap<string, Suspect>; strays: Omit<Strays, 'nft'> }>;

/** A remote host is one neighbour and one fdb entry, both with its router MAC. */
function recognisePeers({ vni, identity }: RouterContext, dump: RouterDump): Peers {
  const objects: PeerObject[] = [];
  const suspects = new Map<string, Suspect>();
  const strays = { ip: [] as string[], bridge: [] as string[] };
  const entries = new Map<number, Fdb[]>();
  for (const entry of dump.fdb) {
    if (entry.ifname !== VXLAN_DEVICE || entry.dst === undefined) continue;
    const mac = parseRouterMac(entry.mac);
    if (mac?.vni !== vni || mac.hostIndex === identity.index) strays.bridge.push(fdbRemoval(entry));
    else entries.set(mac.hostIndex, [...(entries.get(mac.hostIndex) ?? []), entry]);
  }
  const neighbours = new Map<string, string | undefined>();
  for (const each of dump.neighbours) if (each.dev === VXLAN_DEVICE) neighbours.set(each.dst, each.lladdr);
  for (const [hostIndex, fdb] of entries) {
    const hop = nextHop(vni, hostIndex);
    const there = neighbours.get(hop) === routerMac(vni, hostIndex);
    const hadOne = neighbours.delete(hop);
    const underlay = canonicalAddress(fdb[0]?.dst ?? '');
    if (there && fdb.length === 1 && underlay !== undefined && isPlain(fdb[0]!)) {
      objects.push({ kind: 'peer', vni, hostIndex, underlay, position: '' });
      continue;
    }
    const ip = hadOne ? [`neigh del ${hop} dev ${VXLAN_DEVICE}`] : [];
    const reason = there ? 'its tunnel entry is not the one it needs' : 'its neighbour entry is missing or differs';
    suspects.set(`peer/${vni}/${hostIndex}`, { kind: 'peer', vni, reason, ip, bridge: fdb.map(fdbRemoval) });
  }
  for (const [hop, mac] of neighbours) {
    const removal = `neigh del ${hop} dev ${VXLAN_DEVICE}`;
    const hostIndex = parseRouterMac(mac ?? '')?.hostIndex;
    if (hostIndex === undefined || nextHop(vni, hostIndex) !== hop) strays.ip.push(removal);
    else suspects.set(`peer/${vni}/${hostIndex}`, { kind: 'peer', vni, reason: 'its tunnel entry is missing', ip: [removal], bridge: [] });
  }
  return { objects, suspects, strays };
}

/** To the usual port, in its own network, by the route to its underlay address. */
function isPlain({ port, vni, viaIf }: Fdb): boolean {
  return port === undefined && vni === undefined && viaIf === undefined;
}

function fdbRemoval({ mac, dst, port, vni, viaIf }: Fdb): string {
  const more = [port && `port ${port}`, vni !== undefined && `vni ${vni}`, viaIf && `via ${viaIf}`].filter(Boolean);
  return ['fdb del', mac, 'dev', VXLAN_DEVICE, 'dst', dst, ...more, 'self'].join(' ');
}

type PortSuspect = Extract<Suspect, { kind: 'port' }>;

function suspectPort(reason: string, vni: number, traces: PortTraces): PortSuspect {
  return { kind: 'port', vni, reason, traces };
}

type Element = SetElement & Readonly<{ mac: string; address: string }>;

function recognisePorts(
  context: RouterContext,
  dump: RouterDump,
  routes: RouteSorter,
  guests: ReadonlyMap<string, GuestDump | undefined>,
): ReadonlyMap<string, PortObject | PortSuspect> {
  const elements = new Map<string, Element[]>();
  for (const set of ['src4', 'src6']) {
    for (const each of dump.table === undefined ? [] : setElements(dump.table, set)) {
      const [device = '', mac = '', text = ''] = each.key;
      const element = { ...each, mac, address: canonicalAddress(text) ?? text };
      elements.set(device, [...(elements.get(device) ?? []), element]);
    }
  }
  const links = new Map(dump.links.filter((link) => link.ifname.startsWith('g')).map((link) => [link.ifname, link]));
  const found = new Map<string, PortObject | PortSuspect>();
  for (const device of new Set([...links.keys(), ...elements.keys(), ...routes.byPort.keys()])) {
    const port = recognisePort(context, device, links.get(device), elements.get(device) ?? [], dump, routes, guests);
    found.set(port.key, port.found);
  }
  return found;
}

/** The key when the uid is not known: good for nothing but removal. */
const keyOfDevice = (device: string, vni: number): string => `port/${device}@${vni}`;

function recognisePort(
  { vni, mtu }: RouterContext,
  device: string,
  link: Link | undefined,
  elements: readonly Element[],
  dump: RouterDump,
  routes: RouteSorter,
  guests: ReadonlyMap<string, GuestDump | undefined>,
): Readonly<{ key: string; found: PortObject | PortSuspect }> {
  const label = parseLabel(link?.ifalias) ?? parseLabel(elements.find((each) => each.comment !== undefined)?.comment);
  const { nic, pos: position = '', netns } = label ?? {};
  const neighbours = dump.neighbours.filter((each) => each.dev === device);
  const guest = netns === undefined ? undefined : guests.get(netns);
  const eth0 = guest?.links.find((each) => each.ifname === GUEST_DEVICE);
  const paired = link !== undefined && eth0 !== undefined && link.link_index === eth0.ifindex && eth0.link_index === link.ifindex;
  const guestAddresses = paired ? globalAddresses(eth0) : [];
  const traces: PortTraces = {
    vni,
    device,
    exists: link !== undefined,
    paired,
    netns,
    guestMac: paired ? eth0.address : undefined,
    endRight: link?.address === GATEWAY_MAC && link.mtu === portMtu(mtu),
    elements: elements.map((each) => elementOf(device, each.mac, each.address)),
    neighbours: neighbours.map((each) => canonicalAddress(each.dst) ?? each.dst),
    routes: (routes.byPort.get(device) ?? []).map(hostPrefix),
    guestAddresses,
    strayAddresses: strayAddresses(link, [`${GATEWAY_V6}/64`]),
  };
  const suspect = (reason: string) => ({
    key: nic === undefined ? keyOfDevice(device, vni) : `port/${nic}`,
    found: suspectPort(reason, vni, traces),
  });

  if (link === undefined) return suspect('its device is missing');
  if (nic === undefined || netns === undefined || portDevice(nic) !== device) return suspect('its label is missing');
  if (eth0 === undefined || !paired) return suspect('its guest end is missing');
  const mac = eth0.address ?? '';
  const up = label?.['up'] === '1';
  const ips = guestAddresses.map((prefix) => prefix.slice(0, prefix.indexOf('/')));
  const expectedNeighbours = up ? ips : [];
  const comment = `weft nic=${nic} pos=${position}`;
  const reasons = [
    link.flags.includes('UP') === up || `its link is ${up ? 'down' : 'up'}`,
    traces.endRight || 'its gateway MAC or MTU differs',
    !up || link.addr_info.some((each) => each.local === GATEWAY_V6) || 'its IPv6 gateway address is missing',
    traces.strayAddresses.length === 0 || 'it has an address of its own',
    guestAddresses.every((prefix) => hostPrefix(prefix.slice(0, prefix.indexOf('/'))) === prefix) || 'a guest address has another length',
    sameSet(
      traces.elements,
      ips.map((address) => elementOf(device, mac, address)),
    ) || 'its anti-spoofing elements differ',
    elements.every((each) => each.comment === comment) || 'its anti-spoofing elements are of another position',
    (sameSet(traces.neighbours, expectedNeighbours) && neighbours.every((each) => each.lladdr === mac)) || 'its neighbour entries differ',
    sameSet(traces.routes, expectedNeighbours.map(hostPrefix)) || 'its routes differ',
    guestReason(guest!, eth0, ips, mtu) ?? true,
  ].filter((each) => each !== true);
  if (reasons.length > 0) return suspect(reasons.join(', '));
  return { key: `port/${nic}`, found: { kind: 'port', vni, nic, mac, ips, netns, position, up } };
}

/** A port's own end takes what a guest with a larger MTU sends, so that the router can answer "too big" instead of losing it. */
export function portMtu(mtu: number): number {
  return Math.max(1500, mtu);
}

function guestReason(guest: GuestDump, eth0: Link, ips: readonly string[], mtu: number): string | undefined {
  if (!eth0.flags.includes('UP')) return 'its guest end is down';
  if (eth0.mtu !== mtu) return 'its guest MTU differs';
  for (const [gateway, dst, wanted] of [
    [GATEWAY_V4, '0.0.0.0/0', ips.some(isV4)],
    [GATEWAY_V6, '::/0', ips.some((address) => !isV4(address))],
  ] as const) {
    const neighbour = guest.neighbours.some((each) => each.dev === GUEST_DEVICE && each.dst === gateway && each.lladdr === GATEWAY_MAC);
    const route = guest.routes.some((each) => each.dst === dst && each.via === gateway && each.proto === PROTO);
    if (wanted && !neighbour) return 'a gateway neighbour of its guest is missing';
    if (wanted && !route) return 'a default route of its guest is missing';
  }
  return undefined;
}

function globalAddresses(link: Link): readonly string[] {
  return link.addr_info
    .filter((each) => each.scope === 'global')
    .map((each) => `${canonicalAddress(each.local) ?? each.local}/${each.prefixlen}`);
}

function sameSet(left: readonly string[], right: readonly string[]): boolean {
  const members = new Set(left);
  return members.size === new Set(right).size && right.every((each) => members.has(each));
}
