/**
 * A random history with all kinds together: people create, change and delete objects of every kind, hosts come, report, fall silent and go, loops are asked
 * in between, late, twice, and on older views.
 */
import { type JsonObject, type ObjectCommand } from '@weft/api';
import { hostKey, nicKey } from '@weft/network';
import { below, type Random, randomOf } from './random.ts';
import { HOSTS, RandomCommands } from './random-commands.ts';
import { World } from './world.ts';
import { WorldAgent } from './world-agent.ts';
import { WorldFabric } from './world-fabric.ts';

const NETWORKING = 'networking.ironcore.dev/v1alpha1';
const COMPUTE = 'compute.ironcore.dev/v1alpha1';

/** Longer than anything rests, drains or waits. */
const LONG_MS = 1_000_000;
/** Each round answers what the one before it has changed; a chain of deletions takes the most. */
const ROUNDS_MAX = 30;

type Step = readonly [weight: number, take: () => unknown];

export class AllKinds {
  readonly world: World;
  readonly fabric: WorldFabric;
  readonly agents: readonly WorldAgent[];
  /** What was done at least once: `create Network`. */
  readonly accepted = new Set<string>();
  readonly #random: Random;
  readonly #commands: RandomCommands;
  readonly #steps: readonly (() => unknown)[];

  constructor(seed: number) {
    this.#random = randomOf(seed);
    const trouble = seed % 3 === 0 ? {} : { duplicates: 0.2, lag: 0.3, conflicts: 0.1 };
    this.world = new World({ seed, ...trouble });
    this.fabric = new WorldFabric(this.world);
    this.world.watch(this.fabric.onChange);
    this.#commands = new RandomCommands(this.#random);
    for (const command of this.#commands.first()) this.#send(command);
    this.agents = HOSTS.map((host, i) => new WorldAgent(this.world, host, `192.0.2.${i + 1}`));
    for (const agent of this.agents.slice(0, 2)) agent.register();
    this.#steps = this.#all().flatMap(([weight, take]) => Array.from({ length: weight }, () => take));
  }

  /** Something of each kind, so that what happens next happens to something. */
  populate(): void {
    for (const command of this.#commands.populate()) this.#send(command);
    for (const agent of this.agents.slice(0, 2)) agent.report();
  }

  step(): void {
    this.#pick(this.#steps)();
  }

  /** Something of each kind, then so many steps; `look` is called after each. */
  live(steps: number, look: (step: number) => void = () => {}): void {
    this.populate();
    for (let step = 0; step < steps; step++) {
      this.step();
      if (step % 10 === 9) this.world.settle();
      look(step);
    }
    this.world.settle();
  }

  /** Hosts answer and time passes until nothing happens any more. */
  rest(): void {
    const { world } = this;
    for (const agent of this.agents) if (world.get(hostKey(agent.host)) !== undefined) world.act(hostKey(agent.host), 'HostReturned');
    for (let round = 0; round < ROUNDS_MAX; round++) {
      const before = world.position;
      for (const agent of this.agents) if (world.get(hostKey(agent.host)) !== undefined) agent.report();
      world.pass(LONG_MS);
      if (world.position === before) return;
    }
    throw new Error(`the world does not come to rest within ${ROUNDS_MAX} rounds`);
  }

  /** Deletes everything that people made, but for pools, namespaces and hosts. */
  deleteAll(): void {
    const { world } = this;
    const kept = ['AddressPool', 'Namespace', 'Host'];
    for (const { key, status } of [...world.fold.all()]) {
      if (status === 'live' && !kept.includes(key.kind)) world.send({ verb: 'delete', key });
    }
    world.settle();
  }

  // --- steps ------------------------------------------------------------------------------------------------------------------------------------

  #pick<T>(of: readonly T[]): T {
    return of[below(this.#random, of.length)] as T;
  }

  /** Loops may or may not run before the next command. */
  #send(command: ObjectCommand): void {
    const reply = this.world.send(command);
    if (reply.ok) this.accepted.add(`${command.verb} ${command.verb === 'create' ? command.kind : command.key.kind}`);
    if (this.#random() < 0.6) this.world.settle();
  }

  #all(): readonly Step[] {
    const change = () => {
      const command = this.#commands.next();
      if (command !== undefined) this.#send(command);
    };
    return [
      [this.#commands.weight, change],
      [1, () => this.#pick(this.agents).register()],
      [6, () => this.#report()],
      [
        1,
        () =>
          this.world.send({ verb: 'act', key: hostKey(this.#pick(HOSTS)), action: this.#pick(['HostLost', 'HostReturned']), payload: {} }),
      ],
      [1, () => this.#endHost()],
      [4, () => this.world.pass(this.#pick([1_000, 60_000, 300_000]))],
    ];
  }

  #report(): void {
    const agent = this.#pick(this.agents);
    if (this.world.get(hostKey(agent.host)) !== undefined) agent.report();
  }

  #endHost(): void {
    const key = hostKey(this.#pick(HOSTS));
    if (below(this.#random, 4) > 0 || this.world.object(key) === undefined) return;
    this.world.send({ verb: 'act', key, action: 'HostLost', payload: {} });
    this.#send({ verb: 'delete', key });
  }
}

/** The same objects in any world with these hosts: what they come to is the same, whatever was there before. */
export function sample(world: World, agents: readonly WorldAgent[]): void {
  for (const agent of agents) agent.register();
  const create = (apiVersion: string, kind: string, name: string, spec: JsonObject, labels: JsonObject = {}) =>
    world.create({ apiVersion, kind, metadata: { namespace: 'ns', name, labels }, spec });
  const exposes = (name: string, prefixes: JsonObject[]) => ({ peerings: [{ name, networkRef: { name }, prefixes }] });
  create(NETWORKING, 'Network', 'one', exposes('two', [{ name: 'some', prefix: '10.0.0.0/30' }]));
  create(NETWORKING, 'Network', 'two', exposes('one', []));
  const nics = [
    ['first', 'one', '10.0.0.1'],
    ['second', 'one', '10.0.0.9'],
    ['third', 'two', '10.0.0.1'],
  ] as const;
  for (const [i, [name, of, ip]] of nics.entries()) {
    create(NETWORKING, 'NetworkInterface', name, { networkRef: { name: of }, ipFamilies: ['IPv4'], ips: [{ value: ip }] }, { tier: 'web' });
    const networkInterfaces = [{ name, networkInterfaceRef: { name } }];
    create(COMPUTE, 'Machine', name, { machinePoolRef: { name: agents[i]?.host ?? '' }, networkInterfaces });
  }
  create(NETWORKING, 'VirtualIP', 'vip', { type: 'Public', ipFamily: 'IPv4' });
  world.patch(nicKey('ns', 'third'), { spec: { virtualIP: { virtualIPRef: { name: 'vip' } } } });
  create(NETWORKING, 'NATGateway', 'out', {
    type: 'Public',
    ipFamily: 'IPv4',
    networkRef: { name: 'one' },
    portsPerNetworkInterface: 1_024,
  });
  const web = { networkInterfaceSelector: { matchLabels: { tier: 'web' } }, networkRef: { name: 'one' } };
  create(NETWORKING, 'LoadBalancer', 'web', { ...web, type: 'Public', ipFamilies: ['IPv4'], ports: [{ protocol: 'TCP', port: 443 }] });
  create(NETWORKING, 'NetworkPolicy', 'web', { ...web, ingress: [{ from: [{ ipBlock: { cidr: '10.0.0.0/8' } }] }] });
}
