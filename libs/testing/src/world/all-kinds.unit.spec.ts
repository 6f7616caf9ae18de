/**
 * All kinds together in random histories with lag, duplicates and conflicts: at rest nothing is owed, rows are a pure function of the log, and the invariants of the
 * provider document hold as far as rows show them (Appendix A). `HISTORIES=10000 npm run test:unit -- all-kinds` runs more; `HISTORY=7` one.
 */
import { type Append, createFold, type Folded, familyOfIp, nameText, owedByLog, owedText, type PublicAddressFacts } from '@weft/api';
import { balancingTables, natTables, peeringTables, routingTables, visibleFrom } from '@weft/fabric';
import type { NatHolder } from '@weft/lb';
import { AllKinds, isTrue, sample } from './all-kinds.ts';
import { randomOf } from './random.ts';
import { weftDomains } from './weft-domains.ts';
import { WorldFabric } from './world-fabric.ts';

const only = process.env['HISTORY'];
const HISTORIES = Number(process.env['HISTORIES'] ?? 20);
const seeds = only === undefined ? Array.from({ length: HISTORIES }, (_, i) => i + 1) : [Number(only)];
const STEPS = 120;
const HOUR_MS = 3_600_000;

type Tables = WorldFabric['tables'];

/** What the histories have shown: else they prove less than they seem to. */
const seen = new Set<string>();

describe.each(seeds)('All kinds in history %i', (seed) => {
  afterAll(() => {
    if (seed !== seeds.at(-1) || seeds.length < 10) return;
    expect([...seen].sort()).toEqual(expect.arrayContaining(['hidden', 'shadowed', 'used by peering', 'without ports', 'with ports']));
    const written = [
      'Network',
      'NetworkInterface',
      'Machine',
      'VirtualIP',
      'NATGateway',
      'LoadBalancer',
      'NetworkPolicy',
      'Prefix',
      'PrefixAllocation',
    ];
    expect([...seen].sort()).toEqual(
      expect.arrayContaining([...written, 'AddressPool'].flatMap((kind) => [`create ${kind}`, `delete ${kind}`])),
    );
  });

  it('A-1 to A-6, A-10: come to rest, with rows that follow from the log and keep the invariants; all goes again without a trace', () => {
    const history = new AllKinds(seed);
    const { world, fabric } = history;
    world.watch(() => expect(fabric.faults).toEqual([]));
    history.populate();
    let late: WorldFabric | undefined;
    for (let step = 0; step < STEPS; step++) {
      history.step();
      if (step % 10 === 9) {
        world.settle();
        checkOwners(history);
        checkVisibility(history);
      }
      if (step === STEPS / 2) {
        late = new WorldFabric(world);
        world.watch(late.onChange);
      }
    }
    world.settle();
    checkRows(history);
    history.rest();
    expect(owedText(owedByLog(weftDomains, world.appends, Date.parse(world.now) + HOUR_MS))).toBe('');
    expect(text(late?.tables ?? new Map())).toBe(text(fabric.tables));
    checkRows(history);
    checkOwners(history);
    checkSlots(history);
    checkVisibility(history);
    checkOrder(history, seed);
    for (const each of history.accepted) seen.add(each);

    history.deleteAll();
    history.rest();
    checkNothingLeft(history);
    checkSample(history);
  });
});

/** Rows as they were made change by change are those of every other way: anew, from the log, and by other means. */
function checkRows({ world, fabric }: AllKinds): void {
  expect(text(new WorldFabric(world).tables)).toBe(text(fabric.tables));
  const states = [...world.fold.all()];
  const oracles = [routingTables(states), peeringTables(states), natTables(world.appends, states), balancingTables(states, world.appends)];
  for (const oracle of oracles)
    for (const [table, rows] of oracle)
      expect(text(new Map([[table, fabric.tables.get(table) ?? new Map()]]))).toBe(text(new Map([[table, rows]])));
  const known = new Set(oracles.flatMap((oracle) => [...oracle.keys()] as string[]));
  const families = [...ROUTES, 'nat', 'balancers', 'targets', 'virtual-ips'];
  for (const table of fabric.tables.keys()) if (families.includes(table.split('.')[0] as string)) expect([...known]).toContain(table);
}

/** a number has one network, a public address one owner. */
function checkOwners({ world, fabric }: AllKinds): void {
  const vnis: unknown[] = [];
  const ips: string[] = [];
  for (const { key, status, facts } of world.fold.all()) {
    if (status !== 'live') continue;
    if (key.kind === 'Network' && facts['vni'] !== undefined) vnis.push(facts['vni']);
    ips.push(...Object.values((facts as PublicAddressFacts).publicAddresses?.held ?? {}));
  }
  expect(vnis).toEqual([...new Set(vnis)]);
  expect(ips).toEqual([...new Set(ips)]);
  const ports = new Map<string, [number, number][]>();
  for (const row of fabric.tables.get('nat')?.values() ?? []) {
    const { public: ip, first, last } = row as unknown as { public: string; first: number; last: number };
    for (const [from, to] of ports.get(ip) ?? []) expect(last < from || to < first).toBe(true);
    ports.set(ip, [...(ports.get(ip) ?? []), [first, last]]);
  }
}

type Gateway = Folded & { size: number };

/** who needs ports has one range of each family, aligned and inside the whole, or the gateway says that there are too few. */
function checkSlots({ world }: AllKinds): void {
  const live = (kind: string) => [...world.fold.list(kind)];
  const serving = new Map<string, Gateway>();
  for (const gateway of live('NATGateway')) {
    const { networkRef, ipFamily, portsPerNetworkInterface } = gateway.object.spec as unknown as {
      networkRef: { name: string };
      ipFamily: string;
      portsPerNetworkInterface: number;
    };
    if (gateway.object.metadata.deletionTimestamp !== undefined) continue;
    if (world.get({ kind: 'Network', namespace: gateway.key.namespace ?? '', name: networkRef.name }) === undefined) {
      expect(isTrue(world, gateway.key, 'Ready')).toBe(false);
      continue;
    }
    const at = `${gateway.key.namespace}/${networkRef.name} ${ipFamily}`;
    const other = serving.get(at);
    const bornAt = ({ facets }: Folded) => facets['created']?.position ?? 0n;
    if (other === undefined || bornAt(gateway) < bornAt(other)) serving.set(at, { ...gateway, size: portsPerNetworkInterface });
  }
  const used = new Map<string, { with: number; without: number }>();
  for (const nic of live('NetworkInterface')) {
    const { ips = [], virtualIP } = (nic.object.status ?? {}) as { ips?: string[]; virtualIP?: string };
    const { name = '' } = (nic.object.spec?.['networkRef'] ?? {}) as { name?: string };
    const holder = world.fold.record('nat-slots', nic.object.metadata.uid) as NatHolder | undefined;
    const sections = (holder?.holdings ?? []).flatMap(({ gateway, section, drains = [] }) => {
      expect(drains).toEqual([]);
      return section === undefined ? [] : [{ uid: gateway.uid, ...section }];
    });
    for (const family of ['IPv4', 'IPv6']) {
      const has = sections.filter(({ ip }) => familyOfIp(ip) === family);
      const fits = ips.some((ip) => familyOfIp(ip) === family) && (virtualIP === undefined || familyOfIp(virtualIP) !== family);
      const gateway = serving.get(`${nic.key.namespace}/${name} ${family}`);
      if (!fits || gateway === undefined) {
        expect(has).toEqual([]);
        continue;
      }
      const { uid } = gateway.object.metadata;
      const counts = used.get(uid) ?? { with: 0, without: 0 };
      used.set(uid, counts);
      expect(has.length).toBeLessThan(2);
      const count = has.length === 1 ? 'with' : 'without';
      seen.add(`${count} ports`);
      counts[count]++;
      for (const { uid: of, port, ports } of has) {
        expect([of, ports, port % ports, port >= 1_024, port + ports <= 65_536]).toEqual([uid, gateway.size, 0, true, true]);
      }
    }
  }
  for (const { key, object } of serving.values()) {
    const { without } = used.get(object.metadata.uid) ?? { without: 0 };
    expect([nameText(key), isTrue(world, key, 'NATPortsExhausted')]).toEqual([nameText(key), without > 0]);
  }
}

type Peering = Readonly<{
  networkRef: { namespace?: string; name: string };
  prefixes?: readonly { prefix?: string; prefixRef?: { name: string } }[];
}>;

/** who is seen from where follows from what networks say of each other, and from nothing else. */
function checkVisibility({ world, fabric }: AllKinds): void {
  const networks = [...world.fold.list('Network')].filter(({ facts }) => facts['vni'] !== undefined);
  const nics = [...world.fold.list('NetworkInterface')].filter(({ facts }) => facts['placement'] !== undefined);
  const ipsOf = ({ object }: Folded) => (object.status?.['ips'] ?? []) as string[];
  const networkOf = ({ key, object }: Folded) => `${key.namespace}/${((object.spec?.['networkRef'] ?? {}) as { name?: string }).name}`;
  const peeringOf = (one: Folded, other: Folded): Peering | undefined =>
    ((one.object.spec?.['peerings'] ?? []) as unknown as Peering[]).find(
      ({ networkRef: { namespace = one.key.namespace, name } }) => namespace === other.key.namespace && name === other.key.name,
    );
  const accepts = (one: Folded, other: Folded): boolean =>
    ((one.object.spec?.['incomingPeerings'] ?? []) as { namespace?: string; name?: string; uid?: string }[]).some(
      ({ namespace = one.key.namespace, name, uid }) =>
        namespace === other.key.namespace && name === other.key.name && uid === other.object.metadata.uid,
    );
  const exposes = (of: Folded, to: Folded, address: string): boolean => {
    const peering = peeringOf(of, to);
    if (of === to) return true;
    // What a network that is being deleted has accepted stands in its spec, also when the other one does not name it any more.
    if (peering === undefined || peeringOf(to, of) === undefined || !accepts(of, to) || !accepts(to, of)) return false;
    const { prefixes = [] } = peering;
    if (prefixes.length === 0) return true;
    return prefixes.some(({ prefix, prefixRef }) => {
      const child = prefixRef && world.object({ kind: 'Prefix', namespace: of.key.namespace ?? '', name: prefixRef.name });
      const range = prefix ?? (child?.status?.['phase'] === 'Allocated' ? (child.spec?.['prefix'] as string) : undefined);
      return range !== undefined && isIn(address, range);
    });
  };
  const addresses = new Set(nics.flatMap(ipsOf));
  for (const from of networks) {
    for (const address of addresses) {
      const expected = networks.filter(
        (of) => nics.some((nic) => networkOf(nic) === nameText(of.key) && ipsOf(nic).includes(address)) && exposes(of, from, address),
      );
      const visible = visibleFrom({ tables: fabric.tables }, from.facts['vni'] as number, address);
      const found = [visible.used, ...visible.shadowed].flatMap((each) =>
        each?.destination.endsWith('/32') || each?.destination.endsWith('/128') ? [each.vni] : [],
      );
      expect([nameText(from.key), address, [...new Set(found)].sort()]).toEqual([
        nameText(from.key),
        address,
        expected.map(({ facts }) => facts['vni']).sort(),
      ]);
      if (visible.used !== undefined && visible.used.vni !== from.facts['vni']) seen.add('used by peering');
      if (visible.shadowed.length > 0) seen.add('shadowed');
      if (visible.hidden.length > 0) seen.add('hidden');
      if (expected.includes(from)) expect(visible.used?.vni).toBe(from.facts['vni']);
    }
  }
}

function isIn(address: string, range: string): boolean {
  if (address.includes(':') || range.includes(':')) return address.includes(':') && range.includes(':') && range.startsWith('::/0');
  const [base = '', length = '0'] = range.split('/');
  const number = (ip: string) => ip.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0);
  const size = 2 ** (32 - Number(length));
  return Math.floor(number(address) / size) === Math.floor(number(base) / size);
}

const ROUTED = ['Network', 'NetworkInterface', 'Host'];
const ROUTES = ['hosts', 'placements', 'endpoints', 'peerings', 'imports'];

/**
 * routes do not depend on the order in which streams come, as long as each keeps its own. (What is handed out again, as public addresses are, has one holder
 * after another in the log, and two in a log that never was.)
 */
function checkOrder({ world, fabric }: AllKinds, seed: number): void {
  const fold = createFold(world.registry);
  const again = new WorldFabric({ registry: world.registry, fold });
  const routed = world.appends.filter(({ stream }) => ROUTED.includes(stream.slice(0, stream.indexOf('-'))));
  for (const append of shuffled(routed, seed)) again.onChange(fold.apply(append));
  const routes = ({ tables }: WorldFabric) => new Map([...tables].filter(([table]) => ROUTES.includes(table.split('.')[0] as string)));
  expect(text(routes(again))).toBe(text(routes(fabric)));
}

function shuffled(appends: readonly Append[], seed: number): readonly Append[] {
  const random = randomOf(seed);
  const streams = new Map<string, Append[]>();
  for (const append of appends) streams.set(append.stream, [...(streams.get(append.stream) ?? []), append]);
  const left = [...streams.values()];
  const order: Append[] = [];
  while (left.length > 0) {
    const at = Math.floor(random() * left.length);
    const stream = left[at] as Append[];
    order.push(stream.shift() as Append);
    if (stream.length === 0) left.splice(at, 1);
  }
  return order;
}

/** hosts stay, what hands out numbers and addresses, and Events, until they are an hour old; nothing else is left. */
function checkNothingLeft({ world, fabric }: AllKinds): void {
  const left = [...world.fold.all()].filter(({ status }) => status === 'live').map(({ key }) => `${key.kind} ${nameText(key)}`);
  expect(left.filter((each) => !/^(Host|Namespace|AddressPool) /.test(each))).toEqual([]);
  expect([...fabric.tables.keys()].filter((table) => table !== 'hosts')).toEqual([]);
  const records = world.registry.ledgers.flatMap(({ ledger }) => [...world.fold.records(ledger).keys()].map((key) => `${ledger} ${key}`));
  expect(records.filter((each) => !/^(vni-stock|address-pools|placement-changes host|event-warnings|event-notices) /.test(each))).toEqual(
    [],
  );
  for (const host of world.fold.list('Host')) expect([host.facts['held'] ?? {}, host.facts['imported'] ?? {}]).toEqual([{}, {}]);
}

/** what is made anew comes to the same rows as in a world where nothing was before, but for numbers, uids and positions. */
function checkSample({ world, fabric, agents }: AllKinds): void {
  const fresh = new AllKinds(0);
  for (const [of, hosts] of [
    [world, agents],
    [fresh.world, fresh.agents],
  ] as const) {
    sample(of, hosts);
    for (let round = 0; round < 3; round++) {
      for (const agent of hosts) agent.report();
      of.pass(1_000_000);
    }
  }
  expect(withoutNumbers(world, fabric)).toEqual(withoutNumbers(fresh.world, fresh.fabric));
}

const NUMBERS = ['position', 'because', 'placedAt', 'heldAt', 'mac', 'index', 'first', 'last'];
const PUBLIC = /(203\.0\.113|198\.51\.100)\.[0-9]+|2001:db8:[12]:[0-9a-f:]*/g;

/** Rows by what people call things. */
function withoutNumbers({ fold }: AllKinds['world'], { tables }: WorldFabric): readonly string[] {
  const names = new Map<string, string>();
  for (const { key, status, object, facts } of fold.all()) {
    if (status !== 'live') continue;
    names.set(object.metadata.uid, `${key.kind} ${nameText(key)}`);
    if (key.kind === 'Network') names.set(String(facts['vni']), key.name);
  }
  const named = (part: string) => names.get(part) ?? part.replaceAll(PUBLIC, 'public').replaceAll(/ [0-9]+$/g, '');
  const plain = (_: string, value: unknown) => (typeof value === 'string' || typeof value === 'number' ? named(String(value)) : value);
  return [...tables]
    .filter(([table]) => table !== 'hosts')
    .flatMap(([table, rows]) =>
      [...rows].map(([key, row]) => {
        const kept = Object.fromEntries(Object.entries(row).filter(([field]) => !NUMBERS.includes(field)));
        return `${table.split('.').map(named).join('.')} ${key.split('/').map(named).join('/')} ${JSON.stringify(kept, plain)}`;
      }),
    )
    .sort();
}

function text(tables: Tables | ReadonlyMap<string, ReadonlyMap<string, unknown>>): string {
  const byKey = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]) => (a < b ? -1 : 1);
  return JSON.stringify(
    [...tables].sort(byKey).map(([table, rows]) => [table, [...rows].sort(byKey)]),
    null,
    1,
  );
}
