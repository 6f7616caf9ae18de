/** Rows of peerings and of imports: provider 3.4, R-18, R-26; equal to a full join on random histories with lag and duplicates. */
import { type Folded, type JsonObject, ofKind } from '@weft/api';
import { ipamDomain } from '@weft/ipam';
import { exposedTo, hostKey, machineKey, Network, networkDomain, networkKey, nicKey, peerText } from '@weft/network';
import { below, randomOf, World, WorldAgent, WorldFabric, type WorldOptions } from '@weft/testing';
import { peeringTables } from './peering.oracle.ts';

const NETWORKING = 'networking.ironcore.dev/v1alpha1';
type Prefixes = readonly JsonObject[];

class Site {
  readonly world: World;
  readonly fabric: WorldFabric;
  readonly agents: Readonly<Record<string, WorldAgent>>;

  constructor(options: WorldOptions = {}, hosts: readonly string[] = []) {
    this.world = new World({ domains: [networkDomain, ipamDomain], ...options });
    this.fabric = new WorldFabric(this.world);
    this.world.watch(this.fabric.onChange);
    for (const name of ['ns', 'other']) this.world.create({ kind: 'Namespace', metadata: { name } });
    this.agents = Object.fromEntries(hosts.map((host, i) => [host, new WorldAgent(this.world, host, `192.0.2.${i + 1}`)]));
    for (const agent of Object.values(this.agents)) agent.register();
  }

  /** A network that names these others, each with what it exposes to it. */
  network(name: string, peers: Readonly<Record<string, Prefixes | undefined>> = {}): this {
    const peerings = Object.entries(peers).map(([to, prefixes]) => ({
      name: `to-${to}`,
      networkRef: { name: to },
      ...(prefixes && { prefixes: [...prefixes] }),
    }));
    if (this.world.get(networkKey('ns', name)) !== undefined)
      this.world.patch(networkKey('ns', name), { spec: { peerings: peerings.length === 0 ? null : peerings } });
    else this.world.create({ apiVersion: NETWORKING, kind: 'Network', metadata: { namespace: 'ns', name }, spec: { peerings } });
    return this;
  }

  place(name: string, of: string, ip: string, host: string): this {
    const spec = { networkRef: { name: of }, ipFamilies: ['IPv4'], ips: [{ value: ip }] };
    this.world.create({ apiVersion: NETWORKING, kind: 'NetworkInterface', metadata: { namespace: 'ns', name }, spec });
    const slots = [{ name: 'slot', networkInterfaceRef: { name } }];
    this.world.create({
      apiVersion: 'compute.ironcore.dev/v1alpha1',
      kind: 'Machine',
      metadata: { namespace: 'ns', name },
      spec: { machinePoolRef: { name: host }, networkInterfaces: slots },
    });
    return this;
  }

  vni(name: string): number {
    return this.world.get(networkKey('ns', name))?.facts['vni'] as number;
  }

  /** What the network sees: the name of each other one, and the ranges. */
  seen(name: string): Readonly<Record<string, unknown>> {
    const rows = this.fabric.tables.get(`peerings.${this.vni(name)}`) ?? new Map<string, JsonObject>();
    return Object.fromEntries([...rows.values()].map(({ network, prefixes }) => [network, prefixes ?? 'everything']));
  }

  /** Also in the middle of what loops do. */
  checkAlways(): void {
    this.world.watch(() => this.check());
  }

  check(): void {
    expect(this.fabric.faults).toEqual([]);
    const tables = [...this.fabric.tables].filter(([table]) => /^(peerings|imports)\./.test(table));
    expect(text(new Map(tables))).toBe(text(peeringTables(this.world.fold.all())));
  }
}

const range = (prefix: string): JsonObject => ({ name: prefix.replaceAll(/[./]/g, '-'), prefix });

describe('Rows of peerings', () => {
  it('say what each of two networks that accept each other exposes to the other', () => {
    const site = new Site().network('a', { b: [range('10.0.1.0/24')] }).network('b', { a: undefined });
    expect([site.seen('a'), site.seen('b')]).toEqual([{ 'ns/b': 'everything' }, { 'ns/a': ['10.0.1.0/24'] }]);
    const row = site.fabric.tables.get(`peerings.${site.vni('b')}`)?.get(String(site.vni('a')));
    expect(row).toMatchObject({ vni: site.vni('a'), network: 'ns/a' });
  });

  it('are not there while only one of them agrees, nor when one is made anew', () => {
    const site = new Site().network('a', { b: undefined }).network('b');
    expect([site.seen('a'), site.seen('b')]).toEqual([{}, {}]);
    site.network('b', { a: undefined });
    expect([site.seen('a'), site.seen('b')]).toEqual([{ 'ns/b': 'everything' }, { 'ns/a': 'everything' }]);
    site.network('a', {});
    expect([site.seen('a'), site.seen('b')]).toEqual([{}, {}]);
  });

  it('expose nothing to another network that has the name of the one that was bound', () => {
    const site = new Site().network('a', { b: undefined }).network('b', { a: undefined });
    const seenFrom = (uid: string | undefined) =>
      exposedTo.of(ofKind(Network, site.world.get(networkKey('ns', 'a')) as Folded) as never, peerText('ns/b', `${uid}`));
    expect(seenFrom(site.world.object(networkKey('ns', 'b'))?.metadata.uid)).toMatchObject({ vni: site.vni('a') });
    expect(seenFrom('another')).toBeUndefined();
  });

  it('provider C-29, R-18: expose nothing by a filter that is not resolved, until it is', () => {
    const site = new Site({ externalProvider: true })
      .network('a', { b: [{ name: 'pool', prefixRef: { name: 'pool' } }] })
      .network('b', { a: undefined });
    expect(site.seen('b')).toEqual({ 'ns/a': [] });
    const pool = { kind: 'Prefix', namespace: 'ns', name: 'pool' };
    const spec = { ipFamily: 'IPv4', prefix: '10.0.3.0/24' };
    site.world.create({ apiVersion: 'ipam.ironcore.dev/v1alpha1', kind: 'Prefix', metadata: { namespace: 'ns', name: 'pool' }, spec });
    site.world.send({ verb: 'patch', key: pool, patchType: 'merge', subresource: 'status', patch: { status: { phase: 'Allocated' } } });
    site.world.settle();
    expect(site.seen('b')).toEqual({ 'ns/a': ['10.0.3.0/24'] });
  });

  it('of a hub do not move when it is bound to one more, nor with its interfaces', () => {
    const site = new Site({}, ['host']);
    const spokes = ['s1', 's2', 's3'];
    site.network('hub', Object.fromEntries(spokes.map((name) => [name, undefined])));
    for (const name of spokes.slice(0, 2)) site.network(name, { hub: undefined });
    const rows = () =>
      [site.vni('s1'), site.vni('s2')].map((vni) => site.fabric.tables.get(`peerings.${vni}`)?.get(String(site.vni('hub'))));
    const before = rows();
    expect(before).not.toContain(undefined);
    site.network('s3', { hub: undefined }).place('one', 'hub', '10.0.0.1', 'host');
    expect(Object.keys(site.seen('hub'))).toHaveLength(3);
    expect(rows()).toEqual(before);
  });

  it('go to a host for its networks, and imports say which others it follows', () => {
    const site = new Site({}, ['x', 'y']).network('a', { b: undefined }).network('b', { a: undefined }).place('one', 'a', '10.0.0.1', 'x');
    const imports = (host: string) => [...(site.fabric.tables.get(`imports.${host}`)?.keys() ?? [])].map(Number);
    expect([imports('x'), imports('y')]).toEqual([[site.vni('b')], []]);
    site.world.delete(machineKey('ns', 'one'));
    expect(imports('x')).toEqual([]);
    expect(site.world.get(hostKey('x'))?.facts['imported']).toEqual({ [site.vni('b')]: 'idle' });
  });
});

/** `HISTORIES=10000` for more. */
const HISTORIES = Number(process.env['HISTORIES'] ?? 12);

describe.each(Array.from({ length: HISTORIES }, (_, i) => i + 1))('Rows of peerings in history %i', (seed) => {
  it('provider 3.4, A-5: equal a full join at every stop, and a projection that begins late', () => {
    const random = randomOf(seed);
    const pick = <T>(of: readonly T[]): T => of[below(random, of.length)] as T;
    const site = new Site({ seed, lag: 0.3, duplicates: 0.2, conflicts: 0.1, externalProvider: true }, ['x', 'y']);
    const { world } = site;
    const names = ['a', 'b', 'c'];
    const filters: readonly (Prefixes | undefined)[] = [
      undefined,
      [],
      [range('10.0.0.0/24')],
      [range('10.0.0.0/25'), range('10.0.1.0/24')],
      [{ name: 'later', prefixRef: { name: 'nowhere' } }],
    ];
    const steps = [
      () => site.network(pick(names), Object.fromEntries(names.filter(() => random() < 0.7).map((name) => [name, pick(filters)]))),
      () => site.network(pick(names), Object.fromEntries(names.filter(() => random() < 0.7).map((name) => [name, pick(filters)]))),
      () => below(random, 3) === 0 && world.delete(networkKey('ns', pick(names))),
      () => site.place(`n${below(random, 4)}`, pick(names), `10.0.${below(random, 2)}.${below(random, 4) + 1}`, pick(['x', 'y'])),
      () => world.delete(machineKey('ns', `n${below(random, 4)}`)),
      () => world.delete(nicKey('ns', `n${below(random, 4)}`)),
      () => pick(Object.values(site.agents)).report(),
      () => world.pass(below(random, 10_000)),
    ];
    let late: WorldFabric | undefined;
    site.checkAlways();
    for (let step = 0; step < 60; step++) {
      pick(steps)();
      if (step === 30) {
        late = new WorldFabric(world);
        world.watch(late.onChange);
      }
    }
    expect(text(late?.tables ?? new Map())).toBe(text(site.fabric.tables));
    expect(world.refusals).toEqual([]);
  });
});

function text(tables: ReadonlyMap<string, ReadonlyMap<string, unknown>>): string {
  const byKey = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]) => (a < b ? -1 : 1);
  return JSON.stringify([...tables].sort(byKey).map(([table, rows]) => [table, [...rows].sort(byKey)]));
}
