/** Addresses and numbers that LoadBalancers have of their Network, with all loops in World: no interface has one of them, and they rest. */
import { type BalancerGrant, balancerGrants, conditionOf, type JsonObject, type ObjectKey } from '@weft/api';
import { World, WorldAgent } from '@weft/testing';
import { nicKey } from '../testing/site.ts';

const key = (kind: string, name: string): ObjectKey => ({ kind, namespace: 'ns', name });
const balancerKey = (name = 'web') => key('LoadBalancer', name);
const IP = '10.0.0.80';

class Network {
  readonly world: World;
  readonly agents: readonly WorldAgent[];

  constructor(seed: number) {
    this.world = new World({ seed, duplicates: 0.3 });
    this.world.create({ kind: 'Namespace', metadata: { name: 'ns' } });
    this.agents = ['a', 'b'].map((name, i) => new WorldAgent(this.world, `host-${name}`, `192.0.2.${i + 1}`));
    for (const agent of this.agents) agent.register();
    this.create('Network', 'net', {});
  }

  create(kind: string, name: string, spec: JsonObject, apiVersion = 'networking.ironcore.dev/v1alpha1') {
    return this.world.create({ apiVersion, kind, metadata: { namespace: 'ns', name }, spec });
  }

  balancer(name = 'web', ...ips: readonly string[]): this {
    const [ipFamilies, sources] = [['IPv4'], ips.map((value) => ({ value }))];
    const reply = this.create('LoadBalancer', name, { type: 'Internal', ipFamilies, networkRef: { name: 'net' }, ips: sources });
    expect(reply).toMatchObject({ ok: true });
    return this;
  }

  nic(name: string, ip: string) {
    return this.create('NetworkInterface', name, { networkRef: { name: 'net' }, ips: [{ value: ip }] });
  }

  /** A machine on this host for the interface, and the host's report. */
  machine(nic: string, host: string): this {
    const networkInterfaces = [{ name: 'one', networkInterfaceRef: { name: nic } }];
    this.create('Machine', `m-${nic}`, { machinePoolRef: { name: host }, networkInterfaces }, 'compute.ironcore.dev/v1alpha1');
    return this.report();
  }

  report(): this {
    for (const agent of this.agents) agent.report();
    return this;
  }

  readdress(name: string, ip: string): this {
    this.world.patch(balancerKey(name), { spec: { ips: [{ value: ip }] } });
    return this;
  }

  ips(of: ObjectKey): readonly string[] {
    return (this.world.object(of)?.status?.['ips'] ?? []) as string[];
  }

  says(of: ObjectKey, type = 'Ready') {
    const object = this.world.object(of);
    return object && conditionOf(object, type);
  }

  grant(name = 'web'): BalancerGrant | undefined {
    return this.world.fold.record(balancerGrants.ledger, this.world.object(balancerKey(name))?.metadata.uid ?? '') as
      | BalancerGrant
      | undefined;
  }
}

describe.each([1, 2, 3])('Addresses of a Network, loops in the order of seed %i', (seed) => {
  const start = () => new Network(seed);

  it('given an address that an interface has, when a balancer should have it, then it says who has it, and gets it as soon as it has rested', () => {
    const site = start();
    site.nic('nic', IP);
    site.machine('nic', 'host-a').balancer('web', IP);
    expect([site.ips(balancerKey()), site.says(balancerKey())]).toMatchObject([
      [],
      { status: 'False', reason: 'AddressInUse', message: `${IP} is held by NetworkInterface "nic"` },
    ]);
    site.world.delete(nicKey('nic'));
    // The host has not removed the port yet.
    expect([site.ips(balancerKey()), site.says(balancerKey())]).toMatchObject([[], { reason: 'AddressResting' }]);
    site.report();
    expect([site.ips(balancerKey()), site.says(balancerKey())]).toMatchObject([[IP], { status: 'True' }]);
  });

  it('given an address that a balancer has, when an interface names it, then it is refused, and the refusal names the balancer', () => {
    const site = start().balancer('web', IP);
    expect(site.nic('nic', IP)).toMatchObject({
      ok: false,
      status: { details: { causes: [{ field: 'spec.ips[0].value', message: `Duplicate value: "${IP}": held by LoadBalancer "web"` }] } },
    });
  });

  it('given two balancers that should have one address, then the first one has it, the other one names it, and has it afterwards', () => {
    const site = start().balancer('web', IP).balancer('late', IP);
    expect([site.ips(balancerKey()), site.ips(balancerKey('late'))]).toEqual([[IP], []]);
    expect(site.says(balancerKey('late'))).toMatchObject({ reason: 'AddressInUse', message: `${IP} is held by LoadBalancer "web"` });
    site.world.delete(balancerKey());
    expect([site.ips(balancerKey('late')), site.says(balancerKey('late'))]).toMatchObject([[IP], { status: 'True' }]);
  });

  it('given a host that forwards for the Network, then an address that a balancer gave back is nobody else’s until the host has applied that', () => {
    const site = start();
    site.nic('other', '10.0.0.1');
    site.machine('other', 'host-a').balancer('web', IP).report();
    site.readdress('web', '10.0.0.81');
    expect(site.ips(balancerKey())).toEqual(['10.0.0.81']);
    expect(site.nic('nic', IP)).toMatchObject({ ok: true });
    site.machine('nic', 'host-b');
    // Both hosts have reported since.
    expect([site.ips(nicKey('nic')), site.says(nicKey('nic'), 'Ready')]).toMatchObject([[IP], { status: 'True' }]);
  });

  it('given a host that has not applied it yet, then an interface with the address waits, says so, and a balancer that wants it back does too', () => {
    const site = start();
    site.nic('other', '10.0.0.1');
    site.machine('other', 'host-a').balancer('web', IP).report();
    site.readdress('web', '10.0.0.81');
    expect(site.nic('nic', IP)).toMatchObject({ ok: true });
    expect([site.ips(nicKey('nic')), site.says(nicKey('nic'), 'AddressesAllocated')]).toMatchObject([[], { reason: 'AddressResting' }]);
    site.readdress('web', IP);
    expect([site.ips(balancerKey()), site.says(balancerKey())]).toMatchObject([[], { reason: 'AddressResting' }]);
    site.report();
    expect([...site.ips(nicKey('nic')), ...site.ips(balancerKey())]).toEqual([IP]);
  });

  it('given a silent host, then an address rests no longer, and a number does', () => {
    const site = start();
    site.nic('other', '10.0.0.1');
    site.machine('other', 'host-a').balancer('web', IP).report();
    site.world.act({ kind: 'Host', name: 'host-a' }, 'HostLost');
    site.world.delete(balancerKey());
    expect(site.nic('nic', IP)).toMatchObject({ ok: true });
    expect(site.ips(nicKey('nic'))).toEqual([IP]);
    expect([...site.world.fold.records('balancer-rests').values()]).toMatchObject([{ rest: 2 }]);
    expect([...site.world.fold.records('balancer-grants')]).toEqual([]);
    site.world.act({ kind: 'Host', name: 'host-a' }, 'HostReturned');
    site.report();
    expect([...site.world.fold.records('balancer-rests')]).toEqual([]);
  });

  it('linux-dataplane 4.8: each balancer of a Network has a number of its own, Public ones too, and keeps it', () => {
    const site = start().balancer('one', '10.0.0.81');
    site.create('LoadBalancer', 'two', { type: 'Public', ipFamilies: ['IPv4'], networkRef: { name: 'net' } });
    expect([site.grant('one')?.number, site.grant('two')?.number]).toEqual([1, 2]);
    site.readdress('one', '10.0.0.82');
    expect([site.grant('one')?.number, site.grant('one')?.ips]).toEqual([1, ['10.0.0.82']]);
    site.world.delete(balancerKey('one'));
    site.balancer('one', '10.0.0.82');
    // Numbers that were never used come first.
    expect(site.grant('one')?.number).toBe(3);
  });
});
