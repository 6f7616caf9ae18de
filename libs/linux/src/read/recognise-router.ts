/**
 * From what one router namespace and its guests hold to kernel objects: the inverse of what the writers write. Pure. An object counts as there
 * only when every part of it is as it would be written today; else it is a suspect, with what was found of it.
 */
import {
  deviceOf,
  type EntryObject,
  type HostIdentity,
  type KernelObject,
  keyOf,
  type NftSection,
  OVERLAY_MTU_MIN,
  type PeerObject,
  type PortObject,
  PUBLIC_VNI,
  partsOf,
  type RouterObject,
  routerScope,
  textOfParts,
  UPLINK_DEVICE,
  wireDevice,
} from '@weft/fabric';
import type { GuestAnswers } from '../answers/guest-answers.ts';
import { PUBLIC_TABLE_NAME, ROUTER_SYSCTLS, ROUTER_TABLE_NAME } from '../objects/base-tables.ts';
import {
  answeringAddresses,
  canonicalAddress,
  GATEWAY_MAC,
  GATEWAY_V4,
  GATEWAY_V6,
  GUEST_DEVICE,
  hostOfNextHop,
  hostPrefix,
  isV4,
  nextHop,
  parseLabel,
  parseRouterMac,
  portDevice,
  ROUTE_PROTOCOL,
  routerMac,
  routerSourceV4,
  routerSourceV6,
  VXLAN_DEVICE,
  VXLAN_PORT,
} from '../objects/names.ts';
import type { Uplink } from '../write/uplink.ts';
import type { Fdb, GuestDump, Link, NftJson, RouterDump } from './dump.ts';
import type { RouteSorter } from './route-sorter.ts';
import { chainsOf, type SetElement, setElements, type TableShape, tableRepair, tableShape } from './table-shape.ts';
import { elementsOf, neighboursOf, type PortTraces, type RouterTraces, type Strays, type Suspect, tracesOfPort } from './traces.ts';

export type RouterContext = Readonly<{
  identity: HostIdentity;
  vni: number;
  /** Of the tunnel and of guests' devices. */
  mtu: number;
  /** Its table as freshly loaded; that of whole frames too, of the public side. */
  shape: TableShape;
  frames?: TableShape;
  uplink?: Uplink | undefined;
  /** What guests are told over DHCP, by device, and what they are to be told. */
  told: ReadonlyMap<string, string>;
  textOf: GuestAnswers['textOf'];
  /** Sets and maps of features. */
  sections: readonly NftSection[];
  /** Tables of nft that are there for a moment, and no strays. */
  spared?: readonly string[];
  /** At a second look: lines that remove what the first one took for strays. What is none of these is something on its way. */
  confirms?: ReadonlySet<string>;
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
  const wires = recogniseWires(context, dump);
  const peers = recognisePeers(context, dump, wires);
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
  for (const entry of [...wires.objects, ...peers.entries, ...routes.entries.values()]) {
    if (!doomed || !isByTunnel(entry)) objects.set(keyOf(entry), entry);
  }
  for (const [key, suspect] of wires.suspects) suspects.set(key, suspect);
  const tableLost = 'traces' in router && router.traces.table.how === 'rebuild';
  const framesLost = 'traces' in router && router.traces.frames.how === 'rebuild';
  const isLost = ({ netdev }: NftSection): boolean => (netdev === true ? framesLost : tableLost);
  const kept = context.sections.filter((section) => !isLost(section));
  for (const entry of recogniseElements({ ...context, sections: kept }, dump)) objects.set(keyOf(entry), entry);
  for (const [key, found] of recognisePorts(context, dump, routes, guests)) {
    if ('traces' in found) suspects.set(key, found);
    else if (tableLost)
      suspects.set(key, suspectPort('the table of its router must be made anew', context.vni, { ...tracesOfPort(found), elements: [] }));
    else objects.set(key, found);
  }
  return { objects, suspects };
}

/** Lines that would remove what was taken for strays. */
export function straysIn({ suspects }: Recognised): readonly string[] {
  return [...suspects.values()].flatMap((suspect) => (suspect.kind === 'router' ? Object.values(suspect.traces.strays).flat() : []));
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
  table: { how: 'rebuild', doomed: [] },
  frames: { how: 'rebuild', doomed: [] },
  strays: { ip: [], bridge: [], nft: [] },
};

function recogniseRouterItself(
  { identity, vni, mtu, shape, frames, uplink, sections, confirms, spared = [] }: RouterContext,
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
  const marking = tunnel?.linkinfo?.info_data?.['gbp'] === true;
  if (check(tunnel !== undefined, 'its tunnel device is missing') && check(mine, 'its tunnel device is another') && tunnel !== undefined) {
    check(marking, 'its tunnel carries no marks');
    check(tunnel.mtu <= mtu && tunnel.mtu >= OVERLAY_MTU_MIN, 'its MTU differs');
    check(tunnel.flags.includes('UP'), 'its tunnel is down');
    check(tunnel.addr_info.length === 0, 'its tunnel has an address');
    check(label?.['pos'] !== undefined, 'its label is missing');
  }
  const loopback = dump.links.find((link) => link.ifname === 'lo');
  const sources = [`${routerSourceV4(identity.index)}/32`, `${routerSourceV6(vni, identity.index)}/128`];
  const addresses = new Map((loopback?.addr_info ?? []).map(({ local, prefixlen, scope }) => [`${local}/${prefixlen}`, scope]));
  check(
    loopback?.flags.includes('UP') === true &&
      addresses.get(`${GATEWAY_V4}/32`) === 'link' &&
      sources.every((source) => addresses.get(source) === 'global'),
    'its gateway address, or one that it sends errors from, is missing',
  );
  check(routes.unreachable.size === 2, 'its unreachable defaults are missing');
  const name = frames === undefined ? ROUTER_TABLE_NAME : PUBLIC_TABLE_NAME;
  const tables = [`inet ${name}`, ...(frames === undefined ? [] : [`netdev ${name}`])];
  const isStray = (line: string): boolean => confirms?.has(line) !== false;
  const strays: Strays = {
    ip: [
      ...routes.strays,
      ...tunnelStrays.ip,
      ...strayAddresses(loopback, [...LOOPBACK_ADDRESSES, ...sources]).map((address) => `addr del ${address} dev lo`),
    ].filter(isStray),
    bridge: tunnelStrays.bridge.filter(isStray),
    nft: dump.tables.flatMap((table) => (tables.includes(table) || spared.includes(table) ? [] : `delete table ${table}`)).filter(isStray),
  };
  check(
    Object.values(strays).every((each) => each.length === 0),
    'it holds stray routes, neighbours, addresses, tunnel entries or nft tables',
  );
  const prefixes = sections.flatMap((section) => (section.chainOf === undefined ? [] : `${section.name}_`));
  const isEntry = (chain: string): boolean => prefixes.some((prefix) => chain.startsWith(prefix));
  const repair = (listed: NftJson | undefined, wanted: TableShape, at: string) =>
    listed === undefined ? ABSENT_ROUTER.table : tableRepair(tableShape(listed, isEntry), wanted, at);
  const table = repair(dump.table, shape, `inet ${name}`);
  check(table.how === 'none', 'its nft table differs');
  const ofFrames = frames === undefined ? WHOLE : repair(dump.frames, frames, `netdev ${name}`);
  check(ofFrames.how === 'none', 'its nft table of frames differs');
  check(frames === undefined || dump.byMark.length === 2, 'its rules for marked packets are missing');
  const wrongUplink = uplink && frames && uplinkReason(uplink, dump.links, routes.gateways);
  check(wrongUplink === undefined, wrongUplink ?? '');
  if (reasons.length === 0 && tunnel !== undefined)
    return { kind: 'router', vni, ...(tunnel.mtu < mtu && { mtu: tunnel.mtu }), position: label?.['pos'] ?? '' };
  const traces: RouterTraces = {
    namespace: 'alive',
    sysctlsWrong: !sysctlsRight,
    tunnel: mine ? (marking ? 'ok' : 'plain') : tunnel === undefined ? 'absent' : 'wrong',
    table,
    frames: ofFrames,
    strays,
  };
  return { kind: 'router', vni, reason: reasons.join(', '), traces };
}

const WHOLE = { how: 'none', doomed: [] } as const;

/** Others may have given it more. */
function uplinkReason({ addresses, gateways }: Uplink, links: readonly Link[], found: ReadonlySet<string>): string | undefined {
  const link = links.find(({ ifname }) => ifname === UPLINK_DEVICE);
  if (link === undefined) return 'its uplink is missing';
  if (!link.flags.includes('UP')) return 'its uplink is down';
  const there = new Set(link.addr_info.map(({ local, prefixlen }) => `${local}/${prefixlen}`));
  if (!addresses.every((each) => there.has(each))) return 'an address of its uplink is missing';
  return gateways.every((each) => found.has(each)) ? undefined : 'a default route by its uplink is missing';
}

const LOOPBACK_ADDRESSES: readonly string[] = [`${GATEWAY_V4}/32`, '127.0.0.1/8', '::1/128'];

function hasAddress({ addr_info }: Link, address: string): boolean {
  return addr_info.some(({ local, prefixlen }) => `${local}/${prefixlen}` === address);
}

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

/** Whether it goes with the tunnel device. */
function isByTunnel({ section, key, value }: EntryObject): boolean {
  return section === 'tunnels' || deviceOf({ section, key, value }) === VXLAN_DEVICE;
}

function entryOf(vni: number, section: string, key: string, value: string): EntryObject {
  return { kind: 'entry', scope: routerScope(vni), section, key, value, position: '', owner: '' };
}

/** Elements of the sets and maps of features. One that cannot be read as its section has it is none of ours, and goes. */
function* recogniseElements({ vni, sections }: RouterContext, { table: own, frames }: RouterDump): Iterable<EntryObject> {
  for (const { name, key: types, value: values, netdev, chainOf } of sections) {
    const table = netdev === true ? frames : own;
    if (table === undefined) continue;
    if (chainOf !== undefined) for (const key of chainsOf(table, `${name}_`, chainOf)) yield entryOf(vni, name, key, '');
    for (const { key, value, lingers } of setElements(table, name)) {
      if (lingers) continue;
      const [parts, mapped] = [partsOf(types, key.join(' . ')), values && partsOf(values, value)];
      yield entryOf(
        vni,
        name,
        parts === undefined ? key.join(' . ') : textOfParts(parts),
        mapped === undefined ? value : textOfParts(mapped),
      );
    }
  }
}

type Wires = Readonly<{ objects: readonly EntryObject[]; suspects: ReadonlyMap<string, Suspect>; strays: readonly string[] }>;

/** Each end for itself: one whose other end is down, or in no router, has no carrier. */
function recogniseWires({ vni, identity, mtu }: RouterContext, { links }: RouterDump): Wires {
  const objects: EntryObject[] = [];
  const suspects = new Map<string, Suspect>();
  const strays: string[] = [];
  for (const link of links) {
    const to = /^q([1-9][0-9]{0,7})$/.exec(link.ifname)?.[1];
    if (to === undefined) continue;
    const wire = entryOf(vni, 'wires', to, '');
    const isUp = link.flags.includes('UP') && link.flags.includes('LOWER_UP');
    const isRight = link.address === routerMac(vni, identity.index) && link.mtu === mtu && link.addr_info.length === 0;
    if (link.linkinfo?.info_kind !== 'veth') strays.push(`link del ${link.ifname}`);
    else if (isUp && isRight) objects.push(wire);
    else suspects.set(keyOf(wire), { kind: 'entry', vni, reason: isRight ? 'it has no carrier' : 'its device differs' });
  }
  return { objects, suspects, strays };
}

type Peers = Readonly<{
  objects: readonly PeerObject[];
  suspects: ReadonlyMap<string, Suspect>;
  /** Neighbours and ways through the tunnel that features brought. */
  entries: readonly EntryObject[];
  strays: Omit<Strays, 'nft'>;
}>;

/** A remote host is one neighbour and one fdb entry, both with its router MAC. What has another network's is a feature's. */
function recognisePeers({ vni, identity }: RouterContext, dump: RouterDump, wires: Wires): Peers {
  const objects: PeerObject[] = [];
  const suspects = new Map<string, Suspect>();
  const features = new Map<string, EntryObject>();
  const strays = { ip: [...wires.strays], bridge: [] as string[] };
  const isWire = new Set(wires.objects.map(({ key }) => wireDevice(key)));
  for (const { dst, dev, lladdr } of dump.neighbours) {
    const entry = entryOf(vni, 'neighbours', `${dev} ${canonicalAddress(dst) ?? dst}`, lladdr ?? '');
    if (isWire.has(dev)) features.set(keyOf(entry), entry);
  }
  const entries = new Map<number, Fdb[]>();
  for (const entry of dump.fdb) {
    if (entry.ifname !== VXLAN_DEVICE || entry.dst === undefined) continue;
    const mac = parseRouterMac(entry.mac);
    const way = entryOf(vni, 'tunnels', entry.mac, `${canonicalAddress(entry.dst) ?? entry.dst} ${entry.vni}`);
    if (entry.vni !== undefined && entry.vni !== vni && entry.port === undefined && entry.viaIf === undefined && !features.has(keyOf(way)))
      features.set(keyOf(way), way);
    else if (mac?.vni !== vni || mac.hostIndex === identity.index) strays.bridge.push(fdbRemoval(entry));
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
    const hostIndex = hostOfNextHop(vni, hop);
    const entry = entryOf(vni, 'neighbours', `${VXLAN_DEVICE} ${canonicalAddress(hop) ?? hop}`, mac ?? '');
    if (hostIndex === undefined || (vni === PUBLIC_VNI && hostIndex === 0)) features.set(keyOf(entry), entry);
    else if (hostIndex === identity.index) strays.ip.push(removal);
    else suspects.set(`peer/${vni}/${hostIndex}`, { kind: 'peer', vni, reason: 'its tunnel entry is missing', ip: [removal], bridge: [] });
  }
  return { objects, suspects, entries: [...features.values()], strays };
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

/** `text`: as `nft` takes it. `address` '': it is of none. */
type Element = SetElement & Readonly<{ text: string; address: string }>;

function recognisePorts(
  context: RouterContext,
  dump: RouterDump,
  routes: RouteSorter,
  guests: ReadonlyMap<string, GuestDump | undefined>,
): ReadonlyMap<string, PortObject | PortSuspect> {
  const elements = new Map<string, Element[]>();
  for (const set of ['src4', 'src6', 'alias', 'answered']) {
    for (const each of dump.table === undefined ? [] : setElements(dump.table, set)) {
      const [device = '', mac = '', text = ''] = each.key;
      const address = canonicalAddress(text) ?? text;
      const key = [`"${device}"`, ...[mac, address].filter((part) => part !== '')].join(' . ');
      const element = { ...each, address, text: `${set} { ${key} }` };
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
  { identity, vni, mtu, told, textOf }: RouterContext,
  device: string,
  link: Link | undefined,
  elements: readonly Element[],
  dump: RouterDump,
  routes: RouteSorter,
  guests: ReadonlyMap<string, GuestDump | undefined>,
): Readonly<{ key: string; found: PortObject | PortSuspect }> {
  const label = parseLabel(link?.ifalias) ?? parseLabel(elements.find((each) => each.comment !== undefined)?.comment);
  const { nic, pos: position = '', netns, tap } = label ?? {};
  const isAnswered = label?.['answers'] === '1';
  const ownAddresses = [`${GATEWAY_V6}/64`, ...(isAnswered ? answeringAddresses(vni, identity.index) : [])];
  const neighbours = dump.neighbours.filter((each) => each.dev === device);
  const end = tap === undefined ? pairOf(link, netns === undefined ? undefined : guests.get(netns), mtu) : tapOf(link, label, elements);
  const traces: PortTraces = {
    vni,
    device,
    exists: link !== undefined,
    paired: end !== undefined,
    netns,
    tap,
    guestMac: end?.mac,
    endRight: link?.address === GATEWAY_MAC && link.mtu === portMtu(mtu),
    elements: elements.map(({ text }) => text),
    neighbours: neighbours.map((each) => canonicalAddress(each.dst) ?? each.dst),
    routes: (routes.byPort.get(device) ?? []).map(hostPrefix),
    guestAddresses: end?.addresses ?? [],
    strayAddresses: strayAddresses(link, ownAddresses),
  };
  const suspect = (reason: string) => ({
    key: nic === undefined ? keyOfDevice(device, vni) : `port/${nic}`,
    found: suspectPort(reason, vni, traces),
  });

  if (link === undefined) return suspect('its device is missing');
  if (nic === undefined || (netns ?? tap) === undefined || portDevice(nic) !== device) return suspect('its label is missing');
  if (end === undefined) return suspect('its guest end is missing');
  const { mac, ips } = end;
  const up = label?.['up'] === '1';
  const guestOf = { netns: netns ?? '', ...(tap !== undefined && { tap }), ...(isAnswered && { answers: true as const }) };
  const prefixes = up ? (routes.byPort.get(device) ?? []).filter((destination) => !ips.includes(destination)) : [];
  const expectedNeighbours = up ? neighboursOf({ ips, prefixes }) : [];
  const comment = `weft nic=${nic} pos=${position}`;
  const reasons = [
    link.flags.includes('UP') === up || `its link is ${up ? 'down' : 'up'}`,
    traces.endRight || 'its gateway MAC or MTU differs',
    !up || link.addr_info.some((each) => each.local === GATEWAY_V6) || 'its IPv6 gateway address is missing',
    traces.strayAddresses.length === 0 || 'it has an address of its own',
    sameSet(traces.elements, elementsOf({ nic, mac, ips, prefixes, up, ...guestOf })) || 'its anti-spoofing elements differ',
    elements.every((each) => each.comment === comment) || 'its anti-spoofing elements are of another position',
    (sameSet(traces.neighbours, expectedNeighbours) && neighbours.every((each) => each.lladdr === mac)) || 'its neighbour entries differ',
    sameSet(traces.routes, up ? [...ips, ...prefixes].map(hostPrefix) : []) || 'its routes differ',
    end.reason ?? true,
    !(isAnswered && up) || ownAddresses.every((each) => hasAddress(link, each)) || 'an address that answers DHCP is missing',
    !(isAnswered && up) || told.get(device) === textOf({ device, mac, ips }, mtu) || 'nobody answers its DHCP',
  ].filter((each) => each !== true);
  if (reasons.length > 0) return suspect(reasons.join(', '));
  return {
    key: `port/${nic}`,
    found: { kind: 'port', vni, nic, mac, ips, ...(prefixes.length > 0 && { prefixes }), ...guestOf, position, up },
  };
}

/** `addresses`: with their lengths, as they are on it. `reason`: why it is not as it would be written today. */
type GuestEnd = Readonly<{ mac: string; ips: readonly string[]; addresses: readonly string[]; reason: string | undefined }>;

function pairOf(link: Link | undefined, guest: GuestDump | undefined, mtu: number): GuestEnd | undefined {
  const eth0 = guest?.links.find((each) => each.ifname === GUEST_DEVICE);
  if (link === undefined || eth0 === undefined || link.link_index !== eth0.ifindex || eth0.link_index !== link.ifindex) return undefined;
  const addresses = globalAddresses(eth0);
  const ips = addresses.map((prefix) => prefix.slice(0, prefix.indexOf('/')));
  const isSingle = addresses.every((prefix, at) => hostPrefix(ips[at] as string) === prefix);
  const reason = isSingle ? guestReason(guest as GuestDump, eth0, ips, mtu) : 'a guest address has another length';
  return { mac: eth0.address ?? '', ips, addresses, reason };
}

/** What its guest has nobody can see: its label and the rules say it. */
function tapOf(
  link: Link | undefined,
  label: Readonly<Record<string, string>> | undefined,
  elements: readonly Element[],
): GuestEnd | undefined {
  const { info_kind: kind, info_data: set = {} } = link?.linkinfo ?? {};
  if (kind !== 'tun' || set['type'] !== 'tap' || set['persist'] !== true) return undefined;
  const ips = elements.flatMap(({ address }) => (address === '' ? [] : [address]));
  return { mac: label?.['mac'] ?? '', ips, addresses: [], reason: undefined };
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
