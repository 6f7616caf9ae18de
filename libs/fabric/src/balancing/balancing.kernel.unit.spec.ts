/** Entries of balancers, held to what rules do with them: the same targets as the model, after each change and when all rows come at once. */
import { familyOfIp } from '@weft/api';
import { below, randomOf } from '@weft/testing';
import { compile } from '../compile/compile.ts';
import { Compiler, type KernelChange } from '../compile/compiler.ts';
import { entryProblem } from '../kernel/entry-rules.ts';
import { sectionsOf } from '../kernel/feature.ts';
import type { EntryObject, KernelState } from '../kernel/kernel-objects.ts';
import type { BalancerRow, PeeringRow, PlacementRow, Row, TableName, TargetRow } from '../rows/rows.ts';
import { backendsOf } from './backends.ts';
import { balancingKernel } from './balancing.kernel.ts';
import { bucketOf, type Flow, L4_PROTOCOLS, targetOf } from './bucket-of-flow.ts';
import { FEW_BUCKETS, GROUP_BITS } from './bucket-table.ts';

const identity = { host: 'a', index: 1, underlay: 'fd00::1' };
const features = [balancingKernel];
let position = 100;
const behind = () => ({ position: String(++position), because: ['e'] });
const placed = (nic: string, vni: number): PlacementRow => ({
  ...{
    nic,
    namespace: 'default',
    name: nic,
    network: 'net',
    vni,
    mac: '02:00:00:00:00:01',
    ips: ['10.0.0.250'],
    placedAt: '5',
    heldAt: '6',
  },
  ...behind(),
});
const balancer = (uid: string, vni: number, more: Partial<BalancerRow> = {}): BalancerRow => ({
  ...{ balancer: uid, namespace: 'default', name: uid, vni, number: 7, scheme: 'Internal', ips: ['10.0.0.80'], ports: [], ...more },
  ...behind(),
});
const target = (of: string, name: string, ...ips: string[]): TargetRow => ({ balancer: of, target: `uid-${name}`, name, ips, ...behind() });
const peering = (vni: number, prefixes?: string[]): PeeringRow => ({
  vni,
  network: `default/n${vni}`,
  ...(prefixes && { prefixes }),
  ...behind(),
});

/** The rows of a host, and what the compiler makes of each change. */
class Host {
  readonly compiler = new Compiler(identity, undefined, features);
  readonly rows = new Map<TableName, Map<string, Row>>();

  put(table: TableName, key: string, row: Row | undefined): KernelChange {
    const rows = this.rows.get(table) ?? new Map<string, Row>();
    this.rows.set(table, rows);
    if (row === undefined) rows.delete(key);
    else rows.set(key, row);
    return this.compiler.applyRows(table, [{ key, row: row as never }]);
  }

  router(vni: number): this {
    this.put('placements.a', `nic-${vni}`, placed(`nic-${vni}`, vni));
    return this;
  }

  balancer(row: BalancerRow): KernelChange {
    return this.put(`balancers.${row.vni}`, row.balancer, row);
  }

  target(vni: number, row: TargetRow): KernelChange {
    return this.put(`targets.${vni}`, `${row.balancer}/${row.target}`, row);
  }

  full(): KernelState {
    const { 'placements.a': placements, ...others } = Object.fromEntries(this.rows) as Record<string, Map<string, Row>>;
    const tables = new Map(Object.entries(others)) as unknown as Map<TableName, Map<string, Row>>;
    const rows = { hosts: new Map(), placements: placements as Map<string, PlacementRow>, endpoints: new Map(), others: tables };
    return compile(identity, rows, () => false, features);
  }

  entries(vni: number, section: string): Readonly<Record<string, string>> {
    return entriesOf(this.compiler.state, vni, section);
  }
}

function entriesOf(state: KernelState, vni: number, section: string): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const object of state.values())
    if (object.kind === 'entry' && object.scope === `r${vni}` && object.section === section) found[object.key] = object.value;
  return found;
}

const isSame = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);
const objects = (state: KernelState) => Object.fromEntries([...state].filter(([, { kind }]) => kind === 'entry'));

/** What the rules of the router make of a packet: its new destination and the number in `ct mark`; `dropped`; or nothing. */
function ruled(state: KernelState, vni: number, flow: Flow): string | undefined {
  const family = familyOfIp(flow.dst).slice(-1);
  const at = (section: string, key: string) => (state.get(`entry/r${vni}/${section}${family}/${key}`) as EntryObject | undefined)?.value;
  if (at('lb_address', flow.dst) === undefined) return undefined;
  for (const [key, number] of Object.entries(entriesOf(state, vni, `lb_service${family}`))) {
    const [ip, protocol, ports = ''] = key.split(' . ');
    const [first, last = first] = ports.split('-').map(Number);
    const isIt =
      ip === flow.dst && protocol === flow.protocol.toLowerCase() && (first as number) <= flow.dstPort && flow.dstPort <= (last as number);
    const bucket = at('lb_few', flow.dst) === undefined ? bucketOf(flow) : bucketOf(flow) >> GROUP_BITS;
    const chosen = isIt ? at('lb_target', `${flow.dst} . ${bucket}`) : undefined;
    if (chosen !== undefined) return `${chosen} #${number}`;
  }
  return 'dropped';
}

const flow = (more: Partial<Flow> = {}): Flow => ({
  protocol: 'TCP',
  src: '10.0.0.1',
  srcPort: 40_000,
  dst: '10.0.0.80',
  dstPort: 80,
  ...more,
});

describe('Balancers in the kernel', () => {
  it('packet P-61 to P-63: what is let through goes to a target, ranges whole; everything else to an address of a balancer is dropped', () => {
    const host = new Host().router(200);
    host.balancer(
      balancer('lb', 200, {
        ports: [
          { protocol: 'TCP', first: 8_000, last: 8_010 },
          { protocol: 'UDP', first: 53, last: 53 },
        ],
      }),
    );
    const { state } = host.compiler;
    expect(ruled(state, 200, flow({ dstPort: 8_000 }))).toBe('dropped');
    host.target(200, target('lb', 't', '10.0.0.2', 'fd00::2'));
    for (const [dstPort, result] of [
      [7_999, 'dropped'],
      [8_000, '10.0.0.2 #7'],
      [8_010, '10.0.0.2 #7'],
      [8_011, 'dropped'],
    ] as const)
      expect([dstPort, ruled(state, 200, flow({ dstPort }))]).toEqual([dstPort, result]);
    expect(ruled(state, 200, flow({ protocol: 'UDP', dstPort: 53 }))).toBe('10.0.0.2 #7');
    expect(ruled(state, 200, flow({ protocol: 'SCTP', dstPort: 53 }))).toBe('dropped');
    expect(ruled(state, 200, flow({ dst: '10.0.0.81' }))).toBeUndefined();
  });

  it('without ports everything of TCP, UDP and SCTP is let through', () => {
    const host = new Host().router(200);
    host.balancer(balancer('lb', 200, { ips: ['10.0.0.80', 'fd00::80'] }));
    host.target(200, target('lb', 't', '10.0.0.2', 'fd00::2'));
    for (const protocol of Object.keys(L4_PROTOCOLS) as Flow['protocol'][]) {
      expect(ruled(host.compiler.state, 200, flow({ protocol, dstPort: 65_535 }))).toBe('10.0.0.2 #7');
      expect(ruled(host.compiler.state, 200, flow({ protocol, src: 'fd00::1', dst: 'fd00::80' }))).toBe('fd00::2 #7');
    }
  });

  it('ports that touch or overlap become one range, since those of a kernel’s set must not overlap', () => {
    const host = new Host().router(200);
    const tcp = (first: number, last: number) => ({ protocol: 'TCP', first, last });
    host.balancer(balancer('lb', 200, { ports: [tcp(90, 95), tcp(80, 89), tcp(92, 99), { protocol: 'UDP', first: 80, last: 80 }] }));
    expect(host.entries(200, 'lb_service4')).toEqual({ '10.0.0.80 . tcp . 80-99': '7', '10.0.0.80 . udp . 80': '7' });
  });

  it('is there for a router here only, and goes with its number', () => {
    const host = new Host();
    host.balancer(balancer('lb', 200));
    host.target(200, target('lb', 't', '10.0.0.2'));
    expect(host.compiler.state.size).toBe(0);
    host.router(200);
    expect(Object.keys(host.entries(200, 'lb_target4'))).toHaveLength(FEW_BUCKETS);
    const { put, remove } = host.put('balancers.200', 'lb', undefined);
    expect([put.length, remove.length]).toEqual([0, FEW_BUCKETS + 5]);
    expect(Object.keys(objects(host.compiler.state))).toEqual(['entry/r200/lb_self4/10.0.0.2 . 10.0.0.2']);
  });

  it('has no targets that are their own on the public side of an edge', () => {
    const host = new Host();
    host.put('hosts', 'a', { ...identity, ...behind() });
    host.put('edges', 'a', { host: 'a', ...behind() });
    host.target(1, { ...target('lb', 't', '10.0.0.2'), vni: 200, nic: 'uid-t', host: 'a' } as TargetRow);
    expect([...host.compiler.state.keys()]).toEqual(['router/1']);
  });

  it('packet P-71: given one target less, then only its buckets and at most 2 % of the others are written; given one that changes nothing here, none is', () => {
    const host = new Host().router(200);
    host.balancer(balancer('lb', 200));
    for (let i = 1; i <= 10; i++) host.target(200, target('lb', `t${i}`, `10.0.1.${i}`));
    const before = host.entries(200, 'lb_target4');
    const { put, remove } = host.put('targets.200', 'lb/uid-t3', undefined);
    const own = Object.values(before).filter((ip) => ip === '10.0.1.3').length;
    const buckets = put.filter((object) => object.kind === 'entry' && object.section === 'lb_target4').length;
    expect(buckets).toBeGreaterThanOrEqual(own);
    expect(buckets - own).toBeLessThan(0.02 * FEW_BUCKETS);
    expect(remove.map((object) => object.kind === 'entry' && object.section)).toEqual(['lb_self4']);
    // The same again at a later position, and one of another family.
    const again = host.target(200, target('lb', 't4', '10.0.1.4')).put;
    expect(again.map((object) => object.kind === 'entry' && object.section)).toEqual(['lb_few4', 'lb_self4']);
    expect(host.target(200, target('lb', 'six', 'fd00::6')).put.map((object) => object.kind === 'entry' && object.section)).toEqual([
      'lb_few4',
      'lb_self6',
    ]);
  });

  it('provider 3.4, R-26: a peer sees the addresses that are exposed to it, its own first, then that of the longer range, then that of the lower VNI', () => {
    const host = new Host().router(200).router(300);
    host.balancer(balancer('far', 300, { ips: ['10.0.0.80', '10.9.0.1'] }));
    host.target(300, target('far', 't', '10.0.0.30'));
    const sees = (dst = '10.0.0.80') => ruled(host.compiler.state, 200, flow({ dst }));
    expect(sees()).toBeUndefined();
    host.put('peerings.200', '300', peering(300, ['10.0.0.0/24']));
    expect([sees(), sees('10.9.0.1')]).toEqual(['10.0.0.30 #7', undefined]);
    host.balancer(balancer('third', 250, { number: 9 }));
    host.target(250, target('third', 't', '10.0.0.25'));
    host.put('peerings.200', '250', peering(250));
    expect(sees()).toBe('10.0.0.30 #7');
    host.put('peerings.200', '300', peering(300));
    expect(sees()).toBe('10.0.0.25 #9');
    host.put('placements.a', 'same', { ...placed('same', 200), ips: ['10.0.0.80'] });
    expect(sees()).toBeUndefined();
    host.put('placements.a', 'same', undefined);
    host.balancer(balancer('own', 200, { number: 3 }));
    host.target(200, target('own', 't', '10.0.0.20'));
    expect(sees()).toBe('10.0.0.20 #3');
  });

  it('all entries are as their sections want them, and one at a time they are those of the state', () => {
    const host = new Host().router(200);
    host.balancer(balancer('lb', 200, { ips: ['10.0.0.80', 'fd00::80'], ports: [{ protocol: 'TCP', first: 1, last: 65_535 }] }));
    host.target(200, target('lb', 't', '10.0.0.2', 'fd00::2'));
    const sections = sectionsOf(features);
    const all = [...host.compiler.state].filter(([, { kind }]) => kind === 'entry') as [string, EntryObject][];
    expect(all).toHaveLength(2 * FEW_BUCKETS + 8);
    const wrong = all.filter(
      ([key, entry]) => entryProblem(entry, sections.get(entry.section)) ?? !isSame(host.compiler.state.get(key), entry),
    );
    expect(wrong).toEqual([]);
    for (const key of ['10.0.0.80 . 1024', '10.0.0.80 . 01', '10.0.0.81 . 1', '10.0.0.80'])
      expect(host.compiler.state.get(`entry/r200/lb_target4/${key}`)).toBeUndefined();
  });

  it('in random histories the kernel holds what a compiler makes that gets all rows at once, and its rules choose as the model', () => {
    for (let seed = 1; seed <= 6; seed++) {
      const random = randomOf(seed);
      const pick = <T>(list: readonly T[]): T => list[below(random, list.length)] as T;
      const host = new Host().router(200);
      const kernel = new Map<string, string>();
      const applied = ({ put, remove }: KernelChange) => {
        const keyOf = (object: EntryObject) => `${object.scope} ${object.section} ${object.key}`;
        for (const object of put) if (object.kind === 'entry') kernel.set(keyOf(object), object.value);
        for (const object of remove) if (object.kind === 'entry') kernel.delete(keyOf(object));
      };
      for (let step = 0; step < 30; step++) {
        const vni = pick([200, 300]);
        const uid = pick(['x', 'y']);
        const name = pick(['t1', 't2', 't3']);
        const steps: readonly (() => KernelChange)[] = [
          () => host.put('placements.a', `nic-${vni}`, pick([undefined, placed(`nic-${vni}`, vni)])),
          () =>
            host.balancer(
              balancer(`${uid}${vni}`, vni, {
                ips: pick([[], ['10.0.0.80'], [`10.0.0.${vni - 119}`, 'fd00::80']]),
                number: 1 + below(random, 9),
              }),
            ),
          () => host.put(`balancers.${vni}`, `${uid}${vni}`, undefined),
          () =>
            host.target(
              vni,
              target(`${uid}${vni}`, name, ...pick([[`10.0.${vni - 199}.${name.slice(1)}`], ['fd00::2'], ['fd00::3', '10.0.0.3']])),
            ),
          () => host.target(vni, target(`${uid}${vni}`, name, `10.0.${vni - 199}.${name.slice(1)}`)),
          () => host.put(`targets.${vni}`, `${uid}${vni}/uid-${name}`, undefined),
          () => host.put(`peerings.${vni}`, String(500 - vni), pick([undefined, peering(500 - vni), peering(500 - vni, ['10.0.0.80/32'])])),
        ];
        applied(pick(steps)());
      }
      expect(objects(host.compiler.state)).toEqual(objects(host.full()));
      const state = Object.fromEntries(
        [...host.compiler.state.values()].flatMap((each) =>
          each.kind === 'entry' ? [[`${each.scope} ${each.section} ${each.key}`, each.value]] : [],
        ),
      );
      expect(Object.fromEntries(kernel)).toEqual(state);
      // Of own balancers, which win over those of peers.
      for (const vni of [200, 300]) {
        const isHere = [...(host.rows.get('placements.a')?.values() ?? [])].some((row) => (row as PlacementRow).vni === vni);
        const own = [...(host.rows.get(`balancers.${vni}`)?.values() ?? [])] as BalancerRow[];
        const targets = [...(host.rows.get(`targets.${vni}`)?.values() ?? [])] as TargetRow[];
        for (const dst of isHere ? new Set(own.flatMap(({ ips }) => ips)) : []) {
          const [first] = own.filter(({ ips }) => ips.includes(dst)).sort((a, b) => (a.balancer < b.balancer ? -1 : 1));
          const family = familyOfIp(dst);
          const backends = backendsOf(
            targets.filter((each) => each.balancer === first?.balancer),
            family,
          );
          for (let srcPort = 1_000; srcPort < 1_010; srcPort++) {
            const sent = flow({ dst, srcPort, src: family === 'IPv4' ? '10.0.0.1' : 'fd00::1' });
            const wanted =
              backends === undefined ? 'dropped' : `${backends.addressOf.get(targetOf(backends.table, sent))} #${first?.number}`;
            expect([seed, ruled(host.compiler.state, vni, sent)]).toEqual([seed, wanted]);
          }
        }
      }
    }
  });
});
