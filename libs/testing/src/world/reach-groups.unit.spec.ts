/** What tells two interfaces apart that are alike otherwise: each in a world so small that every pair can be asked about, and with either of the two first. */
import { type JsonObject, type ObjectCommand, uuidv5 } from '@weft/api';
import { reachOf } from '@weft/fabric';
import { flipsByForce, namesOfFlips, snapshotOf } from './reach-by-force.ts';
import { stageOf } from './stage-of.ts';
import { World } from './world.ts';
import { WorldAgent } from './world-agent.ts';
import { WorldFabric } from './world-fabric.ts';

const NETWORKING = 'networking.ironcore.dev/v1alpha1';
const object = (kind: string, name: string, spec: JsonObject, labels: JsonObject = {}): JsonObject => ({
  apiVersion: NETWORKING,
  kind,
  metadata: { namespace: 'ns', name, labels },
  spec,
});
const policy = (name: string, network: string, app: string, spec: JsonObject): JsonObject =>
  object('NetworkPolicy', name, { networkRef: { name: network }, networkInterfaceSelector: { matchLabels: { app } }, ...spec });
const create = (made: JsonObject): ObjectCommand => ({ verb: 'create', kind: made['kind'] as string, namespace: 'ns', object: made });
const block = (cidr: string, ...except: string[]): JsonObject => ({ ipBlock: { cidr, except } });

type Twin = Readonly<{ network: string; name: string; app: string; ip: string; prefix?: string }>;
const twins = (ips: readonly string[], prefixes: readonly string[] = []): Twin[] =>
  ips.map((ip, i) => ({ network: 'red', name: `twin-${i}`, app: 'twin', ip, ...(prefixes[i] !== undefined && { prefix: prefixes[i] }) }));

/** Two networks that are bound, with these interfaces on one host. */
function worldOf(interfaces: readonly Twin[]): World {
  const world = new World({ inOrder: true });
  world.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'ns' } });
  new WorldAgent(world, 'a', 'fd00::1').register();
  for (const [name, other] of [
    ['red', 'blue'],
    ['blue', 'red'],
  ] as const)
    world.create(object('Network', name, { peerings: [{ name: other, networkRef: { name: other } }] }));
  for (const { network, name, app, ip, prefix } of interfaces) {
    const ranges = prefix === undefined ? {} : { prefixes: [{ value: prefix }] };
    world.create(
      object('NetworkInterface', name, { networkRef: { name: network }, ipFamilies: ['IPv4'], ips: [{ value: ip }], ...ranges }, { app }),
    );
  }
  const networkInterfaces = interfaces.map(({ name }) => ({ name, networkInterfaceRef: { name } }));
  world.create({
    ...object('Machine', 'm', { machinePoolRef: { name: 'a' }, networkInterfaces }),
    apiVersion: 'compute.ironcore.dev/v1alpha1',
  });
  return world;
}

/** Names of what the plan of a command says, and what asking about every pair finds. */
async function planned(world: World, command: ObjectCommand): Promise<Readonly<{ told: readonly string[]; found: readonly string[] }>> {
  const fabric = new WorldFabric(world);
  world.watch(fabric.onChange);
  const { flips } = await stageOf(world).rehearse(world.now, async (rehearsal) => {
    await rehearsal.send(command, uuidv5('6f1d3c5e-0000-5000-8000-00000000000d', '1'), { user: 'tester', verified: false });
    await rehearsal.settle();
    return reachOf(rehearsal, await rehearsal.rowDifferences(), () => undefined);
  });
  const before = snapshotOf(fabric.tables);
  world.do(command);
  world.pass(2_000);
  const after = snapshotOf(fabric.tables);
  return { told: namesOfFlips(flips, before, after), found: flipsByForce(before, after) };
}

const DB: Twin = { network: 'red', name: 'db', app: 'db', ip: '10.0.0.9' };
const OUTER: Twin = { network: 'blue', name: 'outer', app: 'outer', ip: '10.0.7.7' };
const [ONE, OTHER] = ['10.0.0.1', '10.0.0.2'];
const BOTH_WAYS = [
  [ONE, OTHER],
  [OTHER, ONE],
] as const;

describe('Two interfaces that are alike are told apart by', () => {
  it.each(BOTH_WAYS)('the block of a rule that holds one of them, %s before %s', async (...ips) => {
    for (const peers of [[block(`${ONE}/32`)], [block('10.0.0.0/24', `${ONE}/32`)]]) {
      const closed = policy('closed', 'red', 'db', { ingress: [{ from: peers }] });
      const { told, found } = await planned(worldOf([...twins(ips), DB]), create(closed));
      expect(found.filter((name) => name.includes('TCP 443')).length).toBe(1);
      expect(told).toEqual(found);
    }
  });

  it.each(BOTH_WAYS)('the block of what one of them may be sent, %s before %s', async (...ips) => {
    const closed = policy('closed', 'red', 'db', { egress: [{ to: [block(`${ONE}/32`)] }] });
    const { told, found } = await planned(worldOf([...twins(ips), DB]), create(closed));
    expect(found.length).toBeGreaterThan(0);
    expect(told).toEqual(found);
  });

  it.each(BOTH_WAYS)('the block that held one of them before, %s before %s', async (...ips) => {
    const world = worldOf([...twins(ips), DB]);
    world.create(policy('closed', 'red', 'db', { ingress: [{ from: [block(`${ONE}/32`)] }] }));
    const { told, found } = await planned(world, { verb: 'delete', key: { kind: 'NetworkPolicy', namespace: 'ns', name: 'closed' } });
    expect(found.length).toBeGreaterThan(0);
    expect(told).toEqual(found);
  });

  it.each(BOTH_WAYS)('an address that leads to somebody else in a bound network, %s before %s', async (...ips) => {
    const hiding: Twin = { network: 'blue', name: 'hiding', app: 'hiding', ip: ONE };
    const closed = policy('closed', 'red', 'twin', { policyTypes: ['Ingress'] });
    const { told, found } = await planned(worldOf([...twins(ips), OUTER, hiding]), create(closed));
    expect(found.length).toBeGreaterThan(0);
    expect(told).toEqual(found);
  });

  it.each(BOTH_WAYS)('what a peering exposes of them, %s before %s', async (...ips) => {
    const world = worldOf([...twins(ips), OUTER]);
    world.patch(
      { kind: 'Network', namespace: 'ns', name: 'red' },
      { spec: { peerings: [{ name: 'blue', networkRef: { name: 'blue' }, prefixes: [{ name: 'one', prefix: `${ONE}/32` }] }] } },
    );
    world.pass(2_000);
    const closed = policy('closed', 'red', 'twin', { policyTypes: ['Ingress'] });
    const { told, found } = await planned(world, create(closed));
    expect(found.length).toBeGreaterThan(0);
    expect(told).toEqual(found);
  });

  it.each(BOTH_WAYS)('a range that is routed to another one where it begins, %s before %s', async (...ips) => {
    // The first address of one range is somebody else's own.
    const taken: Twin = { network: 'red', name: 'taken', app: 'db', ip: '10.9.1.0' };
    const ranges = ips[0] === ONE ? ['10.9.1.0/24', '10.9.2.0/24'] : ['10.9.2.0/24', '10.9.1.0/24'];
    const closed = policy('closed', 'red', 'twin', { policyTypes: ['Ingress'] });
    const { told, found } = await planned(worldOf([...twins(ips, ranges), taken, DB]), create(closed));
    expect(found.length).toBeGreaterThan(0);
    expect(told).toEqual(found);
  });
});
