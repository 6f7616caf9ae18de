/**
 * Random histories of balancers, routings, VirtualIPs and what they rest on, with all loops, lag and duplicates: after each append the rows are those of a full
 * join, and no public address leads to two (provider Appendix A.1, A.5). A projection that begins half way, and a fold from zero, give the same.
 */
import { type Change, createFold, type Fold, type JsonObject, type ObjectKey, type Registry } from '@weft/api';
import { World, WorldAgent } from '@weft/testing';
import fc from 'fast-check';
import { RowProjection } from '../rows/row-projection.ts';
import { virtualIps } from '../virtual-ips/virtual-ips.projection.ts';
import { balancingTables } from './balancing.oracle.ts';
import { balancing } from './balancing.projection.ts';

const NETWORKING = 'networking.ironcore.dev/v1alpha1';
const FAMILIES = [['IPv4'], ['IPv6'], ['IPv4', 'IPv6']];
const key = (kind: string, name: string): ObjectKey => ({ kind, namespace: 'ns', name });

/** Rows as a host mirrors them. */
class Mirror {
  readonly tables = new Map<string, Map<string, JsonObject>>();
  readonly #projections: readonly RowProjection[];

  constructor(registry: Registry, fold: Fold) {
    this.#projections = [balancing, virtualIps].map((rows) => new RowProjection(rows, registry, fold));
    for (const projection of this.#projections) this.#take(projection.settle());
  }

  readonly onChange = (change: Change): void => {
    for (const projection of this.#projections) this.#take(projection.onChange(change));
  };

  #take(changes: ReturnType<RowProjection['settle']>): void {
    for (const { table, changes: rows } of changes) {
      const present = this.tables.get(table) ?? new Map<string, JsonObject>();
      this.tables.set(table, present);
      for (const { key: row, row: value } of rows) {
        if (value === undefined) present.delete(row);
        else present.set(row, value);
      }
      if (present.size === 0) this.tables.delete(table);
    }
  }
}

function text(tables: ReadonlyMap<string, ReadonlyMap<string, unknown>>): readonly string[] {
  return [...tables].flatMap(([table, rows]) => [...rows].map(([row, value]) => `${table} ${row} ${JSON.stringify(value)}`)).sort();
}

/** Public addresses and what they lead to. */
function publicAddresses({ tables }: Mirror): readonly string[] {
  const balancers = [...(tables.get('balancers.1')?.values() ?? [])].flatMap(({ ips }) => ips as string[]);
  return [...balancers, ...[...(tables.get('virtual-ips.1')?.values() ?? [])].map(({ ip }) => ip as string)];
}

class History {
  readonly world: World;
  readonly mirror: Mirror;
  readonly agents: readonly WorldAgent[];
  late: Mirror | undefined;
  readonly kinds = new Set<string>();

  constructor(seed: number) {
    this.world = new World({ seed, lag: 0.2, duplicates: 0.2, conflicts: 0.1 });
    this.mirror = new Mirror(this.world.registry, this.world.fold);
    this.world.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'ns' } });
    this.world.create(object('AddressPool', 'public', { prefixes: ['203.0.113.0/30', '2001:db8::/126'] }, 'fabric.weft.dev/v1alpha1'));
    this.agents = ['a', 'b'].map((name, i) => new WorldAgent(this.world, name, `192.0.2.${i + 1}`));
    for (const agent of this.agents) agent.register();
    for (const name of ['net', 'other']) this.world.create(object('Network', name, {}));
    this.world.watch((change) => {
      this.mirror.onChange(change);
      this.late?.onChange(change);
      this.check();
    });
  }

  check(): void {
    const { world, mirror } = this;
    expect(text(mirror.tables)).toEqual(text(balancingTables(world.fold.all(), world.appends)));
    const addresses = publicAddresses(mirror);
    expect(addresses).toEqual([...new Set(addresses)]);
    for (const table of mirror.tables.keys()) this.kinds.add(table.replace(/\.\d\d+$/, '.…'));
  }

  /** At rest a balancer shows the addresses that its rows have, and targets are those that its routing shows. */
  rest(): void {
    for (const agent of this.agents) agent.report();
    for (const { object: balancer } of this.world.fold.list('LoadBalancer')) {
      const row = [...this.mirror.tables].find(([table, rows]) => /^balancers\.\d\d+$/.test(table) && rows.has(balancer.metadata.uid));
      const { name } = (balancer.spec?.['networkRef'] ?? {}) as { name?: string };
      const vni = this.world.get(key('Network', name ?? ''))?.facts['vni'];
      if (vni === undefined) expect(row).toBeUndefined();
      else expect(row?.[1].get(balancer.metadata.uid)?.['ips'] ?? []).toEqual(balancer.status?.['ips'] ?? []);
    }
    expect(this.world.refusals).toEqual([]);
  }
}

function object(kind: string, name: string, spec: JsonObject, apiVersion = NETWORKING): JsonObject {
  return { apiVersion, kind, metadata: { name, ...(kind !== 'AddressPool' && { namespace: 'ns' }) }, spec };
}

type Step = (history: History) => unknown;

const network = fc.constantFrom('net', 'other');
const nic = fc.constantFrom('n1', 'n2', 'n3', 'n4');
const lb = fc.constantFrom('web', 'db');
const vip = fc.constantFrom('v4', 'v6');
const families = fc.constantFrom(...FAMILIES);
const selector = fc.constantFrom<JsonObject | null>({}, { matchLabels: { app: 'web' } }, null);
const ips = fc.subarray(['10.0.0.1', '10.0.0.2', 'fd00::1', 'fd00::2'], { minLength: 1, maxLength: 2 }).filter(isOfEachFamily);
const ports = fc.subarray([{ port: 80 }, { protocol: 'UDP', port: 8_000, endPort: 8_010 }, { protocol: 'SCTP', port: 1 }]);

function isOfEachFamily(list: readonly string[]): boolean {
  return new Set(list.map((ip) => ip.includes(':'))).size === list.length;
}

/** `web` and `db` may have one address and one ephemeral one, of a Prefix that the test makes. */
const sources = fc.constantFrom<JsonObject[]>(
  [{ value: '10.0.9.1' }],
  [{ value: '10.0.9.1' }, { ephemeral: { prefixTemplate: { spec: { ipFamily: 'IPv6', prefix: 'fd00:9::1/128' } } } }],
);

const patchOf =
  (kind: string, name: string, spec: JsonObject): Step =>
  ({ world }) =>
    world.patch(key(kind, name), { spec });
const endOf =
  (kind: string, name: string): Step =>
  ({ world }) =>
    world.delete(key(kind, name));

/** Half of the commands are sent while loops have not run yet. */
const unsettled =
  (kind: string, name: string, patch: JsonObject): Step =>
  ({ world }) =>
    world.send({ verb: 'patch', key: key(kind, name), patchType: 'merge', patch });

const steps: readonly fc.Arbitrary<Step>[] = [
  network.map(
    (name) =>
      ({ world }) =>
        world.create(object('Network', name, {})),
  ),
  fc.tuple(nic, network, ips).map(
    ([name, of, list]) =>
      ({ world }) =>
        world.create(object('NetworkInterface', name, { networkRef: { name: of }, ips: list.map((value) => ({ value })) })),
  ),
  fc.tuple(nic, fc.constantFrom('a', 'b')).map(([name, host]) => ({ world }) => {
    const networkInterfaces = [{ name: 'one', networkInterfaceRef: { name } }];
    return world.create(
      object('Machine', `m-${name}`, { machinePoolRef: { name: host }, networkInterfaces }, 'compute.ironcore.dev/v1alpha1'),
    );
  }),
  fc.constant((history: History) => history.rest()),
  fc.tuple(nic, fc.constantFrom('web', 'db', null)).map(
    ([name, app]) =>
      ({ world }) =>
        world.patch(key('NetworkInterface', name), { metadata: { labels: { app } } }),
  ),
  fc.tuple(nic, ips).map(([name, list]) => patchOf('NetworkInterface', name, { ips: list.map((value) => ({ value })) })),
  fc
    .tuple(nic, fc.option(vip))
    .map(([name, of]) => unsettled('NetworkInterface', name, { spec: { virtualIP: of === null ? null : { virtualIPRef: { name: of } } } })),
  fc.tuple(nic, fc.constantFrom('a', 'b')).map(([name, host]) => patchOf('Machine', `m-${name}`, { machinePoolRef: { name: host } })),
  fc.tuple(lb, network, families, selector, ports).map(
    ([name, of, ipFamilies, networkInterfaceSelector, some]) =>
      ({ world }) =>
        world.create(
          object('LoadBalancer', name, {
            type: 'Public',
            ipFamilies,
            networkRef: { name: of },
            ports: some,
            ...(networkInterfaceSelector !== null && { networkInterfaceSelector }),
          }),
        ),
  ),
  fc.tuple(lb, families).map(([name, ipFamilies]) => unsettled('LoadBalancer', name, { spec: { ipFamilies } })),
  fc
    .tuple(lb, families)
    .map(([name, ipFamilies]) => unsettled('LoadBalancer', name, { spec: { type: 'Public', ipFamilies, virtualIPs: null } })),
  fc.tuple(lb, sources).map(([name, list]) =>
    unsettled('LoadBalancer', name, {
      spec: { type: 'Internal', ips: list, ipFamilies: ['IPv4', 'IPv6'].slice(0, list.length), virtualIPs: null },
    }),
  ),
  fc
    .tuple(lb, vip)
    .map(([name, of]) =>
      unsettled('LoadBalancer', name, { spec: { type: 'Public', ipFamilies: ['IPv4'], virtualIPs: [{ virtualIPRef: { name: of } }] } }),
    ),
  fc.tuple(lb, selector).map(([name, networkInterfaceSelector]) => patchOf('LoadBalancer', name, { networkInterfaceSelector })),
  fc.tuple(lb, ports).map(([name, some]) => patchOf('LoadBalancer', name, { ports: some })),
  fc.tuple(lb, fc.constantFrom('tcp:80', 'icmp,rise=1,fall=1', null)).map(
    ([name, check]) =>
      ({ world }) =>
        world.patch(key('LoadBalancer', name), { metadata: { annotations: { 'fabric.weft.dev/health-check': check } } }),
  ),
  fc.tuple(lb, nic, fc.boolean()).map(([name, target, healthy]) => ({ world }) => {
    const uidOf = (kind: string, of: string) => world.object(key(kind, of))?.metadata.uid ?? 'nobody';
    const payload = { balancer: uidOf('LoadBalancer', name), targets: [{ uid: uidOf('NetworkInterface', target), healthy }] };
    return world.act(key('LoadBalancerRouting', name), 'ReportHealth', payload);
  }),
  lb.map((name) => ({ world }: History) => {
    const uid = world.object(key('LoadBalancer', name))?.metadata.uid ?? 'nobody';
    const owner = { apiVersion: NETWORKING, kind: 'LoadBalancer', name, uid, controller: true };
    const made = object('Prefix', `${name}-1`, { prefix: 'fd00:9::1/128' }, 'ipam.ironcore.dev/v1alpha1');
    return world.create({ ...made, metadata: { ...(made['metadata'] as JsonObject), ownerReferences: [owner] } });
  }),
  vip.map(
    (name) =>
      ({ world }) =>
        world.create(object('VirtualIP', name, { type: 'Public', ipFamily: name === 'v4' ? 'IPv4' : 'IPv6' })),
  ),
  fc
    .tuple(lb, network, fc.constantFrom('uid', 'name', 'former', 'none'), fc.constantFrom('bare', 'named', 'wrong', 'short'), nic, ips)
    .map(([name, of, how, form, target, list]) => ({ world }) => {
      const uid = how === 'former' ? 'former' : (world.object(key('Network', of))?.metadata.uid ?? '');
      const networkRef = how === 'none' ? {} : { networkRef: { name: of, ...(how !== 'name' && { uid }) } };
      const targetUid = form === 'wrong' ? 'nobody' : (world.object(key('NetworkInterface', target))?.metadata.uid ?? 'nobody');
      const destinations =
        form === 'short'
          ? [{ name: target }]
          : list.map((ip) => ({ ip, ...(form !== 'bare' && { targetRef: { name: target, uid: targetUid } }) }));
      const fields = { ...networkRef, destinations };
      const there = world.object(key('LoadBalancerRouting', name)) !== undefined;
      const metadata = { namespace: 'ns', name };
      return there
        ? world.patch(key('LoadBalancerRouting', name), fields)
        : world.create({ apiVersion: NETWORKING, kind: 'LoadBalancerRouting', metadata, ...fields });
    }),
];

/** Taken seldom, so that there is something to end. */
const ends: readonly fc.Arbitrary<Step>[] = [
  nic.map((name) => endOf('Machine', `m-${name}`)),
  nic.map((name) => endOf('NetworkInterface', name)),
  network.map((name) => endOf('Network', name)),
  lb.map((name) => endOf('LoadBalancer', name)),
  lb.map((name) => endOf('Prefix', `${name}-1`)),
  vip.map((name) => endOf('VirtualIP', name)),
  lb.map((name) => endOf('LoadBalancerRouting', name)),
];
const step = fc.oneof({ weight: 6, arbitrary: fc.oneof(...steps) }, { weight: 1, arbitrary: fc.oneof(...ends) });

const TABLES = ['balancers.1', 'balancers.…', 'targets.1', 'targets.…', 'virtual-ips.1', 'virtual-ips.…'];

describe('Rows of balancers and VirtualIPs', () => {
  it('provider Appendix A.1, A.5: equal those of a full join after each append of random histories, and no public address leads to two', () => {
    const kinds = new Set<string>();
    const property = fc.property(fc.nat(), fc.array(step, { minLength: 60, maxLength: 100, size: 'max' }), (seed, taken) => {
      const history = new History(seed);
      taken.forEach((take, i) => {
        take(history);
        if (i === taken.length >> 1) history.late = new Mirror(history.world.registry, history.world.fold);
      });
      history.world.settle();
      history.rest();
      const { world, mirror, late } = history;
      expect(text(late?.tables ?? new Map())).toEqual(text(mirror.tables));
      const fold = createFold(world.registry);
      const again = new Mirror(world.registry, fold);
      for (const append of world.appends) again.onChange(fold.apply(append));
      expect(text(again.tables)).toEqual(text(mirror.tables));
      for (const kind of history.kinds) kinds.add(kind);
    });
    fc.assert(property, { numRuns: 20 });
    // Chance decides which tables a history has: there are more of them until each has come about.
    for (let round = 0; kinds.size < TABLES.length && round < 30; round++) fc.assert(property, { numRuns: 5 });
    expect([...kinds].sort()).toEqual(TABLES);
  });
});
