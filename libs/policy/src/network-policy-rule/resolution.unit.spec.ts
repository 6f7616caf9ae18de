/** Policies and what they select, in World: all loops, until nothing is owed. */
import { type Command, conditionOf, type JsonObject, presentationOf } from '@weft/api';
import { networkKey, nicKey } from '@weft/network';
import { World, type WorldOptions } from '@weft/testing';
import { domains } from '../testing/addressed-kinds.ts';
import { namespace, network, nic, policy, policyKey, ruleKey, selecting } from '../testing/policies.ts';
import { networkPolicyRuleKind } from './network-policy-rule.kind.ts';

function started(options: WorldOptions = {}): World {
  const world = new World({ domains, duplicates: 0.3, lag: 0.2, conflicts: 0.1, ...options });
  world.create(namespace());
  world.create(network('net'));
  return world;
}

/** The object as it is served. */
function served(world: World, name: string): JsonObject {
  const state = world.get(ruleKey(name));
  if (state === undefined) throw new Error(`there is no NetworkPolicyRule ${name}`);
  const { metadata: _, apiVersion: _v, kind: _k, ...fields } = presentationOf(networkPolicyRuleKind, state).whole;
  return fields as JsonObject;
}
/** The addresses of its targets, in the order in which they are served: that of the names of their interfaces. */
const targetsOf = (world: World, name: string) => (served(world, name)['targets'] as { ip: string }[]).map(({ ip }) => ip);
/** The prefixes of the first ingress rule, in the order in which they are served: that of their text. */
const peersOf = (world: World, name: string) => {
  const [rule] = served(world, name)['ingressRule'] as { ips?: { prefix: string }[] }[];
  return (rule?.ips ?? []).map(({ prefix }) => prefix);
};
const label = (world: World, name: string, labels: JsonObject) => world.patch(nicKey('ns', name), { metadata: { labels } });
const uidOf = (world: World, name: string) => world.object(nicKey('ns', name))?.metadata.uid;
const condition = (world: World, name: string, type: string) => conditionOf(world.object(policyKey(name))!, type);

function addressed(
  world: World,
  kind: 'LoadBalancer' | 'VirtualIP',
  name: string,
  labels: JsonObject,
  ips: readonly string[],
  net = 'net',
): void {
  world.create({
    apiVersion: 'networking.ironcore.dev/v1alpha1',
    kind,
    metadata: { namespace: 'ns', name, labels },
    spec: { networkRef: { name: net } },
  });
  world.act({ kind, namespace: 'ns', name }, 'SetAddresses', { ips: [...ips] });
}

const DB = { networkInterfaceSelector: { matchLabels: { app: 'db' } } };
const fromWeb = { ...DB, ingress: [{ from: [selecting('NetworkInterface', { app: 'web' })], ports: [{ port: 5432 }] }] };

describe.each([1, 2, 3, 4])('What a policy selects, loops in the order of seed %i', (seed) => {
  let world: World;
  beforeEach(() => {
    world = started({ seed });
  });
  afterEach(() => {
    expect(world.refusals).toEqual([]);
  });

  it('provider C-36: its rule exists without any interface, with the rules and the directions of the policy', () => {
    world.create(
      policy('p', { ...DB, ingress: [{ from: [{ ipBlock: { cidr: '172.17.0.0/16', except: ['172.17.1.0/24'] } }] }], egress: [{}] }),
    );
    const { metadata } = world.object(ruleKey('p'))!;
    expect(metadata.ownerReferences).toMatchObject([
      { kind: 'NetworkPolicy', name: 'p', uid: world.object(policyKey('p'))?.metadata.uid, controller: true },
    ]);
    expect(served(world, 'p')).toEqual({
      networkRef: { name: 'net', uid: world.object(networkKey('ns', 'net'))?.metadata.uid },
      priority: 1000,
      policyTypes: ['Egress', 'Ingress'],
      targets: [],
      ingressRule: [{ ipBlock: [{ cidr: '172.17.0.0/16', except: ['172.17.1.0/24'] }] }],
      egressRule: [{}],
    });
  });

  it('provider C-36: interfaces that are selected become targets, Pending ones too, one for each address', () => {
    world.create(policy('p', fromWeb));
    world.create(nic('db', { app: 'db' }, ['10.0.0.1', '2001:db8::1']));
    world.create(nic('web', { app: 'web' }, ['10.0.0.2']));
    expect(world.object(nicKey('ns', 'db'))?.status?.['state']).toBe('Pending');
    expect(served(world, 'p')).toMatchObject({
      targets: [
        { ip: '10.0.0.1', targetRef: { name: 'db', uid: uidOf(world, 'db') } },
        { ip: '2001:db8::1', targetRef: { name: 'db', uid: uidOf(world, 'db') } },
      ],
      ingressRule: [{ ips: [{ ipFamily: 'IPv4', prefix: '10.0.0.2/32' }], networkPolicyPorts: [{ port: 5432 }] }],
    });
  });

  it('provider C-36: a changed selector changes the targets', () => {
    for (const [name, app, ip] of [
      ['db', 'db', '10.0.0.1'],
      ['web', 'web', '10.0.0.2'],
    ] as const)
      world.create(nic(name, { app }, [ip]));
    world.create(policy('p', fromWeb));
    expect(targetsOf(world, 'p')).toEqual(['10.0.0.1']);
    world.patch(policyKey('p'), { spec: { networkInterfaceSelector: { matchLabels: { app: 'web' } } } });
    expect(targetsOf(world, 'p')).toEqual(['10.0.0.2']);
    world.patch(policyKey('p'), { spec: { networkInterfaceSelector: null } });
    expect(targetsOf(world, 'p')).toEqual(['10.0.0.1', '10.0.0.2']);
  });

  it('provider C-36, R-22: labels, addresses and ends of interfaces change targets and peers, and the policy is not touched', () => {
    world.create(policy('p', fromWeb));
    world.create(nic('a', { app: 'db' }, ['10.0.0.1']));
    world.create(nic('b', { app: 'web' }, ['10.0.0.2']));
    const { position } = world;
    expect([targetsOf(world, 'p'), peersOf(world, 'p')]).toEqual([['10.0.0.1'], ['10.0.0.2/32']]);
    label(world, 'a', { app: 'web' });
    label(world, 'b', { app: 'db' });
    expect([targetsOf(world, 'p'), peersOf(world, 'p')]).toEqual([['10.0.0.2'], ['10.0.0.1/32']]);
    world.patch(nicKey('ns', 'a'), { spec: { ips: [{ value: '10.0.0.9' }] } });
    expect(peersOf(world, 'p')).toEqual(['10.0.0.9/32']);
    world.create(nic('c', { app: 'web' }, ['10.0.0.3']));
    expect(peersOf(world, 'p')).toEqual(['10.0.0.3/32', '10.0.0.9/32']);
    world.delete(nicKey('ns', 'a'));
    expect(peersOf(world, 'p')).toEqual(['10.0.0.3/32']);
    const touched = world.log.filter((event) => event.position > position && event.stream === 'NetworkPolicy-ns.p');
    expect(touched.filter(({ type }) => type !== 'ConditionChanged.v1')).toEqual([]);
  });

  it('packet P-91: an interface that takes over the name and the address of a peer is no peer', () => {
    world.create(policy('p', fromWeb));
    world.create(nic('a', { app: 'db' }, ['10.0.0.1']));
    world.create(nic('b', { app: 'web' }, ['10.0.0.2']));
    world.send({ verb: 'delete', key: nicKey('ns', 'b') });
    world.create(nic('b', {}, ['10.0.0.2']));
    expect(served(world, 'p')['ingressRule']).toEqual([]);
  });

  it('takes the addresses that an outside provider writes', () => {
    const outside = started({ seed, externalProvider: true });
    outside.create(policy('p', fromWeb));
    outside.create(nic('web', { app: 'web' }, ['10.0.0.2']));
    const set = (ips: readonly string[]) =>
      outside.do({
        verb: 'patch',
        key: nicKey('ns', 'web'),
        subresource: 'status',
        patchType: 'merge',
        patch: { status: { ips: [...ips] } },
      });
    expect(set(['10.0.0.7']).ok).toBe(true);
    expect(peersOf(outside, 'p')).toEqual(['10.0.0.7/32']);
    set(['10.0.0.8']);
    expect(peersOf(outside, 'p')).toEqual(['10.0.0.8/32']);
  });

  it('R-21: an interface stays a target until it has ended', () => {
    world.create(policy('p', fromWeb));
    const held = nic('db', { app: 'db' }, ['10.0.0.1']);
    world.create({ ...held, metadata: { ...(held['metadata'] as JsonObject), finalizers: ['example.com/hold'] } });
    world.delete(nicKey('ns', 'db'));
    expect(targetsOf(world, 'p')).toEqual(['10.0.0.1']);
    world.patch(nicKey('ns', 'db'), { metadata: { finalizers: null } });
    expect(targetsOf(world, 'p')).toEqual([]);
  });

  it('packet P-94: objects of another Network or namespace are neither targets nor peers', () => {
    world.create(namespace('other'));
    world.create(policy('p', { ...fromWeb, networkInterfaceSelector: {} }));
    world.create(nic('a', { app: 'web' }, ['10.0.0.1'], 'elsewhere'));
    world.create(nic('b', { app: 'web' }, ['10.0.0.1'], 'net', 'other'));
    addressed(world, 'LoadBalancer', 'lb', { app: 'web' }, ['192.0.2.7'], 'elsewhere');
    expect(served(world, 'p')).toMatchObject({ targets: [], ingressRule: [] });
  });

  it('resources S-30, provider R-16: LoadBalancers of the Network and VirtualIPs stand for their addresses', () => {
    const from = [selecting('LoadBalancer', { app: 'web' }), selecting('VirtualIP', { app: 'web' })];
    world.create(policy('p', { ...DB, ingress: [{ from }] }));
    addressed(world, 'LoadBalancer', 'lb', { app: 'web' }, ['203.0.113.7', '2001:db8::7']);
    addressed(world, 'VirtualIP', 'vip', { app: 'web' }, ['203.0.113.8']);
    addressed(world, 'VirtualIP', 'waiting', { app: 'web' }, []);
    expect(peersOf(world, 'p')).toEqual(['2001:db8::7/128', '203.0.113.7/32', '203.0.113.8/32']);
    world.act({ kind: 'VirtualIP', namespace: 'ns', name: 'waiting' }, 'SetAddresses', { ips: ['203.0.113.9'] });
    world.patch({ kind: 'LoadBalancer', namespace: 'ns', name: 'lb' }, { metadata: { labels: null } });
    world.delete({ kind: 'VirtualIP', namespace: 'ns', name: 'vip' });
    expect(peersOf(world, 'p')).toEqual(['203.0.113.9/32']);
  });

  it('a rule whose peers are nothing at present allows nothing; one without peers allows all', () => {
    const rule = selecting('NetworkInterface', { app: 'nothing' });
    world.create(policy('p', { ...DB, ingress: [{ from: [rule] }, { ports: [{ port: 22 }] }] }));
    expect(served(world, 'p')['ingressRule']).toEqual([{ networkPolicyPorts: [{ port: 22 }] }]);
  });

  it('rules in another order leave what is selected as it is, and one selector is one group in both directions', () => {
    const [web, ops] = [selecting('NetworkInterface', { app: 'web' }), selecting('NetworkInterface', { app: 'ops' })];
    world.create(nic('web', { app: 'web' }, ['10.0.0.1']));
    world.create(nic('ops', { app: 'ops' }, ['10.0.0.2']));
    world.create(policy('p', { ...DB, ingress: [{ from: [web] }, { from: [ops] }], egress: [{ to: [web] }] }));
    const joined = () => world.log.filter(({ type }) => type.startsWith('NetworkPolicyPeer')).length;
    expect(joined()).toBe(2);
    world.patch(policyKey('p'), { spec: { ingress: [{ from: [ops, web] }] } });
    expect(joined()).toBe(2);
    expect(peersOf(world, 'p')).toEqual(['10.0.0.1/32', '10.0.0.2/32']);
    world.patch(policyKey('p'), { spec: { ingress: [{ from: [web] }] } });
    world.patch(policyKey('p'), { spec: { ingress: [{ from: [ops] }] } });
    expect(peersOf(world, 'p')).toEqual(['10.0.0.2/32']);
    label(world, 'web', { app: null });
    expect(served(world, 'p')['egressRule']).toEqual([]);
  });

  it('one interface is in many policies, and leaves only those that it should', () => {
    for (const name of ['p', 'q']) world.create(policy(name, fromWeb));
    world.create(policy('all', { networkInterfaceSelector: {}, policyTypes: ['Ingress'] }));
    world.create(nic('db', { app: 'db' }, ['10.0.0.1']));
    world.delete(policyKey('q'));
    expect(['p', 'all'].map((name) => targetsOf(world, name))).toEqual([['10.0.0.1'], ['10.0.0.1']]);
    label(world, 'db', { app: null });
    expect(['p', 'all'].map((name) => targetsOf(world, name))).toEqual([[], ['10.0.0.1']]);
  });

  it('the rule ends with its policy; one that was deleted alone stays in effect until then', () => {
    world.create(nic('db', { app: 'db' }, ['10.0.0.1']));
    world.create(policy('p', fromWeb));
    world.delete(ruleKey('p'));
    expect(targetsOf(world, 'p')).toEqual(['10.0.0.1']);
    world.delete(policyKey('p'));
    expect([world.get(policyKey('p')), world.get(ruleKey('p'))]).toEqual([undefined, undefined]);
  });

  it('a policy that takes over the name of another has a rule of its own', () => {
    world.create(nic('db', { app: 'db' }, ['10.0.0.1']));
    world.create(nic('web', { app: 'web' }, ['10.0.0.2']));
    world.create(policy('p', fromWeb));
    const before = world.object(ruleKey('p'))?.metadata.uid;
    world.send({ verb: 'delete', key: policyKey('p') });
    world.create(policy('p', { networkInterfaceSelector: { matchLabels: { app: 'web' } }, policyTypes: ['Egress'] }));
    expect(world.object(ruleKey('p'))?.metadata.uid).not.toBe(before);
    expect(served(world, 'p')).toMatchObject({ targets: [{ ip: '10.0.0.2' }], ingressRule: [], policyTypes: ['Egress'] });
  });

  it('a deleted namespace is emptied', () => {
    world.create(nic('db', { app: 'db' }, ['10.0.0.1']));
    world.create(policy('p', fromWeb));
    world.delete({ kind: 'Namespace', name: 'ns' });
    expect([world.get(policyKey('p')), world.get(ruleKey('p')), world.get({ kind: 'Namespace', name: 'ns' })]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('resources E-7: a Network with only a NetworkPolicy can be deleted, and comes back under another uid', () => {
    world.create(policy('p', fromWeb));
    world.delete(networkKey('ns', 'net'));
    expect(world.get(networkKey('ns', 'net'))).toBeUndefined();
    expect(served(world, 'p')['networkRef']).toEqual({ name: 'net' });
    world.create(network('net'));
    expect(served(world, 'p')['networkRef']).toEqual({ name: 'net', uid: world.object(networkKey('ns', 'net'))?.metadata.uid });
  });
});

describe('Nobody but its policy makes a NetworkPolicyRule', () => {
  const object = { apiVersion: 'networking.ironcore.dev/v1alpha1', kind: 'NetworkPolicyRule', metadata: { namespace: 'ns', name: 'p' } };
  const merge = { verb: 'patch', key: ruleKey('p'), patchType: 'merge', patch: { metadata: { labels: { a: 'b' } } } } as const;

  it.each<[string, Command]>([
    ['a creation', { verb: 'create', kind: 'NetworkPolicyRule', namespace: 'ns', object }],
    ['a replacement', { verb: 'replace', key: ruleKey('p'), object }],
    ['a patch', merge],
    ['an apply', { ...merge, patchType: 'apply', patch: object, options: { fieldManager: 'me' } }],
  ])('%s is refused, and it is said what to change instead', (_what, command) => {
    const world = started();
    if (command.verb !== 'create') world.create(policy('p', fromWeb));
    expect(world.send(command)).toMatchObject({
      ok: false,
      status: { code: 405, message: expect.stringContaining('are made from other objects, which are what to change') },
    });
  });
});

describe('The conditions of a policy', () => {
  it('name the Network that it waits for', () => {
    const world = started();
    world.create(policy('p', { networkRef: { name: 'later' }, policyTypes: ['Ingress'] }));
    expect(condition(world, 'p', 'Ready')).toMatchObject({
      status: 'False',
      reason: 'NetworkNotFound',
      message: 'waits for Network later',
    });
    world.create(network('later'));
    expect(condition(world, 'p', 'Ready')).toMatchObject({ status: 'True', reason: 'Resolved' });
  });

  it.each([{}, { 'fabric.weft.dev/staged': 'true' }])(
    'given interfaces in a Network that is not there, then nothing is enforced (%j)',
    (annotations) => {
      const world = started();
      world.create(nic('db', { app: 'db' }, ['10.0.0.1'], 'later'));
      const { metadata, ...rest } = policy('p', { ...fromWeb, networkRef: { name: 'later' } }) as { metadata: JsonObject };
      world.create({ ...rest, metadata: { ...metadata, annotations } });
      const waits = { status: 'False', reason: 'NetworkNotFound', message: 'waits for Network later' };
      expect([condition(world, 'p', 'Ready'), condition(world, 'p', 'Enforced')]).toMatchObject([waits, waits]);
      world.create(network('later'));
      expect(condition(world, 'p', 'Enforced')?.reason).toBe(annotations['fabric.weft.dev/staged'] === undefined ? 'InEffect' : 'Staged');
    },
  );

  it('say that it selects nothing, and then that hosts filter by it', () => {
    const world = started();
    world.create(policy('p', fromWeb));
    expect(condition(world, 'p', 'Enforced')).toMatchObject({ status: 'False', reason: 'NoTargets' });
    world.create(nic('db', { app: 'db' }, ['10.0.0.1']));
    expect(condition(world, 'p', 'Enforced')).toMatchObject({ status: 'True', reason: 'InEffect' });
  });

  it('say of a staged policy that nothing is refused by it, nor by its rule', () => {
    const world = started();
    const { metadata, ...rest } = policy('p', fromWeb) as { metadata: JsonObject };
    world.create({ ...rest, metadata: { ...metadata, annotations: { 'fabric.weft.dev/staged': 'true' } } });
    world.create(nic('db', { app: 'db' }, ['10.0.0.1']));
    expect(condition(world, 'p', 'Enforced')).toMatchObject({ status: 'False', reason: 'Staged' });
    expect(served(world, 'p')).toMatchObject({ policyTypes: [], ingressRule: [], egressRule: [] });
    expect(targetsOf(world, 'p')).toEqual(['10.0.0.1']);
    world.patch(policyKey('p'), { metadata: { annotations: { 'fabric.weft.dev/staged': null } } });
    expect(condition(world, 'p', 'Enforced')).toMatchObject({ status: 'True', reason: 'InEffect' });
    expect(served(world, 'p')).toMatchObject({ policyTypes: ['Ingress'] });
  });

  it('name peers that are nothing, a few of them', () => {
    const world = started();
    const from = ['a', 'b', 'c', 'd', 'e'].map((app) => selecting('NetworkInterface', { app }));
    world.create(policy('p', { ...DB, ingress: [{ from: [...from, selecting('VirtualIP', {})] }] }));
    expect(condition(world, 'p', 'PeersResolved')).toMatchObject({
      status: 'False',
      reason: 'PeerSelectsNothing',
      message:
        'allows nothing, since it comes to no address: NetworkInterface app=a; NetworkInterface app=b; NetworkInterface app=c; and 3 more',
    });
    world.patch(policyKey('p'), { spec: { ingress: [{ from: [{ ipBlock: { cidr: '10.0.0.0/8' } }] }] } });
    expect(condition(world, 'p', 'PeersResolved')).toMatchObject({ status: 'True' });
  });

  it('do not change with each member', () => {
    const world = started();
    world.create(policy('p', fromWeb));
    world.create(nic('db0', { app: 'db' }, ['10.0.0.1']));
    world.create(nic('web0', { app: 'web' }, ['10.0.0.2']));
    const { position } = world;
    world.create(nic('db1', { app: 'db' }, ['10.0.0.3']));
    world.create(nic('web1', { app: 'web' }, ['10.0.0.4']));
    const touched = world.log.filter((event) => event.position > position && event.stream === 'NetworkPolicy-ns.p');
    expect(touched.filter(({ type }) => type !== 'ConditionChanged.v1')).toEqual([]);
  });
});
