/** Public balancers in the kernel: entries of all hosts, held to what their rules do with them, beside the model. */
import { familyOfIp } from '@weft/api';
import { compile } from '../compile/compile.ts';

import { BY_MARK, HERE_MARK } from '../edges/public-side.ts';
import { FEATURES } from '../features.ts';
import { entryProblem } from '../kernel/entry-rules.ts';
import { sectionsOf } from '../kernel/feature.ts';
import type { EntryObject, HostIdentity, KernelState } from '../kernel/kernel-objects.ts';
import type { BalancerRow, EndpointRow, HostRow, PlacementRow, PublicTargetRow, Row, TableName, TargetRow } from '../rows/rows.ts';
import { backendsOf } from './backends.ts';
import { bucketOf, type Flow, targetOf } from './bucket-of-flow.ts';
import { FEW_BUCKETS, GROUP_BITS } from './bucket-table.ts';

const VNI = 200;
const [V4, V6] = ['203.0.113.5', '2001:db8::5'];
let position = 100;
const behind = () => ({ position: String(++position), because: ['e'] });

/** Hosts 1 to 4, of which 1 has an uplink; a balancer, and interfaces. */
class Site {
  readonly tables = new Map<TableName, Map<string, Row>>();
  readonly placements = new Map<number, Map<string, PlacementRow>>();
  readonly endpoints = new Map<string, EndpointRow>();
  readonly hosts = new Map<string, HostRow>();
  readonly #states = new Map<number, KernelState>();

  constructor() {
    for (const index of [1, 2, 3, 4]) {
      this.hosts.set(`h${index}`, { host: `h${index}`, index, underlay: `fd00::${index}`, ...behind() });
      this.placements.set(index, new Map());
    }
    this.put('edges', 'h1', { host: 'h1', ...behind() });
  }

  put(table: TableName, key: string, row: Row | undefined): this {
    this.#states.clear();
    const rows = this.tables.get(table) ?? new Map<string, Row>();
    this.tables.set(table, rows);
    if (row === undefined) rows.delete(key);
    else rows.set(key, row);
    return this;
  }

  balancer(more: Partial<BalancerRow> = {}): this {
    const row: BalancerRow = {
      ...{ balancer: 'lb', namespace: 'default', name: 'web', vni: VNI, number: 7, scheme: 'Public', ips: [V4, V6], ports: [] },
      ...more,
      ...behind(),
    };
    return this.put(`balancers.${VNI}`, 'lb', row).put('balancers.1', 'lb', row.scheme === 'Public' ? row : undefined);
  }

  /** An interface; `target`: what the balancer knows it by. */
  serve(name: string, host: number, target = `uid-${name}`): this {
    const [nic, n] = [`uid-${name}`, name.slice(1)];
    const common = { nic, mac: `02:00:00:00:00:0${n}`, ips: [`10.0.0.${n}`, `fd10::${n}`] };
    const where = { namespace: 'default', name, network: 'net', vni: VNI, placedAt: '5', heldAt: '6' };
    this.placements.get(host)?.set(nic, { ...common, ...where, ...behind() });
    this.endpoints.set(nic, { ...common, host: `h${host}`, ...behind() });
    const ips = target === nic ? common.ips : [target];
    this.put(`targets.${VNI}`, `lb/${target}`, { balancer: 'lb', target, name, ips, ...behind() });
    return this.put('targets.1', `lb/${target}`, {
      ...{ balancer: 'lb', target, name, ips, vni: VNI, nic, host: `h${host}`, mac: common.mac },
      ...behind(),
    });
  }

  leave(name: string): this {
    return this.put(`targets.${VNI}`, `lb/uid-${name}`, undefined).put('targets.1', `lb/uid-${name}`, undefined);
  }

  state(index: number): KernelState {
    const known = this.#states.get(index) ?? this.#compiled(index);
    this.#states.set(index, known);
    return known;
  }

  #compiled(index: number): KernelState {
    const isEdge = this.tables.get('edges')?.has(`h${index}`) === true;
    const others = new Map([...this.tables].filter(([table]) => isEdge || !table.endsWith('.1')));
    const endpoints = new Map([[VNI, this.endpoints]]);
    return compile(
      identityOf(index),
      { hosts: this.hosts, placements: this.placements.get(index) ?? new Map(), endpoints, others },
      () => true,
    );
  }
}

const identityOf = (index: number): HostIdentity => ({ host: `h${index}`, index, underlay: `fd00::${index}` });
const valueIn = (state: KernelState, scope: string, section: string, key: string) =>
  (state.get(`entry/${scope}/${section}/${key}`) as EntryObject | undefined)?.value;
const entriesIn = (state: KernelState, section: string): readonly EntryObject[] =>
  [...state.values()].filter((object): object is EntryObject => object.kind === 'entry' && object.section === section);

/** From an edge to the address of a target, as the rules lead a packet of a flow that nobody knows. */
function way(site: Site, flow: Flow): string {
  const family = familyOfIp(flow.dst).slice(-1);
  const bucketAt = (state: KernelState, scope: string, few: string) =>
    valueIn(state, scope, `${few}${family}`, flow.dst) === undefined ? bucketOf(flow) : bucketOf(flow) >> GROUP_BITS;
  const edge = site.state(1);
  const mark = valueIn(edge, 'r1', `lb_host${family}`, `${flow.dst} . ${bucketAt(edge, 'r1', 'lb_public_few')}`);
  if (mark === undefined || valueIn(edge, 'r1', `lb_live${family}`, `${flow.dst} . ${mark}`) === undefined) return 'dropped';
  const host = mark === String(HERE_MARK) ? 1 : Number(mark);
  const there = site.state(host);
  if (valueIn(there, 'r1', 'here_routes', flow.dst)?.endsWith(` q${VNI}`) !== true) return `no way at h${host}`;
  return `h${host} ${valueIn(there, `r${VNI}`, `lb_near${family}`, `${flow.dst} . ${bucketAt(there, `r${VNI}`, 'lb_few')}`)}`;
}

const flows = (dst: string): readonly Flow[] =>
  Array.from({ length: 12 }, (_, i) => ({
    protocol: 'TCP',
    src: dst.includes(':') ? '2001:db8:9::1' : '198.51.100.9',
    srcPort: 40_000 + i,
    dst,
    dstPort: 80,
  }));

/** What the model says of a flow: the target's host and address. */
function chosen(site: Site, flow: Flow): string {
  const targets = [...(site.tables.get(`targets.${VNI}`)?.values() ?? [])] as TargetRow[];
  const backends = backendsOf(targets, familyOfIp(flow.dst));
  if (backends === undefined) return 'dropped';
  const target = targetOf(backends.table, flow);
  const host = (site.tables.get('targets.1')?.get(`lb/${target}`) as PublicTargetRow | undefined)?.host;
  return `${host} ${backends.addressOf.get(target)}`;
}

describe('Public balancers in the kernel', () => {
  it('packet P-55, P-56, P-58, P-59, P-64: give each flow to the host of the target that the model chooses, and that host to the target', () => {
    const site = new Site().balancer();
    for (const dst of [V4, V6]) for (const flow of flows(dst)) expect(way(site, flow)).toBe('dropped');
    for (const [name, host] of [
      ['t1', 1],
      ['t2', 2],
      ['t3', 2],
      ['t4', 3],
    ] as const)
      site.serve(name, host);
    const seen = new Set<string>();
    for (const dst of [V4, V6])
      for (const flow of flows(dst)) {
        expect([flow.srcPort, way(site, flow)]).toEqual([flow.srcPort, chosen(site, flow)]);
        seen.add(way(site, flow));
      }
    expect(seen.size).toBe(8);
  });

  it('leave no packet without a target at a host that has one, whatever bucket it comes by', () => {
    const site = new Site().balancer().serve('t1', 1).serve('t2', 2).serve('t3', 2);
    const [near, spare] = ['lb_near4', 'lb_spare4'].map((section) => entriesIn(site.state(2), section).map(({ value }) => value));
    expect(near?.length).toBeLessThan(0.75 * FEW_BUCKETS);
    expect(spare).toHaveLength(61);
    for (const values of [near, spare]) {
      for (const ip of ['10.0.0.2', '10.0.0.3'])
        expect(values?.filter((each) => each === ip).length).toBeGreaterThan(0.4 * (values?.length ?? 0));
      expect(new Set(values).size).toBe(2);
    }
  });

  it('are known to hosts with an uplink and to those of targets only, and there as far as they need', () => {
    const site = new Site().balancer({ ports: [{ protocol: 'TCP', first: 80, last: 90 }] }).serve('t1', 2);
    const scopes = (index: number) =>
      Object.fromEntries(
        ['lb_public4', 'lb_open4', 'lb_live4', 'here_routes', 'lb_near4'].map((section) => [
          section,
          entriesIn(site.state(index), section).length,
        ]),
      );
    expect(scopes(1)).toEqual({ lb_public4: 1, lb_open4: 1, lb_live4: 1, here_routes: 0, lb_near4: 0 });
    expect(scopes(2)).toEqual({ lb_public4: 0, lb_open4: 0, lb_live4: 0, here_routes: 2, lb_near4: FEW_BUCKETS });
    expect(scopes(3)).toEqual({ lb_public4: 0, lb_open4: 0, lb_live4: 0, here_routes: 0, lb_near4: 0 });
    expect(valueIn(site.state(1), 'r1', 'routes', V4)).toBe(BY_MARK);
    expect(valueIn(site.state(2), 'r1', 'routes', V4)).toBeUndefined();
    // While its interface is there, flows of a target that left find the way.
    site.leave('t1');
    expect(scopes(2)).toMatchObject({ here_routes: 2, lb_near4: 0 });
    expect(valueIn(site.state(2), `r${VNI}`, 'wires', '1')).toBe('');
    site.balancer({ scheme: 'Internal' });
    for (const index of [1, 2]) expect(Object.values(scopes(index))).toEqual([0, 0, 0, 0, 0]);
  });

  it('know a target by its interface, or by the address that somebody wrote', () => {
    const site = new Site().balancer({ ips: [V4] }).serve('t1', 3, '10.0.0.1');
    for (const flow of flows(V4)) expect(way(site, flow)).toBe('h3 10.0.0.1');
  });

  it('send nothing to a host that has no number, and to others what is theirs', () => {
    const site = new Site()
      .balancer({ ips: [V4] })
      .serve('t1', 2)
      .serve('t2', 3);
    site.hosts.delete('h3');
    const found = flows(V4).map((flow) => [chosen(site, flow), way(site, flow)] as const);
    expect(new Set(found.map(([model]) => model)).size).toBe(2);
    for (const [model, real] of found) expect(real).toBe(model.startsWith('h3') ? 'dropped' : model);
  });

  it('packet P-71: given one target less, move its buckets and at most 2 % of the others; entries are as sections want them', () => {
    const site = new Site().balancer({ ips: [V4] });
    for (const [name, host] of [
      ['t1', 1],
      ['t2', 2],
      ['t3', 3],
      ['t4', 4],
    ] as const)
      site.serve(name, host);
    const hostsOf = () => entriesIn(site.state(1), 'lb_host4').map(({ value }) => value);
    const before = hostsOf();
    site.leave('t3');
    const after = hostsOf();
    const moved = before.filter((mark, i) => mark !== '3' && mark !== after[i]).length;
    expect(moved).toBeLessThan(0.02 * FEW_BUCKETS);
    expect(after).not.toContain('3');
    const sections = sectionsOf(FEATURES);
    for (const index of [1, 2]) {
      const entries = [...site.state(index).values()].filter((each): each is EntryObject => each.kind === 'entry');
      expect(entries.flatMap((entry) => entryProblem(entry, sections.get(entry.section)) ?? [])).toEqual([]);
    }
  });
});
