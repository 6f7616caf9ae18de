/** LoadBalancers and their routings with all loops in World: resources 3.9, 4.1, 4.5; provider C-35. */
import { type JsonObject, type ObjectKey, presentationOf } from '@weft/api';
import { loadBalancerRoutingKind } from '../load-balancer-routing/load-balancer-routing.kind.ts';
import { nicKey, Site } from '../testing/site.ts';

const balancerKey = (name = 'web'): ObjectKey => ({ kind: 'LoadBalancer', namespace: 'ns', name });
const routingKey = (name = 'web'): ObjectKey => ({ kind: 'LoadBalancerRouting', namespace: 'ns', name });
const networkKey = (name = 'net'): ObjectKey => ({ kind: 'Network', namespace: 'ns', name });
const FOO = { matchLabels: { foo: 'bar' } };

class Balancing extends Site {
  balancer(spec: JsonObject = {}, name = 'web'): this {
    this.send('LoadBalancer', name, {
      type: 'Public',
      ipFamilies: ['IPv4'],
      networkRef: { name: 'net' },
      networkInterfaceSelector: FOO,
      ...spec,
    });
    this.world.settle();
    return this;
  }

  label(nic: string, labels: JsonObject | null = { foo: 'bar' }): this {
    this.world.patch(nicKey(nic), { metadata: { labels } });
    return this;
  }

  /** An interface that is Available, with these labels. */
  target(nic: string, ips: readonly string[], labels: JsonObject = { foo: 'bar' }, network = 'net'): this {
    this.nic(nic, ips, network);
    return this.machine(nic, 'host-a').label(nic, labels);
  }

  routing(name = 'web') {
    const state = this.world.get(routingKey(name));
    return state?.status === 'live' ? presentationOf(loadBalancerRoutingKind, state).whole : undefined;
  }

  destinations(name = 'web'): readonly string[] {
    const { destinations = [] } = (this.routing(name) ?? {}) as { destinations?: readonly { ip: string }[] };
    return destinations.map(({ ip }) => ip).sort();
  }

  status(name = 'web'): readonly string[] {
    return (this.world.object(balancerKey(name))?.status?.['ips'] ?? []) as string[];
  }

  says(type: string, name = 'web') {
    const { conditions = [] } = (this.world.object(balancerKey(name))?.status ?? {}) as {
      conditions?: readonly { type: string; status: string; reason: string; message: string }[];
    };
    return conditions.find((each) => each.type === type);
  }
}

describe.each([1, 2, 3])('A LoadBalancer, loops in the order of seed %i', (seed) => {
  const start = () => new Balancing({ seed, duplicates: 0.3, pool: ['203.0.113.1', '203.0.113.2', '2001:db8::1'] });

  it('resources C-23: its routing has the interfaces that it selects and that are Available', () => {
    const site = start().network().balancer();
    expect(site.routing()).toMatchObject({ networkRef: { name: 'net', uid: site.uid(networkKey()) }, destinations: [] });
    const [owner] = site.routing()?.metadata.ownerReferences ?? [];
    expect(owner).toEqual({
      apiVersion: 'networking.ironcore.dev/v1alpha1',
      kind: 'LoadBalancer',
      name: 'web',
      uid: site.uid(balancerKey()),
      controller: true,
    });
    expect(site.says('TargetsSelected')).toMatchObject({ status: 'False', reason: 'NoTargets' });
    site.nic('nic', ['10.0.0.1']).label('nic');
    expect(site.destinations()).toEqual([]);
    site.machine('nic', 'host-a');
    site.world.patch(nicKey('nic'), { spec: { providerID: 'my://provider-id' } });
    expect(site.routing()?.['destinations']).toEqual([
      { ip: '10.0.0.1', targetRef: { uid: site.uid(nicKey('nic')), name: 'nic', providerID: 'my://provider-id' } },
    ]);
    expect(site.says('TargetsSelected')).toMatchObject({ status: 'True' });
    site.label('nic', null);
    expect(site.routing()).toMatchObject({ networkRef: { name: 'net', uid: site.uid(networkKey()) }, destinations: [] });
  });

  it('resources Z-21: an interface that is not Available any more, or that ends, is no target', () => {
    const site = start().network().balancer().target('a', ['10.0.0.1']).target('b', ['10.0.0.2']);
    expect(site.destinations()).toEqual(['10.0.0.1', '10.0.0.2']);
    site.world.delete({ kind: 'Machine', namespace: 'ns', name: 'm-a' });
    expect(site.destinations()).toEqual(['10.0.0.2']);
    site.world.delete(nicKey('b'));
    expect(site.destinations()).toEqual([]);
  });

  it('resources E-18, Z-20: an empty selector selects all of its Network and none of another', () => {
    const site = start().network().network('other').balancer({ networkInterfaceSelector: {} });
    site.target('a', ['10.0.0.1'], {}).target('b', ['10.0.0.2'], { x: 'y' }).target('c', ['10.0.0.3'], { foo: 'bar' }, 'other');
    expect(site.destinations()).toEqual(['10.0.0.1', '10.0.0.2']);
  });

  it('provider R-41: its destinations stand in the order of the names of their interfaces, whatever their uids are', () => {
    const names = ['e', 'b', 'f', 'a', 'd', 'c'];
    const site = start().network().balancer();
    for (const [i, name] of names.entries()) site.target(name, [`10.0.0.${i + 1}`]);
    const { destinations } = (site.routing() ?? {}) as { destinations?: readonly { targetRef: { name: string } }[] };
    expect(destinations?.map(({ targetRef }) => targetRef.name)).toEqual([...names].sort());
  });

  it('resources E-19: an interface with two addresses is two destinations', () => {
    const site = start().network().balancer().target('a', ['10.0.0.1', 'fd00::1']);
    expect(site.destinations()).toEqual(['10.0.0.1', 'fd00::1']);
    site.world.patch(nicKey('a'), { spec: { ips: [{ value: '10.0.0.9' }, { value: 'fd00::1' }] } });
    site.report();
    expect(site.destinations()).toEqual(['10.0.0.9', 'fd00::1']);
  });

  it('resources E-17: a balancer without selector keeps no other one from its targets; its routing is left to others', () => {
    const site = start().network();
    site.send('LoadBalancer', 'aa', { type: 'Public', ipFamilies: ['IPv4'], networkRef: { name: 'net' } });
    site.balancer().target('a', ['10.0.0.1']);
    expect(site.destinations()).toEqual(['10.0.0.1']);
    expect(site.routing('aa')).toBeUndefined();
    expect(site.says('TargetsSelected', 'aa')).toMatchObject({ status: 'Unknown', reason: 'NoSelector' });
  });

  it('resources E-20: when the selector goes, the routing stays as it is, and belongs to whoever writes it once a new one takes over', () => {
    const site = start().network().balancer().target('a', ['10.0.0.1']);
    site.world.patch(balancerKey(), { spec: { networkInterfaceSelector: null } });
    site.label('a', null);
    expect(site.destinations()).toEqual(['10.0.0.1']);
    site.world.patch(balancerKey(), { spec: { networkInterfaceSelector: FOO } });
    expect(site.destinations()).toEqual([]);
  });

  it('given a selector that changes, then exactly those that it selects now are targets', () => {
    const site = start().network().balancer().target('a', ['10.0.0.1']).target('b', ['10.0.0.2'], { foo: 'baz' });
    site.world.patch(balancerKey(), { spec: { networkInterfaceSelector: { matchLabels: { foo: 'baz' } } } });
    expect(site.destinations()).toEqual(['10.0.0.2']);
    site.world.patch(balancerKey(), {
      spec: { networkInterfaceSelector: { matchLabels: null, matchExpressions: [{ key: 'foo', operator: 'Exists' }] } },
    });
    expect(site.destinations()).toEqual(['10.0.0.1', '10.0.0.2']);
  });

  it('given a selector with several requirements, then all of them must hold', () => {
    const site = start()
      .network()
      .balancer({ networkInterfaceSelector: { matchLabels: { foo: 'bar', zone: 'x' } } });
    site.target('a', ['10.0.0.1']).target('b', ['10.0.0.2'], { foo: 'bar', zone: 'x' });
    expect(site.destinations()).toEqual(['10.0.0.2']);
  });

  it('resources Z-22: a Network that was made again is named by its new uid', () => {
    const site = start().network().balancer();
    const before = site.uid(networkKey());
    site.world.send({ verb: 'patch', key: networkKey(), patchType: 'merge', patch: { metadata: { finalizers: null } } });
    site.world.send({ verb: 'delete', key: networkKey() });
    site.network();
    expect(site.uid(networkKey())).not.toBe(before);
    expect(site.routing()?.networkRef).toEqual({ name: 'net', uid: site.uid(networkKey()) });
  });

  it('given a balancer that is made again with another selector before anybody looked, then nothing is left of what the former one selected', () => {
    const site = start().network().balancer().target('a', ['10.0.0.1']).target('b', ['10.0.0.2'], { foo: 'baz' });
    site.world.send({ verb: 'delete', key: balancerKey() });
    site.balancer({ networkInterfaceSelector: { matchLabels: { foo: 'baz' } } });
    expect(site.destinations()).toEqual(['10.0.0.2']);
  });

  it('resources Z-22: without its Network it has no routing, until that comes', () => {
    const site = start().balancer();
    expect(site.routing()).toBeUndefined();
    expect(site.says('Ready')).toMatchObject({ status: 'False', reason: 'NetworkNotFound' });
    // Whether a pool serves it follows from the labels of its Network.
    expect(site.says('AddressesAllocated')).toMatchObject({ status: 'False', reason: 'AddressPending' });
    site.network();
    expect(site.routing()).toMatchObject({ networkRef: { uid: site.uid(networkKey()) } });
    expect(site.says('Ready')).toMatchObject({ status: 'True' });
  });

  it('resources 3.15: the routing ends with its balancer; one of another life of its name is made anew', () => {
    const site = start().network().balancer().target('a', ['10.0.0.1']);
    site.world.delete(balancerKey());
    expect(site.routing()).toBeUndefined();
    site.balancer();
    expect(site.destinations()).toEqual(['10.0.0.1']);
  });

  it('its routing that it leaves behind is what somebody writes from then on, and serves a balancer without selector', () => {
    const site = start().network().balancer().target('a', ['10.0.0.1']).target('b', ['10.0.0.2']);
    site.world.send({ verb: 'delete', key: balancerKey(), propagationPolicy: 'Orphan' });
    site.world.settle();
    expect([site.world.get(balancerKey()), site.destinations()]).toEqual([undefined, ['10.0.0.1', '10.0.0.2']]);
    site.world.patch(routingKey(), { metadata: { labels: { x: 'y' } } });
    expect(site.destinations()).toEqual(['10.0.0.1', '10.0.0.2']);
    site.world.patch(routingKey(), { destinations: [{ ip: '10.0.0.2' }] });
    expect(site.destinations()).toEqual(['10.0.0.2']);
    expect([...site.world.fold.records('routing-members')]).toEqual([]);
    site.balancer({ networkInterfaceSelector: null });
    expect(site.destinations()).toEqual(['10.0.0.2']);
    expect(site.says('TargetsSelected')).toMatchObject({ status: 'Unknown', reason: 'NoSelector' });
    site.world.patch(balancerKey(), { spec: { networkInterfaceSelector: FOO } });
    expect(site.destinations()).toEqual(['10.0.0.1', '10.0.0.2']);
  });

  it('what it fills nobody else writes; labels are everybody’s', () => {
    const site = start().network().balancer().target('a', ['10.0.0.1']);
    const patch = (body: JsonObject) => site.world.send({ verb: 'patch', key: routingKey(), patchType: 'merge', patch: body });
    expect(patch({ destinations: [] })).toMatchObject({ ok: false, status: { code: 403 } });
    expect(patch({ metadata: { labels: { x: 'y' } } })).toMatchObject({ ok: true });
    expect(site.destinations()).toEqual(['10.0.0.1']);
  });

  it('provider C-35: a Public one has an address of each family, and gives back those that it does not want any more', () => {
    const site = start()
      .network()
      .balancer({ ipFamilies: ['IPv4', 'IPv6'] });
    expect(site.status()).toEqual(['203.0.113.1', '2001:db8::1']);
    site.world.patch(balancerKey(), { spec: { ipFamilies: ['IPv6'] } });
    expect(site.status()).toEqual(['2001:db8::1']);
    expect(site.world.fold.record('public-address-grants', `${site.uid(balancerKey())} IPv4`)).toBeUndefined();
  });

  it('provider C-35, resources C-24: an Internal one has the addresses that it is given, and those of Prefixes that are made for it', () => {
    const site = start().network();
    const prefixKey = { kind: 'Prefix', namespace: 'ns', name: 'web-1' };
    const foreign = { apiVersion: 'ipam.ironcore.dev/v1alpha1', kind: 'Prefix', spec: { prefix: 'fd00::9/128' } };
    site.world.create({ ...foreign, metadata: { namespace: 'ns', name: 'web-1' } });
    const template = { prefixTemplate: { metadata: { labels: { a: 'b' } }, spec: { ipFamily: 'IPv6', prefix: 'fd00::7/128' } } };
    site.balancer({ type: 'Internal', ipFamilies: ['IPv4', 'IPv6'], ips: [{ value: '10.0.0.7' }, { ephemeral: template }] });
    expect(site.status()).toEqual(['10.0.0.7']);
    expect(site.says('Ready')?.status).toBe('False');
    expect(site.says('Ready')?.message).toContain('Prefix "web-1"');
    expect(site.says('EphemeralPrefixesCreated')?.message).toMatch(/^Prefix web-1 is there and was not made for it/);
    site.world.delete(prefixKey);
    const made = site.world.object(prefixKey);
    expect(made?.spec).toEqual({ ipFamily: 'IPv6', prefix: 'fd00::7/128' });
    expect(made?.metadata).toMatchObject({
      labels: { a: 'b' },
      ownerReferences: [{ kind: 'LoadBalancer', name: 'web', uid: site.uid(balancerKey()), controller: true, blockOwnerDeletion: true }],
    });
    expect(site.status()).toEqual(['10.0.0.7', 'fd00::7']);
    expect([site.says('Ready')?.status, site.says('EphemeralPrefixesCreated')]).toEqual(['True', undefined]);
  });

  it('resources E-21 and Z-23: one that becomes Public loses its addresses, and the Prefixes that were made for it go', () => {
    const site = start().network();
    const ips = [{ ephemeral: { prefixTemplate: { spec: { prefix: '10.0.0.1/32' } } } }];
    site.balancer({ type: 'Internal', ipFamilies: ['IPv4'], ips });
    expect(site.status()).toEqual(['10.0.0.1']);
    site.world.patch(balancerKey(), { spec: { type: 'Public' } });
    expect(site.world.object(balancerKey())?.spec?.['ips']).toBeUndefined();
    expect([...site.world.fold.list('Prefix')]).toEqual([]);
    expect(site.status()).toEqual(['203.0.113.1']);
  });

  it('resources C-25 and C-26: a Prefix that it controls and does not want is deleted if it has the marker', () => {
    const site = start()
      .network()
      .balancer({ type: 'Internal', ipFamilies: ['IPv4'], ips: [{ value: '10.0.0.1' }] });
    const { apiVersion = '', kind = '' } = site.world.object(balancerKey()) ?? {};
    const ownerReferences = [{ apiVersion, kind, name: 'web', uid: site.uid(balancerKey()), controller: true }];
    const prefix = (name: string, annotations?: JsonObject) => ({
      apiVersion: 'ipam.ironcore.dev/v1alpha1',
      kind: 'Prefix',
      metadata: { namespace: 'ns', name, ownerReferences, ...(annotations && { annotations }) },
      spec: { prefix: '10.0.0.1/32' },
    });
    site.world.create(prefix('undesired', { 'common.ironcore.dev/ephemeral-managed-by': 'ephemeral-manager' }));
    site.world.create(prefix('external'));
    expect([...site.world.fold.list('Prefix')].map(({ key }) => key.name)).toEqual(['external']);
    site.world.delete(balancerKey());
    expect([...site.world.fold.list('Prefix')]).toEqual([]);
  });

  it('resources S-15: a Public one holds the VirtualIPs that it names, and asks for no address then', () => {
    const site = start()
      .network()
      .balancer({ virtualIPs: [{ virtualIPRef: { name: 'vip' } }] });
    expect(site.says('Ready')).toMatchObject({ status: 'False', reason: 'VirtualIPPending' });
    site.nic('first', ['10.0.0.1']);
    site.world.patch(nicKey('first'), { spec: { virtualIP: { virtualIPRef: { name: 'vip' } } } });
    site.world.patch(balancerKey(), { spec: { virtualIPs: null } });
    site.world.patch(balancerKey(), { spec: { virtualIPs: [{ virtualIPRef: { name: 'vip' } }] } });
    site.send('VirtualIP', 'vip', { type: 'Public', ipFamily: 'IPv4' });
    site.world.settle();
    expect(site.status()).toEqual([]);
    expect(site.says('Ready')?.message).toContain('VirtualIP "vip" to be its own');
    site.world.patch(nicKey('first'), { spec: { virtualIP: null } });
    expect(site.status()).toEqual(['203.0.113.2']);
    site.world.patch(balancerKey(), { spec: { virtualIPs: null } });
    expect(site.status()).toEqual([]);
    expect(site.says('Ready')).toMatchObject({ status: 'False', reason: 'AddressPoolExhausted' });
  });
});

describe('A LoadBalancerRouting that somebody writes (resources 2.6)', () => {
  const write = (site: Balancing, fields: JsonObject) =>
    site.world.send({
      verb: 'create',
      kind: 'LoadBalancerRouting',
      namespace: 'ns',
      object: {
        apiVersion: 'networking.ironcore.dev/v1alpha1',
        kind: 'LoadBalancerRouting',
        metadata: { namespace: 'ns', name: 'web' },
        ...fields,
      },
    });

  it('resources G-10, Q-15: is kept as it is written', () => {
    const site = new Balancing().network().balancer({ networkInterfaceSelector: null });
    const fields = {
      networkRef: { name: 'core', uid: 'u' },
      destinations: [
        { ip: '10.40.1.10', targetRef: { name: 'web-0.primary', uid: 'n', providerID: 'fabric://port/9' } },
        { ip: '2001:db8:40::10' },
      ],
    };
    expect(write(site, fields)).toMatchObject({ ok: true });
    site.world.settle();
    expect(site.routing()).toMatchObject(fields);
    site.world.do({ verb: 'patch', key: routingKey(), patchType: 'merge', patch: { destinations: [{ ip: '10.0.0.1' }] } });
    expect(site.destinations()).toEqual(['10.0.0.1']);
    site.target('a', ['10.0.0.7']);
    site.world.patch(balancerKey(), { spec: { networkInterfaceSelector: FOO } });
    expect(site.destinations()).toEqual(['10.0.0.7']);
    expect(site.routing()?.metadata.ownerReferences).toMatchObject([{ kind: 'LoadBalancer', uid: site.uid(balancerKey()) }]);
  });

  it('provider C-41: one that names another Network, by uid, is without effect, and the balancer says so', () => {
    const site = new Balancing().network().balancer({ networkInterfaceSelector: null });
    expect(write(site, { networkRef: { name: 'net', uid: 'former' }, destinations: [{ ip: '10.0.0.1' }] })).toMatchObject({ ok: true });
    site.world.settle();
    expect(site.says('TargetsSelected')).toMatchObject({ status: 'False', reason: 'OtherNetwork' });
    const networkRef = { name: 'net', uid: site.uid(networkKey()) };
    site.world.do({ verb: 'patch', key: routingKey(), patchType: 'merge', patch: { networkRef } });
    expect(site.says('TargetsSelected')).toMatchObject({ status: 'Unknown', reason: 'NoSelector' });
  });

  it('provider R-41: with more than 1,000 destinations the balancer says that only the first 1,000 serve', () => {
    const site = new Balancing().network().balancer({ networkInterfaceSelector: null });
    const destinations = Array.from({ length: 1_001 }, (_, i) => ({ ip: `10.0.${i >> 8}.${i & 255}` }));
    expect(write(site, { destinations: destinations.slice(1) })).toMatchObject({ ok: true });
    site.world.settle();
    expect(site.says('TooManyTargets')).toBeUndefined();
    site.world.do({ verb: 'patch', key: routingKey(), patchType: 'merge', patch: { destinations } });
    expect(site.says('TooManyTargets')).toMatchObject({ status: 'True', message: expect.stringContaining('1000') });
  });

  it('resources S-23: the short form of a destination gets the address of its interface', () => {
    const site = new Balancing().network();
    expect(write(site, { destinations: [{ name: 'a' }, { name: 'a', uid: 'former' }] })).toMatchObject({ ok: true });
    site.nic('a', ['10.0.0.1']);
    expect(site.routing()?.['destinations']).toEqual([
      { ip: '10.0.0.1', targetRef: { name: 'a', uid: site.uid(nicKey('a')) } },
      { targetRef: { name: 'a', uid: 'former' } },
    ]);
  });

  it.each<[string, JsonObject, readonly string[]]>([
    ['T-40', { destinations: [{}] }, ['Invalid destinations[0].ip']],
    ['T-41', { destinations: [{ ip: '10.0.0.1', targetRef: { name: 'foo*' } }] }, ['Invalid destinations[0].targetRef.name']],
    ['B-70', { destinations: [{ targetRef: { name: '' } }] }, ['Invalid destinations[0].ip', 'Invalid destinations[0].targetRef.name']],
  ])('%s: is refused with the field', (_, fields, causes) => {
    const reply = write(new Balancing(), fields);
    const found = reply.ok
      ? []
      : (reply.status.details?.causes ?? []).map(({ reason = '', field }) => `${reason.replace('FieldValue', '')} ${field}`);
    expect(found).toEqual(causes);
  });
});
