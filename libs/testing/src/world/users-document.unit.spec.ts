/** What the user's document says of each kind, beside what the project that it follows does (resources 5): which of both Weft keeps, shown with all loops. */
import { conditionOf, type JsonObject, type ObjectKey, presentationOf, type Reply } from '@weft/api';
import { World } from './world.ts';
import { WorldAgent } from './world-agent.ts';

const NETWORKING = 'networking.ironcore.dev/v1alpha1';
const FOO: JsonObject = { matchLabels: { app: 'web' } };

class Scene {
  readonly world: World;
  readonly agent: WorldAgent;

  constructor(seed: number, { pool = ['203.0.113.0/29', '2001:db8::/125'] }: { pool?: readonly string[] } = {}) {
    this.world = new World({ seed, duplicates: 0.3, lag: 0.2 });
    for (const name of ['default', 'other']) this.world.create({ kind: 'Namespace', metadata: { name } });
    this.agent = new WorldAgent(this.world, 'host-a', '192.0.2.1');
    this.agent.register();
    if (pool.length > 0) this.world.create({ kind: 'AddressPool', metadata: { name: 'default' }, spec: { prefixes: [...pool] } });
  }

  send(kind: string, name: string, spec: JsonObject, metadata: JsonObject = {}): Reply {
    const apiVersion = kind === 'Machine' ? 'compute.ironcore.dev/v1alpha1' : NETWORKING;
    return this.world.create({ apiVersion, kind, metadata: { namespace: 'default', name, ...metadata }, spec });
  }

  /** An interface, and a machine on the host that names it. */
  nic(name: string, ips: readonly string[], more: JsonObject = {}, labels: JsonObject = { app: 'web' }): this {
    this.send('NetworkInterface', name, { networkRef: { name: 'net' }, ips: ips.map((value) => ({ value })), ...more }, { labels });
    this.send('Machine', `m-${name}`, {
      machinePoolRef: { name: 'host-a' },
      networkInterfaces: [{ name: 'one', networkInterfaceRef: { name } }],
    });
    this.agent.report();
    return this;
  }

  /** As clients are served it. */
  served(kind: string, name: string, namespace = 'default'): Served {
    const key: ObjectKey = { kind, namespace, name };
    const [state, module] = [this.world.get(key), this.world.registry.kind(kind)];
    if (state === undefined || module === undefined) throw new Error(`no ${kind} ${name}`);
    return presentationOf(module, state).whole as unknown as Served;
  }

  condition(kind: string, name: string, type: string) {
    const object = this.world.object({ kind, namespace: 'default', name });
    return object && conditionOf(object, type);
  }
}

type Served = Readonly<{
  metadata: { uid: string; ownerReferences?: readonly { kind: string; name: string }[] };
  spec: JsonObject;
  status: JsonObject;
  destinations?: readonly { ip: string; targetRef?: { name: string } }[];
  targets?: readonly { ip: string }[];
}>;

const causes = (reply: Reply): readonly string[] =>
  reply.ok ? [] : (reply.status.details?.causes ?? []).map(({ reason, field }) => `${reason} ${field}`);

describe.each([1, 2])('The user’s document, loops in the order of seed %i,', (seed) => {
  const peering = (name: string, to: JsonObject): JsonObject => ({ peerings: [{ name, networkRef: to }] });

  it('resources S-1, S-2: an item has a state and a phase, Pending from the beginning, Bound once both agree', () => {
    const scene = new Scene(seed);
    scene.send('Network', 'one', peering('peering1', { name: 'two' }));
    expect(scene.served('Network', 'one').status['peerings']).toEqual([{ name: 'peering1', state: 'Pending', phase: 'Pending' }]);
    scene.send('Network', 'two', peering('back', { name: 'one' }));
    expect(scene.served('Network', 'one').status['peerings']).toEqual([{ name: 'peering1', state: 'Ready', phase: 'Bound' }]);
  });

  it('resources S-3, S-4, S-6: peerings are a list, and what is accepted stands in the spec with namespace, name and uid', () => {
    const scene = new Scene(seed);
    scene.send('Network', 'one', {
      peerings: [{ name: 'p', networkRef: { namespace: 'other', name: 'two' }, prefixes: [{ name: 'x', prefix: '10.0.0.0/24' }] }],
    });
    scene.send('Network', 'two', peering('q', { namespace: 'default', name: 'one' }), { namespace: 'other' });
    const { uid } = scene.served('Network', 'two', 'other').metadata;
    expect(scene.served('Network', 'one').spec['incomingPeerings']).toEqual([{ namespace: 'other', name: 'two', uid }]);
    const { state, peerings } = scene.served('Network', 'one').status;
    expect([state, peerings]).toEqual([
      'Available',
      [{ name: 'p', state: 'Ready', phase: 'Bound', prefixes: [{ name: 'x', prefix: '10.0.0.0/24' }] }],
    ]);
  });

  it('resources S-5: a claim of a Network goes with it, also when another one takes its name', () => {
    const scene = new Scene(seed);
    scene.send('Network', 'one', peering('p', { namespace: 'other', name: 'two' }));
    scene.send('Network', 'two', peering('q', { namespace: 'default', name: 'one' }), { namespace: 'other' });
    const two: ObjectKey = { kind: 'Network', namespace: 'other', name: 'two' };
    scene.world.patch({ kind: 'Network', namespace: 'default', name: 'one' }, { spec: { peerings: null } });
    scene.world.delete(two);
    expect(scene.served('Network', 'one').spec).not.toHaveProperty('incomingPeerings');
    scene.send('Network', 'two', {}, { namespace: 'other' });
    expect(scene.served('Network', 'one').spec).not.toHaveProperty('incomingPeerings');
  });

  it('resources S-7, provider C-25, C-37: a Network has a provider id of four parts, is Available, and leaves nothing behind', () => {
    const scene = new Scene(seed);
    scene.send('Network', 'net', {});
    const { metadata, spec, status } = scene.served('Network', 'net');
    expect(spec['providerID']).toBe(`ironcore-net://default/net/200/${metadata.uid}`);
    expect(status['state']).toBe('Available');
    const pool = () => scene.world.reservation<{ held: Map<string, number> }>('VniPool-.default');
    expect([...pool().held.values()]).toEqual([200]);
    scene.world.delete({ kind: 'Network', namespace: 'default', name: 'net' });
    expect([...pool().held.values()]).toEqual([]);
    // One that vanishes without its finalizer leaves nothing either.
    scene.send('Network', 'net', {});
    scene.world.patch({ kind: 'Network', namespace: 'default', name: 'net' }, { metadata: { finalizers: null } });
    expect([...pool().held.values()]).toEqual([201]);
    scene.world.delete({ kind: 'Network', namespace: 'default', name: 'net' });
    expect([...pool().held.values()]).toEqual([]);
  });

  it('provider C-1: the number of a Network is in range, its own, and released with it', () => {
    const scene = new Scene(seed);
    for (const name of ['a', 'b', 'c']) scene.send('Network', name, {});
    const numbers = ['a', 'b', 'c'].map((name) => Number((scene.served('Network', name).spec['providerID'] as string).split('/')[4]));
    expect(numbers).toEqual([200, 201, 202]);
    const { held } = scene.world.reservation<{ held: Map<string, number> }>('VniPool-.default');
    expect(held).toEqual(new Map(['a', 'b', 'c'].map((name, at) => [scene.served('Network', name).metadata.uid, 200 + at])));
    scene.world.delete({ kind: 'Network', namespace: 'default', name: 'b' });
    expect([...scene.world.reservation<{ held: Map<string, number> }>('VniPool-.default').held.values()]).toEqual([200, 202]);
  });

  it('provider C-28: a Network that names no peer has no status of peerings', () => {
    const scene = new Scene(seed);
    scene.send('Network', 'one', {});
    scene.send('Network', 'two', peering('p', { name: 'one' }));
    expect(scene.served('Network', 'one').status).not.toHaveProperty('peerings');
  });

  it('resources S-8, S-33: references are objects, and what they name need not exist', () => {
    const scene = new Scene(seed);
    const networkRef = { name: 'nowhere' };
    for (const [kind, spec] of [
      ['NetworkInterface', { ips: [{ value: '10.0.0.1' }] }],
      ['NATGateway', { type: 'Public', ipFamily: 'IPv4' }],
      ['LoadBalancer', { type: 'Public', ipFamilies: ['IPv4'] }],
      ['NetworkPolicy', { policyTypes: ['Ingress'] }],
    ] satisfies [string, JsonObject][]) {
      expect(scene.send(kind, `ref-${kind.toLowerCase()}`, { ...spec, networkRef: 'nowhere' }).ok).toBe(false);
      expect(scene.send(kind, kind.toLowerCase(), { ...spec, networkRef })).toMatchObject({ ok: true });
      expect(scene.served(kind, kind.toLowerCase()).spec['networkRef']).toEqual(networkRef);
    }
    expect(scene.condition('NATGateway', 'natgateway', 'Ready')?.message).toContain('nowhere');
  });

  it('resources S-9, S-10: an interface has one address of each family, in their order, and all fields of the project', () => {
    const scene = new Scene(seed);
    const spec = {
      networkRef: { name: 'net' },
      ipFamilies: ['IPv6', 'IPv4'],
      ips: [{ value: '2001:db8::1' }, { value: '10.0.0.1' }],
      prefixes: [{ value: '10.1.0.0/24' }],
      providerID: 'p',
      attributes: { a: 'b' },
    };
    scene.send('NetworkInterface', 'nic', spec);
    expect(scene.served('NetworkInterface', 'nic').spec).toEqual(spec);
    expect(scene.served('NetworkInterface', 'nic').status['ips']).toEqual(['2001:db8::1', '10.0.0.1']);
    const three = ['2001:db8::2', '10.0.0.2', '10.0.0.3'].map((value) => ({ value }));
    expect(causes(scene.send('NetworkInterface', 'three', { networkRef: { name: 'net' }, ips: three }))).toEqual([
      'FieldValueDuplicate spec.ipFamilies[2]',
    ]);
  });

  it('resources S-11, S-13: an interface is Pending until its port is up, says when that changed, and its Machine shows slots only', () => {
    const scene = new Scene(seed);
    scene.send('Network', 'net', {});
    scene.send('NetworkInterface', 'nic', { networkRef: { name: 'net' }, ips: [{ value: '10.0.0.1' }] });
    expect(scene.served('NetworkInterface', 'nic').status).toMatchObject({ state: 'Pending', ips: ['10.0.0.1'] });
    expect(scene.served('NetworkInterface', 'nic').status).not.toHaveProperty('lastStateTransitionTime');
    const networkInterfaces = [{ name: 'one', networkInterfaceRef: { name: 'nic' } }];
    scene.send('Machine', 'm', { machinePoolRef: { name: 'host-a' }, networkInterfaces });
    scene.world.pass(1_000);
    scene.agent.report();
    expect(scene.served('NetworkInterface', 'nic').status).toMatchObject({
      state: 'Available',
      lastStateTransitionTime: scene.world.now.replace('.000', ''),
    });
    expect(scene.served('Machine', 'm').status['networkInterfaces']).toMatchObject([
      { name: 'one', state: 'Attached', networkInterfaceRef: { name: 'nic' } },
    ]);
  });

  it('resources S-14, S-18: Public has a capital', () => {
    const scene = new Scene(seed);
    expect(causes(scene.send('VirtualIP', 'v', { type: 'public', ipFamily: 'IPv4' }))).toEqual(['FieldValueNotSupported spec.type']);
    const gateway = { ipFamily: 'IPv4', networkRef: { name: 'net' } };
    expect(causes(scene.send('NATGateway', 'g', { type: 'public', ...gateway }))).toEqual(['FieldValueNotSupported spec.type']);
    expect(scene.send('NATGateway', 'g', { type: 'Public', ...gateway })).toMatchObject({ ok: true });
  });

  it('resources S-16, provider C-21: a VirtualIP waits for an address with a reason; once it has one, that stays until its end, and others have theirs', () => {
    const scene = new Scene(seed, { pool: [] });
    const vip = { type: 'Public', ipFamily: 'IPv4' };
    scene.send('VirtualIP', 'v', vip);
    expect(scene.served('VirtualIP', 'v').status).not.toHaveProperty('ip');
    expect(scene.condition('VirtualIP', 'v', 'Ready')?.status).toBe('False');
    scene.world.create({ kind: 'AddressPool', metadata: { name: 'default' }, spec: { prefixes: ['203.0.113.0/31'] } });
    expect(scene.served('VirtualIP', 'v').status['ip']).toBe('203.0.113.0');
    scene.send('VirtualIP', 'w', vip);
    scene.send('VirtualIP', 'x', vip);
    scene.world.pass(3_600_000);
    expect(scene.served('VirtualIP', 'v').status['ip']).toBe('203.0.113.0');
    scene.world.delete({ kind: 'VirtualIP', namespace: 'default', name: 'v' });
    scene.world.pass(3_600_000);
    expect(['w', 'x'].map((name) => scene.served('VirtualIP', name).status['ip'])).toEqual(['203.0.113.1', '203.0.113.0']);
  });

  it('resources S-17: a VirtualIP names who holds it', () => {
    const scene = new Scene(seed);
    scene.send('VirtualIP', 'v', { type: 'Public', ipFamily: 'IPv4' });
    scene.send('Network', 'net', {});
    scene.nic('nic', ['10.0.0.1'], { virtualIP: { virtualIPRef: { name: 'v' } } });
    expect(scene.served('VirtualIP', 'v').spec['targetRef']).toEqual({
      name: 'nic',
      uid: scene.served('NetworkInterface', 'nic').metadata.uid,
    });
  });

  it('provider C-9: a VirtualIP of another namespace is not found', () => {
    const scene = new Scene(seed);
    scene.send('VirtualIP', 'v', { type: 'Public', ipFamily: 'IPv4' }, { namespace: 'other' });
    scene.send('Network', 'net', {});
    scene.nic('nic', ['10.0.0.1'], { virtualIP: { virtualIPRef: { name: 'v' } } });
    expect(scene.condition('NetworkInterface', 'nic', 'VirtualIPBound')).toMatchObject({ status: 'False', reason: 'VirtualIPNotFound' });
    expect(scene.served('VirtualIP', 'v', 'other').spec).not.toHaveProperty('targetRef');
  });

  it('resources S-19, S-20: a gateway shows its addresses with names, and gives 2048 ports unless it says another power of two', () => {
    const scene = new Scene(seed);
    scene.send('Network', 'net', {});
    scene.send('NATGateway', 'g', { type: 'Public', ipFamily: 'IPv4', networkRef: { name: 'net' } });
    expect(scene.served('NATGateway', 'g')).toMatchObject({
      spec: { portsPerNetworkInterface: 2_048 },
      status: { ips: [{ name: 'ip1', ip: '203.0.113.0' }] },
    });
    const odd = { type: 'Public', ipFamily: 'IPv4', networkRef: { name: 'net' }, portsPerNetworkInterface: 63 };
    expect(causes(scene.send('NATGateway', 'odd', odd))).toEqual(['FieldValueInvalid spec.portsPerNetworkInterface']);
  });

  it('resources S-21: a gateway has no fields for subnets, routes and the number of its addresses', () => {
    const scene = new Scene(seed);
    const spec = { type: 'Public', ipFamily: 'IPv4', networkRef: { name: 'net' }, portsPerNetworkInterface: 64 };
    scene.send('NATGateway', 'g', { ...spec, subnets: ['10.0.0.0/24'], elasticIPs: [], desiredIPs: 3 });
    expect(scene.served('NATGateway', 'g').spec).toEqual(spec);
  });

  it('provider C-20: the address of a gateway that is being deleted is its own until its end', () => {
    const scene = new Scene(seed, { pool: ['203.0.113.0/32'] });
    scene.send('Network', 'net', {});
    scene.send('NATGateway', 'g', { type: 'Public', ipFamily: 'IPv4', networkRef: { name: 'net' } });
    scene.nic('nic', ['10.0.0.1']);
    expect(scene.world.fold.record('nat-slots', scene.served('NetworkInterface', 'nic').metadata.uid)).toBeDefined();
    const key: ObjectKey = { kind: 'NATGateway', namespace: 'default', name: 'g' };
    scene.world.send({ verb: 'delete', key });
    scene.world.settle();
    scene.send('VirtualIP', 'v', { type: 'Public', ipFamily: 'IPv4' });
    scene.world.pass(20_000);
    expect([scene.world.get(key) !== undefined, scene.served('VirtualIP', 'v').status['ip']]).toEqual([true, undefined]);
    scene.agent.report();
    scene.world.pass(600_000);
    scene.agent.report();
    scene.world.pass(600_000);
    expect([scene.world.get(key), scene.served('VirtualIP', 'v').status['ip']]).toEqual([undefined, '203.0.113.0']);
  });

  it('provider C-6: a balancer, a gateway and a VirtualIP get an address of their own, another one after a replacement, and free it at their end', () => {
    const scene = new Scene(seed, { pool: ['203.0.113.0/30'] });
    scene.send('Network', 'net', {});
    const networkRef = { name: 'net' };
    const made: readonly (readonly [string, JsonObject])[] = [
      ['LoadBalancer', { type: 'Public', ipFamilies: ['IPv4'], networkRef }],
      ['NATGateway', { type: 'Public', ipFamily: 'IPv4', networkRef }],
      ['VirtualIP', { type: 'Public', ipFamily: 'IPv4' }],
    ];
    const addresses = () =>
      made.map(([kind]) => {
        const { ip, ips } = scene.served(kind, 'x').status as { ip?: string; ips?: readonly (string | { ip: string })[] };
        const [first] = ips ?? [];
        return ip ?? (typeof first === 'object' ? first.ip : first);
      });
    for (const [kind, spec] of made) scene.send(kind, 'x', spec);
    const before = addresses();
    expect(new Set(before).size).toBe(3);
    for (const [kind, spec] of made) {
      scene.world.delete({ kind, namespace: 'default', name: 'x' });
      scene.send(kind, 'x', spec);
      scene.world.pass(3_600_000);
    }
    const after = addresses();
    expect(new Set(after).size).toBe(3);
    for (const [at, ip] of after.entries()) expect(ip).not.toBe(before[at]);
    for (const [kind] of made) scene.world.delete({ kind, namespace: 'default', name: 'x' });
    scene.world.pass(3_600_000);
    expect([...scene.world.fold.records('public-address-grants').values()]).toEqual([]);
  });

  it('resources S-22, S-24: destinations come once the Network is Available and its interfaces are; the routing is an object like any other', () => {
    const scene = new Scene(seed);
    scene.send('LoadBalancer', 'lb', {
      type: 'Public',
      ipFamilies: ['IPv4'],
      networkRef: { name: 'net' },
      networkInterfaceSelector: FOO,
      ports: [{ port: 80 }],
    });
    scene.nic('nic', ['10.0.0.1']);
    expect(scene.world.get({ kind: 'LoadBalancerRouting', namespace: 'default', name: 'lb' })).toBeUndefined();
    scene.send('Network', 'net', {});
    expect(scene.served('LoadBalancerRouting', 'lb').destinations).toEqual([]);
    scene.agent.report();
    expect(scene.served('LoadBalancerRouting', 'lb').destinations).toMatchObject([{ ip: '10.0.0.1', targetRef: { name: 'nic' } }]);
    const written = scene.world.create({
      apiVersion: NETWORKING,
      kind: 'LoadBalancerRouting',
      metadata: { namespace: 'default', name: 'own' },
      destinations: [{ ip: '10.0.0.9' }],
    });
    expect(written).toMatchObject({ ok: true });
    expect(scene.served('LoadBalancerRouting', 'own').destinations).toEqual([{ ip: '10.0.0.9' }]);
  });

  it('resources S-26: the protocol of a port stays absent', () => {
    const scene = new Scene(seed);
    scene.send('LoadBalancer', 'lb', { type: 'Public', ipFamilies: ['IPv4'], networkRef: { name: 'net' }, ports: [{ port: 80 }] });
    expect(scene.served('LoadBalancer', 'lb').spec['ports']).toEqual([{ port: 80 }]);
  });

  it('resources S-27: a balancer is of one family or two; its destinations are those of all families', () => {
    const scene = new Scene(seed);
    scene.send('Network', 'net', {});
    const networkRef = { name: 'net' };
    scene.send('LoadBalancer', 'both', { type: 'Public', ipFamilies: ['IPv4', 'IPv6'], networkRef, networkInterfaceSelector: FOO });
    const internal = { type: 'Internal', ipFamilies: ['IPv6'], ips: [{ value: 'fd00::80' }], networkRef, networkInterfaceSelector: FOO };
    scene.send('LoadBalancer', 'one', internal);
    scene.nic('nic', ['10.0.0.1', 'fd00::1']);
    expect(scene.served('LoadBalancer', 'both').status['ips']).toEqual(['203.0.113.0', '2001:db8::']);
    expect(scene.served('LoadBalancer', 'one').status['ips']).toEqual(['fd00::80']);
    for (const name of ['both', 'one']) {
      expect(scene.served('LoadBalancerRouting', name).destinations?.map(({ ip }) => ip)).toEqual(['10.0.0.1', 'fd00::1']);
    }
  });

  it('resources S-28, S-32: a policy is checked at admission, and is about interfaces of its one Network', () => {
    const scene = new Scene(seed);
    for (const name of ['net', 'elsewhere']) scene.send('Network', name, {});
    const policy = { networkRef: { name: 'net' }, networkInterfaceSelector: FOO };
    expect(causes(scene.send('NetworkPolicy', 'p', policy))).toEqual(['FieldValueRequired spec.policyTypes']);
    const from = [{ ipBlock: { cidr: '172.17.0.0/16' } }];
    scene.send('NetworkPolicy', 'p', { ...policy, ingress: [{ from, ports: [{ protocol: 'TCP', port: 5432 }] }] });
    scene
      .nic('here', ['10.0.0.1'])
      .nic('there', ['10.0.0.1'], { networkRef: { name: 'elsewhere' } })
      .nic('unlabelled', ['10.0.0.2'], {}, {});
    expect(scene.served('NetworkPolicyRule', 'p')).toMatchObject({ policyTypes: ['Ingress'], targets: [{ ip: '10.0.0.1' }] });
    expect(scene.served('NetworkPolicyRule', 'p').targets).toHaveLength(1);
  });
});
