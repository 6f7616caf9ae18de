/** Weft started for an outside provider (resources 0.2, 3.13): what stays silent, what goes on, and what is owed when Weft provides again. */
import { type JsonObject, type ObjectKey, registry } from '@weft/api';
import { weftDomains } from './weft-domains.ts';
import { World } from './world.ts';
import { WorldAgent } from './world-agent.ts';

const NETWORKING = 'networking.ironcore.dev/v1alpha1';
const key = (kind: string, name: string): ObjectKey => ({ kind, namespace: 'ns', name });
const UID = '6f1d3c5e-0000-4000-8000-000000000001';

class Site {
  readonly world: World;

  constructor(options: ConstructorParameters<typeof World>[0] = {}) {
    this.world = new World({ provider: 'external', seed: 3, duplicates: 0.3, lag: 0.2, conflicts: 0.1, ...options });
    if (options.log !== undefined) return;
    this.world.create({ kind: 'Namespace', metadata: { name: 'ns' } });
    const pool = { apiVersion: 'fabric.weft.dev/v1alpha1', kind: 'AddressPool', metadata: { name: 'default' } };
    this.world.create({ ...pool, spec: { prefixes: ['203.0.113.0/24'] } });
    new WorldAgent(this.world, 'host-a', '192.0.2.1').register();
  }

  make(kind: string, name: string, spec: JsonObject, apiVersion = NETWORKING): this {
    const reply = this.world.do({
      verb: 'create',
      kind,
      namespace: 'ns',
      object: { apiVersion, kind, metadata: { namespace: 'ns', name }, spec },
    });
    if (!reply.ok) throw new Error(reply.status.message);
    return this;
  }

  /** One object of each kind whose status is the provider's. */
  everything(): this {
    const publicIp = { type: 'Public', ipFamily: 'IPv4' };
    const networkRef = { name: 'net' };
    const vip = { virtualIP: { virtualIPRef: { name: 'vip' } } };
    return this.make('Network', 'net', {})
      .make('NetworkInterface', 'nic', { networkRef, ips: [{ value: '10.0.0.1' }], prefixes: [{ value: '10.9.0.0/24' }], ...vip })
      .make('VirtualIP', 'vip', publicIp)
      .make('NATGateway', 'nat', { ...publicIp, networkRef })
      .make('LoadBalancer', 'lb', { type: 'Public', ipFamilies: ['IPv4'], networkRef, networkInterfaceSelector: {} })
      .make('NetworkPolicy', 'policy', { networkRef, policyTypes: ['Ingress'] })
      .make(
        'Machine',
        'machine',
        { machinePoolRef: { name: 'host-a' }, networkInterfaces: [{ name: 'a', networkInterfaceRef: { name: 'nic' } }] },
        'compute.ironcore.dev/v1alpha1',
      );
  }

  status(kind: string, name: string): JsonObject | undefined {
    return this.world.object(key(kind, name))?.status;
  }

  write(kind: string, name: string, status: JsonObject) {
    return this.world.do({ verb: 'patch', key: key(kind, name), patchType: 'merge', patch: { status }, subresource: 'status' });
  }
}

/** The loops of the left column in ADR 35. */
const WEFTS_PROVIDER = [
  ...['allocate-vni', 'allocate-rested-vni', 'accept-vni', 'release-vni', 'rest-vni', 'bind-peerings'],
  ...['settle-interfaces', 'programmed-interfaces', 'take-addresses', 'show-virtual-ips', 'show-host-health', 'report-machine-interfaces'],
  ...['allocate-addresses', 'fill-addresses', 'release-addresses', 'rest-addresses', 'settle-virtual-ip'],
  ...['VirtualIP', 'NATGateway', 'LoadBalancer'].map((kind) => `accept-addresses-${kind}`),
  ...['want-nat-addresses', 'set-nat-slots', 'report-nat-gateways', 'report-load-balancers'],
  ...['allocate', 'fill', 'release', 'rest', 'close'].map((verb) => `${verb}-nat-slots`),
  ...['copy-policies', 'report-policies', 'leave-policies', 'end-policy-rules'],
  ...['interfaces', 'load-balancers', 'virtual-ips'].map((kind) => `policy-${kind}`),
];

const PROVIDED = [
  ['Network', 'net', {}],
  ['NetworkInterface', 'nic', { state: 'Pending', ips: ['10.0.0.1'] }],
  ['VirtualIP', 'vip', {}],
  ['NATGateway', 'nat', {}],
  ['LoadBalancer', 'lb', {}],
  ['NetworkPolicy', 'policy', {}],
  ['Machine', 'machine', {}],
] as const;

describe('With an outside provider', () => {
  it('resources 3.13: Weft says nothing of what that provider says, allocates nothing and places nothing', () => {
    const site = new Site().everything();
    for (const [kind, name, status] of PROVIDED) expect([kind, site.status(kind, name)]).toEqual([kind, status]);
    site.world.patch(key('LoadBalancer', 'lb'), { spec: { ipFamilies: ['IPv4', 'IPv6'] } });
    expect(site.status('LoadBalancer', 'lb')).toEqual({});
    expect(site.world.object(key('NetworkInterface', 'nic'))?.spec).not.toHaveProperty('machineRef');
    expect(site.world.object(key('VirtualIP', 'vip'))?.spec).not.toHaveProperty('targetRef');
    const streams = new Set(site.world.appends.map(({ stream }) => stream.split('-')[0]));
    for (const silent of ['VniPool', 'NatSlots', 'NetworkPolicyRule']) expect(streams).not.toContain(silent);
    const events = new Set(site.world.log.map(({ type }) => type));
    for (const silent of ['AddressAllocated.v1', 'AddressAwaited.v1', 'NetworkInterfaceRangesTaken.v1'])
      expect(events).not.toContain(silent);
  });

  it.each(PROVIDED)('resources 0.2: the status of a %s is written through /status, and kept', (kind, name) => {
    const site = new Site().everything();
    const status =
      kind === 'NetworkInterface' ? { state: 'Available' } : { conditions: [{ type: 'Seen', status: 'True', reason: 'R', message: 'm' }] };
    expect(site.write(kind, name, status)).toMatchObject({ ok: true });
    expect(site.status(kind, name)).toMatchObject(status);
  });

  it('resources 2.11: what says how Weft itself is stays its own', () => {
    const site = new Site();
    for (const [kind, name] of [
      ['Host', 'host-a'],
      ['AddressPool', 'default'],
    ] as const) {
      const reply = site.world.do({ verb: 'patch', key: { kind, name }, patchType: 'merge', patch: { status: {} }, subresource: 'status' });
      expect(reply).toMatchObject({ ok: false, status: { code: 403 } });
    }
  });

  it('resources 1.1: a status that is none is refused', () => {
    const site = new Site().everything();
    expect(site.write('NetworkInterface', 'nic', { ips: ['10.0.0.300'] })).toMatchObject({ ok: false, status: { code: 400 } });
    expect(site.write('Network', 'net', { state: 7 })).toMatchObject({ ok: false, status: { code: 400 } });
  });

  it('resources 3.2: networks that the provider calls Available accept each other', () => {
    const site = new Site();
    for (const [name, other] of [
      ['x', 'y'],
      ['y', 'x'],
    ] as const)
      site.make('Network', name, { peerings: [{ name: 'p', networkRef: { name: other } }] });
    const incoming = (name: string) => site.world.object(key('Network', name))?.spec?.['incomingPeerings'] ?? [];
    site.write('Network', 'x', { state: 'Available' });
    expect([incoming('x'), incoming('y')]).toMatchObject([[], [{ name: 'x' }]]);
    site.write('Network', 'y', { state: 'Available' });
    expect([incoming('x'), incoming('y')]).toMatchObject([[{ name: 'y' }], [{ name: 'x' }]]);
    expect(site.status('Network', 'x')).toEqual({ state: 'Available' });
    site.write('Network', 'x', { state: 'Error' });
    expect([incoming('x'), incoming('y')]).toMatchObject([[{ name: 'y' }], []]);
  });

  it('resources C-13, C-14: claims of what is not there, or is another one of its name, are released; others stay', () => {
    const site = new Site().make('Machine', 'machine', {}, 'compute.ironcore.dev/v1alpha1');
    const { uid = '' } = site.world.object(key('Machine', 'machine'))?.metadata ?? {};
    const nic = (name: string, ip: string, machineRef: JsonObject) =>
      site.make('NetworkInterface', name, { networkRef: { name: 'net' }, ips: [{ value: ip }], machineRef });
    nic('a', '10.0.0.1', { name: 'gone', uid: UID });
    nic('b', '10.0.0.2', { name: 'machine', uid: UID });
    nic('c', '10.0.0.3', { name: 'machine', uid });
    const held = ['a', 'b', 'c'].map((name) => site.world.object(key('NetworkInterface', name))?.spec?.['machineRef']);
    expect(held).toEqual([undefined, undefined, { name: 'machine', uid }]);
    const nicUid = site.world.object(key('NetworkInterface', 'c'))?.metadata.uid ?? '';
    for (const [name, target] of [
      ['free', { name: 'gone', uid: UID }],
      ['other', { name: 'c', uid: UID }],
      ['bound', { name: 'c', uid: nicUid }],
    ] as const)
      site.make('VirtualIP', name, { type: 'Public', ipFamily: 'IPv4', targetRef: target });
    const targets = () => ['free', 'other', 'bound'].map((name) => site.world.object(key('VirtualIP', name))?.spec?.['targetRef']);
    expect(targets()).toEqual([undefined, undefined, { name: 'c', uid: nicUid }]);
    site.world.delete(key('NetworkInterface', 'c'));
    expect(targets()).toEqual([undefined, undefined, undefined]);
  });

  it('resources 3.15: everything goes that is deleted, in whatever order', () => {
    const site = new Site().everything();
    for (const [kind, name] of PROVIDED) site.world.delete(key(kind, name));
    expect(PROVIDED.filter(([kind, name]) => site.world.object(key(kind, name)) !== undefined)).toEqual([]);
  });

  it('resources C-31: ranges of Prefixes are given out all the same', () => {
    const site = new Site().make('Prefix', 'root', { prefix: '10.0.0.0/24' }, 'ipam.ironcore.dev/v1alpha1');
    site.make('Prefix', 'child', { ipFamily: 'IPv4', prefixLength: 28, parentRef: { name: 'root' } }, 'ipam.ironcore.dev/v1alpha1');
    expect(site.world.object(key('Prefix', 'child'))).toMatchObject({ spec: { prefix: '10.0.0.0/28' }, status: { phase: 'Allocated' } });
  });

  it('what it left undone is owed, and done, once Weft provides again', () => {
    const before = new Site().everything();
    const { world } = new Site({ log: before.world.appends, provider: 'weft' });
    world.settle();
    expect(world.object(key('Network', 'net'))?.status).toMatchObject({ state: 'Available' });
    expect(world.object(key('VirtualIP', 'vip'))?.status).toMatchObject({ ip: expect.stringMatching(/^203\.0\.113\./) });
    expect(world.object(key('NetworkInterface', 'nic'))).toMatchObject({ spec: { machineRef: { name: 'machine' } } });
  });
});

describe('A loop', () => {
  it('runs with the provider that it is a part of, and with each when it is a part of none', () => {
    const names = (provider: 'weft' | 'external') =>
      new Set(
        registry(weftDomains, { provider })
          .loops()
          .map(({ name }) => name),
      );
    const [weft, external] = [names('weft'), names('external')];
    for (const always of [
      'accept-peers',
      'protect-network',
      'join-routings',
      'request-prefix-range',
      'empty-namespaces',
      'give-back-network',
    ]) {
      expect([weft.has(always), external.has(always)]).toEqual([true, true]);
    }
    const silent = [...weft].filter((name) => !external.has(name));
    expect(silent).toEqual(expect.arrayContaining(WEFTS_PROVIDER));
    for (const outside of ['release-interfaces', 'release-virtual-ip'])
      expect([weft.has(outside), external.has(outside)]).toEqual([false, true]);
  });
});
