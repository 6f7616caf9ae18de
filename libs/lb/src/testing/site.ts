/** A World with one Network behind NAT gateways, for tests: its hosts, interfaces and machines, and what the gateways give them. */
import type { JsonObject, ObjectKey, PublicAddressFacts } from '@weft/api';
import { ipamDomain } from '@weft/ipam';
import { networkDomain } from '@weft/network';
import { World, WorldAgent } from '@weft/testing';
import { lbDomain, type NatHolder, type NatHolding, type NatSlots, natSlotsOf, type Section } from '../index.ts';

const NETWORKING = 'networking.ironcore.dev/v1alpha1';
const key = (kind: string, name: string): ObjectKey => ({ kind, namespace: 'ns', name });
export const gatewayKey = (name: string) => key('NATGateway', name);
export const nicKey = (name: string) => key('NetworkInterface', name);

export type SiteOptions = Readonly<{ seed?: number; duplicates?: number; lag?: number; conflicts?: number; pool?: readonly string[] }>;

export class Site {
  readonly world: World;
  readonly agents: readonly WorldAgent[];

  constructor({ pool = addresses(20), ...options }: SiteOptions = {}) {
    this.world = new World({
      domains: [networkDomain, ipamDomain, lbDomain],
      // The tests set public addresses of interfaces, as their provider would.
      externalProvider: true,
      ...options,
    });
    this.world.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'ns' } });
    this.agents = ['a', 'b'].map((name, i) => new WorldAgent(this.world, `host-${name}`, `192.0.2.${i + 1}`));
    for (const agent of this.agents) agent.register();
    const prefixes = pool.map((ip) => `${ip}/${ip.includes(':') ? 128 : 32}`);
    this.world.create({ apiVersion: 'fabric.weft.dev/v1alpha1', kind: 'AddressPool', metadata: { name: 'default' }, spec: { prefixes } });
  }

  send(kind: string, name: string, spec: JsonObject, apiVersion = NETWORKING): void {
    this.world.send({ verb: 'create', kind, namespace: 'ns', object: { apiVersion, kind, metadata: { namespace: 'ns', name }, spec } });
  }

  network(name = 'net'): this {
    this.send('Network', name, {});
    this.world.settle();
    return this;
  }

  gateway(name = 'gw', spec: JsonObject = {}): this {
    this.send('NATGateway', name, {
      type: 'Public',
      ipFamily: 'IPv4',
      networkRef: { name: 'net' },
      portsPerNetworkInterface: 16_384,
      ...spec,
    });
    this.world.settle();
    return this;
  }

  nic(name: string, ips: readonly string[], network = 'net'): this {
    this.send('NetworkInterface', name, { networkRef: { name: network }, ips: ips.map((value) => ({ value })) });
    this.world.settle();
    return this;
  }

  /** Interfaces `n1` to `n<count>`. */
  nics(count: number): this {
    for (let i = 1; i <= count; i++) this.nic(`n${i}`, [`10.0.${i >> 8}.${i & 255}`]);
    return this;
  }

  /** A machine on this host for the interface. */
  machine(nic: string, host: string): this {
    const networkInterfaces = [{ name: 'one', networkInterfaceRef: { name: nic } }];
    this.send('Machine', `m-${nic}`, { machinePoolRef: { name: host }, networkInterfaces }, 'compute.ironcore.dev/v1alpha1');
    this.world.settle();
    this.report();
    return this;
  }

  report(): this {
    for (const agent of this.agents) agent.report();
    return this;
  }

  ports(name: string, portsPerNetworkInterface: number): this {
    this.world.patch(gatewayKey(name), { spec: { portsPerNetworkInterface } });
    return this;
  }

  /** Sets or, without `ip`, takes away the public address of an interface. */
  publish(nic: string, ip?: string): this {
    const patch = { status: { virtualIP: ip ?? null } };
    this.world.do({ verb: 'patch', key: nicKey(nic), patchType: 'merge', patch, subresource: 'status' });
    return this;
  }

  uid(of: ObjectKey): string {
    return this.world.object(of)?.metadata.uid ?? '';
  }

  ips(gateway = 'gw'): readonly string[] {
    const { ips = [] } = (this.world.object(gatewayKey(gateway))?.status ?? {}) as { ips?: readonly { ip: string }[] };
    return ips.map(({ ip }) => ip);
  }

  condition(type: string, gateway = 'gw'): Readonly<{ status: string; reason: string; message: string }> | undefined {
    const { conditions = [] } = (this.world.object(gatewayKey(gateway))?.status ?? {}) as {
      conditions?: readonly { type: string; status: string; reason: string; message: string }[];
    };
    return conditions.find((each) => each.type === type);
  }

  holdings(nic: string): readonly NatHolding[] {
    return this.holdingsOf(this.uid(nicKey(nic)));
  }

  holdingsOf(uid: string): readonly NatHolding[] {
    return (this.world.fold.record('nat-slots', uid) as NatHolder | undefined)?.holdings ?? [];
  }

  /** `<ip> <first port>-<last port>` of each range that an interface has now; draining ones are marked. */
  ranges(nic: string): readonly string[] {
    return this.holdings(nic).flatMap(({ section, drains = [] }) => [
      ...(section === undefined ? [] : [rangeText(section)]),
      ...drains.map((each) => `${rangeText(each)} drains`),
    ]);
  }

  slots(gateway = 'gw'): NatSlots {
    return this.world.reservation<NatSlots>(natSlotsOf({ namespace: 'ns', name: gateway, uid: this.uid(gatewayKey(gateway)) }));
  }

  wanted(gateway = 'gw'): number {
    const facts = this.world.get(gatewayKey(gateway))?.facts as PublicAddressFacts | undefined;
    return Object.keys(facts?.publicAddresses?.wanted ?? {}).length;
  }
}

export function addresses(count: number): readonly string[] {
  return Array.from({ length: count }, (_, i) => `203.0.113.${i + 1}`);
}

function rangeText({ ip, port, ports }: Section): string {
  return `${ip} ${port}-${port + ports - 1}`;
}
