import type { JsonObject } from '@weft/api';
import { below, randomOf } from '@weft/testing';
import { Compiler } from '../compile/compiler.ts';
import { createPolicyJudge, type Flow } from '../evaluate/policy-verdict.ts';
import { entryProblem, overlapping } from '../kernel/entry-rules.ts';
import type { EntryDraft } from '../kernel/feature.ts';
import type { EntryObject } from '../kernel/kernel-objects.ts';
import type { BalancerRow, MemberRow, PlacementRow, PolicyPeer, PolicyPort, PolicyRow, PolicyRule, PolicyRules } from '../rows/rows.ts';
import { type FilteredPacket, PolicyFilter } from '../testing/policy-filter.ts';
import { picker } from '../testing/policy-world.ts';
import { policyKernel } from './policy.kernel.ts';
import { numbersOf } from './policy.layout.ts';
import { policyEntriesOf } from './policy-entries.oracle.ts';

/** `HISTORIES=1000` for more. */
const HISTORIES = Number(process.env['HISTORIES'] ?? 4);
const seeds = Array.from({ length: HISTORIES }, (_, i) => i + 1);
const IDENTITY = { host: 'a', index: 1, underlay: 'fd00::1' };
const because = ['e'];
const uidOf = (n: number) => `${String(n).padStart(8, '0')}-aaaa-4bbb-8ccc-dddddddddddd`;

function placed(n: number, vni: number): PlacementRow {
  const at = { nic: uidOf(n), namespace: 'ns', name: `nic-${n}`, network: `net-${vni}`, vni, mac: `02:00:00:00:00:${n}${n}` };
  return { ...at, ips: [`10.0.0.${n}`], placedAt: '5', heldAt: '6', position: '7', because };
}
function member(n: number, more: Partial<MemberRow> = {}): MemberRow {
  const prefixes = [`10.0.0.${n}/32`, `fd00::${n}/128`];
  return { kind: 'NetworkInterface', uid: uidOf(n), name: `nic-${n}`, prefixes, targets: [], groups: [], position: '7', because, ...more };
}
function policy(n: number, more: Partial<PolicyRow> = {}): PolicyRow {
  return {
    policy: uidOf(n),
    namespace: 'ns',
    name: `p-${n}`,
    target: 'db',
    isolates: ['ingress'],
    egress: [],
    ingress: [],
    position: '8',
    because,
    ...more,
  };
}
const NO_RULES: PolicyRules = { isolates: [], ingress: [], egress: [] };
const admit = (peers: PolicyRule['peers'], ports: PolicyRule['ports'] = 'any'): PolicyRule => ({ peers, ports });
const tcp = (first: number, last = first): PolicyPort => ({ protocol: 'TCP', ports: { first, last } });
const putMember = (row: MemberRow) => ({ key: `member/${row.uid}`, row: row as JsonObject });
const putPolicy = (row: PolicyRow) => ({ key: `policy/${row.policy}`, row: row as JsonObject });

/** A host whose compiler knows of policies only, and what it holds. */
class Host {
  readonly compiler = new Compiler(IDENTITY, () => 0, [policyKernel]);
  readonly placements = new Map<string, PlacementRow>();
  readonly tables = new Map<number, Map<string, JsonObject>>();

  place(n: number, vni = 100): void {
    const row = placed(n, vni);
    this.placements.set(row.nic, row);
    this.compiler.applyRows('placements.a', [{ key: row.nic, row: row as JsonObject }]);
  }

  unplace(n: number): void {
    this.placements.delete(uidOf(n));
    this.compiler.applyRows('placements.a', [{ key: uidOf(n), row: undefined }]);
  }

  /** One change of the table of a network: entries put and removed. */
  apply(changes: readonly { key: string; row: JsonObject | undefined }[], vni = 100) {
    const table = this.tables.get(vni) ?? new Map<string, JsonObject>();
    this.tables.set(vni, table);
    for (const { key, row } of changes) {
      if (row === undefined) table.delete(key);
      else table.set(key, row);
    }
    return this.compiler.applyRows(`policies.${vni}`, changes);
  }

  entries(): readonly EntryObject[] {
    return [...this.compiler.state.values()].flatMap((object) => (object.kind === 'entry' ? [object] : []));
  }

  drafts(): readonly EntryDraft[] {
    return this.entries().map(({ scope, section, key, value, owner }) => ({ vni: Number(scope.slice(1)), section, key, value, owner }));
  }

  wanted(): readonly EntryDraft[] {
    return policyEntriesOf([...this.placements.values()], this.tables);
  }

  filter(vni = 100): PolicyFilter {
    return new PolicyFilter(vni, this.drafts());
  }
}

const textOf = (drafts: readonly EntryDraft[]) =>
  drafts.map(({ vni, section, key, value = '', owner }) => `${vni} ${section} ${key} = ${value} (${owner})`).sort();
const sectionsOf = (host: Host) => {
  const counts: Record<string, number> = {};
  for (const { section } of host.entries()) counts[section] = (counts[section] ?? 0) + 1;
  return counts;
};

describe('Entries of policies', () => {
  it('a port that is known and in no policy is open, and one that is not known has no class', () => {
    const host = new Host();
    host.place(1);
    host.place(2);
    host.apply([putMember(member(1))]);
    expect(textOf(host.drafts())).toEqual([
      '100 policy_egress g00000001aaaa = 0:1 (NetworkInterface/00000001-aaaa-4bbb-8ccc-dddddddddddd)',
      '100 policy_ingress g00000001aaaa = 0:1 (NetworkInterface/00000001-aaaa-4bbb-8ccc-dddddddddddd)',
      '100 policy_own 06:00:00:64:00:00 =  (Network/100)',
    ]);
  });

  it('ports of one set of targets have one class, whatever the policies, and addresses of one set of groups one identity', () => {
    const host = new Host();
    for (const n of [1, 2, 3]) host.place(n);
    host.apply([
      ...[1, 2].map((n) => putMember(member(n, { targets: ['db'], groups: ['web'] }))),
      putMember(member(3, { groups: ['web'] })),
      ...[7, 8, 9].map((n) => putPolicy(policy(n, { ingress: [admit([{ group: 'web' }], [tcp(n)])] }))),
    ]);
    const valuesIn = (section: string) => new Set(host.entries().flatMap((entry) => (entry.section === section ? [entry.value] : [])));
    expect(valuesIn('policy_ingress').size).toBe(2); // The class, and open.
    expect(valuesIn('policy_nic4').size).toBe(1);
    expect(sectionsOf(host)).toEqual({
      ...{ policy_egress: 3, policy_ingress: 3, policy_own: 1, policy_nic4: 3, policy_nic6: 3 },
      ...{ policy_pairs: 1, policy_spans: 1 }, // 7 to 9 touch.
    });
  });

  it('single ports stand in the set of ports, ranges in that of spans, and all protocols in neither', () => {
    const host = new Host();
    host.place(1);
    const given = (ports: PolicyRule['ports']) => {
      host.apply([
        putMember(member(1, { targets: ['db'] })),
        putMember(member(2, { groups: ['web'] })),
        putPolicy(policy(9, { ingress: [admit([{ group: 'web' }], ports)] })),
      ]);
      return host
        .drafts()
        .flatMap(({ section, key, value }) =>
          /pairs|ports|spans/.test(section) ? [`${section} ${key.replace(/^\S+ \. \d+/, '')} ${value}`] : [],
        );
    };
    expect(given([tcp(80), tcp(443)]).sort()).toEqual([
      'policy_pairs  jump policy_exact',
      'policy_ports  . tcp . 443 ',
      'policy_ports  . tcp . 80 ',
    ]);
    expect(given([{ protocol: 'UDP' }]).sort()).toEqual(['policy_pairs  jump policy_wide', 'policy_spans  . udp . 0-65535 ']);
    expect(given('any')).toEqual(['policy_pairs  accept']);
    expect(given([])).toEqual([]);
  });

  it('a balancer is known by its number as by its address, for what its router tells of a flow on another host', () => {
    const host = new Host();
    host.place(1);
    const row: BalancerRow = {
      ...{ balancer: 'lb', namespace: 'ns', name: 'web', vni: 100, number: 7, scheme: 'Internal', ips: ['10.0.0.80'], ports: [] },
      ...{ position: '9', because },
    };
    const balance = (found: BalancerRow | undefined) =>
      host.compiler.applyRows('balancers.100', [{ key: 'lb', row: found as JsonObject | undefined }]);
    host.apply([
      putMember(member(1, { targets: ['db'] })),
      putMember(member(8, { kind: 'LoadBalancer', uid: 'lb', prefixes: ['10.0.0.80/32'], groups: ['web'] })),
      putPolicy(policy(9, { ingress: [admit([{ group: 'web' }], [tcp(80)])] })),
    ]);
    const passes = (more: { balancer?: number; from?: number }) =>
      host.filter().passes({
        nic: uidOf(1),
        direction: 'ingress',
        from: 100,
        source: '10.0.0.9',
        written: '10.0.0.1',
        protocol: 'TCP',
        port: 80,
        ...more,
      });
    expect(passes({ balancer: 7 })).toBe(false);
    balance(row);
    expect(textOf(host.drafts())).toEqual(textOf(policyEntriesOf([...host.placements.values()], host.tables, [row])));
    expect([passes({ balancer: 7 }), passes({ balancer: 8 }), passes({}), passes({ balancer: 7, from: 200 })]).toEqual([
      true,
      false,
      false,
      false,
    ]);
    balance(undefined);
    expect(passes({ balancer: 7 })).toBe(false);
  });

  it('of blocks that overlap, pieces stand side by side', () => {
    const host = new Host();
    host.place(1);
    const blocks: PolicyPeer[] = [
      { cidr: '10.0.0.0/24', except: ['10.0.0.64/26'] },
      { cidr: '10.0.0.0/26', except: [] },
    ];
    host.apply([
      putMember(member(1, { targets: ['db'] })),
      putPolicy(policy(9, { ingress: blocks.map((peer) => admit([peer], [tcp(80)])) })),
    ]);
    const found = host.drafts().flatMap(({ section, key }) => (section === 'policy_block4' ? [key.replace(/^\S+ /, '')] : []));
    expect(found.sort()).toEqual(['. 10.0.0.0/26 . tcp . 80', '. 10.0.0.128/25 . tcp . 80']);
  });

  it('one member more or less among 10,000 of a group, and one that moves to another known set of groups, touch their own addresses', () => {
    const host = new Host();
    host.place(1);
    const many = Array.from({ length: 10_000 }, (_, i) => ({
      ...member(1, { uid: uidOf(i + 10), prefixes: [`10.1.${i >> 8}.${i & 255}/32`], groups: i === 0 ? ['api', 'web'] : ['web'] }),
    }));
    host.apply([
      ...many.map(putMember),
      putMember(member(1, { targets: ['db'] })),
      ...[7, 8, 9].map((n) => putPolicy(policy(n, { ingress: [admit([{ group: 'web' }], [tcp(n * 2)])] }))),
    ]);
    const before = host.compiler.evaluations;
    const more = host.apply([putMember(member(2, { groups: ['web'] }))]);
    expect([more.put.length, more.remove.length]).toEqual([2, 0]);
    const moved = host.apply([putMember(member(2, { groups: ['api', 'web'] }))]);
    expect([moved.put.length, moved.remove.length]).toEqual([2, 0]);
    const less = host.apply([{ key: `member/${uidOf(2)}`, row: undefined }]);
    expect([less.put.length, less.remove.length]).toEqual([0, 2]);
    expect(host.compiler.evaluations - before).toBeLessThan(40);
  });

  it('two identities that would have one number take others, and the first one has its own again when it is alone', () => {
    const [one, other] = ['NetworkInterface app=a21340', 'NetworkInterface app=a76210'];
    expect(numbersOf(one).first).toBe(numbersOf(other).first);
    const host = new Host();
    host.place(1);
    host.apply([
      putMember(member(1, { targets: ['db'] })),
      putMember(member(2, { groups: [one] })),
      putPolicy(policy(9, { ingress: [admit([{ group: one }])] })),
    ]);
    const numberOfOne = () => host.drafts().find(({ key }) => key === '10.0.0.2')?.value;
    expect(numberOfOne()).toBe(String(numbersOf(one).first));
    host.apply([putMember(member(3, { groups: [other] }))]);
    expect(numberOfOne()).toBe(String(numbersOf(one).second));
    const from = (n: number) =>
      ({ nic: uidOf(1), direction: 'ingress', from: 100, source: `10.0.0.${n}`, written: '10.0.0.1', protocol: 'ICMP' }) as const;
    expect([2, 3].map((n) => host.filter().passes(from(n)))).toEqual([true, false]);
    expect(textOf(host.drafts())).toEqual(textOf(host.wanted()));
    host.apply([{ key: `member/${uidOf(3)}`, row: undefined }]);
    expect(numberOfOne()).toBe(String(numbersOf(one).first));
  });

  it('a changed rule touches the pairs that it admits', () => {
    const host = new Host();
    host.place(1);
    const given = (port: number) => putPolicy(policy(9, { ingress: [admit([{ group: 'web' }], [tcp(port)])], position: String(port) }));
    host.apply([
      putMember(member(1, { targets: ['db'] })),
      ...Array.from({ length: 200 }, (_, i) =>
        putMember(member(1, { uid: uidOf(i + 10), prefixes: [`10.1.0.${i}/32`], groups: ['api', `g${i}`] })),
      ),
      putMember(member(2, { groups: ['web'] })),
      putPolicy(policy(8, { ingress: [admit([{ group: 'api' }])] })),
      given(80),
    ]);
    const { put, remove } = host.apply([given(81)]);
    expect([...put, ...remove].flatMap((object) => (object.kind === 'entry' ? [object.section] : [])).sort()).toEqual([
      // The classes of the port rest on the policy, too: these are put again with its position.
      ...['policy_egress', 'policy_ingress', 'policy_pairs', 'policy_ports', 'policy_ports'],
    ]);
  });

  it('a staged policy that changes begins a new count, and touches nobody whom an enforced one restricts', () => {
    const host = new Host();
    for (const n of [1, 2]) host.place(n);
    const staged = (n: number, position: string) =>
      putPolicy(policy(n, { ...NO_RULES, staged: { ...NO_RULES, isolates: ['ingress'] }, position }));
    host.apply([
      putMember(member(1, { targets: ['db'] })),
      putMember(member(2, { targets: ['db', 'front'] })),
      putPolicy(policy(8, { target: 'front' })),
      staged(9, '40'),
    ]);
    const counts = () => host.entries().filter(({ section }) => section.startsWith('policy_staged'));
    const [before, ...more] = counts();
    expect([before, ...more]).toMatchObject([
      { section: 'policy_staged_ingress', key: 'g00000001aaaa', owner: `NetworkPolicy/${uidOf(9)}`, position: '40' },
    ]);
    host.apply([staged(9, '41')]);
    expect(counts()).not.toMatchObject([{ value: before?.value }]);
    host.apply([staged(7, '42')]);
    expect(counts()).toMatchObject([{ owner: `NetworkPolicy/${uidOf(7)},${uidOf(9)}` }]);
  });

  it('rests on the rows that decide it, and on no others', () => {
    const host = new Host();
    host.place(1);
    host.apply([
      putMember(member(1, { targets: ['db'], position: '20' })),
      putMember(member(2, { groups: ['web'], position: '30' })),
      putPolicy(
        policy(8, {
          ingress: [
            admit([
              { cidr: '10.1.0.0/24', except: [] },
              { cidr: '10.2.0.0/24', except: [] },
            ]),
          ],
          position: '40',
        }),
      ),
      putPolicy(policy(9, { ingress: [admit([{ group: 'web' }, { cidr: '10.2.0.0/24', except: [] }])], position: '50' })),
    ]);
    const positions = Object.fromEntries(
      host.entries().map(({ section, key, position }) => [`${section} ${key.replace(/^\S+ \. /, '')}`, position]),
    );
    expect(positions).toMatchObject({
      'policy_nic4 10.0.0.2': '30',
      'policy_block4 10.1.0.0/24 . 0-255 . 0-65535': '40',
      'policy_block4 10.2.0.0/24 . 0-255 . 0-65535': '50',
      [`policy_pairs ${numbersOf('web').first}`]: '50',
    });
  });
});

// --- chance -------------------------------------------------------------------------------------------------------------------------------------

const GROUPS = ['web', 'api', 'NetworkInterface app=a', 'all'];
const TARGETS = ['db', 'front', 'all'];
const BLOCKS = ['10.0.0.0/8', '10.0.0.0/29', '10.0.0.4/30', '0.0.0.0/0', '203.0.113.0/24', 'fd00::/64', 'fd00::4/126', '::/0'];
const HOLES = ['10.0.0.0/30', '10.0.0.2/31', '10.0.0.5/32', '203.0.113.0/25', 'fd00::2/127'];
const RANGES = ['10.1.0.0/28', '10.1.0.8/29', '10.1.0.0/30', '10.0.0.2/31', 'fd01::/120', 'fd01::4/126'];
const ADDRESSES = [
  ...Array.from({ length: 9 }, (_, i) => `10.0.0.${i + 1}`),
  ...['10.1.0.1', '10.1.0.5', '10.1.0.9', '10.1.0.15', '10.9.0.1', '203.0.113.1', '203.0.113.200', '8.8.8.8'],
  ...['fd00::1', 'fd00::2', 'fd00::3', 'fd00::9', 'fd01::5', 'fd01::80', '2001:db8::8'],
];
const WHAT = ['TCP/80', 'TCP/85', 'TCP/443', 'UDP/53', 'SCTP/80', 'ICMP', 'other'];

class RandomHost extends Host {
  readonly #random;
  readonly #pick;

  constructor(seed: number) {
    super();
    this.#random = randomOf(seed);
    this.#pick = picker(this.#random);
  }

  #some<T>(of: readonly T[], max = 3): T[] {
    return [...new Set(Array.from({ length: below(this.#random, max) }, () => this.#pick(of)))];
  }

  #rule(): PolicyRule {
    const pick = this.#pick;
    const peer = (): PolicyPeer => {
      if (below(this.#random, 2) === 0) return { group: pick(GROUPS) };
      const cidr = pick(BLOCKS);
      return { cidr, except: this.#some(HOLES).filter((hole) => hole.includes(':') === cidr.includes(':')) };
    };
    const port = (): PolicyPort =>
      pick<PolicyPort>([
        tcp(80),
        tcp(443),
        tcp(80, 90),
        tcp(85, 100),
        { protocol: 'TCP' },
        { protocol: 'UDP', ports: { first: 53, last: 53 } },
        { protocol: 'SCTP' },
      ]);
    const ports = pick<PolicyRule['ports']>(['any', [port()], [port(), port()], [port(), port(), port()], []]);
    return { peers: pick<PolicyRule['peers']>(['any', [peer()], [peer(), peer()], [peer(), peer()], []]), ports };
  }

  /** One change of the rows that the host follows. */
  step(): void {
    const pick = this.#pick;
    const vni = pick([100, 100, 200]);
    const rules = () => Array.from({ length: below(this.#random, 3) }, () => this.#rule());
    const changes = Array.from({ length: 1 + below(this.#random, 3) }, () => {
      const n = 1 + below(this.#random, 8);
      const names = { targets: this.#some(TARGETS), groups: this.#some(GROUPS).sort() };
      return pick<() => { key: string; row: JsonObject | undefined }>([
        () => putMember(member(n, { ...names, prefixes: [`10.0.0.${n}/32`, `fd00::${n}/128`, ...this.#some(RANGES, 2)] })),
        () => putMember(member(n, names)),
        () => putMember(member(20, { ...names, kind: 'LoadBalancer', prefixes: ['10.9.0.1/32'] })),
        () => putMember(member(21, { ...names, kind: 'VirtualIP', prefixes: ['203.0.113.1/32', '10.0.0.1/32'] })),
        () => ({ key: `member/${uidOf(n)}`, row: undefined }),
        ...Array.from({ length: 4 }, () => () => {
          const isolates = pick<PolicyRow['isolates']>([['ingress'], ['egress'], ['egress', 'ingress'], []]);
          const said = { isolates, ingress: rules(), egress: rules() };
          const isStaged = below(this.#random, 3) === 0;
          const more = isStaged ? { ...NO_RULES, staged: said } : said;
          return putPolicy(policy(30 + below(this.#random, 6), { target: pick(TARGETS), ...more }));
        }),
        () => ({ key: `policy/${uidOf(30 + below(this.#random, 6))}`, row: undefined }),
        () => ({ key: 'strange/1', row: below(this.#random, 4) === 0 ? { what: 'ever' } : undefined }),
      ])();
    });
    this.apply(changes, vni);
    if (below(this.#random, 3) === 0) {
      const n = 1 + below(this.#random, 5);
      if (this.placements.has(uidOf(n))) this.unplace(n);
      else this.place(n, n === 5 ? 200 : 100);
    }
  }

  /** Of an interface here, with what the packet looks like in its router. */
  flow(): Readonly<{ direction: 'egress' | 'ingress'; flow: Flow; passes: boolean; isCounted: boolean }> | undefined {
    const own = this.#pick([...this.placements.values()]);
    if (own === undefined) return undefined;
    const { vni, nic } = own;
    const [protocol, port] = this.#pick(WHAT).split('/') as [Flow['protocol'], string?];
    const what = { protocol, ...(port !== undefined && { port: Number(port) }) };
    const direction = this.#pick(['egress', 'ingress'] as const);
    const address = this.#pick(ADDRESSES);
    const family = address.includes(':') ? 'fd00::1' : '10.0.0.1';
    if (direction === 'egress') {
      // Nothing of another network is where an interface of this one is: its route counts.
      const flow = { from: { vni, nic, address: family }, to: { vni, address }, ...what };
      return { direction, flow, ...this.#filtered(vni, { nic, direction, source: family, written: address, ...what }) };
    }
    const from = this.#pick([100, 200, undefined]);
    const written = this.#pick([family, family.includes(':') ? family : '10.9.0.1']);
    const flow = { from: { ...(from !== undefined && { vni: from }), address }, to: { vni, nic, address: written }, ...what };
    const packet = { nic, direction, ...(from !== undefined && { from }), source: address, written, ...what };
    return { direction, flow, ...this.#filtered(vni, packet) };
  }

  #filtered(vni: number, packet: FilteredPacket): Readonly<{ passes: boolean; isCounted: boolean }> {
    const filter = this.filter(vni);
    return { passes: filter.passes(packet), isCounted: filter.isCounted(packet) };
  }
}

describe('Entries of policies, in random histories', () => {
  const outcomes = { passed: 0, dropped: 0, admitted: 0, counted: 0 };
  afterAll(() => {
    if (HISTORIES < 4) return;
    const { counted, ...others } = outcomes;
    expect(counted).toBeGreaterThan(30);
    for (const count of Object.values(others)) expect(count).toBeGreaterThan(100);
  });

  it.each(seeds)('change by change they are what all rows give at once, and each is what its section takes (history %i)', (seed) => {
    const host = new RandomHost(seed);
    const sections = new Map(policyKernel.sections.map((section) => [section.name, section]));
    for (let i = 0; i < 60; i++) {
      host.step();
      expect(textOf(host.drafts())).toEqual(textOf(host.wanted()));
      if (i % 10 > 0) continue;
      for (const entry of host.entries()) {
        expect(entryProblem(entry, sections.get(entry.section))).toBeUndefined();
        expect(overlapping(entry, sections.get(entry.section), host.entries())).toBeUndefined();
      }
    }
    expect(host.compiler.faults).toEqual([]);
    expect(host.compiler.auditSlice(1_000).findings).toEqual([]);
  });

  it.each(seeds)(
    'they let pass what the verdict of policies lets pass, and count what it says that staged ones would refuse (history %i)',
    (seed) => {
      const host = new RandomHost(seed);
      for (let i = 0; i < 60; i++) {
        host.step();
        const judge = createPolicyJudge(new Map([...host.tables].map(([vni, rows]) => [`policies.${vni}`, rows])));
        for (let k = 0; k < 20; k++) {
          const found = host.flow();
          if (found === undefined) continue;
          const verdict = judge.judge(found.flow);
          if (!('egress' in verdict)) throw new Error('these flows are judged');
          const end = verdict[found.direction];
          expect({ ...found, passes: end.passes, isCounted: end.staged !== undefined }).toEqual(found);
          outcomes[found.passes ? 'passed' : 'dropped']++;
          if (end.reason === 'Admitted') outcomes.admitted++;
          if (found.isCounted) outcomes.counted++;
        }
      }
    },
  );
});
