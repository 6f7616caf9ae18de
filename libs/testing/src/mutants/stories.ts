/** Small histories of what is rare. Read in many orders, each of them shows states in which one thing alone differs. */

import { hostKey, machineKey, networkKey, nicKey } from '@weft/network';
import { claimOf, LOST_REQUEST, withLastNumber } from '../graph/tour.ts';
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
import { World, type WorldOptions } from '../world/world.ts';
import { WorldAgent } from '../world/world-agent.ts';

/** `play` may give another world, in which the story goes on. */
export type Story = Readonly<{ title: string; options?: WorldOptions; play: (world: World) => unknown }>;

const key = (kind: string, name: string) => ({ kind, namespace: 'ns', name });
const WEB = { metadata: { labels: { app: 'web' } } };
const A_MINUTE_MS = 60_000;
const LONG_MS = 1_000_000;

/** The world after a story. */
export function told({ options, play }: Story): World {
  const world = new World(options);
  world.create({ kind: 'Namespace', metadata: { name: 'ns' } });
  const other = play(world);
  return other instanceof World ? other : world;
}

function hostOf(world: World, name = 'host-a', ip = '192.0.2.1'): WorldAgent {
  const agent = new WorldAgent(world, name, ip);
  agent.register();
  return agent;
}

const uidOf = (world: World, kind: string, name: string) => world.object(key(kind, name))?.metadata.uid ?? '';

/** What somebody outside gives, he may not be there to take back. */
const outside: Story = {
  title: 'An outside provider gives an interface to a machine and addresses to an interface and a balancer; these go',
  options: { provider: 'external' },
  play: (world) => {
    world.create(network('net'));
    world.create(nic('a', 'net', '10.0.0.1'));
    world.create(machine('m', 'host-a', 'a'));
    world.create(loadBalancer('web', 'net'));
    for (const name of ['of-nic', 'of-web']) world.create(virtualIp(name));
    const give = (name: string, kind: string, of: string) =>
      world.patch(key('VirtualIP', name), { spec: { targetRef: { name: of, uid: uidOf(world, kind, of) } } });
    world.patch(nicKey('ns', 'a'), { spec: { machineRef: { name: 'm', uid: uidOf(world, 'Machine', 'm') } } });
    give('of-nic', 'NetworkInterface', 'a');
    give('of-web', 'LoadBalancer', 'web');
    world.delete(machineKey('ns', 'm'));
    world.delete(key('LoadBalancer', 'web'));
    world.delete(nicKey('ns', 'a'));
  },
};

const dropped: Story = {
  title: 'A machine names an interface no more, and goes',
  play: (world) => {
    const agent = hostOf(world);
    world.create(network('net'));
    world.create(nic('a', 'net', '10.0.0.1'));
    world.create(machine('m', 'host-a', 'a'));
    agent.report();
    world.patch(machineKey('ns', 'm'), { spec: { networkInterfaces: null } });
    world.delete(machineKey('ns', 'm'));
    world.create(machine('m', 'host-a', 'a'));
    agent.report();
    world.act(hostKey('host-a'), 'HostLost');
    world.act(hostKey('host-a'), 'HostReturned');
    agent.report();
    world.delete(networkKey('ns', 'net'));
    world.delete(nicKey('ns', 'a'));
  },
};

const targets: Story = {
  title: 'Two balancers select an interface, and one has its targets written; whom they select changes, and a balancer goes',
  play: (world) => {
    const agent = hostOf(world);
    world.create(network('net'));
    world.create(addressPool('public', '198.51.100.0/29'));
    const written = { type: 'Public', ipFamilies: ['IPv4'], networkRef: { name: 'net' } };
    world.create(object(NETWORKING, 'LoadBalancer', 'hand', written));
    world.create({
      apiVersion: NETWORKING,
      kind: 'LoadBalancerRouting',
      metadata: { name: 'hand', namespace: 'ns' },
      destinations: [{ ip: '10.0.0.1' }],
    });
    world.create(object(NETWORKING, 'LoadBalancer', 'late', written));
    world.create(loadBalancer('one', 'net'));
    world.create(loadBalancer('two', 'net'));
    world.create(nic('a', 'net', '10.0.0.1'));
    world.patch(nicKey('ns', 'a'), WEB);
    world.create(machine('m', 'host-a', 'a'));
    agent.report();
    world.patch(key('LoadBalancer', 'late'), { spec: { networkInterfaceSelector: { matchLabels: { app: 'web' } } } });
    world.patch(key('LoadBalancer', 'two'), { spec: { networkInterfaceSelector: { matchLabels: { app: 'other' } } } });
    world.patch(key('LoadBalancerRouting', 'hand'), { destinations: null });
    world.delete(key('LoadBalancer', 'two'));
  },
};

const lostTarget: Story = {
  title: 'A target of two balancers goes, and so does one of these',
  play: (world) => {
    const agent = hostOf(world);
    world.create(network('net'));
    for (const name of ['one', 'two']) world.create(loadBalancer(name, 'net'));
    world.create(nic('a', 'net', '10.0.0.1'));
    world.patch(nicKey('ns', 'a'), WEB);
    world.create(machine('m', 'host-a', 'a'));
    agent.report();
    world.delete(nicKey('ns', 'a'));
    world.delete(key('LoadBalancer', 'two'));
  },
};

const rested: Story = {
  title: 'An interface takes the address of a Prefix that another one had on a host',
  play: (world) => {
    const agent = hostOf(world);
    world.create(network('net'));
    world.create(nic('former', 'net', '10.0.0.1'));
    world.create(machine('m', 'host-a', 'former'));
    agent.report();
    world.delete(nicKey('ns', 'former'));
    world.create(object(NETWORKING, 'NetworkInterface', 'latter', { networkRef: { name: 'net' }, ips: [ephemeral('10.0.0.1')] }));
    agent.report();
  },
};

const lastNumber: Story = {
  title: 'The pool has no number left, until one has rested',
  play: (world) => {
    world.create(network('first'));
    const full = new World({ log: world.appends.map(withLastNumber) });
    for (const name of ['second', 'third']) full.create(network(name));
    for (const name of ['third', 'first', 'second']) full.delete(networkKey('ns', name));
    return full;
  },
};

const lostClaims: Story = {
  title: 'A writer dies after two claims of one request',
  play: (world) => {
    world.create(network('net'));
    world.claimOnly(claimOf('net', '10.0.0.1'), LOST_REQUEST);
    world.claimOnly(claimOf('net', '10.0.0.2', '0'), LOST_REQUEST);
    world.pass(A_MINUTE_MS);
    world.create(network('later'));
  },
};

const peers: Story = {
  title: 'A policy comes to balancers and public addresses that are there, changes whom it means, and goes',
  play: (world) => {
    world.create(network('net'));
    world.create(addressPool('public', '198.51.100.0/29'));
    world.create(loadBalancer('web', 'net'));
    world.create(virtualIp('vip'));
    for (const [kind, name] of [
      ['LoadBalancer', 'web'],
      ['VirtualIP', 'vip'],
    ] as const)
      world.patch(key(kind, name), WEB);
    world.create(networkPolicy('guard', 'net'));
    world.patch(key('NetworkPolicy', 'guard'), {
      spec: { ingress: [{ from: [{ objectSelector: { kind: 'LoadBalancer', matchLabels: { app: 'other' } } }] }] },
    });
    world.patch(key('NetworkPolicy', 'guard'), {
      spec: { ingress: [{ from: [{ objectSelector: { kind: 'LoadBalancer', matchLabels: { app: 'web' } } }] }] },
    });
    world.patch(key('LoadBalancer', 'web'), { metadata: { labels: null } });
    world.delete(key('NetworkPolicy', 'guard'));
  },
};

const edges: Story = {
  title: 'Interfaces have ports of a gateway, which an edge has to know; the size changes, another gateway takes over',
  play: (world) => {
    const edge = hostOf(world, 'edge', '192.0.2.7');
    world.patch(hostKey('edge'), { spec: { roles: ['Compute', 'Edge'] } });
    const agent = hostOf(world);
    world.create(network('net'));
    world.create(addressPool('public', '198.51.100.0/31'));
    world.create(natGateway('out', 'net', 32_768));
    for (const [name, ip] of [
      ['a', '10.0.0.1'],
      ['b', '10.0.0.2'],
      ['c', '10.0.0.3'],
    ] as const)
      world.create(nic(name, 'net', ip));
    world.create(machine('m', 'host-a', 'a', 'b', 'c'));
    for (const each of [edge, agent]) each.report();
    world.create(natGateway('rival', 'net', 1_024));
    world.patch(key('NATGateway', 'out'), { spec: { portsPerNetworkInterface: 16_384 } });
    for (const each of [edge, agent]) each.report();
    world.pass(LONG_MS);
    world.delete(nicKey('ns', 'c'));
    world.delete(key('NATGateway', 'out'));
    for (const each of [edge, agent]) each.report();
    world.pass(LONG_MS);
    world.delete(machineKey('ns', 'm'));
    world.act(hostKey('edge'), 'HostLost');
    world.pass(LONG_MS);
  },
};

const unplaced: Story = {
  title: 'An interface with ports of a gateway leaves its host',
  play: (world) => {
    const agent = hostOf(world);
    world.create(network('net'));
    world.create(addressPool('public', '198.51.100.0/31'));
    world.create(natGateway('out', 'net', 32_768));
    world.create(nic('a', 'net', '10.0.0.1'));
    world.create(machine('m', 'host-a', 'a'));
    agent.report();
    world.delete(machineKey('ns', 'm'));
    world.pass(A_MINUTE_MS);
    world.create(network('later'));
    world.delete(nicKey('ns', 'a'));
  },
};

const chosenPool: Story = {
  title: 'A public address waits for a pool that serves its labels',
  play: (world) => {
    const pool = addressPool('public', '198.51.100.0/31');
    world.create({ ...pool, spec: { ...pool.spec, networkSelector: { matchLabels: { app: 'web' } } } });
    world.create(virtualIp('vip'));
    world.patch(key('VirtualIP', 'vip'), WEB);
  },
};

const orphaned: Story = {
  title: 'A policy lets its rule go',
  play: (world) => {
    world.create(network('net'));
    world.create(networkPolicy('guard', 'net'));
    world.do({ verb: 'delete', key: key('NetworkPolicy', 'guard'), propagationPolicy: 'Orphan' });
  },
};

/** A gateway with one range of ports, which an interface has had. */
function freed(world: World): void {
  world.create(network('net'));
  world.create(addressPool('public', '198.51.100.0/32'));
  world.create(natGateway('out', 'net', 32_768));
  world.create(nic('a', 'net', '10.0.0.1'));
  world.delete(nicKey('ns', 'a'));
}

const short: Story = {
  title: 'Ports rest until an interface waits for them',
  play: (world) => {
    freed(world);
    world.create(nic('b', 'net', '10.0.0.2'));
  },
};

const resting: Story = {
  title: 'Ports rest until their time has passed',
  play: (world) => {
    freed(world);
    world.pass(LONG_MS);
    world.create(network('later'));
  },
};

const takenUnderlay: Story = {
  title: 'A host comes with the underlay address of a silent one, which comes back with another',
  play: (world) => {
    hostOf(world);
    world.act(hostKey('host-a'), 'HostLost');
    hostOf(world, 'host-b');
    hostOf(world, 'host-a', '192.0.2.9');
  },
};

const room: Story = {
  title: 'Prefixes are full until one goes, one is chosen by its labels, one counts on another allocation',
  play: (world) => {
    const half = (name: string, parent: object) => prefix(name, { ipFamily: 'IPv4', prefixLength: 25, ...parent });
    const named = { parentRef: { name: 'root' } };
    world.create(prefix('root', { prefix: '10.0.0.0/24' }));
    for (const name of ['one', 'two', 'three']) world.create(half(name, named));
    world.delete(key('Prefix', 'one'));
    world.create(half('four', { parentSelector: { matchLabels: { app: 'web' } } }));
    world.create(prefix('other', { prefix: '10.1.0.0/24' }));
    world.patch(key('Prefix', 'other'), WEB);
    world.create(
      object('ipam.ironcore.dev/v1alpha1', 'PrefixAllocation', 'whole', {
        ipFamily: 'IPv4',
        prefixLength: 24,
        prefixRef: { name: 'root' },
      }),
    );
    world.create(half('five', { parentRef: { name: 'small' } }));
    world.create(prefix('small', { prefix: '10.2.0.0/26' }));
    for (const { key: allocation } of [...world.fold.list('PrefixAllocation')]) {
      if (allocation.name.startsWith('five')) world.patch(allocation, { metadata: { finalizers: ['example.com/hold'] } });
    }
    world.delete(key('Prefix', 'small'));
    world.create(prefix('small', { prefix: '10.2.0.0/24' }));
    world.pass(LONG_MS);
    world.delete(key('Prefix', 'two'));
    world.delete(key('Prefix', 'five'));
    world.delete(key('Prefix', 'root'));
    world.pass(LONG_MS);
  },
};

const ephemeral = (ip: string) => ({ ephemeral: { prefixTemplate: { spec: { ipFamily: 'IPv4', prefix: `${ip}/32` } } } });
const template = (reclaimPolicy: string) => ({
  ephemeral: { virtualIPTemplate: { spec: { type: 'Public', ipFamily: 'IPv4', reclaimPolicy } } },
});

const made: Story = {
  title: 'Children are made late, are wanted otherwise, and meet others of their name',
  play: (world) => {
    world.create(network('net'));
    world.create(addressPool('public', '198.51.100.0/31'));
    world.create(virtualIp('a'));
    world.create(
      object(NETWORKING, 'NetworkInterface', 'a', {
        networkRef: { name: 'net' },
        ips: [ephemeral('10.0.0.1')],
        virtualIP: template('Delete'),
      }),
    );
    const internal = { type: 'Internal', ipFamilies: ['IPv4'], networkRef: { name: 'net' } };
    world.create(object(NETWORKING, 'LoadBalancer', 'inside', { ...internal, ips: [ephemeral('10.0.0.7')] }));
    const slot = (name: string, ip: string) => ({
      name,
      ephemeral: { networkInterfaceTemplate: { spec: { networkRef: { name: 'net' }, ips: [{ value: ip }] } } },
    });
    world.create(object(COMPUTE, 'Machine', 'm', { networkInterfaces: [slot('x', '10.0.0.20')] }));
    world.pass(A_MINUTE_MS);
    world.create(network('late'));
    world.patch(machineKey('ns', 'm'), { spec: { networkInterfaces: [slot('x', '10.0.0.20'), slot('y', '10.0.0.21')] } });
    world.patch(machineKey('ns', 'm'), { spec: { networkInterfaces: [slot('y', '10.0.0.21')] } });
    world.patch(nicKey('ns', 'a'), { spec: { ips: [ephemeral('10.0.0.1'), ephemeral('10.0.0.2')] } });
    world.delete(key('VirtualIP', 'a'));
    world.patch(key('LoadBalancer', 'inside'), { spec: { ips: [ephemeral('10.0.0.7'), ephemeral('10.0.0.8')] } });
    world.patch(nicKey('ns', 'a'), { spec: { virtualIP: template('Retain') } });
    world.patch(key('LoadBalancer', 'inside'), { spec: { ips: [ephemeral('10.0.0.8')] } });
    world.patch(nicKey('ns', 'a'), { spec: { virtualIP: null } });
    world.delete(key('LoadBalancer', 'inside'));
    world.delete(nicKey('ns', 'a'));
    world.pass(A_MINUTE_MS);
  },
};

const imports: Story = {
  title: 'A host imports a peered network; it is silent while interfaces move; both networks go',
  play: (world) => {
    const [a, b] = [hostOf(world), hostOf(world, 'host-b', '192.0.2.2')];
    const peer = (name: string, other: string) => network(name, { peerings: [{ name: 'p', networkRef: { name: other } }] });
    world.create(peer('one', 'two'));
    world.create(peer('two', 'one'));
    world.create(nic('a', 'one', '10.0.0.1'));
    world.create(nic('b', 'two', '10.1.0.1'));
    world.create(machine('m-a', 'host-a', 'a'));
    world.create(machine('m-b', 'host-b', 'b'));
    for (const each of [a, b]) each.report();
    world.act(hostKey('host-a'), 'HostLost');
    world.delete(machineKey('ns', 'm-b'));
    b.report();
    world.act(hostKey('host-a'), 'HostReturned');
    for (const each of [a, b]) each.report();
    for (const name of ['a', 'b']) world.delete(nicKey('ns', name));
    world.delete(machineKey('ns', 'm-a'));
    for (const name of ['one', 'two']) world.delete(networkKey('ns', name));
    for (const each of [a, b]) each.report();
  },
};

const circle: Story = {
  title: 'What is owned owns something that is being deleted in the foreground',
  play: (world) => {
    const owned = (name: string, by: string) =>
      give(world, networkKey('ns', name), { apiVersion: NETWORKING, kind: 'Network', name: by, uid: uidOf(world, 'Network', by) });
    const foreground = (name: string) => world.do({ verb: 'delete', key: networkKey('ns', name), propagationPolicy: 'Foreground' });
    for (const name of ['top', 'middle', 'leaf', 'held']) world.create(network(name));
    owned('middle', 'top');
    owned('leaf', 'middle');
    owned('held', 'leaf');
    const hold = (name: string, finalizers: string[] | null) => world.patch(networkKey('ns', name), { metadata: { finalizers } });
    for (const name of ['leaf', 'held']) hold(name, ['example.com/hold']);
    foreground('leaf');
    foreground('top');
    for (const name of ['held', 'leaf']) hold(name, null);
  },
};

export const stories: readonly Story[] = [
  outside,
  dropped,
  targets,
  lostTarget,
  rested,
  lastNumber,
  lostClaims,
  peers,
  orphaned,
  edges,
  unplaced,
  short,
  resting,
  chosenPool,
  takenUnderlay,
  room,
  made,
  imports,
  circle,
];
