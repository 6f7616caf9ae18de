/**
 * A random history with all kinds together: people create, change and delete objects of every kind, hosts come, report, fall silent and go, loops are asked
 * in between, late, twice, and on older views.
 */
import { conditionOf, type JsonObject, type ObjectCommand, type ObjectKey } from '@weft/api';
import { hostKey, machineKey, networkKey, nicKey } from '@weft/network';
import { below, type Random, randomOf } from './random.ts';
import { World } from './world.ts';
import { WorldAgent } from './world-agent.ts';
import { WorldFabric } from './world-fabric.ts';

const NETWORKING = 'networking.ironcore.dev/v1alpha1';
const COMPUTE = 'compute.ironcore.dev/v1alpha1';
const IPAM = 'ipam.ironcore.dev/v1alpha1';
const FABRIC = 'fabric.weft.dev/v1alpha1';

/** Longer than anything rests, drains or waits. */
const LONG_MS = 1_000_000;
/** Each round answers what the one before it has changed; a chain of deletions takes the most. */
const ROUNDS_MAX = 30;

const NAMESPACES = ['ns', 'team'];
const NETWORKS = ['red', 'blue', 'green'];
const NICS = ['n1', 'n2', 'n3', 'n4', 'n5', 'n6'];
const HOSTS = ['a', 'b', 'c'];
const SOME = ['x', 'y'];
const TIERS = ['web', 'db'];

type Step = readonly [weight: number, take: () => unknown];

export class AllKinds {
  readonly world: World;
  readonly fabric: WorldFabric;
  readonly agents: readonly WorldAgent[];
  /** What was done at least once: `create Network`. */
  readonly accepted = new Set<string>();
  readonly #random: Random;
  readonly #steps: readonly (() => unknown)[];

  constructor(seed: number) {
    this.#random = randomOf(seed);
    const trouble = seed % 3 === 0 ? {} : { duplicates: 0.2, lag: 0.3, conflicts: 0.1 };
    this.world = new World({ seed, ...trouble });
    this.fabric = new WorldFabric(this.world);
    this.world.watch(this.fabric.onChange);
    for (const name of NAMESPACES) this.world.create({ kind: 'Namespace', metadata: { name } });
    this.agents = HOSTS.map((host, i) => new WorldAgent(this.world, host, `192.0.2.${i + 1}`));
    for (const agent of this.agents.slice(0, 2)) agent.register();
    this.#pool('default', ['203.0.113.0/30', '2001:db8:1::/127']);
    this.#steps = this.#all().flatMap(([weight, take]) => Array.from({ length: weight }, () => take));
  }

  /** Something of each kind, so that what happens next happens to something. */
  populate(): void {
    const networks = this.#some(NETWORKS, 0.9);
    for (const name of networks) this.#create(NETWORKING, 'Network', name, { peerings: this.#peerings(name) }, {}, 'ns');
    this.#create(IPAM, 'Prefix', 'root', { ipFamily: 'IPv4', prefix: '10.0.0.0/24' }, {}, 'ns');
    this.#create(IPAM, 'Prefix', 'x', { ipFamily: 'IPv4', prefixLength: 26, parentRef: { name: 'root' } }, {}, 'ns');
    for (const name of this.#some(NICS, 0.8)) this.#create(NETWORKING, 'NetworkInterface', name, this.#nic(), this.#labels(), 'ns');
    for (const [i, host] of HOSTS.slice(0, 2).entries()) {
      const networkInterfaces = NICS.slice(i * 3, i * 3 + 3).map((name) => ({ name, networkInterfaceRef: { name } }));
      this.#create(COMPUTE, 'Machine', `m${i}`, { machinePoolRef: { name: host }, networkInterfaces }, {}, 'ns');
    }
    this.#create(NETWORKING, 'NATGateway', 'x', this.#gateway(), {}, 'ns');
    this.#create(NETWORKING, 'LoadBalancer', 'x', this.#balancer(), this.#labels(), 'ns');
    this.#create(NETWORKING, 'NetworkPolicy', 'x', this.#policy(), {}, 'ns');
    for (const agent of this.agents.slice(0, 2)) agent.report();
  }

  step(): void {
    this.#pick(this.#steps)();
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

  #some<T>(of: readonly T[], share = 0.5): T[] {
    return of.filter(() => this.#random() < share);
  }

  /** Loops may or may not run before the next command. */
  #send(command: ObjectCommand): void {
    const reply = this.world.send(command);
    if (reply.ok) this.accepted.add(`${command.verb} ${command.verb === 'create' ? command.kind : command.key.kind}`);
    if (this.#random() < 0.6) this.world.settle();
  }

  #ns(): string {
    return this.#random() < 0.85 ? 'ns' : 'team';
  }

  #create(apiVersion: string, kind: string, name: string, spec: JsonObject, labels: JsonObject = {}, namespace = this.#ns()): void {
    this.#send({ verb: 'create', kind, namespace, object: { apiVersion, kind, metadata: { namespace, name, labels }, spec } });
  }

  #patch(key: ObjectKey, patch: JsonObject): void {
    this.#send({ verb: 'patch', key, patchType: 'merge', patch });
  }

  #delete(key: ObjectKey): void {
    this.#send({ verb: 'delete', key });
  }

  #key(kind: string, names: readonly string[]): ObjectKey {
    return { kind, namespace: this.#ns(), name: this.#pick(names) };
  }

  #pool(name: string, prefixes: readonly string[]): void {
    this.#send({
      verb: 'create',
      kind: 'AddressPool',
      object: { apiVersion: FABRIC, kind: 'AddressPool', metadata: { name }, spec: { prefixes: [...prefixes] } },
    });
  }

  #all(): readonly Step[] {
    return [
      [3, () => this.#create(NETWORKING, 'Network', this.#pick(NETWORKS), {})],
      [5, () => this.#repeer(this.#pick(NETWORKS))],
      [1, () => this.#delete(networkKey(this.#ns(), this.#pick(NETWORKS)))],
      [7, () => this.#create(NETWORKING, 'NetworkInterface', this.#pick(NICS), this.#nic(), this.#labels())],
      [2, () => this.#patch(nicKey(this.#ns(), this.#pick(NICS)), { metadata: { labels: { tier: this.#pick(TIERS) } } })],
      [1, () => this.#patch(nicKey(this.#ns(), this.#pick(NICS)), { spec: { ips: [{ value: this.#ip() }] } })],
      [1, () => this.#patch(nicKey(this.#ns(), this.#pick(NICS)), { spec: { prefixes: this.#aliases() } })],
      [
        2,
        () =>
          this.#patch(nicKey(this.#ns(), this.#pick(NICS)), {
            spec: { virtualIP: this.#pick([null, { virtualIPRef: { name: this.#pick(SOME) } }]) },
          }),
      ],
      [2, () => this.#delete(nicKey(this.#ns(), this.#pick(NICS)))],
      [6, () => this.#newMachine(below(this.#random, 5))],
      [
        2,
        () => this.#patch(machineKey(this.#ns(), `m${below(this.#random, 5)}`), { spec: { machinePoolRef: { name: this.#pick(HOSTS) } } }),
      ],
      [2, () => this.#delete(machineKey(this.#ns(), `m${below(this.#random, 5)}`))],
      [2, () => this.#create(NETWORKING, 'VirtualIP', this.#pick(SOME), { type: 'Public', ipFamily: this.#family() }, this.#labels())],
      [1, () => this.#delete(this.#key('VirtualIP', SOME))],
      [3, () => this.#create(NETWORKING, 'NATGateway', this.#pick(SOME), this.#gateway())],
      [1, () => this.#patch(this.#key('NATGateway', SOME), { spec: { portsPerNetworkInterface: this.#pick([1_024, 16_384, 32_768]) } })],
      [1, () => this.#delete(this.#key('NATGateway', SOME))],
      [3, () => this.#create(NETWORKING, 'LoadBalancer', this.#pick(SOME), this.#balancer(), this.#labels())],
      [1, () => this.#patch(this.#key('LoadBalancer', SOME), { spec: { networkInterfaceSelector: { matchLabels: this.#labels() } } })],
      [1, () => this.#delete(this.#key('LoadBalancer', SOME))],
      [3, () => this.#create(NETWORKING, 'NetworkPolicy', this.#pick(SOME), this.#policy())],
      [1, () => this.#patch(this.#key('NetworkPolicy', SOME), { spec: { networkInterfaceSelector: { matchLabels: this.#labels() } } })],
      [1, () => this.#delete(this.#key('NetworkPolicy', SOME))],
      [1, () => this.#create(IPAM, 'Prefix', 'root', { ipFamily: 'IPv4', prefix: '10.0.0.0/24' })],
      [
        2,
        () =>
          this.#create(IPAM, 'Prefix', this.#pick(SOME), {
            ipFamily: 'IPv4',
            prefixLength: this.#pick([25, 26, 32]),
            parentRef: { name: 'root' },
          }),
      ],
      [1, () => this.#delete(this.#key('Prefix', ['root', ...SOME]))],
      [
        1,
        () => this.#create(IPAM, 'PrefixAllocation', this.#pick(SOME), { ipFamily: 'IPv4', prefixLength: 28, prefixRef: { name: 'root' } }),
      ],
      [1, () => this.#delete(this.#key('PrefixAllocation', SOME))],
      [1, () => this.#pool(this.#pick(['more', 'most']), [this.#pick(['198.51.100.0/30', '198.51.100.8/31', '2001:db8:2::/126'])])],
      [1, () => this.#delete({ kind: 'AddressPool', name: this.#pick(['more', 'most']) })],
      [1, () => this.#pick(this.agents).register()],
      [6, () => this.#report()],
      [
        1,
        () =>
          this.world.send({ verb: 'act', key: hostKey(this.#pick(HOSTS)), action: this.#pick(['HostLost', 'HostReturned']), payload: {} }),
      ],
      [1, () => this.#endHost()],
      [1, () => below(this.#random, 4) === 0 && this.#delete({ kind: 'Namespace', name: 'team' })],
      [
        1,
        () =>
          this.#send({ verb: 'create', kind: 'Namespace', object: { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'team' } } }),
      ],
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
    this.#delete(key);
  }

  #repeer(name: string): void {
    this.#patch(networkKey(this.#ns(), name), { spec: { peerings: this.#peerings(name) } });
  }

  #peerings(own: string): JsonObject[] {
    const filters = [
      [],
      [],
      [{ name: 'one', prefix: '10.0.0.0/30' }],
      [
        { name: 'one', prefix: '10.0.0.0/31' },
        { name: 'two', prefixRef: { name: this.#pick(SOME) } },
      ],
    ];
    const others = this.#some(NETWORKS, 0.8).filter((name) => name !== own);
    return others.map((name) => ({ name, networkRef: { name }, prefixes: this.#pick(filters) }));
  }

  #labels(): JsonObject {
    return { tier: this.#pick(TIERS) };
  }

  #family(): string {
    return this.#random() < 0.7 ? 'IPv4' : 'IPv6';
  }

  #ip(): string {
    return `10.0.0.${below(this.#random, 4) + 1}`;
  }

  #ips(): JsonObject {
    const ephemeral = { prefixTemplate: { spec: { ipFamily: 'IPv4', prefixRef: { name: 'root' } } } };
    return this.#pick<JsonObject>([
      { ipFamilies: ['IPv4'], ips: [{ value: this.#ip() }] },
      { ipFamilies: ['IPv4'], ips: [{ value: this.#ip() }] },
      { ipFamilies: ['IPv4', 'IPv6'], ips: [{ value: this.#ip() }, { value: `fd00::${below(this.#random, 6) + 1}` }] },
      { ipFamilies: ['IPv6'], ips: [{ value: `fd00::${below(this.#random, 6) + 1}` }] },
      { ipFamilies: ['IPv4'], ips: [{ ephemeral }] },
    ]);
  }

  #aliases(): JsonObject[] {
    const ephemeral = { prefixTemplate: { spec: { ipFamily: 'IPv4', prefixLength: 28, parentRef: { name: 'root' } } } };
    return this.#pick([[], [{ value: `10.${below(this.#random, 3) + 1}.0.0/24` }], [{ ephemeral }]]);
  }

  #nic(): JsonObject {
    const virtualIP = this.#pick<JsonObject | undefined>([
      undefined,
      undefined,
      { virtualIPRef: { name: this.#pick(SOME) } },
      { ephemeral: { virtualIPTemplate: { spec: { type: 'Public', ipFamily: 'IPv4' } } } },
    ]);
    return { networkRef: { name: this.#pick(NETWORKS) }, ...this.#ips(), prefixes: this.#aliases(), ...(virtualIP && { virtualIP }) };
  }

  #newMachine(number: number): void {
    const named = this.#some(NICS, 0.3).map((name) => ({ name, networkInterfaceRef: { name } }));
    // An address of its own: the loop that makes it has no answer yet to one that somebody else has.
    const ips = { ipFamilies: ['IPv4'], ips: [{ value: `10.0.7.${number + 1}` }] };
    const inline = { networkInterfaceTemplate: { spec: { networkRef: { name: this.#pick(NETWORKS) }, ...ips } } };
    const slots = this.#random() < 0.3 ? [...named, { name: 'inline', ephemeral: inline }] : named;
    this.#create(COMPUTE, 'Machine', `m${number}`, { machinePoolRef: { name: this.#pick(HOSTS) }, networkInterfaces: slots });
  }

  #gateway(): JsonObject {
    return {
      type: 'Public',
      ipFamily: this.#family(),
      networkRef: { name: this.#pick(NETWORKS) },
      portsPerNetworkInterface: this.#pick([1_024, 16_384, 32_768]),
    };
  }

  #balancer(): JsonObject {
    const common = {
      networkRef: { name: this.#pick(NETWORKS) },
      networkInterfaceSelector: { matchLabels: this.#labels() },
      ports: [{ protocol: 'TCP', port: 443 }],
    };
    return this.#pick<JsonObject>([
      { ...common, type: 'Public', ipFamilies: ['IPv4'] },
      { ...common, type: 'Public', ipFamilies: ['IPv4', 'IPv6'] },
      { ...common, type: 'Public', ipFamilies: ['IPv4'], virtualIPs: [{ virtualIPRef: { name: this.#pick(SOME) } }] },
      { ...common, type: 'Internal', ipFamilies: ['IPv4'], ips: [{ value: `10.0.9.${below(this.#random, 3) + 1}` }] },
    ]);
  }

  #policy(): JsonObject {
    const kind = this.#pick(['NetworkInterface', 'LoadBalancer', 'VirtualIP']);
    const peers = this.#pick([[{ objectSelector: { kind, matchLabels: this.#labels() } }], [{ ipBlock: { cidr: '10.0.0.0/8' } }], []]);
    const ports = this.#pick([[], [{ protocol: 'TCP', port: 443, endPort: 445 }]]);
    return {
      networkRef: { name: this.#pick(NETWORKS) },
      networkInterfaceSelector: { matchLabels: this.#labels() },
      ...this.#pick<JsonObject>([{ ingress: [{ from: peers, ports }] }, { egress: [{ to: peers, ports }] }]),
    };
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

/** Whether a condition of an object is true. */
export function isTrue(world: World, key: ObjectKey, type: string): boolean {
  const object = world.object(key);
  return object !== undefined && conditionOf(object, type)?.status === 'True';
}
