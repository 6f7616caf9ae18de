import fc from 'fast-check';
import { type HostIdentity, type KernelObject, type KernelState, keyOf } from '../kernel/kernel-objects.ts';
import type { EndpointRow, HostRow, PlacementRow, Row } from '../rows/rows.ts';
import { peerObject } from './compile.rules.ts';
import { compile } from './compile.ts';
import { Compiler, type KernelChange } from './compiler.ts';

const a: HostIdentity = { host: 'a', index: 1, underlay: 'fd00::1' };
const because = ['e'];
const hostB: HostRow = { host: 'b', index: 2, underlay: 'fd00::2', position: '10', because };
const hostC: HostRow = { host: 'c', index: 3, underlay: 'fd00::3', position: '11', because };
const nic = (n: number) => `0000000${n}-aaaa-4bbb-8ccc-dddddddddddd`;
const placed = (n: number, vni: number, ip: string, more: Partial<PlacementRow> = {}): PlacementRow => ({
  nic: nic(n),
  namespace: 'default',
  name: `nic-${n}`,
  network: `net-${vni}`,
  vni,
  mac: `02:00:00:00:00:0${n}`,
  ips: [ip],
  placedAt: '20',
  heldAt: '21',
  position: '22',
  because,
  ...more,
});
const endpoint = (n: number, host: string, ip: string, position = '30'): EndpointRow => ({
  nic: nic(n),
  host,
  mac: `02:00:00:00:00:0${n}`,
  ips: [ip],
  position,
  because,
});
const put = (key: string, row: Row) => [{ key, row }];
const gone = (key: string) => [{ key, row: undefined }];
const keys = ({ put, remove }: KernelChange) => ({ put: put.map(keyed).sort(), remove: remove.map(keyed).sort() });
function keyed(object: KernelObject): string {
  switch (object.kind) {
    case 'router':
      return `router ${object.vni}`;
    case 'peer':
      return `peer ${object.vni} ${object.hostIndex} ${object.underlay}`;
    case 'port':
      return `port ${object.nic} ${object.up ? 'up' : 'down'}`;
    case 'route':
      return `route ${object.vni} ${object.address} ${object.hostIndex}`;
    case 'guard':
      return `guard ${object.underlay}`;
    case 'entry':
      return `entry ${object.scope} ${object.section} ${object.key}`;
  }
}

/** Host a with one NIC in network 200 and a neighbour there on b. */
function given(): Compiler {
  const compiler = new Compiler(a, () => 0);
  compiler.applyRows('hosts', put('b', hostB));
  compiler.applyRows('endpoints.200', [...put(nic(1), endpoint(1, 'a', '10.0.0.1')), ...put(nic(2), endpoint(2, 'b', '10.0.0.2'))]);
  compiler.applyRows('placements.a', put(nic(1), placed(1, 200, '10.0.0.1')));
  return compiler;
}

describe('compile', () => {
  it('gives a router, a port, a peer, a route and a guard', () => {
    expect([...given().state.values()].map(keyed).sort()).toEqual([
      'guard fd00::2',
      'peer 200 2 fd00::2',
      `port ${nic(1)} down`,
      'route 200 10.0.0.2 2',
      'router 200',
    ]);
  });

  it('carries the position of the row behind each object', () => {
    expect(Object.fromEntries([...given().state].map(([key, object]) => [key, object.position]))).toEqual({
      'guard/fd00::2': '10',
      'peer/200/2': '10',
      [`port/${nic(1)}`]: '22',
      'route/200/10.0.0.2': '30',
      'router/200': '21',
    });
  });

  it('names the guest namespace after the first twelve digits of the uid, unless the NIC names one', () => {
    const compiler = given();
    expect(compiler.state.get(`port/${nic(1)}`)).toMatchObject({ netns: 'weftguest-00000001aaaa' });
    compiler.applyRows('placements.a', put(nic(1), placed(1, 200, '10.0.0.1', { netns: 'mine' })));
    expect(compiler.state.get(`port/${nic(1)}`)).toMatchObject({ netns: 'mine' });
    compiler.applyRows('placements.a', put(nic(1), placed(1, 200, '10.0.0.1', { tap: '1000:100', answers: true })));
    expect(compiler.state.get(`port/${nic(1)}`)).toMatchObject({ netns: '', tap: '1000:100', answers: true });
  });

  it('touches one peer per network, and no route, when the underlay address of a host changes', () => {
    const compiler = given();
    const change = compiler.applyRows('hosts', put('b', { ...hostB, underlay: 'fd00::22', position: '40' }));
    expect(keys(change)).toEqual({ put: ['guard fd00::22', 'peer 200 2 fd00::22'], remove: ['guard fd00::2'] });
  });

  it('turns the routes of a host that got another number', () => {
    const change = given().applyRows('hosts', put('b', { ...hostB, index: 7 }));
    expect(keys(change)).toEqual({ put: ['peer 200 7 fd00::2', 'route 200 10.0.0.2 7'], remove: ['peer 200 2 fd00::2'] });
  });

  it('drops all of a network with its last placement, and nothing of another', () => {
    const compiler = given();
    compiler.applyRows('endpoints.300', put(nic(3), endpoint(3, 'b', '10.0.0.2')));
    compiler.applyRows('placements.a', put(nic(4), placed(4, 300, '10.0.0.1')));
    expect(keys(compiler.applyRows('placements.a', gone(nic(1))))).toEqual({
      put: [],
      remove: ['peer 200 2 fd00::2', `port ${nic(1)} down`, 'route 200 10.0.0.2 2', 'router 200'],
    });
    expect([...compiler.state.values()].map(keyed).sort()).toEqual([
      'guard fd00::2',
      'peer 300 2 fd00::2',
      `port ${nic(4)} down`,
      'route 300 10.0.0.2 2',
      'router 300',
    ]);
    expect([...compiler.networks()]).toEqual([300]);
  });

  it('waits for the host row before it points at a host', () => {
    const compiler = given();
    expect(keys(compiler.applyRows('endpoints.200', put(nic(3), endpoint(3, 'c', '10.0.0.3'))))).toEqual({ put: [], remove: [] });
    expect(keys(compiler.applyRows('hosts', put('c', hostC)))).toEqual({
      put: ['guard fd00::3', 'peer 200 3 fd00::3', 'route 200 10.0.0.3 3'],
      remove: [],
    });
  });

  it('keeps an address local while its placement is here', () => {
    const compiler = given();
    expect(keys(compiler.applyRows('endpoints.200', put(nic(1), endpoint(1, 'b', '10.0.0.1', '50'))))).toEqual({ put: [], remove: [] });
    expect(keys(compiler.applyRows('placements.a', [...put(nic(5), placed(5, 200, '10.0.0.5')), ...gone(nic(1))]))).toEqual({
      put: [`port ${nic(5)} down`, 'route 200 10.0.0.1 2'],
      remove: [`port ${nic(1)} down`],
    });
  });

  it('raises a link once, and takes that back when the NIC is placed anew', () => {
    const compiler = given();
    expect([...compiler.down.keys()]).toEqual([nic(1)]);
    expect(keys(compiler.raise([nic(1), nic(9)]))).toEqual({ put: [`port ${nic(1)} up`], remove: [] });
    expect(keys(compiler.raise([nic(1)]))).toEqual({ put: [], remove: [] });
    expect(keys(compiler.applyRows('placements.a', put(nic(1), placed(1, 200, '10.0.0.9'))))).toEqual({
      put: [`port ${nic(1)} up`],
      remove: [],
    });
    expect(keys(compiler.applyRows('placements.a', put(nic(1), placed(1, 200, '10.0.0.9', { placedAt: '60', position: '60' }))))).toEqual({
      put: [`port ${nic(1)} down`],
      remove: [],
    });
  });

  it('never points a tunnel at itself', () => {
    const compiler = given();
    compiler.applyRows('endpoints.200', put(nic(3), endpoint(3, 'c', '10.0.0.3')));
    expect(keys(compiler.applyRows('hosts', put('c', { ...hostC, underlay: a.underlay })))).toEqual({ put: [], remove: [] });
    expect(keys(compiler.applyRows('hosts', put('c', { ...hostC, index: a.index })))).toEqual({ put: [], remove: [] });
    expect(() => peerObject(a, 200, { ...hostC, underlay: a.underlay })).toThrow('must not become a tunnel destination');
  });

  it('leaves rows aside that it does not understand', () => {
    const compiler = given();
    const none = { put: [], remove: [] };
    expect(compiler.applyRows('services.200', put('x', hostB))).toEqual(none);
    expect(compiler.applyRows('placements.b', put(nic(7), placed(7, 200, '10.0.0.7')))).toEqual(none);
    expect(compiler.applyRows('endpoints.200', [{ key: nic(8), row: { nic: nic(8), host: 'b' } }])).toEqual(none);
  });

  it('forgets a table as if its rows were removed', () => {
    const compiler = given();
    expect(keys(compiler.forget('endpoints.200'))).toEqual({ put: [], remove: ['peer 200 2 fd00::2', 'route 200 10.0.0.2 2'] });
    expect(keys(compiler.forget('hosts'))).toEqual({ put: [], remove: ['guard fd00::2'] });
  });
});

describe('budgets of the compiler', () => {
  const many = 1000;
  const uid = (n: number) => `${String(n).padStart(8, '0')}-aaaa-4bbb-8ccc-dddddddddddd`;
  const ip = (n: number) => `10.0.${n >> 8}.${n & 255}`;
  const there = (n: number, host: string, position = '30') => ({
    key: uid(n),
    row: { ...endpoint(n, host, ip(n), position), nic: uid(n) },
  });
  const here = (n: number, vni: number) => ({ key: uid(n), row: { ...placed(n, vni, ip(n)), nic: uid(n) } });

  /** Host a with 1,000 placements and 1,000 endpoints elsewhere in network 200, and one of each in 300. */
  function full(): Compiler {
    const compiler = new Compiler(a, () => 0);
    compiler.applyRows('hosts', [...put('b', hostB), ...put('c', hostC)]);
    compiler.applyRows(
      'endpoints.200',
      Array.from({ length: many }, (_, n) => there(n, n % 2 === 0 ? 'b' : 'c')),
    );
    compiler.applyRows('endpoints.300', [there(9001, 'b')]);
    compiler.applyRows('placements.a', [...Array.from({ length: many }, (_, n) => here(2000 + n, 200)), here(9000, 300)]);
    return compiler;
  }
  const cost = (compiler: Compiler, act: () => void): number => {
    const before = compiler.evaluations;
    act();
    return compiler.evaluations - before;
  };
  const compiler = full();

  it.each([
    ['an endpoint comes', () => compiler.applyRows('endpoints.200', [there(5000, 'b')]), 1],
    ['an endpoint moves', () => compiler.applyRows('endpoints.200', [there(5000, 'c', '40')]), 1],
    ['an endpoint goes', () => compiler.applyRows('endpoints.200', [{ key: uid(5000), row: undefined }]), 1],
    // Its route or port, its classes, whether it has something public, and what public balancers have of it.
    ['a placement comes', () => compiler.applyRows('placements.a', [here(6000, 200)]), 5],
    ['a link is raised', () => compiler.raise([uid(6000)]), 2],
    ['a placement goes', () => compiler.applyRows('placements.a', [{ key: uid(6000), row: undefined }]), 5],
    ['all rows come again as they were', () => compiler.applyRows('endpoints.200', [there(1, 'c'), there(2, 'b')]), 0],
    // Two guards, its number; in each of two networks its site and its peer. No route.
    [
      'a host changes its underlay address',
      () => compiler.applyRows('hosts', put('b', { ...hostB, underlay: 'fd00::22', position: '40' })),
      7,
    ],
    // Its guard and number, whether it takes less than this one, also on the public side, whether there is one that knows it, and the mark that leads to it there.
    ['an unknown host comes', () => compiler.applyRows('hosts', put('d', { ...hostC, host: 'd', index: 4, underlay: 'fd00::4' })), 7],
  ])('%s', (_, act, most) => {
    expect(cost(compiler, act)).toBeLessThanOrEqual(most);
  });

  it('a second network leaves and comes back without a look at the first', () => {
    const leave = () => compiler.applyRows('placements.a', [{ key: uid(9000), row: undefined }]);
    const comeBack = () => compiler.applyRows('placements.a', [here(9000, 300)]);
    expect(cost(compiler, leave)).toBeLessThanOrEqual(10);
    expect(cost(compiler, comeBack)).toBeLessThanOrEqual(10);
  });
});

describe('the tunnel of a router', () => {
  const own = { ...a, mtu: 1_600, position: '5', because };
  const mtuOf = (compiler: Compiler, vni: number) => {
    const router = compiler.state.get(`router/${vni}`);
    return router?.kind === 'router' ? router.mtu : `no router ${vni}`;
  };

  it('takes what the narrowest host takes that its packets go to, and what this one takes where none is narrower', () => {
    const compiler = given();
    expect(mtuOf(compiler, 200)).toBeUndefined(); // Nobody says anything.
    compiler.applyRows('hosts', [...put('a', own), ...put('b', { ...hostB, mtu: 1_500 }), ...put('c', { ...hostC, mtu: 1_400 })]);
    expect(mtuOf(compiler, 200)).toBe(1_430);
    compiler.applyRows('endpoints.200', put(nic(3), endpoint(3, 'c', '10.0.0.3')));
    expect(mtuOf(compiler, 200)).toBe(1_330);
    compiler.applyRows('endpoints.200', gone(nic(3)));
    // A network that is seen counts, too.
    compiler.applyRows('peerings.200', put('300', { vni: 300, network: 'default/far', position: '7', because }));
    compiler.applyRows('endpoints.300', put(nic(4), endpoint(4, 'c', '10.1.0.4')));
    expect(mtuOf(compiler, 200)).toBe(1_330);
    compiler.applyRows('peerings.200', gone('300'));
    expect(mtuOf(compiler, 200)).toBe(1_430);
    compiler.applyRows('hosts', put('a', { ...own, mtu: 1_400, position: '50' }));
    expect(mtuOf(compiler, 200)).toBeUndefined();
  });

  it('takes at most 1500 however much underlays carry, and of the public side all hosts count', () => {
    const compiler = given();
    compiler.applyRows('edges', put('a', { host: 'a', position: '6', because }));
    compiler.applyRows('hosts', [...put('a', { ...own, mtu: 9_000 }), ...put('b', { ...hostB, mtu: 8_000 })]);
    expect([mtuOf(compiler, 200), mtuOf(compiler, 1)]).toEqual([undefined, undefined]);
    compiler.applyRows('hosts', put('c', { ...hostC, mtu: 1_500 }));
    expect([mtuOf(compiler, 200), mtuOf(compiler, 1)]).toEqual([undefined, 1_430]);
  });
});

describe('what the compiler says of itself', () => {
  it('finds nothing to correct, and names what each object reads', () => {
    const compiler = given();
    expect(compiler.auditSlice(1000)).toEqual({ findings: [], change: { put: [], remove: [] } });
    expect(compiler.faults).toEqual([]);
    const reads = Object.fromEntries(compiler.describe().derived.map((each) => [each.name, each.reads]));
    expect(reads['routes']).toEqual(['destination: rows', 'sites . number']);
  });

  it('shows its state as a map', () => {
    const { state } = given();
    expect(state.size).toBe(5);
    expect(state.has('router/200')).toBe(true);
    expect(state.has('router/300')).toBe(false);
    expect([...state.keys()].sort()).toEqual([...state.values()].map(keyOf).sort());
    const seen: string[] = [];
    state.forEach((object, key) => {
      seen.push(`${key} ${object.kind}`);
    });
    expect(seen).toContain('guard/fd00::2 guard');
  });

  it('leaves a row aside whose key is not its name', () => {
    const compiler = given();
    expect(compiler.applyRows('placements.a', put(nic(8), placed(7, 200, '10.0.0.7')))).toEqual({ put: [], remove: [] });
    expect(compiler.applyRows('hosts', put('x', hostC))).toEqual({ put: [], remove: [] });
    expect(compiler.applyRows('endpoints.200', put(nic(8), endpoint(7, 'b', '10.0.0.7')))).toEqual({ put: [], remove: [] });
  });
});

type Step =
  | Readonly<{ table: 'hosts'; row: HostRow | undefined; key: string }>
  | Readonly<{ table: 'placements'; row: PlacementRow | undefined; key: string }>
  | Readonly<{ table: 'endpoints'; vni: number; row: EndpointRow | undefined; key: string }>
  | Readonly<{ table: 'raise'; key: string }>
  | Readonly<{ table: 'forget'; vni: number }>;

const position = fc.integer({ min: 1, max: 120 }).map(String);
const ips = fc.uniqueArray(fc.constantFrom('10.0.0.1', '10.0.0.2', '10.0.0.3', 'fd10::1', 'fd10::2'), { minLength: 1, maxLength: 2 });
const aNic = fc.integer({ min: 1, max: 6 }).map(nic);
const aVni = fc.constantFrom(200, 201, 202);
const aHost = fc.constantFrom('a', 'b', 'c', 'd');
const maybe = <T>(row: fc.Arbitrary<T>) => fc.option(row, { nil: undefined, freq: 4 });
const step: fc.Arbitrary<Step> = fc.oneof(
  aHost.chain((key) =>
    maybe(
      fc.record({
        host: fc.constant(key),
        index: fc.integer({ min: 1, max: 4 }),
        underlay: fc.constantFrom('fd00::1', 'fd00::2', 'fd00::3', 'fd00::4'),
        mtu: fc.constantFrom(1_400, 1_500, 1_600, 9_000),
        position,
        because: fc.constant(because),
      }),
    ).map((row) => ({ table: 'hosts' as const, key, row })),
  ),
  aNic.chain((key) =>
    maybe(
      fc.record({
        nic: fc.constant(key),
        namespace: fc.constant('default'),
        name: fc.constant(key),
        network: fc.constant('net'),
        vni: aVni,
        mac: fc.constant('02:00:00:00:00:01'),
        ips,
        placedAt: fc.constantFrom('5', '6'),
        heldAt: fc.constantFrom('7', '8', '10'),
        position,
        because: fc.constant(because),
      }),
    ).map((row) => ({ table: 'placements' as const, key, row })),
  ),
  fc.tuple(aNic, aVni).chain(([key, vni]) =>
    maybe(
      fc.record({
        nic: fc.constant(key),
        host: aHost,
        mac: fc.constant('02:00:00:00:00:01'),
        ips,
        position,
        because: fc.constant(because),
      }),
    ).map((row) => ({ table: 'endpoints' as const, vni, key, row })),
  ),
  aNic.map((key) => ({ table: 'raise' as const, key })),
  fc.record({ table: fc.constant('forget' as const), vni: aVni }),
);

describe('the incremental compiler', () => {
  it('gives after each change what a full compile gives, and reports exactly the difference', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 80, size: 'max' }), (steps) => {
        const compiler = new Compiler(a, () => 0);
        const hosts = new Map<string, HostRow>();
        const placements = new Map<string, PlacementRow>();
        const endpoints = new Map<number, Map<string, EndpointRow>>();
        const mirror = new Map<string, KernelObject>();
        for (const each of steps) {
          const before = bytes(compiler.state);
          const change = take(compiler, each, hosts, placements, endpoints);
          for (const object of change.put) mirror.set(keyOf(object), object);
          for (const object of change.remove) mirror.delete(keyOf(object));
          expect(bytes(compiler.state)).toEqual(bytes(compile(a, { hosts, placements, endpoints }, (row) => compiler.isUp(row))));
          expect(bytes(mirror)).toEqual(bytes(compiler.state));
          if (bytes(compiler.state) === before) expect(change).toEqual({ put: [], remove: [] });
          const down = [...placements.values()].filter((row) => !compiler.isUp(row)).map((row) => row.nic);
          expect([...compiler.down.keys()].sort()).toEqual(down.sort());
        }
        expect(compiler.auditSlice(Number.POSITIVE_INFINITY).findings).toEqual([]);
        expect(compiler.faults).toEqual([]);
      }),
      { numRuns: 150 },
    );
  });
});

function take(
  compiler: Compiler,
  each: Step,
  hosts: Map<string, HostRow>,
  placements: Map<string, PlacementRow>,
  endpoints: Map<number, Map<string, EndpointRow>>,
): KernelChange {
  const set = <R>(rows: Map<string, R>, key: string, row: R | undefined): void =>
    void (row === undefined ? rows.delete(key) : rows.set(key, row));
  if (each.table === 'raise') return compiler.raise([each.key]);
  if (each.table === 'forget') {
    endpoints.delete(each.vni);
    return compiler.forget(`endpoints.${each.vni}`);
  }
  const changes = [{ key: each.key, row: each.row }];
  if (each.table === 'hosts') {
    set(hosts, each.key, each.row);
    return compiler.applyRows('hosts', changes);
  }
  if (each.table === 'placements') {
    set(placements, each.key, each.row);
    return compiler.applyRows('placements.a', changes);
  }
  const rows = endpoints.get(each.vni) ?? new Map<string, EndpointRow>();
  endpoints.set(each.vni, rows);
  set(rows, each.key, each.row);
  return compiler.applyRows(`endpoints.${each.vni}`, changes);
}

function bytes(state: KernelState): string {
  return JSON.stringify([...state].sort(([x], [y]) => (x < y ? -1 : 1)));
}
