/** What hosts are told of balancers and VirtualIPs, with all loops in World; and what one target more costs. */
import { type Change, type JsonObject, type ObjectKey, streamOf } from '@weft/api';
import { ipamDomain } from '@weft/ipam';
import { lbDomain } from '@weft/lb';
import { networkDomain } from '@weft/network';
import { World, WorldAgent, WrittenLog } from '@weft/testing';
import { RowProjection, type RowsOf } from '../rows/row-projection.ts';
import { virtualIps } from '../virtual-ips/virtual-ips.projection.ts';
import { balancing } from './balancing.projection.ts';

const NETWORKING = 'networking.ironcore.dev/v1alpha1';
const key = (kind: string, name: string): ObjectKey => ({ kind, namespace: 'ns', name });

/** A Network with rows, and what changes in them. */
class Site {
  readonly world = new World();
  readonly tables = new Map<string, Map<string, JsonObject>>();
  /** `<table> <key>` of each row that changed since it was read last. */
  #moved: string[] = [];
  readonly #agent: WorldAgent;

  constructor() {
    const { world } = this;
    const projections = [balancing, virtualIps].map((rows) => new RowProjection(rows, world.registry, world.fold));
    world.watch((change) => {
      for (const projection of projections) this.#take(projection.onChange(change));
    });
    world.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'ns' } });
    this.#agent = new WorldAgent(world, 'host-a', '192.0.2.1');
    this.#agent.register();
    this.create('Network', 'net', {});
  }

  #take(changes: ReturnType<RowProjection['onChange']>): void {
    for (const { table, changes: rows } of changes) {
      const present = this.tables.get(table) ?? new Map<string, JsonObject>();
      this.tables.set(table, present);
      for (const { key: row, row: value } of rows) {
        this.#moved.push(`${table} ${row}`);
        if (value === undefined) present.delete(row);
        else present.set(row, value);
      }
    }
  }

  get moved(): readonly string[] {
    return this.#moved.splice(0);
  }

  create(kind: string, name: string, spec: JsonObject, more: JsonObject = {}): this {
    const { metadata = {}, ...fields } = more as { metadata?: JsonObject };
    const apiVersion = { Machine: 'compute.ironcore.dev/v1alpha1', Prefix: 'ipam.ironcore.dev/v1alpha1' }[kind] ?? NETWORKING;
    const reply = this.world.create({ apiVersion, kind, metadata: { name, namespace: 'ns', ...metadata }, spec, ...fields });
    expect(reply).toMatchObject({ ok: true });
    return this;
  }

  pool(...prefixes: readonly string[]): this {
    const pool = { apiVersion: 'fabric.weft.dev/v1alpha1', kind: 'AddressPool', metadata: { name: 'public' } };
    this.world.create({ ...pool, spec: { prefixes: [...prefixes] } });
    return this;
  }

  /** An interface on `host-a`. */
  nic(name: string, ...ips: readonly string[]): this {
    this.create('NetworkInterface', name, { networkRef: { name: 'net' }, ips: ips.map((value) => ({ value })) });
    this.create('Machine', `m-${name}`, {
      machinePoolRef: { name: 'host-a' },
      networkInterfaces: [{ name: 'one', networkInterfaceRef: { name } }],
    });
    this.#agent.report();
    return this;
  }

  balancer(spec: JsonObject = {}): this {
    return this.create('LoadBalancer', 'web', {
      type: 'Public',
      ipFamilies: ['IPv4'],
      networkRef: { name: 'net' },
      networkInterfaceSelector: {},
      ...spec,
    });
  }

  routing(fields: JsonObject): this {
    const metadata = { name: 'web', namespace: 'ns' };
    this.world.create({ apiVersion: NETWORKING, kind: 'LoadBalancerRouting', metadata, ...fields });
    return this;
  }

  uid(kind: string, name: string): string {
    return this.world.object(key(kind, name))?.metadata.uid ?? '';
  }

  get vni(): number {
    return Number(this.world.get(key('Network', 'net'))?.facts['vni']);
  }

  /** Rows of a table, without what says where they come from. */
  rows(table: string): readonly JsonObject[] {
    return [...(this.tables.get(table)?.values() ?? [])].map(({ position: _, because: __, ...row }) => row);
  }
}

describe('The rows of a LoadBalancer', () => {
  it('provider C-35: given a Public one without an address, then its row has none; once granted, one for its Network and one for all hosts with an uplink', () => {
    const site = new Site().balancer({
      ports: [
        { protocol: 'TCP', port: 80 },
        { protocol: 'UDP', port: 8_000, endPort: 8_010 },
      ],
    });
    expect([site.rows(`balancers.${site.vni}`), site.rows('balancers.1')]).toMatchObject([[{ number: 1, ips: [] }], []]);
    site.pool('203.0.113.1/32');
    const row = {
      balancer: site.uid('LoadBalancer', 'web'),
      namespace: 'ns',
      name: 'web',
      vni: site.vni,
      number: 1,
      scheme: 'Public',
      ips: ['203.0.113.1'],
      ports: [
        { protocol: 'TCP', first: 80, last: 80 },
        { protocol: 'UDP', first: 8_000, last: 8_010 },
      ],
    };
    expect([site.rows(`balancers.${site.vni}`), site.rows('balancers.1')]).toEqual([[row], [row]]);
    site.world.delete(key('LoadBalancer', 'web'));
    expect([site.rows(`balancers.${site.vni}`), site.rows('balancers.1')]).toEqual([[], []]);
  });

  it('has the position of the newest event behind it, and names all of them', () => {
    const site = new Site().pool('203.0.113.1/32').balancer();
    const row = site.tables.get('balancers.1')?.get(site.uid('LoadBalancer', 'web'));
    const because = (row?.['because'] ?? []) as readonly string[];
    const events = site.world.log.filter(({ id }) => because.includes(id));
    expect(events.map(({ type }) => type)).toEqual([
      'NetworkCreated.v1',
      'NetworkVniAssigned.v1',
      'LoadBalancerCreated.v1',
      'PublicAddressesRequested.v1',
      'BalancerNumbered.v1',
      'PublicAddressAccepted.v1',
    ]);
    expect(row?.['position']).toBe(`${events.at(-1)?.position}`);
  });

  it('given an Internal one, then hosts of its Network know it, by literals and by Prefixes of its own, and no host else', () => {
    const site = new Site();
    const ephemeral = { prefixTemplate: { spec: { ipFamily: 'IPv6', prefix: 'fd00:9::1/128' } } };
    site.balancer({ type: 'Internal', ipFamilies: ['IPv4', 'IPv6'], ips: [{ value: '10.0.9.1' }, { ephemeral }] });
    expect(site.rows(`balancers.${site.vni}`)).toMatchObject([{ scheme: 'Internal', ips: ['10.0.9.1', 'fd00:9::1'] }]);
    expect(site.rows('balancers.1')).toEqual([]);
  });

  it('given a Prefix of the name of its own that was there before, then its range is no address of the balancer', () => {
    const site = new Site().create('Prefix', 'web-1', { prefix: 'fd00:9::1/128' });
    const ephemeral = { prefixTemplate: { spec: { ipFamily: 'IPv6', prefix: 'fd00:9::1/128' } } };
    site.balancer({ type: 'Internal', ipFamilies: ['IPv4', 'IPv6'], ips: [{ value: '10.0.9.1' }, { ephemeral }] });
    expect(site.rows(`balancers.${site.vni}`)).toMatchObject([{ ips: ['10.0.9.1'] }]);
  });

  it('resources S-15: given VirtualIPs that it names, then it has the addresses of those that it holds', () => {
    const site = new Site().pool('203.0.113.1/32').balancer({ virtualIPs: [{ virtualIPRef: { name: 'vip' } }] });
    expect(site.rows('balancers.1')).toEqual([]);
    site.create('VirtualIP', 'vip', { type: 'Public', ipFamily: 'IPv4' });
    expect(site.rows('balancers.1')).toMatchObject([{ ips: ['203.0.113.1'] }]);
    expect(site.rows(`virtual-ips.${site.vni}`)).toEqual([]);
  });
});

describe('The rows of targets', () => {
  it('resources C-23: given an interface that is selected, then it is one row, and one with its place for hosts with an uplink', () => {
    const site = new Site().pool('203.0.113.1/32').balancer().nic('one', '10.0.0.1', 'fd00::1');
    const balancer = site.uid('LoadBalancer', 'web');
    const nic = site.uid('NetworkInterface', 'one');
    const row = { balancer, target: nic, name: 'one', ips: ['10.0.0.1', 'fd00::1'] };
    expect(site.rows(`targets.${site.vni}`)).toEqual([row]);
    expect(site.rows('targets.1')).toEqual([{ ...row, vni: site.vni, nic, host: 'host-a', mac: expect.stringMatching(/^02:/) }]);
  });

  it('given one target more or less, then its own rows change and no other', () => {
    const site = new Site().pool('203.0.113.1/32').balancer().nic('one', '10.0.0.1').nic('two', '10.0.0.2');
    const rowKey = (nic: string) => `${site.uid('LoadBalancer', 'web')}/${site.uid('NetworkInterface', nic)}`;
    expect(site.moved.length).toBeGreaterThan(0);
    site.nic('three', '10.0.0.3');
    const own = ['targets.1', `targets.${site.vni}`].map((table) => `${table} ${rowKey('three')}`);
    expect([...new Set(site.moved)].sort()).toEqual(own);
    site.world.patch(key('NetworkInterface', 'three'), { metadata: { labels: { app: 'db' } } });
    expect(site.moved).toEqual([]);
    site.world.delete(key('NetworkInterface', 'three'));
    expect([...new Set(site.moved)].sort()).toEqual(own);
    expect(site.rows(`targets.${site.vni}`)).toMatchObject([{ name: 'one' }, { name: 'two' }]);
  });

  it('given an Internal balancer, then no host but those of its Network knows its targets', () => {
    const site = new Site().balancer({ type: 'Internal', ips: [{ value: '10.0.9.1' }] }).nic('one', '10.0.0.1');
    expect([site.rows(`targets.${site.vni}`).length, site.rows('targets.1').length]).toEqual([1, 0]);
  });

  it('resources G-10: given a routing that somebody wrote, then its destinations are targets, those of an interface with a place in public too', () => {
    const site = new Site().pool('203.0.113.1/32').balancer({ networkInterfaceSelector: null }).nic('one', '10.0.0.1');
    const networkRef = { name: 'net', uid: site.uid('Network', 'net') };
    const nic = { name: 'one', uid: site.uid('NetworkInterface', 'one') };
    site.routing({ networkRef, destinations: [{ ip: '10.0.0.1', targetRef: nic }, { ip: '10.0.0.9' }] });
    expect(site.rows(`targets.${site.vni}`)).toMatchObject([
      { target: '10.0.0.1', name: 'one', ips: ['10.0.0.1'] },
      { target: '10.0.0.9', name: '10.0.0.9', ips: ['10.0.0.9'] },
    ]);
    expect(site.rows('targets.1')).toMatchObject([{ target: '10.0.0.1', nic: nic.uid, host: 'host-a' }]);
    site.nic('nine', '10.0.0.9');
    expect(site.rows('targets.1')).toMatchObject([
      { target: '10.0.0.1' },
      { target: '10.0.0.9', nic: site.uid('NetworkInterface', 'nine') },
    ]);
  });

  it.each<[string, JsonObject, number]>([
    ['another Network by uid, with the same addresses', { networkRef: { name: 'net', uid: 'former' } }, 0],
    ['another Network by name', { networkRef: { name: 'other' } }, 0],
    ['its Network by name', { networkRef: { name: 'net' } }, 1],
    ['no Network', {}, 1],
  ])('provider C-41: a routing that names %s (%j) gives %i targets', (_, fields, count) => {
    const site = new Site().balancer({ type: 'Internal', ips: [{ value: '10.0.9.1' }], networkInterfaceSelector: null });
    site.nic('one', '10.0.0.1').routing({ ...fields, destinations: [{ ip: '10.0.0.1' }] });
    expect(site.rows(`targets.${site.vni}`).length).toBe(count);
  });

  it('given an address that somebody wrote twice, then it is one target, as it was written first', () => {
    const site = new Site().balancer({ type: 'Internal', ips: [{ value: '10.0.9.1' }], networkInterfaceSelector: null });
    site.routing({ destinations: ['one', 'two'].map((name) => ({ ip: '10.0.0.1', targetRef: { name, uid: name } })) });
    expect(site.rows(`targets.${site.vni}`)).toMatchObject([{ target: '10.0.0.1', name: 'one' }]);
  });

  it('given a destination of an interface that is another one by now, then it is no public target', () => {
    const site = new Site().pool('203.0.113.1/32').balancer({ networkInterfaceSelector: null }).nic('one', '10.0.0.1');
    site.routing({ destinations: [{ ip: '10.0.0.1', targetRef: { name: 'one', uid: 'former' } }] });
    expect([site.rows(`targets.${site.vni}`).length, site.rows('targets.1').length]).toEqual([1, 0]);
  });
});

describe('The rows of a VirtualIP', () => {
  const given = () =>
    new Site()
      .pool('203.0.113.1/32', '2001:db8::1/128')
      .nic('one', '10.0.0.1', 'fd00::1')
      .create('VirtualIP', 'four', { type: 'Public', ipFamily: 'IPv4' })
      .create('VirtualIP', 'six', { type: 'Public', ipFamily: 'IPv6' });
  const name = (site: Site, nic: string, virtualIp: string | null) =>
    site.world.patch(key('NetworkInterface', nic), {
      spec: { virtualIP: virtualIp === null ? null : { virtualIPRef: { name: virtualIp } } },
    });

  it.each([
    ['four', '203.0.113.1', '10.0.0.1'],
    ['six', '2001:db8::1', 'fd00::1'],
  ])('lead from the address of %s to that of the interface of the same family', (virtualIp, ip, address) => {
    const site = given();
    expect(site.rows(`virtual-ips.${site.vni}`)).toEqual([]);
    name(site, 'one', virtualIp);
    const row = { virtualIp: site.uid('VirtualIP', virtualIp), ip, nic: site.uid('NetworkInterface', 'one'), address };
    expect(site.rows(`virtual-ips.${site.vni}`)).toEqual([row]);
    expect(site.rows('virtual-ips.1')).toEqual([{ ...row, vni: site.vni, host: 'host-a' }]);
  });

  it('change in one step when it goes from one interface to another, and keep the address', () => {
    const site = given().nic('two', '10.0.0.2');
    for (const nic of ['one', 'two']) name(site, nic, 'four');
    expect(site.rows('virtual-ips.1')).toMatchObject([{ nic: site.uid('NetworkInterface', 'one') }]);
    expect(site.moved.length).toBeGreaterThan(0);
    name(site, 'one', null);
    expect(site.moved.filter((each) => each.startsWith('virtual-ips'))).toEqual(
      [site.vni, 1].map((vni) => `virtual-ips.${vni} ${site.uid('VirtualIP', 'four')}`),
    );
    expect(site.rows('virtual-ips.1')).toMatchObject([
      { ip: '203.0.113.1', nic: site.uid('NetworkInterface', 'two'), address: '10.0.0.2' },
    ]);
  });

  it('are not there for an interface without an address of its family', () => {
    const site = given().nic('other', 'fd00::2');
    name(site, 'other', 'four');
    expect(site.world.object(key('VirtualIP', 'four'))?.spec?.['targetRef']).toMatchObject({ name: 'other' });
    expect([site.rows('virtual-ips.1'), site.rows(`virtual-ips.${site.vni}`)]).toEqual([[], []]);
  });

  it('are gone with the interface and with the VirtualIP', () => {
    for (const end of [
      (site: Site) => site.world.delete(key('NetworkInterface', 'one')),
      (site: Site) => site.world.delete(key('VirtualIP', 'four')),
    ]) {
      const site = given();
      name(site, 'one', 'four');
      expect(site.rows('virtual-ips.1').length).toBe(1);
      end(site);
      expect([site.rows('virtual-ips.1'), site.rows(`virtual-ips.${site.vni}`)]).toEqual([[], []]);
    }
  });

  it('are for hosts with an uplink only once the interface has a place', () => {
    const site = given();
    name(site, 'one', 'four');
    site.world.delete(key('Machine', 'm-one'));
    expect([site.rows('virtual-ips.1').length, site.rows(`virtual-ips.${site.vni}`).length]).toEqual([0, 1]);
  });
});

/** Balancers with targets, written event by event: their rows, and how often these are derived. */
class Written extends WrittenLog {
  readonly #projection: RowProjection;
  readonly #tables = new Map<string, Set<string>>();
  #rows = 0;

  constructor(rows: RowsOf) {
    super([networkDomain, ipamDomain, lbDomain]);
    this.#projection = new RowProjection(rows, this.registry, this.fold);
    this.create({ kind: 'Namespace', name: 'ns' });
    this.network(200);
  }

  network(vni: number): void {
    this.create(key('Network', 'net'));
    this.happen(key('Network', 'net'), { type: 'NetworkVniAssigned.v1', data: { vni } });
  }

  size(table: string): number {
    return this.#tables.get(table)?.size ?? 0;
  }

  balancer(name: string): void {
    const spec = {
      type: 'Public',
      ipFamilies: ['IPv4'],
      networkRef: { name: 'net' },
      networkInterfaceSelector: { matchLabels: { of: name } },
    };
    this.create(key('LoadBalancer', name), { spec });
    if (this.fold.get(key('LoadBalancerRouting', name)) !== undefined) return;
    this.create(key('LoadBalancerRouting', name));
    this.manage(name);
  }

  manage(name: string): void {
    const uid = (kind: string, of: string) => this.fold.get(key(kind, of))?.object.metadata.uid ?? '';
    const data = { balancer: uid('LoadBalancer', name), network: { name: 'net', uid: uid('Network', 'net') } };
    this.happen(key('LoadBalancerRouting', name), { type: 'LoadBalancerRoutingManaged.v1', data });
  }

  nic(name: string, index: number): string {
    const uid = this.create(key('NetworkInterface', name), { spec: { networkRef: { name: 'net' } } });
    this.happen(
      key('NetworkInterface', name),
      { type: 'NetworkInterfaceAddressed.v1', data: { ips: [`10.0.${index >> 8}.${index & 255}`], index } },
      { type: 'NetworkInterfacePlaced.v1', data: { host: 'host-a' } },
    );
    return uid;
  }

  joins(balancer: string, uid: string, name: string): void {
    const data = { uid, name, ips: ['10.0.0.1'] };
    this.write(streamOf(key('LoadBalancerRouting', balancer)), [{ type: 'LoadBalancerTargetJoined.v1', data }]);
  }

  leaves(balancer: string, uid: string): void {
    this.write(streamOf(key('LoadBalancerRouting', balancer)), [{ type: 'LoadBalancerTargetLeft.v1', data: { uid } }]);
  }

  protected override changed(change: Change): void {
    for (const { table, changes } of this.#projection?.onChange(change) ?? []) {
      this.#rows += changes.length;
      const keys = this.#tables.get(table) ?? new Set<string>();
      this.#tables.set(table, keys);
      for (const { key: row, row: value } of changes) {
        if (value === undefined) keys.delete(row);
        else keys.add(row);
      }
    }
  }

  /** Derivations and rows because of what happens. */
  cost(happens: () => void): readonly [derived: number, rows: number] {
    const { evaluations } = this.#projection;
    const rows = this.#rows;
    happens();
    return [this.#projection.evaluations - evaluations, this.#rows - rows];
  }
}

describe('The rows of targets of something that was made again under its name', () => {
  const given = () => {
    const log = new Written(balancing);
    log.balancer('b');
    log.joins('b', log.nic('n', 1), 'n');
    expect(log.size('targets.200')).toBe(1);
    return log;
  };

  it('provider C-41: are none of the former Network, until the routing names the new one by its uid', () => {
    const log = given();
    log.end(key('Network', 'net'));
    log.network(201);
    expect([log.size('targets.200'), log.size('targets.201')]).toEqual([0, 0]);
    log.manage('b');
    expect(log.size('targets.201')).toBe(1);
  });

  it('are not public when another interface has the name of a target by now', () => {
    const log = given();
    expect(log.size('targets.1')).toBe(1);
    log.end(key('NetworkInterface', 'n'));
    log.nic('n', 2);
    expect(log.size('targets.1')).toBe(0);
  });

  it('are none of the former balancer, which filled the routing', () => {
    const log = given();
    log.end(key('LoadBalancer', 'b'));
    log.balancer('b');
    expect(log.size('targets.200')).toBe(0);
    log.manage('b');
    expect(log.size('targets.200')).toBe(0);
    log.joins('b', log.nic('m', 2), 'm');
    expect(log.size('targets.200')).toBe(1);
  });
});

describe('What one target more or less costs', () => {
  it.each([
    ['1 target', 1, 1],
    ['1,000 targets', 1_000, 1],
    ['1,000 balancers beside it', 1, 1_000],
  ])('is two derivations and two rows with %s', (_, targets, balancers) => {
    const log = new Written(balancing);
    for (let i = 0; i < balancers; i++) log.balancer(`b${i}`);
    for (let i = 0; i < targets; i++) log.joins('b0', log.nic(`n${i}`, i), `n${i}`);
    const uid = log.nic('more', targets);
    expect(log.cost(() => log.joins('b0', uid, 'more'))).toEqual([2, 2]);
    expect(log.cost(() => log.leaves('b0', uid))).toEqual([2, 2]);
  });

  it('is nothing when labels of the balancer, of a target or of the Network change', () => {
    const log = new Written(balancing);
    log.balancer('b');
    log.joins('b', log.nic('n', 1), 'n');
    for (const labelled of [
      key('LoadBalancer', 'b'),
      key('NetworkInterface', 'n'),
      key('Network', 'net'),
      key('LoadBalancerRouting', 'b'),
    ]) {
      expect(log.cost(() => log.happen(labelled, { type: 'LabelsChanged.v1', data: { labels: { a: 'b' } } }))).toEqual([0, 0]);
    }
  });
});
