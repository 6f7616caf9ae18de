import { type JsonObject, membersIn } from '@weft/api';
import { NetworkPolicyRule } from '@weft/policy';
import { below, randomOf } from '@weft/testing';
import { decodeMemberRow, decodePolicyRow } from '../rows/rows.codec.ts';
import type { MemberRow, PolicyRow } from '../rows/rows.ts';
import {
  balancer,
  keyOf,
  machine,
  network,
  nic,
  POOL,
  PolicyWorld,
  picker,
  policy,
  randomLabels,
  randomPolicySpec,
  selecting,
  textOf,
  virtualIp,
} from '../testing/policy-world.ts';

function given(): PolicyWorld {
  const world = new PolicyWorld();
  world.create(POOL);
  world.create(network());
  return world;
}

const DB = { networkInterfaceSelector: { matchLabels: { app: 'db' } } };
const policyOf = (world: PolicyWorld, name: string) =>
  decodePolicyRow(world.rowsOf().get(`policy/${world.uidOf('NetworkPolicy', name)}`)) as PolicyRow;
const memberOf = (world: PolicyWorld, kind: string, name: string, net?: string) =>
  decodeMemberRow(world.memberRow(kind, name, net)) as MemberRow;

describe('The rows of policies', () => {
  it('say whom a policy regulates, in which directions, and what it admits', () => {
    const world = given();
    const from = [selecting('NetworkInterface', { app: 'web' }), { ipBlock: { cidr: '10.1.2.3/8', except: ['10.9.0.0/16'] } }];
    const ports = [{ port: 5432 }, { protocol: 'UDP', port: 1000, endPort: 2000 }, { protocol: 'SCTP' }];
    world.create(policy('p', { ...DB, ingress: [{ from, ports }, {}], policyTypes: ['Egress'] }));
    expect(policyOf(world, 'p')).toMatchObject({
      policy: world.uidOf('NetworkPolicy', 'p'),
      namespace: 'ns',
      name: 'p',
      target: 'NetworkInterface app=db',
      isolates: ['egress', 'ingress'],
      egress: [],
      ingress: [
        {
          peers: [{ group: 'NetworkInterface app=web' }, { cidr: '10.0.0.0/8', except: ['10.9.0.0/16'] }],
          ports: [
            { protocol: 'TCP', ports: { first: 5432, last: 5432 } },
            { protocol: 'UDP', ports: { first: 1000, last: 2000 } },
            { protocol: 'SCTP' },
          ],
        },
        { peers: 'any', ports: 'any' },
      ],
    });
  });

  it('say as what each interface is selected, as long as it has a host, also one that nobody selects', () => {
    const world = given();
    world.create(policy('p', { ...DB, ingress: [{ from: [selecting('NetworkInterface', { tier: 'x' })] }] }));
    world.create(nic('db', { app: 'db', tier: 'x' }, ['10.0.0.1', '2001:db8::1']));
    world.create(nic('other', {}, ['10.0.0.2']));
    expect([memberOf(world, 'NetworkInterface', 'db'), memberOf(world, 'NetworkInterface', 'other')]).toEqual([undefined, undefined]);
    world.host('h');
    world.create(machine('m', 'h', ['db', 'other']));
    expect(memberOf(world, 'NetworkInterface', 'db')).toMatchObject({
      kind: 'NetworkInterface',
      prefixes: ['10.0.0.1/32', '2001:db8::1/128'],
      targets: ['NetworkInterface app=db'],
      groups: ['NetworkInterface tier=x'],
    });
    expect(memberOf(world, 'NetworkInterface', 'other')).toMatchObject({ targets: [], groups: [], prefixes: ['10.0.0.2/32'] });
    world.delete(keyOf('NetworkPolicy', 'p'));
    expect(memberOf(world, 'NetworkInterface', 'db')).toMatchObject({ targets: [], groups: [] });
    world.delete(keyOf('Machine', 'm'));
    expect([...world.rowsOf().keys()]).toEqual([]);
  });

  it('provider R-21, packet P-96: an interface is regulated in the append that places it, and by a policy in the append that creates that', () => {
    const world = given();
    world.send({ verb: 'create', kind: 'NetworkPolicy', namespace: 'ns', object: policy('p', { ...DB, policyTypes: ['Ingress'] }) });
    world.up(nic('db', { app: 'db' }, ['10.0.0.1']));
    const key = `member/${world.uidOf('NetworkInterface', 'db')}`;
    const [first] = world.deltas.flatMap(({ changes }) => changes).filter((change) => change.key === key);
    expect(decodeMemberRow(first?.row)?.targets).toEqual(['NetworkInterface app=db']);
    world.send({ verb: 'create', kind: 'NetworkPolicy', namespace: 'ns', object: policy('q', { policyTypes: ['Egress'] }) });
    // No loop has been asked: there is no NetworkPolicyRule yet.
    expect(world.get(keyOf('NetworkPolicyRule', 'q'))).toBeUndefined();
    expect(memberOf(world, 'NetworkInterface', 'db').targets).toEqual(['NetworkInterface', 'NetworkInterface app=db']);
    expect([policyOf(world, 'p').isolates, policyOf(world, 'q').isolates]).toEqual([['ingress'], ['egress']]);
  });

  it('provider R-16, resources S-30: balancers of the network and VirtualIPs have rows while a policy names them', () => {
    const world = given();
    world.create(network('elsewhere'));
    world.create(balancer('lb', { app: 'web' }));
    world.create(balancer('far', { app: 'web' }, 'elsewhere'));
    world.create(virtualIp('vip', { app: 'web' }));
    expect(memberOf(world, 'LoadBalancer', 'lb')).toBeUndefined();
    const peers = [selecting('LoadBalancer', { app: 'web' }), selecting('VirtualIP', { app: 'web' })];
    world.create(policy('p', { ...DB, ingress: [{ from: peers }] }));
    const lb = memberOf(world, 'LoadBalancer', 'lb');
    expect(lb).toMatchObject({
      groups: ['LoadBalancer app=web'],
      targets: [],
      prefixes: [expect.stringMatching(/^203\.0\.113\.\d+\/32$/)],
    });
    expect(memberOf(world, 'VirtualIP', 'vip')).toMatchObject({
      groups: ['VirtualIP app=web'],
      prefixes: [expect.stringMatching(/\/32$/)],
    });
    expect(memberOf(world, 'VirtualIP', 'vip', 'elsewhere')).toBeUndefined();
    expect(memberOf(world, 'LoadBalancer', 'far')).toBeUndefined();
    world.create(policy('q', { egress: [{ to: peers }] }, 'elsewhere'));
    expect(memberOf(world, 'VirtualIP', 'vip', 'elsewhere')).toMatchObject({ groups: ['VirtualIP app=web'] });
    world.delete(keyOf('NetworkPolicy', 'p'));
    expect([...world.rowsOf().keys()]).toEqual([]);
  });

  it('bear the highest position of what they read, and name the events', () => {
    const world = given();
    world.up(nic('db', { app: 'db' }, ['10.0.0.1']));
    world.create(policy('p', { ...DB, policyTypes: ['Ingress'] }));
    const eventsOf = (row: MemberRow | PolicyRow) => row.because.map((id) => world.log.find((event) => event.id === id));
    expect(eventsOf(memberOf(world, 'NetworkInterface', 'db')).map((event) => event?.type)).toEqual([
      'NetworkVniAssigned.v1',
      'NetworkInterfaceCreated.v1',
      'NetworkInterfaceAddressed.v1',
    ]);
    world.patch(keyOf('NetworkPolicy', 'p'), { spec: { policyTypes: ['Egress'] } });
    world.patch(keyOf('NetworkInterface', 'db'), { metadata: { labels: { tier: 'x' } } });
    for (const row of [policyOf(world, 'p'), memberOf(world, 'NetworkInterface', 'db')]) {
      const events = eventsOf(row);
      expect(events.at(-1)?.type).toBe('policy' in row ? 'NetworkPolicyTypesChanged.v1' : 'LabelsChanged.v1');
      expect(row.position).toBe(`${events.at(-1)?.position}`);
    }
  });

  it('name a long selector by a short name, the same in both rows', () => {
    const world = given();
    const labels = Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`example.com/${'k'.repeat(40)}${i}`, 'v']));
    world.up(nic('n', labels, ['10.0.0.1']));
    world.create(policy('p', { networkInterfaceSelector: { matchLabels: labels }, policyTypes: ['Ingress'] }));
    const { target } = policyOf(world, 'p');
    expect(target.length).toBeLessThan(64);
    expect(memberOf(world, 'NetworkInterface', 'n').targets).toEqual([target]);
  });

  it('name selectors that ask for the same in another order once', () => {
    const world = given();
    world.up(nic('n', { app: 'db', tier: 'x' }, ['10.0.0.1']));
    const exists = { key: 'app', operator: 'Exists' };
    const among = (...values: string[]) => ({ key: 'tier', operator: 'In', values });
    for (const [name, networkInterfaceSelector] of Object.entries<JsonObject>({
      a: { matchLabels: { app: 'db', tier: 'x' } },
      b: { matchLabels: { tier: 'x', app: 'db' } },
      c: { matchExpressions: [exists, among('x', 'y')] },
      d: { matchExpressions: [among('y', 'x', 'x'), exists, exists] },
    })) {
      world.create(policy(name, { networkInterfaceSelector, policyTypes: ['Ingress'] }));
    }
    expect(memberOf(world, 'NetworkInterface', 'n').targets).toEqual([
      'NetworkInterface app,tier in (x,y)',
      'NetworkInterface app=db,tier=x',
    ]);
  });

  it('take alias prefixes of an interface for what it stands for (provider R-28.3)', () => {
    const world = given();
    world.create(policy('p', { policyTypes: ['Ingress'] }));
    const alias = nic('n', {}, ['10.0.0.1']);
    world.up({ ...alias, spec: { ...(alias['spec'] as JsonObject), prefixes: [{ value: '10.9.0.0/24' }] } });
    world.settle();
    expect(memberOf(world, 'NetworkInterface', 'n').prefixes).toEqual(['10.0.0.1/32', '10.9.0.0/24']);
  });

  it('have gone when the network has', () => {
    const world = given();
    world.create(policy('p', { ...DB, policyTypes: ['Ingress'] }));
    world.delete(keyOf('Network', 'net'));
    expect([...world.tables]).toEqual([]);
  });
});

/** `HISTORIES=1000` for more. */
const HISTORIES = Number(process.env['HISTORIES'] ?? 4);
const seeds = Array.from({ length: HISTORIES }, (_, i) => i + 1);
const NICS = ['n1', 'n2', 'n3', 'n4', 'n5'];
const POLICIES = ['p1', 'p2', 'p3', 'p4'];
const OTHERS = ['o1', 'o2'];
const NETWORKS = ['net', 'far'];
const IPS = ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4'];
const MACHINES = ['m1', 'm2'];

describe('The rows of random policies', () => {
  const kinds = new Set<unknown>();
  afterAll(() => {
    if (HISTORIES >= 4) expect([...kinds].sort()).toEqual(['LoadBalancer', 'NetworkInterface', 'VirtualIP', 'policy']);
  });

  it.each(seeds)('equal those of a full join, on every path, and say the same as NetworkPolicyRules at rest (history %i)', (seed) => {
    const random = randomOf(seed);
    const pick = picker(random);
    const world = new PolicyWorld({ seed, duplicates: 0.2, lag: 0.3, conflicts: 0.1 });
    world.create(POOL);
    world.host('h');
    const labels = (key: ReturnType<typeof keyOf>) =>
      world.patch(key, { metadata: { labels: { app: null, tier: null, ...randomLabels(random) } } });
    const steps: readonly (() => unknown)[] = [
      () => world.create(network(pick(NETWORKS))),
      () => world.create(network(pick(NETWORKS))),
      () => world.create(nic(pick(NICS), randomLabels(random), [pick(IPS)], pick(NETWORKS))),
      () => world.create(nic(pick(NICS), randomLabels(random), [pick(IPS)], pick(NETWORKS))),
      () => world.create(nic(pick(NICS), randomLabels(random), [pick(IPS)], pick(NETWORKS))),
      () => labels(keyOf('NetworkInterface', pick(NICS))),
      () => labels(keyOf('NetworkInterface', pick(NICS))),
      () => world.patch(keyOf('NetworkInterface', pick(NICS)), { spec: { ips: [{ value: pick(IPS) }] } }),
      () => world.delete(keyOf('NetworkInterface', pick(NICS))),
      () => world.create(machine(pick(MACHINES), 'h', [pick(NICS)])),
      () => world.delete(keyOf('Machine', pick(MACHINES))),
      () => world.create(policy(pick(POLICIES), randomPolicySpec(random), pick(NETWORKS))),
      () => world.create(policy(pick(POLICIES), randomPolicySpec(random), pick(NETWORKS))),
      () => world.create(policy(pick(POLICIES), randomPolicySpec(random), pick(NETWORKS))),
      () => world.patch(keyOf('NetworkPolicy', pick(POLICIES)), { spec: randomPolicySpec(random) }),
      () =>
        world.patch(keyOf('NetworkPolicy', pick(POLICIES)), {
          metadata: { annotations: { 'fabric.weft.dev/staged': pick(['true', 'false', null]) } },
        }),
      () => world.patch(keyOf('NetworkPolicy', pick(POLICIES)), { spec: randomPolicySpec(random) }),
      () => world.delete(keyOf('NetworkPolicy', pick(POLICIES))),
      () => world.create(balancer(pick(OTHERS), randomLabels(random), pick(NETWORKS))),
      () => world.create(virtualIp(pick(OTHERS), randomLabels(random))),
      () => labels(keyOf(pick(['LoadBalancer', 'VirtualIP']), pick(OTHERS))),
      () => below(random, 3) === 0 && world.delete(keyOf(pick(['LoadBalancer', 'VirtualIP']), pick(OTHERS))),
      () => below(random, 4) === 0 && world.delete(keyOf('Network', pick(NETWORKS))),
    ];
    world.watch(() => expect(textOf(world.tables)).toEqual(textOf(world.recomputed())));
    for (let step = 0; step < 100; step++) {
      pick(steps)();
      world.settle();
      if (step % 20 === 19) expect(textOf(world.loadedNow())).toEqual(textOf(world.tables));
      checkRules(world);
      for (const rows of world.tables.values()) for (const row of rows.values()) kinds.add(row['kind'] ?? 'policy');
    }
    expect(world.refusals).toEqual([]);
  });

  /** What loops have resolved, event by event, is what rows say at once. */
  function checkRules(world: PolicyWorld): void {
    for (const rule of world.fold.list(NetworkPolicyRule.kind)) {
      const { targets, peers, rules } = rule.facts as {
        targets: object;
        peers: Record<string, object>;
        rules: { networkRef: { name: string } };
      };
      const rows = [...world.rowsOf(rules.networkRef.name)];
      const policyRow = rows.map(([, row]) => row).find(({ policy: uid }) => uid === rule.object.metadata.ownerReferences?.[0]?.uid);
      if (policyRow === undefined) {
        expect(world.vniOf(rules.networkRef.name)).toBe(0);
        continue;
      }
      const members = rows.map(([, row]) => row).filter(({ kind }) => kind !== undefined) as unknown as MemberRow[];
      // One without a host is a member for people, and has no row.
      const hasNoHost = (uid: string) =>
        [...world.fold.list('NetworkInterface')].some((each) => each.object.metadata.uid === uid && each.facts['placement'] === undefined);
      const target = policyRow['target'] as string;
      const uids = (of: object) =>
        membersIn(of as Record<string, Record<string, unknown>>)
          .map(([uid]) => uid)
          .filter((uid) => !hasNoHost(uid));
      expect(uids(targets)).toEqual(sorted(members.filter((member) => member.targets.includes(target)).map(({ uid }) => uid)));
      for (const [group, of] of Object.entries(peers)) {
        const resolved = membersIn(of as Record<string, Record<string, { prefixes: string[] }>>).map(([uid, { prefixes }]) => [
          uid,
          prefixes,
        ]);
        const rowsOf = members.filter(({ groups, prefixes }) => groups.includes(group) && prefixes.length > 0);
        expect(resolved.filter(([uid]) => !hasNoHost(uid as string))).toEqual(
          rowsOf.map(({ uid, prefixes }) => [uid, prefixes]).sort(([a = ''], [b = '']) => (a < b ? -1 : 1)),
        );
      }
    }
  }

  const sorted = (values: readonly string[]) => [...values].sort();
});

describe('What is derived anew', () => {
  /** Interface `i` has the labels of policy `i % policies`, which alone selects it; all share a policy for everybody. */
  function site(nics: number, policies: number): PolicyWorld {
    const world = given();
    world.create(policy('all', { policyTypes: ['Ingress'] }));
    for (let p = 0; p < policies; p++) {
      const spec: JsonObject = {
        networkInterfaceSelector: { matchLabels: { app: `a${p}` } },
        ingress: [{ from: [selecting('NetworkInterface', { app: `a${p}` })] }],
      };
      world.create(policy(`p${p}`, spec));
    }
    for (let i = 0; i < nics; i++) world.up(nic(`n${i}`, { app: `a${i % policies}` }, [`10.0.${i >> 8}.${i & 255}`]));
    return world;
  }
  const asked = (world: PolicyWorld, happens: () => void) => {
    const [before, rows] = [world.evaluations, world.deltas.length];
    happens();
    const changes = world.deltas.slice(rows).flatMap(({ changes }) => changes.map(({ key }) => key.split('/')[0]));
    return { asked: world.evaluations - before, changes };
  };

  it.each<[string, (world: PolicyWorld) => void, object]>([
    [
      'one row for a label that moves an interface into a policy',
      (world) => world.patch(keyOf('NetworkInterface', 'n1'), { metadata: { labels: { app: 'a2' } } }),
      { asked: 1, changes: ['member'] },
    ],
    [
      'the row of a policy when its ports change',
      (world) => world.patch(keyOf('NetworkPolicy', 'all'), { spec: { ingress: [{ ports: [{ port: 80 }] }] } }),
      { asked: 1, changes: ['policy'] },
    ],
    [
      'the row of a policy that selects what another one selects already',
      (world) => world.create(policy('again', { egress: [{ to: [selecting('NetworkInterface', { app: 'a1' })] }] })),
      { asked: 1, changes: ['policy'] },
    ],
    [
      'the row of a policy that goes, while another one shares its selectors',
      (world) => world.delete(keyOf('NetworkPolicy', 'b')),
      { asked: 1, changes: ['policy'] },
    ],
    [
      'the rows of those whom a new selector may select',
      (world) =>
        world.create(policy('new', { networkInterfaceSelector: { matchLabels: { app: 'a1', tier: 'x' } }, policyTypes: ['Egress'] })),
      { asked: 1 + 1 + 3, changes: ['policy'] },
    ],
    ['one row for an interface that comes', (world) => world.up(nic('new', { app: 'a1' }, ['10.0.99.1'])), { changes: ['member'] }],
  ])('is %s, in a small network as in a large one', (_, happens, expected) => {
    const all = [site(9, 3), site(90, 30)].map((world) => {
      world.create(policy('b', { policyTypes: ['Egress'] }));
      return asked(world, () => happens(world));
    });
    expect(all[0]).toEqual(all[1]);
    expect(all[1]).toMatchObject(expected);
  });
});
