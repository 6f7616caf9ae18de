/**
 * Random histories of the whole domain, below the API. At every stop of each history incremental rows and kernel objects equal those computed anew from
 * the states, a fold from zero gives the same, and packets go exactly where the objects say.
 */
import { createFold, type Folded, type JsonObject } from '@weft/api';
import {
  compile,
  type EndpointRow,
  type HostRow,
  type KernelObject,
  type Path,
  type PlacementRow,
  policyTables,
  routingTables,
  type Tables,
} from '@weft/fabric';
import { below, randomOf } from './random.ts';
import { World } from './world.ts';
import { WorldAgent } from './world-agent.ts';
import { WorldFabric } from './world-fabric.ts';

const seeds = process.env['WEFT_SEED'] === undefined ? [1, 2, 3, 4, 5, 6, 7, 8] : [Number(process.env['WEFT_SEED'])];
const ROUTED = ['Network', 'NetworkInterface', 'Host'];
const NETWORKS = ['red', 'blue', 'green'];
const HOSTS = ['a', 'b', 'c'];
const NICS = ['n1', 'n2', 'n3', 'n4', 'n5', 'n6'];
const IPS = ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4'];

const nicKey = (name: string) => ({ kind: 'NetworkInterface', namespace: 'default', name });
const machineKey = (name: string) => ({ kind: 'Machine', namespace: 'default', name });
const networkKey = (name: string) => ({ kind: 'Network', namespace: 'default', name });

describe('The fabric of a random world', () => {
  const outcomes = new Set<string>();
  afterAll(() => {
    // The histories have all outcomes.
    if (seeds.length > 1) expect([...outcomes].sort()).toEqual(['delivered by tunnel: false', 'delivered by tunnel: true', 'dropped']);
  });

  it.each(seeds)('is a pure function of its log (WEFT_SEED=%i)', (seed) => {
    const random = randomOf(seed);
    const pick = <T>(of: readonly T[]): T => of[below(random, of.length)] as T;
    let late: WorldFabric | undefined;
    const world = new World({ seed, duplicates: 0.1 });
    const fabric = new WorldFabric(world);
    world.watch(fabric.onChange);
    world.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } });
    const agents = HOSTS.map((host, i) => new WorldAgent(world, host, `fd00::${i + 1}`));

    const steps: Record<string, () => unknown> = {
      network: () => world.create(object('networking.ironcore.dev/v1alpha1', 'Network', pick(NETWORKS), {})),
      nic: () =>
        world.create(
          object('networking.ironcore.dev/v1alpha1', 'NetworkInterface', pick(NICS), {
            networkRef: { name: pick(NETWORKS) },
            ipFamilies: ['IPv4'],
            ips: [{ value: pick(IPS) }],
          }),
        ),
      nicAgain: () => steps['nic']!(),
      machine: () => {
        const name = pick(NICS);
        const slots = [{ name: 'primary', networkInterfaceRef: { name } }];
        world.create(
          object('compute.ironcore.dev/v1alpha1', 'Machine', `m-${name}`, {
            machinePoolRef: { name: pick(HOSTS) },
            networkInterfaces: slots,
          }),
        );
      },
      machineAgain: () => steps['machine']!(),
      readdress: () => world.patch(nicKey(pick(NICS)), { spec: { ips: [{ value: pick(IPS) }] } }),
      label: () => world.patch(nicKey(pick(NICS)), { metadata: { labels: { step: `${below(random, 5)}` } } }),
      move: () => world.patch(machineKey(`m-${pick(NICS)}`), { spec: { machinePoolRef: { name: pick(HOSTS) } } }),
      endMachine: () => world.delete(machineKey(`m-${pick(NICS)}`)),
      endNic: () => world.delete(nicKey(pick(NICS))),
      endNetwork: () => below(random, 3) === 0 && world.delete(networkKey(pick(NETWORKS))),
      register: () => pick(agents).register(),
      report: () => pick(agents).report(),
      reportAgain: () => pick(agents).report(),
    };
    const rowsSeen = new Set<string>();
    for (let step = 0; step < 250; step++) {
      pick(Object.values(steps))();
      if (step === 100) {
        late = new WorldFabric(world);
        world.watch(late.onChange);
      }
      if (step % 10 !== 9) continue;
      const states = [...world.fold.all()].filter(({ key }) => ROUTED.includes(key.kind));
      check(fabric, states);
      for (const table of fabric.tables.keys()) rowsSeen.add(table.split('.')[0] as string);
    }
    expect([...rowsSeen].sort()).toEqual(['endpoints', 'hosts', 'placements', 'policies']);

    // A fold from zero gives the same states, rows and kernels.
    const fold = createFold(world.registry);
    const again = new WorldFabric({ registry: world.registry, fold });
    for (const append of world.appends) again.onChange(fold.apply(append));
    expect(text(again.tables)).toBe(text(fabric.tables));
    expect(statesText(fold.all())).toBe(statesText(world.fold.all()));
    check(again, [...fold.all()]);
    expect(text(late!.tables)).toBe(text(fabric.tables));
    expect(world.refusals).toEqual([]);

    // Packets between all NICs that rows place arrive exactly within a network and at a known address.
    const placed = [...fabric.tables]
      .filter(([table]) => table.startsWith('placements.'))
      .flatMap(([, rows]) => [...rows.values()]) as unknown as PlacementRow[];
    for (const from of placed) {
      for (const to of placed) {
        if (from === to || from.ips[0] === to.ips[0]) continue;
        const { paths } = fabric.evaluate({ from: from.nic, protocol: 'UDP', src: from.ips[0] as string, dst: to.ips[0] as string });
        const [verdict] = paths as [Path];
        const expected = placed.find(({ vni, ips }) => vni === from.vni && ips[0] === to.ips[0]);
        if (expected === undefined) expect(verdict.outcome).toBe('dropped');
        else expect(verdict).toMatchObject({ outcome: 'delivered', to: expected.nic });
        outcomes.add(
          verdict.outcome === 'delivered' ? `delivered by tunnel: ${verdict.steps.some(({ at }) => at === 'tunnel')}` : verdict.outcome,
        );
      }
    }
  });
});

function check(fabric: WorldFabric, states: readonly Folded[]): void {
  const tables: Tables = new Map([...routingTables(states), ...policyTables(states)]);
  expect(text(fabric.tables)).toBe(text(tables));
  const hosts = rowsOf<HostRow>(tables, 'hosts');
  expect([...fabric.hosts].sort()).toEqual([...hosts.keys()].sort());
  for (const { host, index, underlay } of hosts.values()) {
    const endpoints = new Map<number, ReadonlyMap<string, EndpointRow>>();
    for (const table of tables.keys()) if (table.startsWith('endpoints.')) endpoints.set(Number(table.slice(10)), rowsOf(tables, table));
    const placements = rowsOf<PlacementRow>(tables, `placements.${host}`);
    const full = compile({ host, index, underlay }, { hosts, placements, endpoints, others: tables }, () => true);
    expect(text(new Map([['kernel', fabric.kernelOf(host)!]]))).toBe(text(new Map([['kernel', full]])));
  }
}

function rowsOf<R>(tables: Tables, table: string): ReadonlyMap<string, R> {
  return (tables.get(table as 'hosts') ?? new Map()) as ReadonlyMap<string, R>;
}

function text(tables: ReadonlyMap<string, ReadonlyMap<string, JsonObject | KernelObject | HostRow | PlacementRow | EndpointRow>>): string {
  return JSON.stringify([...tables].sort(byKey).map(([table, rows]) => [table, [...rows].sort(byKey)]));
}
function statesText(states: Iterable<Folded>): string {
  const plain = [...states].map((state) => [`${state.key.kind} ${state.key.namespace} ${state.key.name}`, state] as const);
  return JSON.stringify(plain.sort(byKey), (_, value: unknown) => (typeof value === 'bigint' ? value.toString() : value));
}
function byKey([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
function object(apiVersion: string, kind: string, name: string, spec: JsonObject): JsonObject {
  return { apiVersion, kind, metadata: { name, namespace: 'default' }, spec };
}
