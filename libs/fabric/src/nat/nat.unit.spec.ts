/** Rows of NAT slots: provider 1.6, 3.5, 4.5, R-10, R-11, Appendix; equal to a full join on random histories with lag and duplicates. */
import type { JsonObject } from '@weft/api';
import { hostKey, machineKey, networkKey, nicKey } from '@weft/network';
import { below, randomOf, World, WorldAgent, WorldFabric, type WorldOptions } from '@weft/testing';
import type { NatRow } from '../rows/rows.ts';
import { natTables } from './nat.oracle.ts';

const NETWORKING = 'networking.ironcore.dev/v1alpha1';
const COMPUTE = 'compute.ironcore.dev/v1alpha1';
const POOL = ['203.0.113.1', '203.0.113.2', '203.0.113.3', '2001:db8::1'];
const gatewayKey = (name: string) => ({ kind: 'NATGateway', namespace: 'ns', name });

class Site {
  readonly world: World;
  readonly fabric: WorldFabric;
  readonly agents: readonly WorldAgent[];

  constructor(options: WorldOptions = {}) {
    this.world = new World(options);
    this.fabric = new WorldFabric(this.world);
    this.world.watch(this.fabric.onChange);
    this.world.create({ kind: 'Namespace', metadata: { name: 'ns' } });
    this.create(
      'AddressPool',
      'default',
      { prefixes: POOL.map((ip) => `${ip}/${ip.includes(':') ? 128 : 32}`) },
      'fabric.weft.dev/v1alpha1',
    );
    this.agents = ['x', 'y'].map((host, i) => new WorldAgent(this.world, host, `192.0.2.${i + 1}`));
    for (const agent of this.agents) agent.register();
    this.create('Network', 'net', {});
  }

  create(kind: string, name: string, spec: JsonObject, apiVersion = NETWORKING): this {
    this.world.create({ apiVersion, kind, metadata: { ...(kind !== 'AddressPool' && { namespace: 'ns' }), name }, spec });
    return this;
  }

  gateway(name = 'gw', portsPerNetworkInterface = 16_384, ipFamily = 'IPv4'): this {
    return this.create('NATGateway', name, { type: 'Public', ipFamily, networkRef: { name: 'net' }, portsPerNetworkInterface });
  }

  nic(name: string, ips: readonly string[]): this {
    const ipFamilies = ips.map((ip) => (ip.includes(':') ? 'IPv6' : 'IPv4'));
    return this.create('NetworkInterface', name, { networkRef: { name: 'net' }, ipFamilies, ips: ips.map((value) => ({ value })) });
  }

  /** In place of the one that has ended, before any loop has noticed that. */
  replace(name: string, ips: readonly string[]): void {
    this.world.send({ verb: 'delete', key: nicKey('ns', name) });
    const spec = { networkRef: { name: 'net' }, ips: ips.map((value) => ({ value })) };
    const object = { apiVersion: NETWORKING, kind: 'NetworkInterface', metadata: { namespace: 'ns', name }, spec };
    this.world.send({ verb: 'create', kind: 'NetworkInterface', namespace: 'ns', object });
    this.world.settle();
  }

  /** The host has an uplink. */
  edge(host: string): this {
    this.world.patch(hostKey(host), { spec: { roles: ['Compute', 'Edge'] } });
    return this;
  }

  machine(nic: string, host: string): this {
    const networkInterfaces = [{ name: 'one', networkInterfaceRef: { name: nic } }];
    if (this.world.get(machineKey('ns', nic)) === undefined)
      return this.create('Machine', nic, { machinePoolRef: { name: host }, networkInterfaces }, COMPUTE);
    this.world.patch(machineKey('ns', nic), { spec: { machinePoolRef: { name: host } } });
    return this;
  }

  get rows(): readonly NatRow[] {
    return [...(this.fabric.tables.get('nat')?.values() ?? [])] as unknown as NatRow[];
  }

  uid(nic: string): string {
    return this.world.object(nicKey('ns', nic))?.metadata.uid ?? '';
  }

  /** Also in the middle of what loops do. */
  checkAlways(): void {
    this.world.watch(() => this.check());
  }

  check(): void {
    expect(this.fabric.faults).toEqual([]);
    const { appends, fold } = this.world;
    expect(text(new Map([...this.fabric.tables].filter(([table]) => table === 'nat')))).toBe(text(natTables(appends, fold.all())));
  }

  /** What a host needs that receives a packet for a port of a public address, on every host alike. */
  ownerOf(ip: string, port: number): NatRow | undefined {
    const owners = this.rows.filter(({ public: address, first, last }) => address === ip && first <= port && port <= last);
    expect(owners.length).toBeLessThan(2);
    return owners[0];
  }
}

describe('Rows of NAT slots', () => {
  it('say whose the ports of a public address are, and where packets for them go', () => {
    const site = new Site().gateway().nic('n1', ['10.0.0.1']).machine('n1', 'x');
    const vni = site.world.get(networkKey('ns', 'net'))?.facts['vni'];
    expect(site.rows).toEqual([
      expect.objectContaining({ public: POOL[0], first: 16_384, last: 32_767, nic: site.uid('n1'), ip: '10.0.0.1', vni, host: 'x' }),
    ]);
    expect([...(site.fabric.tables.get('nat')?.keys() ?? [])]).toEqual([`${POOL[0]} 16384`]);
    expect(site.rows[0]?.because).toHaveLength(6);
    site.machine('n1', 'y');
    expect(site.ownerOf(POOL[0] as string, 20_000)?.host).toBe('y');
  });

  it('are there for each family', () => {
    const site = new Site().gateway().gateway('gw6', 16_384, 'IPv6').nic('n1', ['10.0.0.1', 'fd00::1']);
    expect(site.rows.map(({ public: address, ip }) => [address, ip]).sort()).toEqual([
      [POOL[3], 'fd00::1'],
      [POOL[0], '10.0.0.1'],
    ]);
  });

  it('stay while an interface has no place, since the ports are taken all the same', () => {
    const site = new Site().gateway().nic('n1', ['10.0.0.1']);
    expect(site.rows).toMatchObject([{ nic: site.uid('n1') }]);
    expect(site.rows[0]).not.toHaveProperty('host');
  });

  it('go with the interface, with a public address of its own, and with the gateway (A-4)', () => {
    const site = new Site().gateway();
    for (const i of [1, 2, 3]) site.nic(`n${i}`, [`10.0.0.${i}`]);
    expect(site.rows).toHaveLength(3);
    site.world.delete(nicKey('ns', 'n1'));
    expect(site.rows.map(({ nic }) => nic).sort()).toEqual([site.uid('n2'), site.uid('n3')].sort());
    site.create('VirtualIP', 'vip', { type: 'Public', ipFamily: 'IPv4' });
    site.world.patch(nicKey('ns', 'n2'), { spec: { virtualIP: { virtualIPRef: { name: 'vip' } } } });
    expect(site.rows.map(({ nic }) => nic)).toEqual([site.uid('n3')]);
    site.world.delete(gatewayKey('gw'));
    expect(site.rows).toEqual([]);
  });

  it('provider R-10: outlive an interface until its range is given back, so that hosts can confirm the release whenever it comes', () => {
    const site = new Site().gateway().nic('n1', ['10.0.0.1']).machine('n1', 'x');
    const uid = site.uid('n1');
    site.world.send({ verb: 'delete', key: nicKey('ns', 'n1') }); // No loop has run since.
    site.check();
    expect(site.rows).toEqual([{ ...site.rows[0], public: POOL[0], first: 16_384, last: 32_767, nic: uid }]);
    for (const known of ['ip', 'vni', 'host']) expect(site.rows[0]).not.toHaveProperty(known);
    site.world.settle();
    const released = site.world.appends.flatMap(({ events }) => events).findLast(({ type }) => type === 'NatSlotReleased.v1');
    expect([site.rows, site.world.revOf('nat')]).toEqual([[], released?.position]);
  });

  it('R-9: say which ranges are for old flows only, until these have drained', () => {
    const site = new Site().gateway().nic('n1', ['10.0.0.1']);
    site.world.patch(gatewayKey('gw'), { spec: { portsPerNetworkInterface: 1_024 } });
    const ranges = () => site.rows.map(({ first, last, draining }) => [last - first + 1, draining === true]).sort();
    expect(ranges()).toEqual([
      [1_024, false],
      [16_384, true],
    ]);
    site.world.pass(300_000);
    expect(ranges()).toEqual([[1_024, false]]);
  });
});

describe('A slot that edges do not know yet', () => {
  /** `x` has an uplink; n1 is on `y`, and has a slot. */
  const started = () => {
    const site = new Site().gateway();
    site.checkAlways();
    site.edge('x').nic('n1', ['10.0.0.1']).machine('n1', 'y');
    const [x, y] = site.agents as [WorldAgent, WorldAgent];
    return { site, x, y };
  };
  const PENDING = { pending: true };

  it('is pending at its host until the edge has reported the row that says where it is', () => {
    const { site, x, y } = started();
    expect(site.rows).toMatchObject([PENDING]);
    y.report();
    expect(site.rows).toMatchObject([PENDING]);
    const { position } = site.world;
    x.report();
    expect(site.rows[0]).not.toHaveProperty('pending');
    expect(BigInt(site.rows[0]?.position ?? 0)).toBeGreaterThan(position);
  });

  it('is pending again where the interface moves, and nothing else makes it so', () => {
    const { site, x } = started();
    x.report();
    site.edge('y');
    expect(site.rows[0]).not.toHaveProperty('pending');
    site.machine('n1', 'x');
    expect(site.rows).toMatchObject([{ host: 'x', ...PENDING }]);
    for (const agent of site.agents) agent.report();
    expect(site.rows[0]).not.toHaveProperty('pending');
  });

  it('does not wait for an edge that is silent, and three seconds at most for one that is heard', () => {
    const { site } = started();
    site.world.pass(2_900);
    expect(site.rows).toMatchObject([PENDING]);
    site.world.pass(100);
    expect(site.rows[0]).not.toHaveProperty('pending');
    site.world.act(hostKey('x'), 'HostLost', {});
    site.nic('n2', ['10.0.0.2']).machine('n2', 'y');
    expect(site.rows.map((row) => row.pending)).toEqual([undefined, undefined]);
  });

  it('does not wait for a host without an uplink', () => {
    const { site, x } = started();
    x.report();
    site.world.patch(hostKey('x'), { spec: { roles: ['Compute'] } });
    site.nic('n2', ['10.0.0.2']).machine('n2', 'y');
    expect(site.rows.map((row) => row.pending)).toEqual([undefined, undefined]);
  });

  it('R-9: leaves new flows to the range before it, which is for old ones from then on', () => {
    const { site, x } = started();
    x.report();
    site.world.patch(gatewayKey('gw'), { spec: { portsPerNetworkInterface: 1_024 } });
    const states = () => site.rows.map(({ first, last, draining, pending }) => [last - first + 1, draining, pending]).sort();
    expect(states()).toEqual([
      [1_024, undefined, true],
      [16_384, undefined, undefined],
    ]);
    x.report();
    expect(states()).toEqual([
      [1_024, undefined, undefined],
      [16_384, true, undefined],
    ]);
  });
});

/** `HISTORIES=10000` for more. */
const HISTORIES = Number(process.env['HISTORIES'] ?? 12);

describe.each(Array.from({ length: HISTORIES }, (_, i) => i + 1))('Rows of NAT slots in history %i', (seed) => {
  it('A-1, A-11: equal a full join at every stop; a port has one owner, who is where the row says', () => {
    const random = randomOf(seed);
    const pick = <T>(of: readonly T[]): T => of[below(random, of.length)] as T;
    const site = new Site({ seed, lag: 0.3, duplicates: 0.2, conflicts: 0.1 }).gateway();
    const { world } = site;
    const nic = () => `n${below(random, 5)}`;
    const ips = () => pick([['10.0.0.1'], ['10.0.0.2'], ['10.0.0.3', 'fd00::3'], ['fd00::4']]);
    const steps = [
      () => site.nic(nic(), ips()),
      () => site.nic(nic(), ips()),
      () => site.machine(nic(), pick(['x', 'y'])),
      () => site.machine(nic(), pick(['x', 'y'])),
      () => world.delete(machineKey('ns', nic())),
      () => world.delete(nicKey('ns', nic())),
      () => site.replace(nic(), ips()),
      () => site.gateway(pick(['gw', 'gw6', 'late']), pick([16_384, 32_768]), pick(['IPv4', 'IPv6'])),
      () => world.delete(gatewayKey(pick(['gw', 'gw6', 'late']))),
      () => world.patch(gatewayKey('gw'), { spec: { portsPerNetworkInterface: pick([8_192, 16_384, 32_768]) } }),
      () => world.patch(nicKey('ns', nic()), { spec: { ips: ips().map((value) => ({ value })) } }),
      () => pick(site.agents).report(),
      () => world.patch(hostKey(pick(['x', 'y'])), { spec: { roles: pick([['Compute'], ['Compute', 'Edge']]) } }),
      () => world.pass(pick([1_000, 240_000, 300_000])),
    ];
    let late: WorldFabric | undefined;
    site.checkAlways();
    for (let step = 0; step < 60; step++) {
      pick(steps)();
      for (const { public: address, first, last, nic: uid, host, ip } of site.rows) {
        expect([site.ownerOf(address, first)?.nic, site.ownerOf(address, last)?.nic]).toEqual([uid, uid]);
        // Whoever receives a packet sends it to this host, which has the interface: two hosts at most.
        if (host !== undefined && ip !== undefined)
          expect([...(site.fabric.tables.get(`placements.${host}`)?.keys() ?? [])]).toContain(uid);
      }
      if (step === 30) {
        late = new WorldFabric(world);
        world.watch(late.onChange);
      }
    }
    expect(text(late?.tables ?? new Map())).toBe(text(site.fabric.tables));
  });
});

function text(tables: ReadonlyMap<string, ReadonlyMap<string, unknown>>): string {
  const byKey = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]) => (a < b ? -1 : 1);
  return JSON.stringify([...tables].sort(byKey).map(([table, rows]) => [table, [...rows].sort(byKey)]));
}
