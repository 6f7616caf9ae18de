import { commandOf, type JsonObject, keyOfStream, type ObjectCommand, type ObjectKey, type RecordedEvent, type Reply } from '@weft/api';
import { networkKey, nicKey } from '@weft/network';
import { below, type Random, randomOf } from './random.ts';
import { World } from './world.ts';
import { WorldAgent } from './world-agent.ts';

const seeds = Array.from({ length: 12 }, (_, i) => i + 1);
const NIC = 'networking.ironcore.dev/v1alpha1';

function object(kind: string, name: string, spec: JsonObject): ObjectCommand {
  return { verb: 'create', kind, namespace: 'ns', object: { apiVersion: NIC, kind, metadata: { name, namespace: 'ns' }, spec } };
}

const patch = (key: ObjectKey, value: JsonObject): ObjectCommand => ({ verb: 'patch', key, patchType: 'merge', patch: value });

/** A random command. Its names come from a small set, so that commands meet on the same objects. */
function randomCommand(random: Random): ObjectCommand {
  const nic = `nic${below(random, 3)}`;
  const network = `net${below(random, 2)}`;
  const ips = [{ value: `10.0.0.${below(random, 4)}` }];
  const commands: (() => ObjectCommand)[] = [
    () => object('Network', network, {}),
    () => object('NetworkInterface', nic, { networkRef: { name: network }, ips, ipFamilies: ['IPv4'] }),
    () => object('NetworkInterface', nic, { networkRef: { name: network }, ips, ipFamilies: ['IPv4'] }),
    () => object('Machine', 'm', { networkInterfaces: [{ name: 'one', networkInterfaceRef: { name: nic } }] }),
    () => patch(nicKey('ns', nic), { spec: { ips } }),
    () => patch(nicKey('ns', nic), { spec: { ips } }),
    () => patch(networkKey('ns', network), { metadata: { labels: { a: String(below(random, 9)) } } }),
    () => ({ verb: 'delete', key: nicKey('ns', nic) }),
    () => ({ verb: 'delete', key: networkKey('ns', network) }),
  ];
  return (commands[below(random, commands.length)] as () => ObjectCommand)();
}

function started(seed: number, more: { lag?: number; duplicates?: number; conflicts?: number } = {}): World {
  const world = new World({ seed, ...more });
  world.create({ kind: 'Namespace', metadata: { name: 'ns' } });
  new WorldAgent(world, 'host-a', '192.0.2.1').register();
  return world;
}

function live(world: World, random: Random, steps: number): Reply[] {
  return Array.from({ length: steps }, () => {
    const reply = world.send(randomCommand(random));
    if (random() < 0.5) world.settle();
    if (random() < 0.1) world.pass(below(random, 10_000));
    return reply;
  });
}

const copyOf = (log: readonly RecordedEvent[]) => [...log];

describe.each(seeds)('A world (seed %i)', (seed) => {
  it('goes on in a fork exactly as in itself', () => {
    const world = started(seed, { lag: 0.4, duplicates: 0.3, conflicts: 0.2 });
    live(world, randomOf(seed), 40);
    const fork = world.fork();
    const replies = live(world, randomOf(seed + 1_000), 30);
    expect(live(fork, randomOf(seed + 1_000), 30)).toEqual(replies);
    expect(fork.log).toEqual(world.log);
    expect([...fork.fold.all()]).toEqual([...world.fold.all()]);
  });

  it('is not touched by what happens in a fork, nor a fork by another', () => {
    const world = started(seed, { lag: 0.4, duplicates: 0.3 });
    live(world, randomOf(seed), 40);
    const [log, all, book] = [copyOf(world.log), [...world.fold.all()], JSON.stringify(bookOf(world))];
    const [left, right] = [world.fork(), world.fork()];
    live(left, randomOf(seed + 1), 30);
    expect(right.log).toEqual(log);
    live(right, randomOf(seed + 2), 30);
    expect(right.log).not.toEqual(left.log);
    expect([world.log, [...world.fold.all()], JSON.stringify(bookOf(world))]).toEqual([log, all, book]);
  });

  it('can be forked at an earlier position', () => {
    const world = started(seed);
    live(world, randomOf(seed), 20);
    const at = world.position;
    const [all, book] = [[...world.fold.all()], JSON.stringify(bookOf(world))];
    const then = copyOf(world.log);
    live(world, randomOf(seed + 1), 20);
    const fork = world.fork(at);
    expect(fork.log).toEqual(then);
    expect([...fork.fold.all()]).toEqual(all);
    expect(JSON.stringify(bookOf(fork))).toEqual(book);
    // The fork knows the requests of that time.
    const first = then.find(({ stream }) => stream.startsWith('NetworkInterface-'))?.metadata.requestId;
    if (first === undefined) return;
    const command = object('NetworkInterface', 'nic0', {});
    const repeated = ['nic0', 'nic1', 'nic2'].map((name) =>
      fork.send({ ...command, object: { metadata: { name } } } as ObjectCommand, { requestId: first }),
    );
    expect(repeated.some((reply) => reply.ok && reply.repeated === true)).toBe(true);
  });

  it('ends the same when other writers are sometimes faster', () => {
    const [calm, busy] = [started(seed), started(seed, { conflicts: 0.5 })];
    const random = [randomOf(seed), randomOf(seed)] as const;
    for (let step = 0; step < 40; step++) {
      const [expected, actual] = [calm.send(randomCommand(random[0])), busy.send(randomCommand(random[1]))];
      expect([actual.ok, actual.ok && actual.code]).toEqual([expected.ok, expected.ok && expected.code]);
    }
    const specs = (world: World) => [...world.fold.all()].map(({ key, status, object: { spec } }) => [key, status, spec]);
    expect(specs(busy)).toEqual(specs(calm));
  });

  it('keeps the commands that people sent', () => {
    const world = started(seed);
    live(world, randomOf(seed), 40);
    const commands = world.log.filter(({ metadata: { append, actor } }) => append.index === 0 && actor.user === 'tester');
    for (const first of commands) {
      const key = world.registry.reservationOf(first.stream) === undefined ? keyOfStream(first.stream) : undefined;
      const state = key && world.fold.get(key);
      if (state !== undefined) expect(commandOf({ events: [first] }, state)).toBeDefined();
    }
  });
});

describe('The domains together', () => {
  it('keep every ledger that one of them reads of another', () => {
    const { domains } = new World().registry;
    const kept = domains.flatMap(({ ledgers = [] }) => ledgers.map(({ ledger }) => ledger));
    const read = domains.flatMap(({ reads = [] }) => reads.flatMap((each) => ('ledger' in each ? [each.ledger] : [])));
    expect(read.length).toBeGreaterThan(0);
    expect(read.filter((ledger) => !kept.includes(ledger))).toEqual([]);
  });
});

describe('A world from a log', () => {
  it('begins with whole appends, at the time of the last', () => {
    const world = started(1);
    world.send(object('Network', 'net', {}));
    world.pass(60_000);
    const two = patch(networkKey('ns', 'net'), { metadata: { labels: { a: 'b' }, annotations: { c: 'd' } } });
    const before = world.position;
    world.send(two);
    const middle = world.log.at(-2)?.position ?? 0n;
    expect(world.log.at(-1)?.metadata.append).toEqual({ index: 1, count: 2 });
    const again = new World({ log: world.appends, at: middle });
    expect([again.position, again.now]).toEqual([before, world.log.find(({ position }) => position === before)?.metadata.time]);
    // None of its requests is taken for one of the log.
    for (let i = 0; i < 10; i++) expect(again.send(two)).not.toHaveProperty('repeated');
    expect(again.get(networkKey('ns', 'net'))?.object.metadata.labels).toEqual({ a: 'b' });
  });

  it('names the actor on whose behalf a loop acts', () => {
    const world = started(1);
    const cause = { actor: { user: 'joe', verified: true }, correlationId: '6f1d3c5e-0000-4000-8000-000000000001' };
    world.send(object('Network', 'net', {}), cause);
    world.settle();
    const settled = world.log.filter(({ metadata }) => metadata.onBehalfOf?.user === 'joe');
    expect(settled.length).toBeGreaterThan(0);
    for (const { metadata } of settled) expect(metadata).toMatchObject({ $correlationId: cause.correlationId, actor: { verified: true } });
  });
});

function bookOf(world: World): unknown {
  const { holders } = world.reservation<{ holders: Map<string, unknown> }>('AddressBook-ns.net0');
  return [...holders];
}
