/** Prefixes and VirtualIPs that are made for an interface (resources 1.10, 3.6, 3.7), carried out in World. */
import { conditionOf, type JsonObject, type ObjectKey } from '@weft/api';
import { World, type WorldOptions } from '@weft/testing';
import { namespaceKey, nicKey } from '../index.ts';
import { namespace, network, nic } from '../testing/manifests.ts';

const MARKER = { 'common.ironcore.dev/ephemeral-managed-by': 'ephemeral-manager' };
const NIC = nicKey('ns', 'a');
const FINALIZER = 'example.com/hold';
const prefixKey = (name: string): ObjectKey => ({ kind: 'Prefix', namespace: 'ns', name });
const vipKey = (name: string): ObjectKey => ({ kind: 'VirtualIP', namespace: 'ns', name });

const inline = (prefix: string, metadata: JsonObject = {}): JsonObject => ({
  ephemeral: { prefixTemplate: { metadata, spec: { ipFamily: 'IPv4', prefix } } },
});
const inlineVip = (reclaimPolicy?: string): JsonObject => ({
  ephemeral: { virtualIPTemplate: { spec: { type: 'Public', ipFamily: 'IPv4', ...(reclaimPolicy !== undefined && { reclaimPolicy }) } } },
});
const literal: JsonObject = { ips: [{ value: '10.0.0.1' }] };

class Site {
  readonly world: World;

  constructor(options: WorldOptions) {
    this.world = new World(options);
    this.world.create(namespace('ns'));
    this.world.create(network('my-network'));
    this.world.create({
      apiVersion: 'fabric.weft.dev/v1alpha1',
      kind: 'AddressPool',
      metadata: { name: 'p' },
      spec: { prefixes: ['203.0.113.0/24'] },
    });
  }

  nic(spec: JsonObject, name = 'a'): this {
    this.world.create(nic(name, 'my-network', [], spec));
    return this;
  }

  change(spec: JsonObject, name = 'a'): this {
    this.world.patch(nicKey('ns', name), { spec });
    return this;
  }

  names(kind: string): readonly string[] {
    return [...this.world.fold.list(kind)]
      .map(({ object: { metadata } }) => `${metadata.name}${metadata.deletionTimestamp === undefined ? '' : ' goes'}`)
      .sort();
  }

  uid(key: ObjectKey): string {
    return this.world.object(key)?.metadata.uid ?? '';
  }

  /** Owners of an object: kind, name, and whether it is the one that lives. */
  owners(key: ObjectKey): readonly string[] {
    return (this.world.object(key)?.metadata.ownerReferences ?? []).map(
      ({ kind, name, uid, controller }) => `${kind} ${name} ${uid === this.uid(nicKey('ns', name))} ${controller}`,
    );
  }

  says(type: string, name = 'a'): string | undefined {
    const { reason, message } = conditionOf(this.world.object(nicKey('ns', name))!, type) ?? {};
    return reason && `${reason}: ${message}`;
  }

  vip(key = vipKey('a')): Readonly<{ ip?: unknown; target?: unknown }> {
    const { spec = {}, status = {} } = this.world.object(key) ?? {};
    return { ip: status['ip'], target: (spec['targetRef'] as JsonObject | undefined)?.['uid'] };
  }

  foreign(kind: string, apiVersion: string, name: string, spec: JsonObject, metadata: JsonObject = {}): this {
    this.world.create({ apiVersion, kind, metadata: { namespace: 'ns', name, ...metadata }, spec });
    return this;
  }

  prefix(name: string, metadata: JsonObject = {}): this {
    return this.foreign('Prefix', 'ipam.ironcore.dev/v1alpha1', name, { ipFamily: 'IPv4', prefix: '10.0.0.1/32' }, metadata);
  }

  virtualIp(name: string, metadata: JsonObject = {}): this {
    return this.foreign('VirtualIP', 'networking.ironcore.dev/v1alpha1', name, { type: 'Public', ipFamily: 'IPv4' }, metadata);
  }

  /** As the controller of an object that somebody else makes. */
  get asController(): JsonObject {
    const { apiVersion, kind } = this.world.object(NIC)!;
    return { ownerReferences: [{ apiVersion, kind, name: 'a', uid: this.uid(NIC), controller: true }] };
  }

  hold(key: ObjectKey): this {
    this.world.patch(key, { metadata: { finalizers: [FINALIZER, ...(this.world.object(key)?.metadata.finalizers ?? [])] } });
    return this;
  }

  letGo(key: ObjectKey): this {
    const others = (this.world.object(key)?.metadata.finalizers ?? []).filter((each) => each !== FINALIZER);
    this.world.patch(key, { metadata: { finalizers: others } });
    return this;
  }
}

const started = (seed: number) => new Site({ seed, duplicates: 0.3, lag: seed % 2 === 0 ? 0.3 : 0, conflicts: 0.1 });

describe.each([1, 2, 3, 4])('Prefixes of an interface, loops in the order of seed %i', (seed) => {
  let site: Site;
  beforeEach(() => {
    site = started(seed);
  });
  afterEach(() => {
    expect(site.world.refusals).toEqual([]);
  });

  it('resources C-20: an address from a template has a Prefix that the interface controls', () => {
    site.nic({ ips: [inline('10.0.0.1/32', { labels: { app: 'web' }, annotations: { a: 'b' } })] });
    const made = site.world.object(prefixKey('a-0'));
    expect(made?.spec).toEqual({ ipFamily: 'IPv4', prefix: '10.0.0.1/32' });
    expect(made?.metadata).toMatchObject({ labels: { app: 'web' }, annotations: { a: 'b', ...MARKER } });
    expect(site.owners(prefixKey('a-0'))).toEqual(['NetworkInterface a true true']);
    expect([made?.status?.['phase'], site.says('EphemeralPrefixesCreated')]).toEqual(['Allocated', undefined]);
  });

  it('resources C-21 and C-22: one that it controls and does not want is deleted if it has the marker', () => {
    site.nic(literal);
    site.prefix('undesired-prefix', { ...site.asController, annotations: MARKER }).prefix('external', site.asController);
    expect(site.names('Prefix')).toEqual(['external']);
  });

  it('resources 3.6: literals count; a template that becomes a literal loses its Prefix, and all go with the interface', () => {
    site.nic({ ips: [{ value: '10.0.0.1' }], prefixes: [{ value: '10.1.0.0/24' }, inline('10.2.0.0/24'), inline('10.3.0.0/24')] });
    expect(site.names('Prefix')).toEqual(['a-pf-1', 'a-pf-2']);
    const kept = site.uid(prefixKey('a-pf-2'));
    site.change({ prefixes: [{ value: '10.1.0.0/24' }, { value: '10.2.0.0/24' }, inline('10.3.0.0/24')] });
    expect([site.names('Prefix'), site.uid(prefixKey('a-pf-2'))]).toEqual([['a-pf-2'], kept]);
    site.world.delete(NIC);
    expect(site.names('Prefix')).toEqual([]);
    site.nic({ ips: [inline('10.0.0.1/32')] }).change({ ips: [{ value: '10.0.0.2' }] });
    expect(site.names('Prefix')).toEqual([]);
  });

  it('resources E-14: a template that is removed from prefixes loses its Prefix, which has the marker here', () => {
    site.nic({ ...literal, prefixes: [inline('10.2.0.0/24')] });
    expect(site.world.object(prefixKey('a-pf-0'))?.metadata.annotations).toEqual(MARKER);
    site.change({ prefixes: null });
    expect(site.names('Prefix')).toEqual([]);
  });

  it('resources E-15: a template that changes changes no Prefix; deleted by hand, it is made from the new one', () => {
    site.nic({ ips: [inline('10.0.0.1/32')] }).change({ ips: [inline('10.0.0.5/32')] });
    expect(site.world.object(prefixKey('a-0'))?.spec?.['prefix']).toBe('10.0.0.1/32');
    site.world.delete(prefixKey('a-0'));
    expect(site.world.object(prefixKey('a-0'))?.spec?.['prefix']).toBe('10.0.0.5/32');
  });

  it('resources E-16: one that a user made first is not adopted, which a condition says without an end of tries', () => {
    site.prefix('a-0').nic({ ips: [inline('10.0.0.1/32')] });
    expect([site.owners(prefixKey('a-0')), site.says('EphemeralPrefixesCreated')]).toEqual([
      [],
      'NameInUse: Prefix a-0 is there and was not made for it, so it is not taken; delete it, and it is made anew',
    ]);
    site.world.delete(prefixKey('a-0'));
    expect([site.owners(prefixKey('a-0')), site.says('EphemeralPrefixesCreated')]).toEqual([['NetworkInterface a true true'], undefined]);
  });

  it('resources 3.6: of two that make the same name the first one has it; the other one gets it when that has gone', () => {
    site.nic({ ips: [inline('10.0.0.7/32')] }, 'b-pf').nic({ ...literal, prefixes: [inline('10.2.0.0/24')] }, 'b');
    expect(site.owners(prefixKey('b-pf-0'))).toEqual(['NetworkInterface b-pf true true']);
    expect(site.says('EphemeralPrefixesCreated', 'b')).toMatch(/^NameInUse/);
    site.world.delete(nicKey('ns', 'b-pf'));
    expect(site.owners(prefixKey('b-pf-0'))).toEqual(['NetworkInterface b true true']);
    expect(site.says('EphemeralPrefixesCreated', 'b')).toBeUndefined();
  });

  it('resources 3.15: one waits for its finalizer when its interface has gone; a new interface of the name waits for it', () => {
    site.nic({ ips: [inline('10.0.0.1/32')] }).hold(prefixKey('a-0'));
    site.world.delete(NIC);
    expect(site.names('Prefix')).toEqual(['a-0 goes']);
    site.nic({ ips: [inline('10.0.0.2/32')] });
    expect([site.names('Prefix'), site.says('EphemeralPrefixesCreated')]).toEqual([['a-0 goes'], undefined]);
    site.letGo(prefixKey('a-0'));
    expect(site.world.object(prefixKey('a-0'))?.spec?.['prefix']).toBe('10.0.0.2/32');
    expect(site.owners(prefixKey('a-0'))).toEqual(['NetworkInterface a true true']);
  });
});

describe.each([1, 2, 3, 4])('The VirtualIP of an interface, loops in the order of seed %i', (seed) => {
  let site: Site;
  beforeEach(() => {
    site = started(seed);
  });
  afterEach(() => {
    expect(site.world.refusals).toEqual([]);
  });

  it('resources C-15: has the name of the interface, is controlled and held by it', () => {
    site.nic({ ...literal, virtualIP: inlineVip() });
    expect(site.owners(vipKey('a'))).toEqual(['NetworkInterface a true true']);
    expect(site.world.object(vipKey('a'))?.spec).toEqual({
      type: 'Public',
      ipFamily: 'IPv4',
      targetRef: { name: 'a', uid: site.uid(NIC) },
    });
    expect(site.world.object(NIC)?.status?.['virtualIP']).toBe(site.vip().ip);
    site.world.delete(NIC);
    expect(site.names('VirtualIP')).toEqual([]);
  });

  it('resources C-16: has no owner when it is to be retained, and one when it is not any more', () => {
    site.nic({ ...literal, virtualIP: inlineVip('Retain') });
    const { ip } = site.vip();
    expect([site.owners(vipKey('a')), site.vip()]).toEqual([[], { ip: expect.any(String), target: site.uid(NIC) }]);
    site.change({ virtualIP: inlineVip('Delete') });
    expect([site.owners(vipKey('a')), site.vip().ip]).toEqual([['NetworkInterface a true true'], ip]);
  });

  it('resources E-13: has no owner any more when it is to be retained from now on', () => {
    site.nic({ ...literal, virtualIP: inlineVip() }).change({ virtualIP: inlineVip('Retain') });
    expect(site.owners(vipKey('a'))).toEqual([]);
    site.world.delete(NIC);
    expect(site.names('VirtualIP')).toEqual(['a']);
  });

  it('resources C-17 and 3.7: stays with its address when it is retained, and is held by the next interface of the name', () => {
    site.nic({ ...literal, virtualIP: inlineVip('Retain') });
    const before = site.vip();
    site.world.delete(NIC);
    expect(site.vip()).toEqual({ ip: before.ip, target: undefined });
    site.nic({ ...literal, virtualIP: inlineVip('Retain') });
    expect([site.vip(), site.says('EphemeralVirtualIPCreated')]).toEqual([{ ip: before.ip, target: site.uid(NIC) }, undefined]);
    site.change({ virtualIP: null });
    expect(site.names('VirtualIP')).toEqual([]);
  });

  it('resources C-18: one that it controls and does not want is deleted, with the marker or without', () => {
    site.nic(literal);
    site.virtualIp('undesired-vip', { ...site.asController, annotations: MARKER }).virtualIp('unmarked', site.asController);
    expect(site.names('VirtualIP')).toEqual([]);
  });

  it('resources C-19: is not touched on behalf of another interface', () => {
    site.nic({ ...literal, virtualIP: inlineVip('Retain') });
    const before = site.uid(vipKey('a'));
    site.nic({ ips: [{ value: '10.0.0.2' }] }, 'other');
    site.world.delete(nicKey('ns', 'other'));
    expect([site.names('VirtualIP'), site.uid(vipKey('a')), site.owners(vipKey('a'))]).toEqual([['a'], before, []]);
  });

  it.each(['Delete', 'Retain'])('resources E-12: goes when the template is removed, also with policy %s', (policy) => {
    site.nic({ ...literal, virtualIP: inlineVip(policy) }).change({ virtualIP: null });
    expect(site.names('VirtualIP')).toEqual([]);
    site.change({ virtualIP: inlineVip(policy) }).virtualIp('spare');
    site.change({ virtualIP: { ephemeral: null, virtualIPRef: { name: 'spare' } } });
    expect([site.names('VirtualIP'), site.vip(vipKey('spare')).target]).toEqual([['spare'], site.uid(NIC)]);
    site.change({ virtualIP: null });
    expect([site.names('VirtualIP'), site.vip(vipKey('spare')).target]).toEqual([['spare'], undefined]);
  });

  it('resources 3.7: one that outlived its interface and is named by another one is not deleted', () => {
    site.nic({ ...literal, virtualIP: inlineVip('Retain') });
    site.world.delete(NIC);
    site.nic({ ips: [{ value: '10.0.0.2' }], virtualIP: { virtualIPRef: { name: 'a' } } }, 'heir');
    expect([site.names('VirtualIP'), site.vip().target]).toEqual([['a'], site.uid(nicKey('ns', 'heir'))]);
    site.world.delete(nicKey('ns', 'heir'));
    expect([site.names('VirtualIP'), site.vip().target]).toEqual([['a'], undefined]);
  });

  it('resources 3.15: is made anew when it is deleted by hand', () => {
    site.nic({ ...literal, virtualIP: inlineVip() });
    const before = site.uid(vipKey('a'));
    site.world.delete(vipKey('a'));
    expect(site.owners(vipKey('a'))).toEqual(['NetworkInterface a true true']);
    expect([site.uid(vipKey('a')) === before, site.vip().target]).toEqual([false, site.uid(NIC)]);
  });

  it('one that a user made first is held, but not adopted, which a condition says', () => {
    site.virtualIp('a').nic({ ...literal, virtualIP: inlineVip() });
    expect([site.owners(vipKey('a')), site.vip().target]).toEqual([[], site.uid(NIC)]);
    expect(site.says('EphemeralVirtualIPCreated')).toMatch(/^NameInUse: VirtualIP a is there/);
    site.world.delete(NIC);
    expect(site.names('VirtualIP')).toEqual(['a']);
  });

  it('a namespace that is emptied takes all of them, and what the interface holds', () => {
    site.nic({ ips: [inline('10.0.0.1/32')], prefixes: [inline('10.2.0.0/24')], virtualIP: inlineVip('Retain') }).hold(NIC);
    site.world.delete(namespaceKey('ns'));
    expect([site.names('Prefix'), site.names('VirtualIP'), site.names('NetworkInterface')]).toEqual([[], [], ['a goes']]);
    site.letGo(NIC);
    expect(site.world.get(namespaceKey('ns'))).toBeUndefined();
  });

  it('come to the same when everything stops after any append and begins again', () => {
    site.nic({ ips: [inline('10.0.0.1/32')], prefixes: [inline('10.2.0.0/24')], virtualIP: inlineVip('Retain') });
    site.change({ prefixes: null, virtualIP: inlineVip('Delete') });
    site.world.delete(NIC);
    const at = (type: string) => site.world.log.find((event) => event.type === type)?.position ?? 0n;
    const [changed, ended] = [at('NetworkInterfacePrefixesChanged.v1'), at('NetworkInterfaceEnded.v1')];
    for (const { position } of site.world.appends.filter((append) => append.position >= at('NetworkInterfaceCreated.v1'))) {
      const again = site.world.fork(position);
      again.settle();
      const children = [...again.fold.list('Prefix'), ...again.fold.list('VirtualIP')];
      const names = children.map(({ key, object }) => `${key.name}${object.metadata.ownerReferences === undefined ? '' : ' owned'}`).sort();
      const wanted = position >= ended ? [] : position >= changed ? ['a owned', 'a-0 owned'] : ['a', 'a-0 owned', 'a-pf-0 owned'];
      expect([position, names]).toEqual([position, wanted]);
      expect(again.refusals).toEqual([]);
    }
  });
});
