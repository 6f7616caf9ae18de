/**
 * What people may ask for, of all kinds, in a small world: two namespaces with few names, so that objects come and go, name each other, and compete for addresses.
 * The commands follow from the random numbers alone, not from what became of the ones before.
 */
import type { JsonObject, ObjectCommand, ObjectKey } from '@weft/api';
import { machineKey, networkKey, nicKey } from '@weft/network';
import { below, type Random } from './random.ts';

const NETWORKING = 'networking.ironcore.dev/v1alpha1';
const COMPUTE = 'compute.ironcore.dev/v1alpha1';
const IPAM = 'ipam.ironcore.dev/v1alpha1';
const FABRIC = 'fabric.weft.dev/v1alpha1';

export const NAMESPACES = ['ns', 'team'] as const;
export const HOSTS = ['a', 'b', 'c'] as const;
const NETWORKS = ['red', 'blue', 'green'];
const NICS = ['n1', 'n2', 'n3', 'n4', 'n5', 'n6'];
const SOME = ['x', 'y'];
const TIERS = ['web', 'db'];

/** Undefined: this time nothing. */
type Maker = readonly [weight: number, make: () => ObjectCommand | undefined];

export class RandomCommands {
  readonly #random: Random;
  readonly #makers: readonly (() => ObjectCommand | undefined)[];

  constructor(random: Random) {
    this.#random = random;
    this.#makers = this.#all().flatMap(([weight, make]) => Array.from({ length: weight }, () => make));
  }

  /** How likely one of these is, beside steps of other kinds. */
  get weight(): number {
    return this.#makers.length;
  }

  next(): ObjectCommand | undefined {
    return this.#pick(this.#makers)();
  }

  /** What has to be there before anything else. */
  first(): readonly ObjectCommand[] {
    return [...NAMESPACES.map((name) => this.#namespace(name)), this.#pool('default', ['203.0.113.0/30', '2001:db8:1::/127'])];
  }

  /** Something of each kind, so that what happens next happens to something. */
  *populate(): Iterable<ObjectCommand> {
    const networks = this.#some(NETWORKS, 0.9);
    for (const name of networks) yield this.#create(NETWORKING, 'Network', name, { peerings: this.#peerings(name) }, {}, 'ns');
    yield this.#create(IPAM, 'Prefix', 'root', { ipFamily: 'IPv4', prefix: '10.0.0.0/24' }, {}, 'ns');
    yield this.#create(IPAM, 'Prefix', 'x', { ipFamily: 'IPv4', prefixLength: 26, parentRef: { name: 'root' } }, {}, 'ns');
    for (const name of this.#some(NICS, 0.8)) yield this.#create(NETWORKING, 'NetworkInterface', name, this.#nic(), this.#labels(), 'ns');
    for (const [i, host] of HOSTS.slice(0, 2).entries()) {
      const networkInterfaces = NICS.slice(i * 3, i * 3 + 3).map((name) => ({ name, networkInterfaceRef: { name } }));
      yield this.#create(COMPUTE, 'Machine', `m${i}`, { machinePoolRef: { name: host }, networkInterfaces }, {}, 'ns');
    }
    yield this.#create(NETWORKING, 'NATGateway', 'x', this.#gateway(), {}, 'ns');
    yield this.#create(NETWORKING, 'LoadBalancer', 'x', this.#balancer(), this.#labels(), 'ns');
    yield this.#create(NETWORKING, 'NetworkPolicy', 'x', this.#policy(), {}, 'ns');
  }

  #pick<T>(of: readonly T[]): T {
    return of[below(this.#random, of.length)] as T;
  }

  #some<T>(of: readonly T[], share = 0.5): T[] {
    return of.filter(() => this.#random() < share);
  }

  #ns(): string {
    return this.#random() < 0.85 ? 'ns' : 'team';
  }

  #create(
    apiVersion: string,
    kind: string,
    name: string,
    spec: JsonObject,
    labels: JsonObject = {},
    namespace = this.#ns(),
  ): ObjectCommand {
    return { verb: 'create', kind, namespace, object: { apiVersion, kind, metadata: { namespace, name, labels }, spec } };
  }

  #patch(key: ObjectKey, patch: JsonObject): ObjectCommand {
    return { verb: 'patch', key, patchType: 'merge', patch };
  }

  #delete(key: ObjectKey): ObjectCommand {
    return { verb: 'delete', key };
  }

  #key(kind: string, names: readonly string[]): ObjectKey {
    return { kind, namespace: this.#ns(), name: this.#pick(names) };
  }

  #namespace(name: string): ObjectCommand {
    return { verb: 'create', kind: 'Namespace', object: { apiVersion: 'v1', kind: 'Namespace', metadata: { name } } };
  }

  #pool(name: string, prefixes: readonly string[]): ObjectCommand {
    return {
      verb: 'create',
      kind: 'AddressPool',
      object: { apiVersion: FABRIC, kind: 'AddressPool', metadata: { name }, spec: { prefixes: [...prefixes] } },
    };
  }

  #all(): readonly Maker[] {
    return [
      [3, () => this.#create(NETWORKING, 'Network', this.#pick(NETWORKS), {})],
      [5, () => this.#repeer(this.#pick(NETWORKS))],
      [2, () => this.#delete(networkKey(this.#ns(), this.#pick(NETWORKS)))],
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
      [3, () => this.#delete(nicKey(this.#ns(), this.#pick(NICS)))],
      [6, () => this.#newMachine(below(this.#random, 5))],
      [
        2,
        () => this.#patch(machineKey(this.#ns(), `m${below(this.#random, 5)}`), { spec: { machinePoolRef: { name: this.#pick(HOSTS) } } }),
      ],
      [3, () => this.#delete(machineKey(this.#ns(), `m${below(this.#random, 5)}`))],
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
      [1, () => (below(this.#random, 4) === 0 ? this.#delete({ kind: 'Namespace', name: 'team' }) : undefined)],
      [1, () => this.#namespace('team')],
    ];
  }

  #repeer(name: string): ObjectCommand {
    return this.#patch(networkKey(this.#ns(), name), { spec: { peerings: this.#peerings(name) } });
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

  #newMachine(number: number): ObjectCommand {
    const named = this.#some(NICS, 0.3).map((name) => ({ name, networkInterfaceRef: { name } }));
    // Mostly one of its own, at times one that others want as well.
    const value = this.#random() < 0.7 ? `10.0.7.${number + 1}` : this.#ip();
    const ips = { ipFamilies: ['IPv4'], ips: [{ value }] };
    const inline = { networkInterfaceTemplate: { spec: { networkRef: { name: this.#pick(NETWORKS) }, ...ips } } };
    const slots = this.#random() < 0.3 ? [...named, { name: 'inline', ephemeral: inline }] : named;
    return this.#create(COMPUTE, 'Machine', `m${number}`, { machinePoolRef: { name: this.#pick(HOSTS) }, networkInterfaces: slots });
  }

  #gateway(): JsonObject {
    return {
      type: 'Public',
      ipFamily: this.#family(),
      networkRef: { name: this.#pick(NETWORKS) },
      portsPerNetworkInterface: this.#pick([1_024, 32_768, 32_768]),
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
