/**
 * A short history in which every control loop has something to do. `npm run graph` draws what loops and ledgers did in it. A loop that sends no command
 * here makes the test of the graph fail.
 */
import type { Append, Claim, JsonObject, ObjectKey } from '@weft/api';
import { PUBLIC_ADDRESSES } from '@weft/ipam';
import { addressBookOf, hostKey, machineKey, networkKey, nicKey } from '@weft/network';
import {
  addressPool,
  COMPUTE,
  give,
  loadBalancer,
  machine,
  NETWORKING,
  natGateway,
  network,
  networkPolicy,
  nic,
  object,
  prefix,
  virtualIp,
} from '../world/manifests.ts';
import type { World, WorldOptions } from '../world/world.ts';
import { WorldAgent } from '../world/world-agent.ts';

/** The first number of the pool, and the last one. */
const VNI_FIRST = 200;
const VNI_LAST = 2 ** 24 - 1;
export const LOST_REQUEST = '6f1d3c5e-0000-5000-8000-0000000000ff';
/** Longer than any loop waits. */
const WHILE_MS = 60_000;

/** Loops that cannot have work yet, with the reason. */
export const WITHOUT_WORK: ReadonlyMap<string, string> = new Map([
  ['close-namespaces-Event', 'no Event is stored, they follow from the log'],
  ['collect-garbage-Event', 'no Event is stored, they follow from the log'],
  ['abandon-claims-lb', 'loops ask for the slots of NAT gateways, no object claims them'],
  ['abandon-claims-policy', 'no object of this context claims anything'],
  ['give-back-lb', 'loops ask for the slots of NAT gateways, no object claims them'],
]);

/** Opens a world that is watched. */
export type Open = (options?: WorldOptions) => World;

export function tour(open: Open): void {
  const world = open();
  const [a, b] = site(world);
  interfaces(world, a, b);
  networks(world, a);
  outbound(world, a);
  addressesOfPrefixes(world, a);
  publicAddresses(world);
  prefixes(world);
  policies(world);
  balancing(world, a);
  children(world, a);
  cascading(world);
  collecting(world);
  emptying(world);
  told(world);
  crashes(world, open);
  lostNamespace(world, open);
  lastNumber(open);
  outsideProvider(open);
}

function site(world: World): readonly [WorldAgent, WorldAgent] {
  world.create({ kind: 'Namespace', metadata: { name: 'ns' } });
  const a = new WorldAgent(world, 'host-a', '192.0.2.1');
  const b = new WorldAgent(world, 'host-b', '192.0.2.2');
  for (const agent of [a, b]) agent.register();
  return [a, b];
}

/** Interfaces are placed, programmed, moved; one waits for its network and its host, one takes over the address of another; a host is silent meanwhile. */
function interfaces(world: World, a: WorldAgent, b: WorldAgent): void {
  world.create(nic('early', 'nowhere', '10.0.0.1'));
  world.create(network('net'));
  world.create(network('other'));
  for (const [name, net, ip] of [
    ['one', 'net', '10.0.0.1'],
    ['two', 'net', '10.0.0.2'],
    ['three', 'other', '10.0.0.1'],
  ] as const) {
    world.create(nic(name, net, ip));
  }
  world.create(machine('m-one', 'host-a', 'one', 'three'));
  world.create(machine('m-two', 'host-b', 'two'));
  for (const agent of [a, b]) agent.report();
  world.delete(nicKey('ns', 'two'));
  world.create(nic('four', 'net', '10.0.0.2'));
  world.create(machine('m-four', 'host-b', 'four'));
  for (const agent of [a, b]) agent.report();
  world.patch(nicKey('ns', 'four'), { spec: { ips: [{ value: '10.0.0.4' }] } });
  b.report();
  world.act(hostKey('host-b'), 'HostLost');
  world.patch(machineKey('ns', 'm-one'), { spec: { machinePoolRef: { name: 'host-b' } } });
  world.delete(machineKey('ns', 'm-four'));
  a.report();
  world.act(hostKey('host-b'), 'HostReturned');
  b.report();
  world.delete(machineKey('ns', 'm-one'));
  for (const agent of [a, b]) agent.report();
  late(world, b);
}

/** An interface ends after its host has reported it and before the loops have run; then the host ends. */
function late(world: World, b: WorldAgent): void {
  world.create(nic('five', 'net', '10.0.0.5'));
  world.create(machine('m-five', 'host-b', 'five'));
  const { object: five, position } = world.get(nicKey('ns', 'five')) ?? {};
  const nics = [{ uid: five?.metadata.uid ?? '', position: `${position}` }];
  world.send({ verb: 'act', key: hostKey('host-b'), action: 'ReportProgrammed', payload: { nics } });
  world.send({ verb: 'delete', key: nicKey('ns', 'five') });
  world.delete(machineKey('ns', 'm-five'));
  b.report();
  world.act(hostKey('host-b'), 'HostLost');
  // While host-b is silent, another host comes with its address.
  new WorldAgent(world, 'host-c', '192.0.2.2').register();
  world.delete(hostKey('host-b'));
}

/** Numbers are given, rest and are given again; users of a network protect it; two are peered, and a host that has an interface of one follows the other; one lists a network that does not exist. */
function networks(world: World, a: WorldAgent): void {
  const net = networkKey('ns', 'net');
  world.patch(net, { metadata: { finalizers: null } });
  const peering = (name: string, label?: string) => ({
    peerings: [{ name: 'p', networkRef: { name }, ...(label !== undefined && { prefixes: [{ name: label, prefix: '10.0.0.0/24' }] }) }],
  });
  world.create(network('peer', { ...peering('net', 'all'), incomingPeerings: [{ name: 'nowhere' }] }));
  world.patch(net, { spec: peering('peer') });
  world.create(nic('guest', 'peer', '10.0.0.1'));
  world.create(machine('m-guest', 'host-a', 'guest'));
  a.report();
  for (const key of [machineKey('ns', 'm-guest'), nicKey('ns', 'guest')]) world.delete(key);
  a.report();
  world.delete(net);
  for (const name of ['one', 'four']) world.delete(nicKey('ns', name));
  world.delete(networkKey('ns', 'peer'));
}

/** Interfaces share the ports of a gateway that has room for one, then for three; one goes, and the other gets its range. */
function outbound(world: World, a: WorldAgent): void {
  const gateway = { kind: 'NATGateway', namespace: 'ns', name: 'out' };
  world.create(network('outside'));
  world.create(addressPool('out', '203.0.113.77/32'));
  world.create(natGateway('out', 'outside', 32_768));
  world.create(nic('seven', 'outside', '10.7.0.7'));
  world.create(nic('eight', 'outside', '10.7.0.8'));
  world.create(machine('m-out', 'host-a', 'seven'));
  a.report();
  world.delete(nicKey('ns', 'seven'));
  a.report();
  world.patch(gateway, { spec: { portsPerNetworkInterface: 16_384 }, metadata: { finalizers: null } });
  world.pass(10 * WHILE_MS);
  world.delete(gateway);
}

/** An interface gets a range, and the address of a Prefix of its own, which another interface had. */
function addressesOfPrefixes(world: World, a: WorldAgent): void {
  world.create(nic('former', 'outside', '10.7.0.20'));
  world.create(machine('m-former', 'host-a', 'former'));
  a.report();
  const template = { ipFamily: 'IPv4', prefix: '10.7.0.20/32' };
  const spec = {
    networkRef: { name: 'outside' },
    ips: [{ ephemeral: { prefixTemplate: { spec: template } } }],
    prefixes: [{ value: '10.9.0.0/24' }],
  };
  world.create(object(NETWORKING, 'NetworkInterface', 'latter', spec));
  const { uid = '' } = world.object(nicKey('ns', 'latter'))?.metadata ?? {};
  const owner = { apiVersion: NETWORKING, kind: 'NetworkInterface', name: 'latter', uid, controller: true };
  world.create({ ...prefix('latter-0', template), metadata: { namespace: 'ns', name: 'latter-0', ownerReferences: [owner] } });
  world.delete(nicKey('ns', 'former'));
  a.report();
}

/** Addresses of a pool are given, wait for, rest and are given again; one moves between interfaces. The pool goes when none of them is held. */
function publicAddresses(world: World): void {
  const pool = { kind: 'AddressPool', name: 'public' };
  const vip = (name: string) => ({ kind: 'VirtualIP', namespace: 'ns', name });
  for (const name of ['first', 'second']) world.create(virtualIp(name));
  world.create(addressPool('public', '198.51.100.1/32'));
  world.patch(pool, { metadata: { finalizers: null } });
  for (const [name, ip] of [
    ['nine', '10.7.0.9'],
    ['ten', '10.7.0.10'],
  ] as const) {
    world.create(nic(name, 'outside', ip));
    world.patch(nicKey('ns', name), { spec: { virtualIP: { virtualIPRef: { name: 'first' } } } });
  }
  world.delete(nicKey('ns', 'nine'));
  world.delete(vip('first'));
  world.pass(10 * WHILE_MS);
  world.delete(pool);
  world.delete(vip('second'));
  world.pass(10 * WHILE_MS);
}

/** Prefixes take parts of one another: one fails and is tried again, one waits for what another one has, and its parent is chosen. */
function prefixes(world: World): void {
  const key = (name: string) => ({ kind: 'Prefix', namespace: 'ns', name });
  const child = (name: string, parent: JsonObject) => prefix(name, { ipFamily: 'IPv4', prefixLength: 25, ...parent });
  world.create(prefix('root', { prefix: '10.0.0.0/25' }));
  world.create(child('first', { parentRef: { name: 'root' } }));
  world.delete(key('root'));
  world.create(prefix('root', { prefix: '10.0.0.0/24' }));
  world.pass(WHILE_MS);
  world.create(child('second', { parentSelector: {} }));
  world.create(child('third', { parentRef: { name: 'root' } }));
  world.patch(key('root'), { metadata: { finalizers: null } });
  world.delete(key('third'));
  world.delete(key('root'));
  for (const name of ['first', 'second']) world.delete(key(name));
}

/** A policy selects interfaces and public addresses, as these come, change and go; its rule is deleted, and then the policy. */
function policies(world: World): void {
  const vip = { kind: 'VirtualIP', namespace: 'ns', name: 'guarded' };
  world.create(networkPolicy('guard', 'outside'));
  world.create(nic('eleven', 'outside', '10.7.0.11'));
  world.patch(nicKey('ns', 'eleven'), { metadata: { labels: { app: 'web' } } });
  world.create(virtualIp('guarded'));
  world.create(addressPool('guards', '198.51.100.9/32'));
  world.patch(vip, { metadata: { labels: { app: 'web' } } });
  world.delete(vip);
  world.delete(nicKey('ns', 'eleven'));
  world.delete({ kind: 'NetworkPolicyRule', namespace: 'ns', name: 'guard' });
  world.delete({ kind: 'NetworkPolicy', namespace: 'ns', name: 'guard' });
}

/** A balancer gets an address and targets, and loses one; a routing is written by hand; both go. */
function balancing(world: World, a: WorldAgent): void {
  world.create(network('balanced'));
  world.create(addressPool('balancers', '198.51.100.33/32'));
  world.create(loadBalancer('web', 'balanced'));
  world.create(networkPolicy('guard-web', 'balanced'));
  world.patch({ kind: 'LoadBalancer', namespace: 'ns', name: 'web' }, { metadata: { labels: { app: 'web' } } });
  world.create(nic('twelve', 'balanced', '10.8.0.12'));
  world.patch(nicKey('ns', 'twelve'), { metadata: { labels: { app: 'web' } } });
  world.create(machine('m-balanced', 'host-a', 'twelve'));
  a.report();
  world.patch(nicKey('ns', 'twelve'), { metadata: { labels: null } });
  world.patch(nicKey('ns', 'twelve'), { metadata: { labels: { app: 'web' } } });
  world.create({
    apiVersion: NETWORKING,
    kind: 'LoadBalancerRouting',
    metadata: { name: 'hand', namespace: 'ns' },
    destinations: [{ name: 'twelve' }],
  });
  byHand(world);
  addressOfNetwork(world, a);
  world.delete(machineKey('ns', 'm-balanced'));
  world.delete({ kind: 'LoadBalancer', namespace: 'ns', name: 'web' });
}

/** A balancer waits for the address of an interface, and an interface for that of a balancer. */
function addressOfNetwork(world: World, a: WorldAgent): void {
  const balancer = { kind: 'LoadBalancer', namespace: 'ns', name: 'fixed' };
  const spec = { type: 'Internal', ipFamilies: ['IPv4'], networkRef: { name: 'balanced' } };
  world.create(object(NETWORKING, 'LoadBalancer', 'fixed', { ...spec, ips: [{ value: '10.8.0.12' }] }));
  world.patch(balancer, { spec: { ips: [{ value: '10.8.0.80' }] } });
  a.report();
  world.delete(balancer);
  world.create(nic('thirteen', 'balanced', '10.8.0.80'));
  world.create(object(NETWORKING, 'LoadBalancer', 'fixed', { ...spec, ips: [{ value: '10.8.0.80' }] }));
  a.report();
  world.delete(nicKey('ns', 'thirteen'));
  world.delete(balancer);
}

/** Balancers whose targets somebody writes: with a VirtualIP, and with an address of a Prefix. An interface has a VirtualIP as well. */
function byHand(world: World): void {
  world.create(addressPool('more', '198.51.100.34/31'));
  for (const name of ['of-hand', 'of-twelve']) world.create(virtualIp(name));
  const networkRef = { name: 'balanced' };
  const virtualIPs = [{ virtualIPRef: { name: 'of-hand' } }];
  world.create(object(NETWORKING, 'LoadBalancer', 'hand', { type: 'Public', ipFamilies: ['IPv4'], networkRef, virtualIPs }));
  const ips = [{ ephemeral: { prefixTemplate: { spec: { ipFamily: 'IPv4', prefix: '10.8.1.1/32' } } } }];
  world.create(object(NETWORKING, 'LoadBalancer', 'inside', { type: 'Internal', ipFamilies: ['IPv4'], networkRef, ips }));
  world.patch(nicKey('ns', 'twelve'), { spec: { virtualIP: { virtualIPRef: { name: 'of-twelve' } } } });
}

/** A machine, an interface and a balancer have children made for them, which they do not want any more later. */
function children(world: World, a: WorldAgent): void {
  const template = { spec: { networkRef: { name: 'balanced' }, ips: [{ value: '10.8.0.20' }] } };
  const slots = [{ name: 'a', ephemeral: { networkInterfaceTemplate: template } }];
  const parent = object(COMPUTE, 'Machine', 'parent', { machinePoolRef: { name: 'host-a' }, networkInterfaces: slots });
  world.create(nic('parent-a', 'balanced', '10.8.0.21'));
  world.create(parent);
  world.delete(nicKey('ns', 'parent-a'));
  a.report();
  world.patch(machineKey('ns', 'parent'), { spec: { networkInterfaces: null } });
  const prefixSource = (ip: string) => ({ ephemeral: { prefixTemplate: { spec: { ipFamily: 'IPv4', prefix: `${ip}/32` } } } });
  const vip = (reclaimPolicy: string) => ({
    ephemeral: { virtualIPTemplate: { spec: { type: 'Public', ipFamily: 'IPv4', reclaimPolicy } } },
  });
  for (const kind of ['Prefix', 'VirtualIP']) {
    world.create(kind === 'Prefix' ? prefix('made-0', { prefix: '10.8.0.30/32' }) : virtualIp('made'));
    world.create(
      object(NETWORKING, 'NetworkInterface', 'made', {
        networkRef: { name: 'balanced' },
        ips: [prefixSource('10.8.0.30')],
        virtualIP: vip('Delete'),
      }),
    );
    world.delete({ kind, namespace: 'ns', name: kind === 'Prefix' ? 'made-0' : 'made' });
  }
  for (const policy of ['Retain', 'Delete', 'Retain']) world.patch(nicKey('ns', 'made'), { spec: { virtualIP: vip(policy) } });
  world.patch(nicKey('ns', 'made'), { spec: { virtualIP: null, ips: [{ value: '10.8.0.30' }] } });
  const { uid = '' } = world.object(nicKey('ns', 'made'))?.metadata ?? {};
  world.create(virtualIp('extra'));
  give(
    world,
    { kind: 'VirtualIP', namespace: 'ns', name: 'extra' },
    { apiVersion: NETWORKING, kind: 'NetworkInterface', name: 'made', uid },
  );
  const internal = { type: 'Internal', ipFamilies: ['IPv4'], networkRef: { name: 'balanced' }, ips: [prefixSource('10.8.0.40')] };
  world.create(prefix('made-0', { prefix: '10.8.0.40/32' }));
  world.create(object(NETWORKING, 'LoadBalancer', 'made', internal));
  world.delete({ kind: 'Prefix', namespace: 'ns', name: 'made-0' });
  world.patch({ kind: 'LoadBalancer', namespace: 'ns', name: 'made' }, { spec: { ips: [{ value: '10.8.0.40' }] } });
}

/** In each context an object is deleted in the foreground; one lets go what it owns. */
function cascading(world: World): void {
  const key = (kind: string, name: string): ObjectKey => ({ kind, namespace: 'ns', name });
  const made = [
    network('front'),
    prefix('front', { prefix: '10.1.0.0/24' }),
    natGateway('front', 'front', 64),
    networkPolicy('front', 'front'),
  ];
  for (const each of made) world.create(each);
  const { apiVersion, metadata } = world.object(key('Network', 'front')) ?? { apiVersion: '', metadata: { uid: '' } };
  const owner = { apiVersion, kind: 'Network', name: 'front', uid: metadata.uid };
  give(world, key('Prefix', 'front'), owner);
  world.do({ verb: 'delete', key: key('Network', 'front'), propagationPolicy: 'Foreground' });
  for (const kind of ['NetworkPolicy', 'NATGateway']) {
    world.do({ verb: 'delete', key: key(kind, 'front'), propagationPolicy: 'Foreground' });
  }
  world.create(prefix('front', { prefix: '10.1.0.0/24' }));
  const parent = world.object(key('Prefix', 'front'));
  world.create(prefix('freed', { prefix: '10.2.0.0/24' }));
  give(world, key('Prefix', 'freed'), {
    apiVersion: 'ipam.ironcore.dev/v1alpha1',
    kind: 'Prefix',
    name: 'front',
    uid: parent?.metadata.uid ?? '',
  });
  world.do({ verb: 'delete', key: key('Prefix', 'front'), propagationPolicy: 'Orphan' });
  world.pass(10 * WHILE_MS);
}

/** An object of each kind has an owner that is gone. */
function collecting(world: World): void {
  world.create({ kind: 'Namespace', metadata: { name: 'owned' } });
  const host = new WorldAgent(world, 'owned', '192.0.2.9');
  host.register();
  world.act(hostKey('owned'), 'HostLost');
  for (const each of [
    addressPool('owned', '198.51.100.200/32'),
    network('owned'),
    nic('owned', 'owned', '10.9.0.1'),
    machine('owned', 'host-a'),
    virtualIp('owned'),
    prefix('owned', { prefix: '10.3.0.0/24' }),
    prefix('owned-child', { ipFamily: 'IPv4', prefixLength: 25, parentRef: { name: 'owned' } }),
    natGateway('owned', 'owned', 64),
    networkPolicy('owned', 'owned'),
    loadBalancer('owned', 'owned'),
  ]) {
    world.create(each);
  }
  // What others are made for comes first: else it would go with them.
  for (const { kind, namespaced } of [...world.registry.kinds].reverse()) {
    const owner = { apiVersion: namespaced ? COMPUTE : 'fabric.weft.dev/v1alpha1', kind: namespaced ? 'Machine' : 'AddressPool' };
    const keys = [...world.fold.list(kind)].map(({ key }) => key).filter(({ name }) => name.startsWith('owned'));
    for (const key of keys) give(world, key, { ...owner, name: 'nobody', uid: LOST_REQUEST });
  }
  world.pass(10 * WHILE_MS);
}

/** A namespace is deleted, and the objects in it before it. */
function emptying(world: World): void {
  world.create({ kind: 'Namespace', metadata: { name: 'team' } });
  world.create(network('kept', {}, 'team'));
  world.create(nic('held', 'kept', '10.0.0.9', 'team'));
  world.create(object(COMPUTE, 'Machine', 'm', {}, 'team'));
  world.patch(nicKey('team', 'held'), { metadata: { finalizers: ['example.com/hold'] } });
  world.delete({ kind: 'Namespace', name: 'team' });
  world.patch(nicKey('team', 'held'), { metadata: { finalizers: null } });
}

/** A client tells what it did to an object, and takes that back. */
function told(world: World): void {
  const involvedObject = { kind: 'Network', namespace: 'ns', name: 'net' };
  world.create({ kind: 'Event', metadata: { name: 'net.17a', namespace: 'ns' }, involvedObject, reason: 'Seen', type: 'Normal' });
  world.delete({ kind: 'Event', namespace: 'ns', name: 'net.17a' });
}

/** A writer dies between its claim and its append, another one between its append and what that gives back. */
function crashes(world: World, open: Open): void {
  world.claimOnly(claimOf('other', '10.0.0.77'), LOST_REQUEST);
  const lostPool = { type: 'DefinePool', pool: 'never', request: LOST_REQUEST, now: { prefixes: ['192.0.2.0/24'], excludes: [] } };
  world.claimOnly({ stream: PUBLIC_ADDRESSES, command: lostPool }, LOST_REQUEST);
  world.pass(WHILE_MS);
  world.create(addressPool('last', '192.0.2.0/24'));

  for (const key of [nicKey('ns', 'three'), { kind: 'AddressPool', name: 'last' }]) halfDone(world, key, open);
}

/** The claim of an interface that never comes. */
export function claimOf(net: string, ip: string, revision = '-1'): Claim {
  const of = { namespace: 'ns', network: net, nic: 'never', uid: LOST_REQUEST, request: LOST_REQUEST, revision };
  return { stream: addressBookOf('ns', net), command: { type: 'ClaimAddresses', ...of, ips: [ip], fields: ['spec.ips[0].value'] } };
}

/** The log ends with an append that gives something back. */
function halfDone(world: World, key: ObjectKey, open: Open): void {
  const ending = world.fork();
  ending.delete(key);
  const last = ending.appends.findLast(({ events }) => (events[0].metadata.releases ?? []).length > 0);
  const half = open({ log: ending.appends, at: last?.position ?? ending.position });
  half.pass(WHILE_MS);
}

/** An object in a namespace that does not exist, as a writer makes it whose view does not show the end of the namespace yet. */
function lostNamespace(world: World, open: Open): void {
  const before = world.fork();
  before.create({ kind: 'Namespace', metadata: { name: 'gone' } });
  before.create(network('net', {}, 'gone'));
  before.create(nic('nic', 'net', '10.0.0.1', 'gone'));
  before.create(object(COMPUTE, 'Machine', 'm', {}, 'gone'));
  before.create(natGateway('out', 'net', 64, 'gone'));
  before.create(virtualIp('vip', 'gone'));
  before.create(prefix('child', { ipFamily: 'IPv4', prefixLength: 24, parentRef: { name: 'root' } }, 'gone'));
  for (const name of ['guard', 'former']) before.create(networkPolicy(name, 'net', 'gone'));
  before.do({ verb: 'delete', key: { kind: 'NetworkPolicy', namespace: 'gone', name: 'former' }, propagationPolicy: 'Orphan' });
  before.create(loadBalancer('web', 'net', 'gone'));
  before.create({ apiVersion: NETWORKING, kind: 'LoadBalancerRouting', metadata: { name: 'hand', namespace: 'gone' } });
  open({ log: before.appends.filter(({ stream }) => stream !== 'Namespace-.gone') }).settle();
}

/** The pool has no number left, until one has rested. */
function lastNumber(open: Open): void {
  const early = open();
  site(early);
  early.create(network('first'));
  const world = open({ log: early.appends.map(withLastNumber) });
  world.create(network('second'));
  world.create(network('third'));
  world.delete(networkKey('ns', 'third'));
  world.delete(networkKey('ns', 'first'));
}

/** Claims of what has gone, with a provider outside that may be away. */
function outsideProvider(open: Open): void {
  const world = open({ provider: 'external' });
  world.create({ kind: 'Namespace', metadata: { name: 'ns' } });
  world.create(nic('held', 'net', '10.0.0.1'));
  world.patch(nicKey('ns', 'held'), { spec: { machineRef: { name: 'gone', uid: LOST_REQUEST } } });
  world.create(virtualIp('vip'));
  world.patch({ kind: 'VirtualIP', namespace: 'ns', name: 'vip' }, { spec: { targetRef: { name: 'gone', uid: LOST_REQUEST } } });
}

/** The same append with the last number of the pool in place of the first one. */
export function withLastNumber(append: Append): Append {
  const events = append.events.map((event) =>
    event.data['vni'] === VNI_FIRST ? { ...event, data: { ...event.data, vni: VNI_LAST } } : event,
  );
  return { ...append, events: events as unknown as Append['events'] };
}
