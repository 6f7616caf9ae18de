/** What a rehearsal foretells is what the same commands then bring about, in random histories of all kinds; and it leaves no trace. */
import { type Command, type JsonObject, type ObjectCommand, uuidv5 } from '@weft/api';
import { contentsOf, reachOf } from '@weft/fabric';
import { below, randomOf } from './random.ts';
import { HOSTS, RandomCommands } from './random-commands.ts';
import { flipsByForce, namesOfFlips, snapshotOf } from './reach-by-force.ts';
import { stageOf } from './stage-of.ts';
import { World } from './world.ts';
import { WorldAgent } from './world-agent.ts';
import { WorldFabric } from './world-fabric.ts';

const seeds = Array.from({ length: Number(process.env['HISTORIES'] ?? 2) }, (_, i) => Number(process.env['SEED'] ?? 1) + i);
const TESTER = { user: 'tester', verified: false };
const STEPS = 14;

type Texts = Map<string, string>;

function rowTexts(tables: ReadonlyMap<string, ReadonlyMap<string, JsonObject>>): Texts {
  return new Map(
    [...tables].flatMap(([table, rows]) => [...rows].map(([key, row]) => [`${table} ${key}`, JSON.stringify(contentsOf(row))] as const)),
  );
}

/** Specs, labels, status and facts of all objects; what only says when and where in the log something happened is left out. */
function stateTexts(world: Pick<World['fold'], 'list'>, kinds: readonly string[]): Texts {
  const left = new Set(['resourceVersion', 'lastTransitionTime', 'creationTimestamp', 'deletionTimestamp', 'time']);
  const plain = (name: string, value: unknown) => {
    if (left.has(name)) return undefined;
    // Conditions stand in the order in which they came first.
    return name === 'conditions' ? (value as { type: string }[]).toSorted((a, b) => (a.type < b.type ? -1 : 1)) : value;
  };
  return new Map(
    kinds.flatMap((kind) =>
      [...world.list(kind)].map(({ key, object }) => [`${kind} ${key.namespace}/${key.name}`, JSON.stringify(object, plain)] as const),
    ),
  );
}

describe('A rehearsal in a random world', () => {
  it.each(seeds)('foretells what the commands bring about, and leaves no trace (SEED=%i)', async (seed) => {
    const random = randomOf(seed);
    const world = new World({ seed, inOrder: true });
    const commands = new RandomCommands(random);
    for (const command of commands.first()) world.do(command);
    const agents = HOSTS.map((host, i) => new WorldAgent(world, host, `fd00::${i + 1}`));
    for (const agent of agents) agent.register();
    world.patch({ kind: 'Host', name: 'c' }, { spec: { roles: ['Compute', 'Edge'] } });
    for (const command of commands.populate()) world.do(command);
    const fabric = new WorldFabric(world);
    world.watch(fabric.onChange);
    const stage = stageOf(world);
    const kinds = world.registry.kinds.map(({ kind }) => kind);
    const foretold = async (batch: readonly Command[], id: string, meanwhile = () => {}) =>
      stage.rehearse(world.now, async (rehearsal) => {
        meanwhile();
        const codes: unknown[] = [];
        for (const [i, command] of batch.entries()) {
          const reply = await rehearsal.send(command, uuidv5(id, `${i}`), TESTER);
          codes.push(reply.ok ? reply.code : reply.status.message);
          await rehearsal.settle();
        }
        const differences = await rehearsal.rowDifferences();
        const reach = await reachOf(rehearsal, differences, () => undefined);
        return { codes, differences, reach, states: stateTexts(rehearsal.fork, kinds), rows: rowTexts(rehearsal.tables) };
      });
    for (let step = 0; step < STEPS; step++) {
      if (below(random, 4) === 0) agents[below(random, agents.length)]?.report();
      const batch = Array.from({ length: 1 + below(random, 3) }, () => commands.next()).filter(
        (each): each is ObjectCommand => each !== undefined,
      );
      const id = uuidv5('6f1d3c5e-0000-5000-8000-00000000000a', `${seed} ${step}`);
      world.pass(10_000); // What waits for a time is done.
      const before = rowTexts(fabric.tables);
      const tables = snapshotOf(fabric.tables);
      const plan = await foretold(batch, id);
      expect(await foretold([], id)).toMatchObject({ differences: [], rows: before });
      const other = commands.next();
      if (below(random, 3) === 0 && other !== undefined) {
        // What happens meanwhile is not seen, nor lost.
        const { codes, rows, states } = await foretold(batch, id, () => world.do(other));
        expect({ codes, rows, states }).toEqual({ codes: plan.codes, rows: plan.rows, states: plan.states });
        continue;
      }
      const codes = batch.map((command, i) => {
        const reply = world.do(command, { requestId: uuidv5(id, `${i}`) });
        return reply.ok ? reply.code : reply.status.message;
      });
      world.pass(2_000);
      const what = `step ${step}: ${JSON.stringify(batch)}`;
      expect([what, plan.codes]).toEqual([what, codes]);
      expect([what, sorted(plan.states)]).toEqual([what, sorted(stateTexts(world.fold, kinds))]);
      expect([what, sorted(plan.rows)]).toEqual([what, sorted(rowTexts(fabric.tables))]);
      const after = new Map(before);
      for (const { table, key, after: row } of plan.differences) {
        if (row === undefined) after.delete(`${table} ${key}`);
        else after.set(`${table} ${key}`, JSON.stringify(contentsOf(row)));
      }
      const [tablesBefore, tablesAfter] = [tables, snapshotOf(fabric.tables)];
      expect(plan.reach.cut).toBe(false);
      expect([what, namesOfFlips(plan.reach.flips, tablesBefore, tablesAfter)]).toEqual([what, flipsByForce(tablesBefore, tablesAfter)]);
      expect([what, sorted(after)]).toEqual([what, sorted(rowTexts(fabric.tables))]);
    }
  });
});

const NETWORKING = 'networking.ironcore.dev/v1alpha1';
const TIERS = ['web', 'app', 'db'];

/** Many interfaces that are alike, in two networks that are bound and use some of the same addresses. */
class TwoNetworks {
  readonly world = new World({ inOrder: true });
  readonly #random: ReturnType<typeof randomOf>;

  constructor(seed: number) {
    this.#random = randomOf(seed);
    const { world } = this;
    world.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'ns' } });
    HOSTS.forEach((host, i) => void new WorldAgent(world, host, `fd00::${i + 1}`).register());
    for (const [name, other] of [
      ['red', 'blue'],
      ['blue', 'red'],
    ] as const)
      world.create(this.#object('Network', name, { peerings: [this.#peering(other)] }));
    HOSTS.forEach((host, i) => {
      const names = [`red-${i}`, `red-${i + 3}`, `red-${i + 6}`, `blue-${i}`, `blue-${i + 3}`];
      for (const name of names) world.create(this.#nic(name));
      const networkInterfaces = names.map((name) => ({ name, networkInterfaceRef: { name } }));
      world.create({
        ...this.#object('Machine', `m-${host}`, { machinePoolRef: { name: host }, networkInterfaces }),
        apiVersion: 'compute.ironcore.dev/v1alpha1',
      });
    });
  }

  next(): ObjectCommand {
    const name = this.#pick(['one', 'two', 'three']);
    const nic = this.#pick(['red-1', 'red-4', 'blue-1', 'blue-3']);
    return this.#pick<() => ObjectCommand>([
      () => this.#apply(this.#object('NetworkPolicy', name, this.#policy(name === 'three' ? 'blue' : 'red'))),
      () => this.#apply(this.#object('NetworkPolicy', name, this.#policy(name === 'three' ? 'blue' : 'red'))),
      () => this.#apply(this.#object('NetworkPolicy', name, this.#policy(name === 'three' ? 'blue' : 'red'))),
      () => ({ verb: 'delete', key: this.#key('NetworkPolicy', name) }),
      () => this.#patch('NetworkInterface', nic, { metadata: { labels: { tier: this.#pick(TIERS) } } }),
      () =>
        this.#patch('Network', this.#pick(['red', 'blue']), {
          spec: { peerings: this.#pick([[], [this.#peering('red')], [this.#peering('blue')]]) },
        }),
      () => ({ verb: 'delete', key: this.#key('NetworkInterface', nic) }),
      () => this.#apply(this.#nic(nic)),
    ])();
  }

  #pick<T>(of: readonly T[]): T {
    return of[below(this.#random, of.length)] as T;
  }

  #key(kind: string, name: string) {
    return { kind, namespace: 'ns', name };
  }

  #object(kind: string, name: string, spec: JsonObject, labels: JsonObject = {}): JsonObject {
    return { apiVersion: NETWORKING, kind, metadata: { namespace: 'ns', name, labels }, spec };
  }

  #patch(kind: string, name: string, patch: JsonObject): ObjectCommand {
    return { verb: 'patch', key: this.#key(kind, name), patchType: 'merge', patch };
  }

  #apply(object: JsonObject): ObjectCommand {
    const key = this.#key(object['kind'] as string, (object['metadata'] as { name: string }).name);
    return { verb: 'patch', key, patchType: 'apply', patch: object, options: { fieldManager: 'tester', force: true } };
  }

  #peering(name: string): JsonObject {
    const prefixes = this.#pick<JsonObject[]>([[], [{ name: 'one', prefix: '10.0.1.0/24' }], [{ name: 'one', prefix: '10.0.0.4/30' }]]);
    return { name, networkRef: { name }, prefixes };
  }

  #nic(name: string): JsonObject {
    const [network = '', number = ''] = name.split('-');
    // Some of blue's are those of red.
    const value = network === 'blue' && Number(number) > 2 ? `10.0.1.${number}` : `10.0.0.${number + 1}`;
    return this.#object(
      'NetworkInterface',
      name,
      { networkRef: { name: network }, ipFamilies: ['IPv4'], ips: [{ value }] },
      { tier: TIERS[Number(number) % 3] as string },
    );
  }

  #policy(network: string): JsonObject {
    const peers = this.#pick<JsonObject[]>([
      [{ objectSelector: { kind: 'NetworkInterface', matchLabels: { tier: this.#pick(TIERS) } } }],
      [{ ipBlock: { cidr: '10.0.0.0/29', except: ['10.0.0.2/31'] } }],
      [{ ipBlock: { cidr: '10.0.1.0/24' } }],
      [],
    ]);
    const ports = this.#pick<JsonObject[]>([[], [{ protocol: 'TCP', port: 443, endPort: 445 }]]);
    return {
      networkRef: { name: network },
      networkInterfaceSelector: { matchLabels: { tier: this.#pick(TIERS) } },
      ...this.#pick<JsonObject>([{ ingress: [{ from: peers, ports }] }, { egress: [{ to: peers, ports }] }]),
    };
  }
}

describe('Who would reach whom otherwise', () => {
  it('is told by groups, and is what asking about every pair finds', async () => {
    const networks = new TwoNetworks(Number(process.env['SEED'] ?? 1));
    const { world } = networks;
    const fabric = new WorldFabric(world);
    world.watch(fabric.onChange);
    const stage = stageOf(world);
    let [groups, pairs] = [0, 0];
    for (let step = 0; step < Number(process.env['STEPS'] ?? 10); step++) {
      const command = networks.next();
      const { flips, cut } = await stage.rehearse(world.now, async (rehearsal) => {
        await rehearsal.send(command, uuidv5('6f1d3c5e-0000-5000-8000-00000000000c', `${step}`), TESTER);
        await rehearsal.settle();
        return reachOf(rehearsal, await rehearsal.rowDifferences(), () => undefined);
      });
      const before = snapshotOf(fabric.tables);
      world.do(command);
      world.pass(2_000);
      const after = snapshotOf(fabric.tables);
      const what = `step ${step}: ${JSON.stringify(command)}`;
      expect(cut).toBe(false);
      expect([what, namesOfFlips(flips, before, after)]).toEqual([what, flipsByForce(before, after)]);
      groups += flips.length;
      pairs += flipsByForce(before, after).length;
    }
    expect(groups).toBeGreaterThan(10);
    expect(pairs).toBeGreaterThan(8 * groups);
  });
});

describe('An address that a new interface has, too', () => {
  it('leads elsewhere from a network that is bound to both, and the plan says so', async () => {
    const world = new World({ inOrder: true });
    const create = (kind: string, name: string, spec: JsonObject, apiVersion = NETWORKING) =>
      void world.create({ apiVersion, kind, metadata: { namespace: 'ns', name }, spec });
    const peering = (name: string) => ({ name, networkRef: { name } });
    const nic = (name: string, network: string, value: string) => {
      create('NetworkInterface', name, { networkRef: { name: network }, ipFamilies: ['IPv4'], ips: [{ value }] });
      const networkInterfaces = [{ name, networkInterfaceRef: { name } }];
      create('Machine', name, { machinePoolRef: { name: 'a' }, networkInterfaces }, 'compute.ironcore.dev/v1alpha1');
    };
    world.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'ns' } });
    new WorldAgent(world, 'a', 'fd00::1').register();
    // Of those that are bound to `hub`, the first one has the lower number, and goes before the second one; they do not know of each other.
    for (const name of ['first', 'second']) create('Network', name, { peerings: [peering('hub')] });
    create('Network', 'hub', { peerings: [peering('first'), peering('second')] });
    nic('viewer', 'hub', '10.0.0.1');
    nic('seen', 'second', '10.0.0.9');
    const fabric = new WorldFabric(world);
    world.watch(fabric.onChange);
    const stage = stageOf(world);
    create('NetworkInterface', 'new', { networkRef: { name: 'first' }, ipFamilies: ['IPv4'], ips: [{ value: '10.0.0.9' }] });
    const networkInterfaces = [{ name: 'new', networkInterfaceRef: { name: 'new' } }];
    const object = {
      apiVersion: 'compute.ironcore.dev/v1alpha1',
      kind: 'Machine',
      metadata: { namespace: 'ns', name: 'new' },
      spec: { machinePoolRef: { name: 'a' }, networkInterfaces },
    };
    const command: Command = { verb: 'create', kind: 'Machine', namespace: 'ns', object };
    const { flips } = await stage.rehearse(world.now, async (rehearsal) => {
      await rehearsal.send(command, uuidv5('6f1d3c5e-0000-5000-8000-00000000000e', 'new'), TESTER);
      await rehearsal.settle();
      return reachOf(rehearsal, await rehearsal.rowDifferences(), () => undefined);
    });
    const before = snapshotOf(fabric.tables);
    world.do(command);
    const after = snapshotOf(fabric.tables);
    const by = flipsByForce(before, after);
    expect(namesOfFlips(flips, before, after)).toEqual(by);
    const uid = (name: string) => world.object({ kind: 'NetworkInterface', namespace: 'ns', name })?.metadata.uid;
    expect(by).toContain(`${uid('viewer')} > ${uid('seen')} 0 TCP 443 false`);
  });
});

function sorted(texts: Texts): readonly (readonly [string, string])[] {
  return [...texts].sort(([a], [b]) => (a < b ? -1 : 1));
}
