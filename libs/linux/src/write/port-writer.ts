/**
 * Makes, changes, repairs and removes ports of one router. The device is made first and stays down; then rules and the guest's end at the same
 * time; the link comes up last, and only for a port that has all of it. Each step takes all ports at once.
 */
import { existsSync } from 'node:fs';
import { type DriverFault, type HostIdentity, keyOf, type PortObject } from '@weft/fabric';
import { HOST, type KernelAccess } from '../kernel/kernel-access.ts';
import {
  answeringAddresses,
  GATEWAY_MAC,
  GATEWAY_V4,
  GATEWAY_V6,
  GUEST_DEVICE,
  hostPrefix,
  isV4,
  labelOf,
  NETNS_DIRECTORY,
  PORT_HOP,
  portDevice,
  ROUTE_PROTOCOL,
  routerNamespace,
} from '../objects/names.ts';
import { elementComment, portLabel } from '../objects/object-rules.ts';
import { dumpGuest } from '../read/dump.ts';
import { portMtu } from '../read/recognise-router.ts';
import { elementsOf, neighboursOf, type PortTraces } from '../read/traces.ts';
import { clearConntrack } from './conntrack.ts';
import { type GuestNamespaces, guestMark } from './guest-namespaces.ts';
import { GONE, LineBatch, THERE } from './line-batch.ts';
import { DOOMED_GROUP } from './router-writer.ts';

export type PortWriterContext = Readonly<{
  access: KernelAccess;
  identity: HostIdentity;
  mtu: number;
  guests: GuestNamespaces;
  vni: number;
}>;
export type PortPut = Readonly<{ port: PortObject; traces: PortTraces | undefined }>;
type Faults = Map<string, DriverFault>;

/** Faults by key; a port without one is as wanted. */
export async function writePorts(context: PortWriterContext, puts: readonly PortPut[]): Promise<Faults> {
  const faults: Faults = new Map();
  const left = () => puts.filter(({ port }) => !faults.has(keyOf(port)));
  const note = (found: ReadonlyMap<string, string>): void => {
    for (const [key, detail] of found) if (!faults.has(key)) faults.set(key, { key, what: 'kernel', detail });
  };
  await makeDevices(context, puts, faults);
  const [rules, guests] = await Promise.all([writeElements(context, left()), writeGuests(context, left())]);
  note(rules);
  note(guests);
  note(await finishDevices(context, left()));
  const gone = left().flatMap(({ port, traces }) => staleAddresses(port, traces));
  if (gone.length > 0) await clearConntrack(context.access, routerNamespace(context.identity.index, context.vni), gone);
  return faults;
}

const isNew = ({ port, traces }: PortPut): boolean =>
  traces === undefined || !traces.exists || !traces.paired || (traces.netns ?? '') !== port.netns || traces.tap !== port.tap;

async function makeDevices(context: PortWriterContext, puts: readonly PortPut[], faults: Faults): Promise<void> {
  const { access, identity, mtu, vni } = context;
  const namespace = routerNamespace(identity.index, vni);
  const missing = new Map<string, string>();
  const lines = new LineBatch();
  for (const put of puts) {
    const { port, traces } = put;
    const key = keyOf(port);
    const device = portDevice(port.nic);
    if (isNew(put)) {
      if (traces?.exists) lines.add(key, `link del ${device}`, GONE);
      if (port.tap !== undefined) {
        for (const line of tapLines(device, port.tap, mtu)) lines.add(key, line);
      } else {
        if (!existsSync(`${NETNS_DIRECTORY}/${port.netns}`)) missing.set(key, port.netns);
        const guestEnd = `peer name ${GUEST_DEVICE} address ${port.mac} mtu ${mtu} netns ${port.netns}`;
        lines.add(key, `link add ${device} address ${GATEWAY_MAC} mtu ${portMtu(mtu)} type veth ${guestEnd}`);
      }
    } else {
      if (!traces!.endRight) lines.add(key, `link set ${device} address ${GATEWAY_MAC} mtu ${portMtu(mtu)}`);
      if (!port.up) lines.add(key, `link set ${device} down`);
      const isAnswered = traces!.elements.some((element) => element.startsWith('answered '));
      const gone = port.answers || !isAnswered ? [] : answeringAddresses(vni, identity.index);
      for (const address of [...gone, ...traces!.strayAddresses]) lines.add(key, `addr del ${address} dev ${device}`, GONE);
    }
    // The label says what the port is to become: a run that is cut short from here on leaves a port that is known, and known to be unfinished.
    lines.add(key, `link set ${device} addrgenmode none`).add(key, `link set ${device} alias "${portLabel(port)}"`);
  }
  await makeGuests(context, missing, faults);
  for (const [key, detail] of await lines.run((each) => access.ip(namespace, each))) {
    const port = puts.find(({ port }) => keyOf(port) === key)!.port;
    faults.set(key, await explained(access, port, key, detail));
  }
}

/** One that stays when nobody has it open. With neither user nor group anybody who is in the namespace could open it. */
function tapLines(device: string, tap: string, mtu: number): readonly string[] {
  const [user, group] = tap.split(':');
  return [
    `tuntap add dev ${device} mode tap user ${user}${group === undefined ? '' : ` group ${group}`}`,
    `link set ${device} address ${GATEWAY_MAC} mtu ${portMtu(mtu)}`,
  ];
}

/** By keys of ports. One that somebody else makes at the same time is theirs. */
async function makeGuests({ access, guests }: PortWriterContext, names: ReadonlyMap<string, string>, faults: Faults): Promise<void> {
  const lines = new LineBatch();
  for (const [key, netns] of names) lines.add(key, `netns add ${netns}`);
  const refused = await lines.run((each) => access.ip(HOST, each));
  for (const [key, netns] of names) {
    const detail = refused.get(key);
    if (detail === undefined) guests.add(netns);
    else if (!THERE.test(detail)) faults.set(key, { key, what: 'kernel', detail });
  }
}

/** A guest's `eth0` that is there already is somebody's: of another NIC, or made by hand. */
async function explained(access: KernelAccess, port: PortObject, key: string, detail: string): Promise<DriverFault> {
  if (!/link add .*File exists/.test(detail)) return { key, what: 'kernel', detail };
  const guest = await dumpGuest(access, port.netns);
  const eth0 = guest?.links.find((link) => link.ifname === GUEST_DEVICE);
  if (eth0 === undefined) return { key, what: 'kernel', detail };
  const whose = eth0.ifalias?.startsWith('weft ') ? eth0.ifalias : `MAC ${eth0.address}, ${eth0.linkinfo?.info_kind ?? 'unknown kind'}`;
  return { key, what: 'not-ours', detail: `namespace ${port.netns} has a device ${GUEST_DEVICE} already (${whose})` };
}

/** One transaction for all; when it is refused, one each, so that the fault of one port does not stop the others. */
async function writeElements({ access, identity, vni }: PortWriterContext, puts: readonly PortPut[]): Promise<ReadonlyMap<string, string>> {
  const namespace = routerNamespace(identity.index, vni);
  const faults = new Map<string, string>();
  const transactions = puts.map((put) => ({ key: keyOf(put.port), text: elementChanges(put) })).filter(({ text }) => text !== '');
  if (transactions.length === 0) return faults;
  const refusal = await access.nft(namespace, transactions.map(({ text }) => text).join('; '));
  if (refusal === undefined) return faults;
  for (const { key, text } of transactions) {
    const said = transactions.length === 1 ? refusal : await access.nft(namespace, text);
    if (said !== undefined) faults.set(key, said);
  }
  return faults;
}

/** An element is deleted as `add; delete`, which holds whether or not it is there; its comment changes by deleting and adding, in one transaction. */
function elementChanges({ port, traces }: PortPut): string {
  const wanted = elementsOf(port);
  const doomed = [...new Set([...(traces?.elements ?? []), ...(traces === undefined ? [] : wanted)])];
  const comment = ` comment "${elementComment(port)}" }`;
  return [...doomed.map(deleteElement), ...wanted.map((element) => `add element inet dp ${element.replace(/ }$/, comment)}`)].join('; ');
}

function deleteElement(element: string): string {
  return `add element inet dp ${element}; delete element inet dp ${element}`;
}

async function writeGuests(
  { access, identity, mtu, guests }: PortWriterContext,
  puts: readonly PortPut[],
): Promise<ReadonlyMap<string, string>> {
  const faults = new Map<string, string>();
  const write = async (put: PortPut): Promise<void> => {
    const { port } = put;
    const sysctls = port.ips.every(isV4) ? ['accept_ra'] : ['accept_ra', 'disable_ipv6'];
    const off = sysctls.map((name) => [`net/ipv6/conf/${GUEST_DEVICE}/${name}`, '0'] as const);
    const lines = new LineBatch();
    if (guests.has(port.netns)) lines.add(keyOf(port), guestMark(identity.index));
    guestLines(put, identity.index, mtu, lines);
    const refused = await lines.run((each) => access.ipOnce(port.netns, off, each));
    for (const [key, detail] of refused) faults.set(key, `in namespace ${port.netns}: ${detail}`);
  };
  await Promise.all(puts.filter(({ port }) => port.tap === undefined).map(write));
  return faults;
}

function guestLines({ port, traces }: PortPut, hostIndex: number, mtu: number, lines: LineBatch): void {
  const key = keyOf(port);
  const eth0 = `dev ${GUEST_DEVICE}`;
  const fresh = isNew({ port, traces });
  const wanted = new Set(port.ips.map(hostPrefix));
  lines
    .add(key, 'link set lo up')
    .add(key, `link set ${GUEST_DEVICE} addrgenmode none`)
    .add(key, `link set ${GUEST_DEVICE} mtu ${mtu} alias "${labelOf({ nic: port.nic, host: String(hostIndex) })}"`);
  if (!fresh && traces?.guestMac !== port.mac) lines.add(key, `link set ${GUEST_DEVICE} address ${port.mac}`);
  lines.add(key, `link set ${GUEST_DEVICE} up`);
  for (const prefix of wanted) lines.add(key, `addr replace ${prefix} ${eth0}${prefix.includes(':') ? ' nodad' : ''}`);
  for (const prefix of fresh ? [] : traces!.guestAddresses) if (!wanted.has(prefix)) lines.add(key, `addr del ${prefix} ${eth0}`, GONE);
  for (const [gateway, dst, onlink, used] of [
    [GATEWAY_V4, '0.0.0.0/0', ' onlink', port.ips.some(isV4)],
    [GATEWAY_V6, '::/0', '', port.ips.some((address) => !isV4(address))],
  ] as const) {
    if (used) lines.add(key, `neigh replace ${gateway} lladdr ${GATEWAY_MAC} ${eth0} nud permanent`);
    if (used) lines.add(key, `route replace ${dst} via ${gateway} ${eth0}${onlink} proto ${ROUTE_PROTOCOL}`);
    else if (!fresh) lines.add(key, `route del ${dst} ${eth0} proto ${ROUTE_PROTOCOL}`, GONE);
  }
}

async function finishDevices({ access, identity, vni }: PortWriterContext, puts: readonly PortPut[]): Promise<ReadonlyMap<string, string>> {
  const lines = new LineBatch();
  for (const put of puts) {
    const { port, traces } = put;
    const key = keyOf(port);
    const device = portDevice(port.nic);
    if (!port.up) continue; // Down: the kernel keeps neither its routes nor its neighbours.
    lines.add(key, `link set ${device} up`).add(key, `addr replace ${GATEWAY_V6}/64 dev ${device} nodad`);
    for (const each of port.answers ? answeringAddresses(vni, identity.index) : [])
      lines.add(key, `addr replace ${each} dev ${device} ${each.includes(':') ? 'nodad' : 'scope link'}`);
    for (const hop of neighboursOf(port)) lines.add(key, `neigh replace ${hop} lladdr ${port.mac} dev ${device} nud permanent`);
    for (const address of port.ips) {
      lines.add(key, `route replace ${hostPrefix(address)} dev ${device} proto ${ROUTE_PROTOCOL}`);
    }
    for (const range of port.prefixes ?? []) {
      const via = `via ${isV4(range) ? 'inet6 ' : ''}${PORT_HOP}`;
      lines.add(key, `route replace ${hostPrefix(range)} ${via} dev ${device} onlink proto ${ROUTE_PROTOCOL}`);
    }
    if (isNew(put)) continue;
    const neighbours = new Set(neighboursOf(port));
    const routes = new Set([...port.ips, ...(port.prefixes ?? [])].map(hostPrefix));
    for (const each of traces!.routes) if (!routes.has(each)) lines.add(key, `route del ${each} dev ${device}`, GONE);
    for (const each of traces!.neighbours) if (!neighbours.has(each)) lines.add(key, `neigh del ${each} dev ${device}`, GONE);
  }
  return lines.run((each) => access.ip(routerNamespace(identity.index, vni), each));
}

function staleAddresses(port: PortObject, traces: PortTraces | undefined): readonly string[] {
  const kept = new Set([...port.ips, ...(port.prefixes ?? [])]);
  return addressesOf(traces).filter((destination) => !kept.has(destination));
}

/** Addresses and ranges of which flows may be tracked. */
export function addressesOf(traces: PortTraces | undefined): readonly string[] {
  if (traces === undefined) return [];
  const bare = (prefix: string): string => prefix.replace(/(?<=\.[0-9]+)\/32$|(?<=:.*)\/128$/, '');
  return [
    ...new Set([...traces.neighbours.filter((each) => each !== PORT_HOP), ...[...traces.routes, ...traces.guestAddresses].map(bare)]),
  ];
}

/** Link down, then the rules, then the device, then tracked connections. */
export async function erasePorts(
  { access, identity, vni }: PortWriterContext,
  ports: ReadonlyMap<string, PortTraces>,
): Promise<ReadonlyMap<string, string>> {
  const namespace = routerNamespace(identity.index, vni);
  const ip = (lines: LineBatch) => lines.run((each) => access.ip(namespace, each));
  const there = [...ports].filter(([, traces]) => traces.exists);
  const down = new LineBatch();
  for (const [key, { device }] of there) down.add(key, `link set ${device} down group ${DOOMED_GROUP}`, GONE);
  const faults = new Map(await ip(down));
  const deleteDevices = async ([first, ...more]: typeof there): Promise<void> => {
    if (first === undefined) return;
    const [key, { device }] = first;
    const refusal = (await ip(new LineBatch().add(key, `link del ${more.length === 0 ? device : `group ${DOOMED_GROUP}`}`, GONE))).get(key);
    if (refusal !== undefined) for (const [each] of there) faults.set(each, refusal);
  };
  const elements = [...ports.values()].flatMap((traces) => traces.elements.map(deleteElement));
  const refusal = elements.length === 0 ? undefined : await access.nft(namespace, elements.join('; '));
  if (refusal !== undefined) return new Map([...ports.keys()].map((key) => [key, refusal]));
  // Both take some 20 ms, mostly of waiting for the kernel; nothing passes by now.
  const addresses = [...ports.values()].flatMap(addressesOf);
  await Promise.all([deleteDevices(there), addresses.length > 0 && clearConntrack(access, namespace, addresses)]);
  return faults;
}
