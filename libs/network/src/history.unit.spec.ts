/**
 * Random histories: whatever people, agents and loops do, in whatever order, the invariants hold at every position. `HISTORIES=10000 npm run test:unit --
 * libs/network/src/history` runs more of them.
 */
import { type ApiObject, type Append, createFold, factsOf, foldStream, type JsonObject, keyOfStream, type RecordedEvent } from '@weft/api';
import { below, type Random, randomOf, World, WorldAgent } from '@weft/testing';
import { type AddressBook, Host, hostKey, machineKey, namespaceKey, networkKey, nicKey } from './index.ts';
import { factsOfNic } from './testing/facts.ts';
import { machine, namespace, network, nic } from './testing/manifests.ts';

const HISTORIES = Number(process.env['HISTORIES'] ?? 25);
const STEPS = 90;
const pick = <T>(random: Random, list: readonly T[]): T => list[below(random, list.length)] as T;

class History {
  readonly world: World;
  readonly #random: Random;
  readonly #agents: WorldAgent[];
  /** Holders according to the log alone: address of a network -> uid, VNI -> uid, number within a network -> uid. */
  readonly #addresses = new Map<string, string>();
  readonly #vnis = new Map<number, string>();
  readonly #numbers = new Map<string, string>();
  readonly #indexes = new Map<number, string>();

  constructor(seed: number, lag: number) {
    this.#random = randomOf(seed);
    this.world = new World({
      seed,
      duplicates: 0.4,
      lag,
      conflicts: lag / 2,
      onChange: (change) => {
        for (const event of change.append.events) this.#check(event);
      },
    });
    this.world.create(namespace('ns'));
    this.#agents = ['a', 'b', 'c'].map((name, i) => new WorldAgent(this.world, `host-${name}`, `192.0.2.${i + 1}`));
  }

  /** One random command or report. Loops may or may not run before the next one. */
  step(): void {
    const random = this.#random;
    const { world } = this;
    const nicName = pick(random, ['n1', 'n2', 'n3', 'n4']);
    const netName = pick(random, ['net1', 'net2']);
    const machineName = pick(random, ['m1', 'm2', 'm3']);
    const agent = pick(random, this.#agents);
    const ip = `10.0.0.${below(random, 4)}`;
    const actions: (() => unknown)[] = [
      () => this.#create(network(netName)),
      () => this.#create(nic(nicName, netName, [ip])),
      () => this.#create(nic(nicName, netName, [ip, `2001:db8::${below(random, 3)}`])),
      () =>
        this.#create(
          machine(
            machineName,
            pick(random, ['host-a', 'host-b', undefined]),
            [nicName, pick(random, ['n1', 'n2'])].filter((each, i, list) => list.indexOf(each) === i),
          ),
        ),
      () => world.send({ verb: 'delete', key: nicKey('ns', nicName) }),
      () => world.send({ verb: 'delete', key: machineKey('ns', machineName) }),
      () => world.send({ verb: 'delete', key: networkKey('ns', netName) }),
      () => this.#patch(nicKey('ns', nicName), { spec: { ips: [{ value: ip }] } }),
      () =>
        this.#patch(machineKey('ns', machineName), { spec: { machinePoolRef: { name: pick(random, ['host-a', 'host-b', 'host-c']) } } }),
      () => this.#patch(nicKey('ns', nicName), { spec: { machineRef: { name: machineName, uid: 'stray' } } }),
      () => agent.register(),
      () => agent.report(),
      () => agent.report(),
      () => world.act(hostKey(agent.host), pick(random, ['HostLost', 'HostReturned'])),
      () => world.send({ verb: 'delete', key: hostKey(agent.host), force: random() < 0.5 }),
      () => world.pass(below(random, 20_000)),
    ];
    pick(random, actions)();
    if (random() < 0.6) world.settle();
  }

  #create(object: JsonObject): void {
    const { kind } = object as { kind: string };
    this.world.send({ verb: 'create', kind, namespace: 'ns', object });
  }

  #patch(key: ReturnType<typeof nicKey>, patch: JsonObject): void {
    this.world.send({ verb: 'patch', key, patchType: 'merge', patch });
  }

  /** Checks with each event that addresses, VNIs and numbers are unique. */
  #check({ type, data, stream }: RecordedEvent): void {
    switch (type) {
      case 'AddressesClaimed.v1':
        for (const ip of data['ips'] as string[]) hold(this.#addresses, `${stream} ${ip}`, data['uid'] as string);
        if (data['index'] !== undefined) hold(this.#numbers, `${stream} ${data['index']}`, data['uid'] as string);
        return;
      case 'AddressesReleased.v1':
        for (const ip of data['ips'] as string[]) release(this.#addresses, `${stream} ${ip}`, data['uid'] as string);
        if (data['index'] !== undefined) release(this.#numbers, `${stream} ${data['index']}`, data['uid'] as string);
        return;
      case 'VniAllocated.v1':
        hold(this.#vnis, data['vni'] as number, data['uid'] as string);
        return;
      case 'VniReleased.v1':
        release(this.#vnis, data['vni'] as number, data['uid'] as string);
        return;
      case 'HostIndexClaimed.v1':
        hold(this.#indexes, data['index'] as number, data['uid'] as string);
        return;
      case 'HostIndexReleased.v1':
        release(this.#indexes, data['index'] as number, data['uid'] as string);
        return;
    }
  }

  /** Each living interface holds its addresses in its book. */
  heldByThoseWhoUseThem(): void {
    for (const { object, key, facts } of this.world.fold.list('NetworkInterface')) {
      const book = `AddressBook-${key.namespace}.${networkOf(object)}`;
      expect(this.#numbers.get(`${book} ${facts['index']}`)).toBe(object.metadata.uid);
      for (const ip of (object.status?.['ips'] ?? []) as string[]) expect(this.#addresses.get(`${book} ${ip}`)).toBe(object.metadata.uid);
    }
  }
}

const networkOf = ({ spec }: ApiObject): string => (spec?.['networkRef'] as { name: string } | undefined)?.name ?? '';

function hold<K>(holders: Map<K, string>, what: K, uid: string): void {
  if ((holders.get(what) ?? uid) !== uid) throw new Error(`${what} has two holders: ${holders.get(what)} and ${uid}`);
  holders.set(what, uid);
}

function release<K>(holders: Map<K, string>, what: K, uid: string): void {
  if (holders.get(what) !== uid) throw new Error(`${what} is given back by ${uid}, its holder is ${holders.get(what)}`);
  holders.delete(what);
}

function lived(seed: number): History {
  // With odd seeds, half of all decisions are made on a view that lags.
  const history = new History(seed, seed % 2 === 1 ? 0.5 : 0);
  for (let step = 0; step < STEPS; step++) {
    history.step();
    history.heldByThoseWhoUseThem();
  }
  history.world.settle();
  return history;
}

describe.each(Array.from({ length: HISTORIES }, (_, i) => i + 1))('On the random history of seed %i', (seed) => {
  it('an address, a VNI and the number of an interface have one holder at most, loops come to an end, and none is refused', () => {
    const { world } = lived(seed);
    expect(world.refusals).toEqual([]);
    const { log } = world;
    // A fold from zero, of the log and of each stream, equals the running one.
    const again = createFold(world.registry);
    for (const append of world.appends) again.apply(JSON.parse(JSON.stringify(append, bigints), revived) as Append);
    expect([...again.all()]).toEqual([...world.fold.all()]);
    const byStream = new Map<string, RecordedEvent[]>();
    for (const event of log) byStream.set(event.stream, [...(byStream.get(event.stream) ?? []), event]);
    for (const [stream, events] of byStream) {
      const key = keyOfStream(stream)!;
      if (world.registry.kind(key.kind) === undefined) continue;
      const { requests: _, ...alone } = foldStream(world.registry, key, events);
      const { requests: __, ...running } = world.fold.get(key)!;
      expect(alone).toEqual(running);
    }
  });

  it('the state becomes what machines, hosts and networks ask for, once agents have reported', () => {
    const { world } = lived(seed);
    for (const name of ['host-a', 'host-b', 'host-c']) {
      const agent = new WorldAgent(world, name, `192.0.2.${name.charCodeAt(5) - 96}`);
      world.act(hostKey(name), 'HostReturned');
      agent.register();
    }
    // Several rounds, since a report may end a rest, after which an interface is placed.
    for (let round = 0; round < 4; round++) for (const name of ['host-a', 'host-b', 'host-c']) new WorldAgent(world, name, '').report();
    for (const nicState of world.fold.list('NetworkInterface')) {
      const { placement, programmed, resting } = factsOfNic(nicState);
      const spec = nicState.object.spec as { machineRef?: { name: string; uid: string }; networkRef: { name: string } };
      const holder = spec.machineRef && world.get(machineKey('ns', spec.machineRef.name));
      if (spec.machineRef !== undefined) expect(holder?.object.metadata.uid).toBe(spec.machineRef.uid);
      const pool = (holder?.object.spec?.['machinePoolRef'] as { name: string } | undefined)?.name;
      expect(resting).toBeUndefined();
      expect(placement?.host).toBe(pool);
      const vni = world.get(networkKey('ns', spec.networkRef.name))?.facts['vni'];
      if (placement !== undefined && vni !== undefined) {
        expect(factsOf(world.fold).get(Host, { name: placement.host })?.facts.held?.[String(vni)]).toBe('');
        expect([programmed, nicState.object.status?.['state']]).toEqual([true, 'Available']);
      } else expect(nicState.object.status?.['state']).toBe('Pending');
    }
    for (const host of factsOf(world.fold).all(Host)) {
      for (const vni of Object.keys(host.facts.held ?? {})) {
        const used = [...world.fold.by('NetworkInterface', 'host', host.key.name)].some(
          ({ object }) => String(world.get(networkKey('ns', networkOf(object)))?.facts['vni']) === vni,
        );
        expect({ host: host.key.name, vni, used }).toMatchObject({ used: true });
      }
    }
    // Claims without an interface are given back too.
    world.pass(60_000);
    for (const net of ['net1', 'net2']) {
      const { holders } = world.reservation<{ holders: Map<string, { uid: string }> }>(`AddressBook-ns.${net}`) ?? { holders: new Map() };
      for (const [ip, { uid }] of holders) {
        const [live] = world.fold.by('NetworkInterface', 'uid', uid);
        expect((live?.object.status?.['ips'] ?? []) as string[]).toContain(ip);
      }
    }
    // When everything is deleted, nothing is left behind.
    world.delete(namespaceKey('ns'));
    for (let round = 0; round < 12; round++) for (const name of ['host-a', 'host-b', 'host-c']) new WorldAgent(world, name, '').report();
    world.pass(60_000);
    expect(world.get(namespaceKey('ns'))).toBeUndefined();
    for (const { facts } of factsOf(world.fold).all(Host)) expect(facts.held ?? {}).toEqual({});
    const { held, resting } = world.reservation<{ held: Map<string, number>; resting: Map<number, string> }>('VniPool-.default');
    expect([held, resting]).toEqual([new Map(), new Map()]);
    for (const net of ['net1', 'net2']) {
      const book = world.reservation<AddressBook>(`AddressBook-ns.${net}`);
      expect([book.holders, book.numbers.holders]).toEqual([new Map(), new Map()]);
    }
    expect(world.refusals).toEqual([]);
  });
});

function bigints(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? { bigint: value.toString() } : value;
}

function revived(_key: string, value: unknown): unknown {
  const text = (value as { bigint?: string } | null)?.bigint;
  return typeof text === 'string' ? BigInt(text) : value;
}
