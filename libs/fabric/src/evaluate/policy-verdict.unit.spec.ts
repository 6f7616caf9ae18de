import type { JsonObject } from '@weft/api';
import { balancer, keyOf, machine, network, nic, POOL, PolicyWorld, policy, selecting, virtualIp } from '../testing/policy-world.ts';
import { createPolicyJudge, type EndVerdict, type Flow, type PacketOf, type PolicyVerdict } from './policy-verdict.ts';

/**
 * VM1 and VM2 as in provider 5.0, a third one without labels, dual stack; `net` is peered with `far`, in which VM4 is. Interfaces have the label `vm`, VM1
 * and VM2 also `app`. All have a host.
 */
class Fixture extends PolicyWorld {
  constructor(...policies: readonly JsonObject[]) {
    super();
    this.create(POOL);
    this.host('h');
    this.create(machine('m', 'h', ['vm1', 'vm2', 'vm3', 'vm4', 'twin', 'same']));
    for (const name of ['net', 'far']) this.create(network(name));
    this.create(nic('vm1', { vm: '1', app: 'web' }, ['10.100.1.1', '2000:100:1::1']));
    this.create(nic('vm2', { vm: '2', app: 'db' }, ['10.100.1.2', '2000:100:1::2']));
    this.create(nic('vm3', {}, ['10.100.1.3', '2000:100:1::3']));
    this.create(nic('vm4', { vm: '1', app: 'web' }, ['10.200.1.4'], 'far'));
    for (const each of policies) this.create(each);
  }

  end(name: string, family: 4 | 6 = 4): Flow['from'] {
    const { spec } = this.object(keyOf('NetworkInterface', name)) as {
      spec?: { networkRef?: { name?: string }; ips?: { value?: string }[] };
    };
    const address = spec?.ips?.[family === 4 ? 0 : 1]?.value ?? '';
    return { vni: this.vniOf(spec?.networkRef?.name), nic: this.uidOf('NetworkInterface', name), address };
  }

  judge(flow: Flow, packet?: PacketOf): PolicyVerdict {
    return createPolicyJudge(this.tables).judge(flow, packet);
  }

  /** Whether such a flow passes. `to` and `from`: an interface, or an address outside. */
  passes(from: string, to: string, what: string, { family, toAddress }: { family?: 4 | 6; toAddress?: string } = {}): boolean {
    return this.judge(this.flow(from, to, what, { family: family ?? 4, toAddress })).passes;
  }

  flow(from: string, to: string, what: string, { family = 4, toAddress }: { family?: 4 | 6; toAddress?: string | undefined } = {}): Flow {
    const [protocol, port] = what.split('/') as [Flow['protocol'], string?];
    const end = (name: string): Flow['from'] => (/[.:]/.test(name) ? { address: name } : this.end(name, family));
    const receiver = end(to);
    return {
      from: end(from),
      to: toAddress === undefined ? receiver : { ...receiver, address: toAddress },
      protocol,
      ...(port !== undefined && { port: Number(port) }),
    };
  }
}

const VM1 = { networkInterfaceSelector: { matchLabels: { vm: '1' } } };
const VM2 = { networkInterfaceSelector: { matchLabels: { vm: '2' } } };
const WEB = selecting('NetworkInterface', { app: 'web' });
const block = (cidr: string, ...except: string[]): JsonObject => ({ ipBlock: { cidr, except } });
const ends = (verdict: PolicyVerdict): readonly EndVerdict[] => ('egress' in verdict ? [verdict.egress, verdict.ingress] : []);
const reasons = (verdict: PolicyVerdict) => ends(verdict).map(({ reason }) => reason);

describe('The verdict of policies', () => {
  it('packet P-19, P-20: VM2 allows tcp/1234 and tcp/1235 in, of both families, and its replies pass', () => {
    const world = new Fixture(policy('p', { ...VM2, ingress: [{ ports: [{ port: 1234 }, { port: 1235 }] }] }));
    expect(world.passes('vm1', 'vm2', 'TCP/1234')).toBe(true);
    expect(world.passes('vm1', 'vm2', 'TCP/1235', { family: 6 })).toBe(true);
    expect(world.passes('vm1', 'vm2', 'TCP/1236')).toBe(false);
    expect(world.judge(world.flow('vm2', 'vm1', 'TCP/4711'), 'reply')).toEqual({ passes: true, because: 'Reply' });
  });

  it('packet P-21, P-22: echo passes where the peer matches and the rule names no ports', () => {
    const world = new Fixture(
      policy('p', { ...VM2, ingress: [{ from: [WEB] }, { from: [block('10.100.1.3/32')], ports: [{ port: 80 }] }] }),
    );
    expect(world.passes('vm1', 'vm2', 'ICMP')).toBe(true);
    expect(world.passes('vm1', 'vm2', 'ICMP', { family: 6 })).toBe(true);
    expect(world.passes('vm3', 'vm2', 'ICMP')).toBe(false);
    expect(world.passes('vm3', 'vm2', 'TCP/80')).toBe(true);
  });

  it('packet P-79: VM2 allows tcp from the address of VM1', () => {
    const world = new Fixture(policy('p', { ...VM2, ingress: [{ from: [block('10.100.1.1/32')], ports: [{}] }] }));
    expect(world.passes('vm1', 'vm2', 'TCP/1')).toBe(true);
    expect(world.passes('vm3', 'vm2', 'TCP/1')).toBe(false);
    expect(world.passes('vm1', 'vm2', 'UDP/1')).toBe(false);
  });

  it('packet P-80: VM2 allows tcp from a range that VM1 is not in', () => {
    const world = new Fixture(policy('p', { ...VM2, ingress: [{ from: [block('1.2.0.0/16')], ports: [{}] }] }));
    const verdict = world.judge(world.flow('vm1', 'vm2', 'TCP/1234'));
    expect(reasons(verdict)).toEqual(['NotIsolated', 'NotAdmitted']);
    expect(verdict.passes).toBe(false);
  });

  it('packet P-81, P-82, P-83: VM1 may send to tcp/453 of IPv4 and tcp/456 of IPv6 only', () => {
    const egress = [
      { to: [block('0.0.0.0/0')], ports: [{ port: 453 }] },
      { to: [block('::/0')], ports: [{ port: 456 }] },
    ];
    const world = new Fixture(policy('p', { ...VM1, egress }));
    expect(world.passes('vm1', '45.86.6.6', 'TCP/1024')).toBe(false);
    expect(world.passes('vm1', '45.86.6.6', 'TCP/453')).toBe(true);
    expect(world.passes('vm1', '2001:4860:4860::8888', 'TCP/456', { family: 6 })).toBe(true);
    expect(world.passes('vm1', '2001:4860:4860::8888', 'TCP/453', { family: 6 })).toBe(false);
    expect(world.passes('45.86.6.6', 'vm1', 'TCP/1024')).toBe(true);
  });

  it('packet P-84: an interface without a policy sends and receives everything', () => {
    const world = new Fixture(policy('p', { ...VM2, policyTypes: ['Ingress', 'Egress'] }));
    for (const what of ['TCP/1', 'UDP/53', 'SCTP/9', 'ICMP', 'other']) {
      expect(world.passes('vm1', 'vm3', what)).toBe(true);
      expect(world.passes('vm3', 'vm1', what)).toBe(true);
      expect(world.passes('45.86.6.6', 'vm3', what)).toBe(true);
    }
  });

  it('packet P-85: a policy for Ingress without rules drops what comes, and lets pass what goes and its replies', () => {
    const world = new Fixture(policy('p', { ...VM2, policyTypes: ['Ingress'] }));
    expect(['TCP/1', 'UDP/1', 'SCTP/1', 'ICMP'].map((what) => world.passes('vm1', 'vm2', what))).toEqual([false, false, false, false]);
    expect(world.passes('vm2', 'vm1', 'TCP/1')).toBe(true);
    expect(world.judge(world.flow('vm1', 'vm2', 'TCP/40000'), 'reply').passes).toBe(true);
  });

  it('packet P-86: a port of a rule is that of the destination', () => {
    const world = new Fixture(policy('p', { ...VM2, ingress: [{ ports: [{ port: 5432 }] }] }));
    expect(world.passes('vm1', 'vm2', 'TCP/5432')).toBe(true);
    expect(world.passes('vm1', 'vm2', 'TCP/22')).toBe(false);
  });

  it('packet P-87: `except` excludes, and a second policy admits again what it excludes', () => {
    const world = new Fixture(policy('p', { ...VM2, ingress: [{ from: [block('10.100.0.0/16', '10.100.1.0/30')] }] }));
    expect([world.passes('vm1', 'vm2', 'TCP/1'), world.passes('10.100.9.9', 'vm2', 'TCP/1')]).toEqual([false, true]);
    world.create(policy('q', { ...VM2, ingress: [{ from: [block('10.100.1.1/32')] }] }));
    expect([world.passes('vm1', 'vm2', 'TCP/1'), world.passes('vm3', 'vm2', 'TCP/1')]).toEqual([true, false]);
  });

  it.each<[string, JsonObject[], readonly string[], readonly string[]]>([
    ['endPort, inclusive', [{ port: 80, endPort: 90 }], ['TCP/80', 'TCP/85', 'TCP/90'], ['TCP/79', 'TCP/91', 'UDP/85']],
    ['port 0: all of the protocol', [{ protocol: 'UDP', port: 0 }], ['UDP/1', 'UDP/65535'], ['TCP/1', 'ICMP']],
    ['SCTP', [{ protocol: 'SCTP', port: 132 }], ['SCTP/132'], ['SCTP/133', 'TCP/132']],
    ['no protocol: TCP', [{ port: 80 }], ['TCP/80'], ['UDP/80']],
    ['empty ports', [], ['TCP/1', 'UDP/1', 'SCTP/1', 'ICMP', 'other'], []],
  ])('packet P-88: %s', (_, ports, admitted, dropped) => {
    const world = new Fixture(policy('p', { ...VM2, ingress: [{ ports }] }));
    expect(admitted.filter((what) => !world.passes('vm1', 'vm2', what))).toEqual([]);
    expect(dropped.filter((what) => world.passes('vm1', 'vm2', what))).toEqual([]);
  });

  it('packet P-88: empty peers are any, and peers that are nobody are none', () => {
    const world = new Fixture(policy('p', { ...VM2, ingress: [{ from: [selecting('NetworkInterface', { app: 'nobody' })] }] }));
    expect(world.passes('vm1', 'vm2', 'TCP/1')).toBe(false);
    world.patch(keyOf('NetworkPolicy', 'p'), { spec: { ingress: [{ from: [] }] } });
    expect([world.passes('vm1', 'vm2', 'TCP/1'), world.passes('45.86.6.6', 'vm2', 'TCP/1')]).toEqual([true, true]);
  });

  it('packet P-89: replies and related errors pass although their direction is isolated', () => {
    const world = new Fixture(policy('p', { ...VM1, policyTypes: ['Ingress'] }));
    const back = world.flow('vm2', 'vm1', 'TCP/40000');
    expect(world.judge(back).passes).toBe(false);
    expect((['reply', 'related error'] as const).map((packet) => world.judge(back, packet).passes)).toEqual([true, true]);
  });

  it('packet P-90: once a rule has gone, the next packet of the flow is dropped', () => {
    const world = new Fixture(policy('p', { ...VM2, ingress: [{ from: [WEB] }] }));
    expect(world.passes('vm1', 'vm2', 'TCP/1')).toBe(true);
    world.patch(keyOf('NetworkPolicy', 'p'), { spec: { ingress: null } });
    expect(world.passes('vm1', 'vm2', 'TCP/1')).toBe(false);
  });

  it('packet P-91: an interface that takes over the address of a peer is not admitted', () => {
    const world = new Fixture(policy('p', { ...VM2, ingress: [{ from: [WEB] }] }));
    world.delete(keyOf('NetworkInterface', 'vm1'));
    world.create(nic('vm1', {}, ['10.100.1.1', '2000:100:1::1']));
    expect(world.passes('vm1', 'vm2', 'TCP/1')).toBe(false);
  });

  it('packet P-93: interfaces of two tenants with one address have verdicts of their own', () => {
    const world = new Fixture(policy('p', { ...VM2, policyTypes: ['Ingress'] }));
    world.create(nic('twin', { vm: '2' }, ['10.100.1.2'], 'far'));
    expect([world.passes('vm1', 'vm2', 'TCP/1'), world.passes('vm4', 'twin', 'TCP/1')]).toEqual([false, true]);
  });

  it('packet P-94: from a peered network a range admits, and a selector never does', () => {
    const world = new Fixture(policy('p', { ...VM2, ingress: [{ from: [WEB] }] }));
    world.create(nic('same', { app: 'web' }, ['10.200.1.4']));
    expect(world.passes('vm4', 'vm2', 'TCP/1')).toBe(false);
    world.patch(keyOf('NetworkPolicy', 'p'), { spec: { ingress: [{ from: [block('10.200.0.0/16')] }] } });
    expect(world.passes('vm4', 'vm2', 'TCP/1')).toBe(true);
    world.create(policy('q', { ...VM1, policyTypes: ['Egress'] }, 'far'));
    expect(world.passes('vm4', 'vm2', 'TCP/1')).toBe(false);
  });

  it('packet P-95: through a balancer a client is admitted by its own address, or because the rule names the balancer', () => {
    const world = new Fixture(policy('p', { ...VM2, ingress: [{ from: [block('45.86.6.106/32')] }] }));
    world.create(balancer('lb', { app: 'lb' }));
    world.create(balancer('other', { app: 'other' }));
    const addressOf = (name: string) => ((world.object(keyOf('LoadBalancer', name))?.status ?? {}) as { ips?: string[] }).ips?.[0] ?? '';
    const through = (client: string, name: string) => world.passes(client, 'vm2', 'TCP/80', { toAddress: addressOf(name) });
    expect([through('45.86.6.106', 'lb'), through('45.86.6.6', 'lb')]).toEqual([true, false]);
    world.create(policy('q', { ...VM2, ingress: [{ from: [selecting('LoadBalancer', { app: 'lb' })] }] }));
    expect([through('45.86.6.6', 'lb'), through('45.86.6.6', 'other'), world.passes('45.86.6.6', 'vm2', 'TCP/80')]).toEqual([
      true,
      false,
      false,
    ]);
    // It stands for what came through it, and not for a sender with its address.
    expect(world.passes(addressOf('lb'), 'vm2', 'TCP/80')).toBe(false);
  });

  it('provider R-28.5: a sender is asked about the address that it wrote', () => {
    const world = new Fixture(policy('p', { ...VM1, egress: [{ to: [selecting('LoadBalancer', { app: 'lb' })] }] }));
    world.create(balancer('lb', { app: 'lb' }));
    const { ips = [] } = (world.object(keyOf('LoadBalancer', 'lb'))?.status ?? {}) as { ips?: string[] };
    expect(world.passes('vm1', 'vm2', 'TCP/80', { toAddress: ips[0] as string })).toBe(true);
    expect(world.passes('vm1', 'vm2', 'TCP/80')).toBe(false);
  });

  it('provider R-16: a VirtualIP stands for its public address', () => {
    const world = new Fixture(policy('p', { ...VM2, ingress: [{ from: [selecting('VirtualIP', { app: 'vip' })] }] }));
    world.create(virtualIp('vip', { app: 'vip' }));
    const { ip = '' } = (world.object(keyOf('VirtualIP', 'vip'))?.status ?? {}) as { ip?: string };
    expect([world.passes(ip, 'vm2', 'TCP/1'), world.passes('203.0.113.200', 'vm2', 'TCP/1')]).toEqual([true, false]);
  });

  it('provider R-28.7: the egress of the sender and the ingress of the receiver must both admit', () => {
    const world = new Fixture(
      policy('out', { ...VM1, egress: [{ ports: [{ port: 1, endPort: 2 }] }] }),
      policy('in', { ...VM2, ingress: [{ ports: [{ port: 2, endPort: 3 }] }] }),
    );
    expect(['TCP/1', 'TCP/2', 'TCP/3', 'TCP/4'].map((what) => world.passes('vm1', 'vm2', what))).toEqual([false, true, false, false]);
  });

  it('provider R-28.2: a rule counts for a direction that another policy isolates', () => {
    const world = new Fixture(policy('p', { ...VM2, policyTypes: ['Ingress'] }));
    expect(world.passes('vm1', 'vm2', 'TCP/80')).toBe(false);
    world.create(policy('q', { networkInterfaceSelector: {}, ingress: [{ from: [WEB], ports: [{ port: 80 }] }] }));
    expect([world.passes('vm1', 'vm2', 'TCP/80'), world.passes('vm3', 'vm2', 'TCP/80')]).toEqual([true, false]);
  });

  it('provider R-28.2: a policy that isolates nothing still admits', () => {
    const world = new Fixture(policy('p', { ...VM2, policyTypes: ['Ingress'] }), policy('q', { ...VM2, ingress: [{ from: [WEB] }] }));
    const q = `policy/${world.uidOf('NetworkPolicy', 'q')}`;
    const rows = new Map(world.rowsOf()).set(q, { ...world.rowsOf().get(q), isolates: [] });
    const judge = createPolicyJudge(new Map([[`policies.${world.vniOf()}`, rows]]));
    expect(['vm1', 'vm3'].map((from) => judge.judge(world.flow(from, 'vm2', 'TCP/1')).passes)).toEqual([true, false]);
  });

  it('a staged policy refuses nothing, and says what it would refuse together with the others that are staged', () => {
    const staged = (name: string, spec: JsonObject): JsonObject => {
      const { metadata, ...rest } = policy(name, { policyTypes: ['Ingress'], ...VM2, ...spec }) as { metadata: JsonObject };
      return { ...rest, metadata: { ...metadata, annotations: { 'fabric.weft.dev/staged': 'true' } } };
    };
    const world = new Fixture(staged('web', { ingress: [{ from: [WEB], ports: [{ port: 80 }] }] }));
    const stagedAt = (what: string, from = 'vm1') =>
      ends(world.judge(world.flow(from, 'vm2', what))).map(({ staged: by }) => by?.isolatedBy);
    expect(world.passes('vm3', 'vm2', 'TCP/80')).toBe(true);
    expect([stagedAt('TCP/80'), stagedAt('TCP/81'), stagedAt('TCP/80', 'vm3')]).toEqual([
      [undefined, undefined],
      [undefined, ['ns/web']],
      [undefined, ['ns/web']],
    ]);
    world.create(staged('dns', { ingress: [{ ports: [{ protocol: 'UDP', port: 53 }] }] }));
    expect([stagedAt('UDP/53'), stagedAt('TCP/81')]).toEqual([
      [undefined, undefined],
      [undefined, expect.arrayContaining(['ns/dns', 'ns/web'])],
    ]);
    world.create(policy('ssh', { policyTypes: ['Ingress'], ...VM2, ingress: [{ ports: [{ port: 22 }] }] }));
    expect([stagedAt('TCP/22'), reasons(world.judge(world.flow('vm1', 'vm2', 'TCP/80')))]).toEqual([
      [undefined, undefined],
      ['NotIsolated', 'NotAdmitted'],
    ]);
    world.delete(keyOf('NetworkPolicy', 'ssh'));
    world.patch(keyOf('NetworkPolicy', 'web'), { metadata: { annotations: { 'fabric.weft.dev/staged': null } } });
    expect([world.passes('vm1', 'vm2', 'TCP/80'), world.passes('vm1', 'vm2', 'TCP/81')]).toEqual([true, false]);
  });

  it('provider R-28.8: what the router answers is never filtered', () => {
    const world = new Fixture(policy('p', { policyTypes: ['Ingress', 'Egress'] }));
    expect(world.passes('vm1', '169.254.0.1', 'UDP/67')).toBe(true);
    expect(world.passes('fe80::1', 'vm1', 'ICMP', { family: 6 })).toBe(true);
  });

  it('names the rows that decided', () => {
    const world = new Fixture(policy('p', { ...VM2, ingress: [{ from: [WEB] }] }));
    const { vm1, vm2, vm3 } = { vm1: world.end('vm1').nic, vm2: world.end('vm2').nic, vm3: world.end('vm3').nic };
    const p = world.uidOf('NetworkPolicy', 'p');
    const keys = (from: string) => ends(world.judge(world.flow(from, 'vm2', 'TCP/1'))).map(({ rows }) => rows.map(({ key }) => key));
    expect(keys('vm1')).toEqual([[`member/${vm1}`], [`member/${vm2}`, `policy/${p}`, `member/${vm1}`]]);
    expect(keys('vm3')).toEqual([[`member/${vm3}`], [`member/${vm2}`, `policy/${p}`]]);
    const [, ingress] = ends(world.judge(world.flow('vm1', 'vm2', 'TCP/1')));
    expect(ingress?.rows[1]).toEqual({ table: `policies.${world.vniOf()}`, key: `policy/${p}`, row: world.rowsOf().get(`policy/${p}`) });
  });
});

describe('The verdict of policies fails closed', () => {
  const given = () => new Fixture(policy('p', { ...VM2, ingress: [{ from: [WEB] }] }));
  /** What becomes of flows when a row is another one, or none. */
  const without = (world: Fixture, key: string, row?: JsonObject) => {
    const rows = new Map(world.rowsOf());
    if (row === undefined) rows.delete(key);
    else rows.set(key, row);
    const judge = createPolicyJudge(new Map([[`policies.${world.vniOf()}`, rows]]));
    return (from: string, to: string) => judge.judge(world.flow(from, to, 'TCP/1')).passes;
  };

  it('packet P-96: an interface without a row neither sends nor receives', () => {
    const world = given();
    const passes = without(world, `member/${world.end('vm3').nic}`);
    expect([passes('vm3', 'vm1'), passes('vm1', 'vm3'), passes('45.86.6.6', 'vm3'), passes('vm2', 'vm1')]).toEqual([
      false,
      false,
      false,
      true,
    ]);
    expect(createPolicyJudge(new Map()).judge(world.flow('vm3', '45.86.6.6', 'TCP/1')).passes).toBe(false);
  });

  it('a row under the key of another says nothing of either', () => {
    const world = given();
    const key = `member/${world.end('vm2').nic}`;
    const passes = without(world, 'member/zzz', { ...world.rowsOf().get(key), targets: [] });
    expect([passes('vm1', 'vm2'), passes('vm3', 'vm2')]).toEqual([true, false]);
  });

  it('whoever is selected by a policy that is not there neither sends nor receives', () => {
    const world = given();
    const passes = without(world, `policy/${world.uidOf('NetworkPolicy', 'p')}`);
    expect([passes('vm1', 'vm2'), passes('vm2', 'vm1'), passes('vm1', 'vm3')]).toEqual([false, false, true]);
  });

  it.each<[string, (key: string) => string, JsonObject]>([
    ['a policy that is not understood', (key) => key, { policy: 'x' }],
    ['a policy under the key of another', () => 'policy/other', {}],
    ['a row of a later version', () => 'tier/1', {}],
  ])('%s closes the network', (_, keyFor, row) => {
    const world = given();
    const key = `policy/${world.uidOf('NetworkPolicy', 'p')}`;
    const full = { ...world.rowsOf().get(key), ...row };
    const passes = without(world, keyFor(key), row['policy'] === undefined ? full : { ...full, isolates: 'all' });
    expect([passes('vm1', 'vm2'), passes('vm1', 'vm3'), passes('vm2', 'vm1')]).toEqual([false, false, false]);
  });

  it('a member that is not understood is closed, and nobody is admitted for it', () => {
    const world = given();
    const passes = without(world, `member/${world.end('vm1').nic}`, { ...world.memberRow('NetworkInterface', 'vm1'), groups: 'all' });
    expect([passes('vm1', 'vm3'), passes('vm3', 'vm1'), passes('vm3', 'vm2'), passes('vm2', 'vm3')]).toEqual([false, false, false, true]);
  });
});
