/** Interfaces that are made for a machine (resources 1.10, 3.10), carried out in World. */
import { conditionOf, type JsonObject, type ObjectKey } from '@weft/api';
import { World, WorldAgent, type WorldOptions, WrittenLog } from '@weft/testing';
import type { AddressBook } from '../address-book/address-book.ts';
import { hostKey, machineKey, namespaceKey, networkDomain, networkKey, nicKey } from '../index.ts';
import { addressBookOf } from '../keys.ts';
import { machine, namespace, network, nic } from '../testing/manifests.ts';

const MARKER = { 'common.ironcore.dev/ephemeral-managed-by': 'ephemeral-manager' };
const M = machineKey('ns', 'm');
const FINALIZER = 'example.com/hold';

const slot = (name: string, ip: string, more: JsonObject = {}): JsonObject => ({
  name,
  ephemeral: { networkInterfaceTemplate: { ...more, spec: { networkRef: { name: 'my-network' }, ips: [{ value: ip }] } } },
});
const reference = (name: string, nicName: string): JsonObject => ({ name, networkInterfaceRef: { name: nicName } });
const withSlots = (...networkInterfaces: readonly JsonObject[]): JsonObject => ({
  ...machine('m', 'host-a', []),
  spec: { machinePoolRef: { name: 'host-a' }, networkInterfaces: [...networkInterfaces] },
});

class Site {
  readonly world: World;
  readonly agent: WorldAgent;

  constructor(options: WorldOptions) {
    this.world = new World(options);
    this.world.create(namespace('ns'));
    this.agent = new WorldAgent(this.world, 'host-a', '192.0.2.1');
    this.agent.register();
    this.world.create(network('my-network'));
  }

  uid(key: ObjectKey): string {
    return this.world.object(key)?.metadata.uid ?? '';
  }

  /** Names of the interfaces, and of those that are being deleted. */
  get nics(): readonly string[] {
    return [...this.world.fold.list('NetworkInterface')]
      .map(({ object: { metadata } }) => `${metadata.name}${metadata.deletionTimestamp === undefined ? '' : ' goes'}`)
      .sort();
  }

  get lacks(): string | undefined {
    const { reason, message } = conditionOf(this.world.object(M)!, 'EphemeralInterfacesCreated') ?? {};
    return reason && `${reason}: ${message}`;
  }

  /** An interface with the machine as its controller, marked or not. */
  owned(name: string, ip: string, annotations?: Record<string, string>): JsonObject {
    const { apiVersion, kind, metadata } = this.world.object(M)!;
    const ownerReferences = [{ apiVersion, kind, name: metadata.name, uid: metadata.uid, controller: true }];
    const made = nic(name, 'my-network', [ip]);
    return { ...made, metadata: { ...(made['metadata'] as JsonObject), ownerReferences, ...(annotations && { annotations }) } };
  }

  hold(key: ObjectKey): this {
    this.world.patch(key, { metadata: { finalizers: [FINALIZER] } });
    return this;
  }

  letGo(key: ObjectKey): this {
    this.world.patch(key, { metadata: { finalizers: null } });
    return this;
  }
}

describe.each([1, 2, 3, 4])('Interfaces of a machine, loops in the order of seed %i', (seed) => {
  let site: Site;
  beforeEach(() => {
    site = new Site({ seed, duplicates: 0.3, lag: seed % 2 === 0 ? 0.3 : 0, conflicts: 0.1 });
  });
  afterEach(() => {
    expect(site.world.refusals).toEqual([]);
  });

  it('resources C-27: a slot with a template has an interface that the machine controls and holds', () => {
    const { world, agent } = site;
    world.create(withSlots(slot('ephem-nic', '10.0.0.2', { metadata: { labels: { app: 'web' }, annotations: { a: 'b' }, name: 'else' } })));
    const made = world.object(nicKey('ns', 'm-ephem-nic'));
    const uid = site.uid(M);
    const owner = {
      apiVersion: 'compute.ironcore.dev/v1alpha1',
      kind: 'Machine',
      name: 'm',
      uid,
      controller: true,
      blockOwnerDeletion: true,
    };
    expect(made?.metadata).toMatchObject({ labels: { app: 'web' }, annotations: { a: 'b', ...MARKER }, ownerReferences: [owner] });
    expect(made?.spec).toEqual({
      networkRef: { name: 'my-network' },
      ipFamilies: ['IPv4'],
      ips: [{ value: '10.0.0.2' }],
      machineRef: { name: 'm', uid },
    });
    agent.report();
    expect(world.object(M)?.status?.['networkInterfaces']).toMatchObject([
      { name: 'ephem-nic', state: 'Attached', networkInterfaceRef: { name: 'm-ephem-nic' } },
    ]);
    expect([made?.metadata.name, site.lacks]).toEqual(['m-ephem-nic', undefined]);
  });

  it('resources C-28: one with the marker that no slot wants is deleted', () => {
    const { world } = site;
    world.create(withSlots());
    world.create(site.owned('undesired-nic', '10.0.0.1', MARKER));
    expect(site.nics).toEqual([]);
  });

  it('resources C-29 and Z-14: one without the marker stays, wanted or not', () => {
    const { world } = site;
    world.create(withSlots());
    world.create(site.owned('external-nic', '10.0.0.1'));
    world.create(site.owned('m-a', '10.0.0.2', { 'common.ironcore.dev/ephemeral-managed-by': 'somebody' }));
    expect(site.nics).toEqual(['external-nic', 'm-a']);
    world.patch(M, { spec: { networkInterfaces: [slot('a', '10.0.0.9')] } });
    expect(site.nics).toEqual(['external-nic', 'm-a']);
    expect(site.lacks).toMatch(/^NameInUse: NetworkInterface m-a is there/);
    world.patch(M, { spec: { networkInterfaces: null } });
    expect([site.nics, site.lacks]).toEqual([['external-nic', 'm-a'], undefined]);
    world.patch(nicKey('ns', 'external-nic'), { metadata: { annotations: MARKER } });
    expect(site.nics).toEqual(['m-a']);
  });

  it('one that a user made is its own once the user has marked it and made the machine its controller', () => {
    const { world } = site;
    world.create(nic('m-a', 'my-network', ['10.0.0.7']));
    world.create(withSlots(slot('a', '10.0.0.1')));
    world.patch(nicKey('ns', 'm-a'), { metadata: { annotations: MARKER } });
    expect(site.lacks).toMatch(/^NameInUse/);
    const { ownerReferences = null } = site.owned('m-a', '10.0.0.7')['metadata'] as JsonObject;
    world.patch(nicKey('ns', 'm-a'), { metadata: { ownerReferences } });
    expect(site.lacks).toBeUndefined();
    world.patch(M, { spec: { networkInterfaces: null } });
    expect(site.nics).toEqual([]);
  });

  it('resources Z-13, S-12: one that a user made is not adopted, and a condition names it; once it has gone, the machine makes its own', () => {
    const { world, agent } = site;
    world.create(nic('m-a', 'my-network', ['10.0.0.7']));
    world.create(withSlots(slot('a', '10.0.0.1'), slot('b', '10.0.0.2')));
    expect(site.nics).toEqual(['m-a', 'm-b']);
    expect(site.lacks).toMatch(/^NameInUse: NetworkInterface m-a is there/);
    expect(world.object(nicKey('ns', 'm-a'))?.metadata.ownerReferences).toBeUndefined();
    // The machine may use it nevertheless: names decide, as for one that a slot names.
    expect(world.object(nicKey('ns', 'm-a'))?.spec).toMatchObject({ machineRef: { uid: site.uid(M) } });
    agent.report();
    world.delete(nicKey('ns', 'm-a'));
    expect(site.lacks).toBeUndefined();
    expect(world.object(nicKey('ns', 'm-a'))).toMatchObject({ metadata: { annotations: MARKER }, spec: { ips: [{ value: '10.0.0.1' }] } });
  });

  it('resources E-15 and Z-15: a template that changes changes no interface; deleted by hand, it is made from the new one', () => {
    const { world } = site;
    world.create(withSlots(slot('a', '10.0.0.1')));
    const before = site.uid(nicKey('ns', 'm-a'));
    world.patch(M, { spec: { networkInterfaces: [slot('a', '10.0.0.5')] } });
    expect([site.uid(nicKey('ns', 'm-a')), world.object(nicKey('ns', 'm-a'))?.spec?.['ips']]).toEqual([before, [{ value: '10.0.0.1' }]]);
    world.delete(nicKey('ns', 'm-a'));
    expect(world.object(nicKey('ns', 'm-a'))?.spec?.['ips']).toEqual([{ value: '10.0.0.5' }]);
    expect(site.uid(nicKey('ns', 'm-a'))).not.toBe(before);
  });

  it('resources 3.10: is born claimed, so that no machine that names it takes it, however long it waits', () => {
    const { world } = site;
    world.create(machine('first', 'host-a', ['m-a']));
    world.create(withSlots(slot('a', '10.0.0.1')));
    expect(world.object(nicKey('ns', 'm-a'))?.spec).toMatchObject({ machineRef: { name: 'm', uid: site.uid(M) } });
  });

  it('one that is being deleted counts as there, and is made anew when it has gone', () => {
    const { world } = site;
    world.create(withSlots(slot('a', '10.0.0.1')));
    site.hold(nicKey('ns', 'm-a'));
    world.delete(nicKey('ns', 'm-a'));
    expect([site.nics, site.lacks]).toEqual([['m-a goes'], undefined]);
    site.letGo(nicKey('ns', 'm-a'));
    expect(site.nics).toEqual(['m-a']);
  });

  it('resources E-22: a slot that is renamed has a new interface, and the old one goes', () => {
    const { world } = site;
    world.create(withSlots(slot('a', '10.0.0.1'), slot('keep', '10.0.0.3')));
    const kept = site.uid(nicKey('ns', 'm-keep'));
    world.patch(M, { spec: { networkInterfaces: [slot('b', '10.0.0.2'), slot('keep', '10.0.0.3')] } });
    expect([site.nics, site.uid(nicKey('ns', 'm-keep'))]).toEqual([['m-b', 'm-keep'], kept]);
    world.patch(M, { spec: { networkInterfaces: null } });
    expect(site.nics).toEqual([]);
  });

  it('resources 3.10: a slot turned to a reference of the same name loses the interface that was made for it', () => {
    const { world } = site;
    world.create(withSlots(slot('a', '10.0.0.1')));
    world.patch(M, { spec: { networkInterfaces: [reference('a', 'm-a')] } });
    expect(site.nics).toEqual([]);
    world.create(nic('m-a', 'my-network', ['10.0.0.1']));
    expect(world.object(nicKey('ns', 'm-a'))?.spec).toMatchObject({ machineRef: { name: 'm', uid: site.uid(M) } });
  });

  it('resources 3.15: they go with their machine; those that it only names are released', () => {
    const { world, agent } = site;
    world.create(nic('own', 'my-network', ['10.0.0.9']));
    world.create(withSlots(slot('a', '10.0.0.1'), slot('b', '10.0.0.2'), reference('c', 'own')));
    agent.report();
    world.delete(M);
    agent.report();
    expect(site.nics).toEqual(['own']);
    expect(world.object(nicKey('ns', 'own'))?.spec?.['machineRef']).toBeUndefined();
  });

  it('resources Z-17: a machine made anew has interfaces of its own once the old ones have been collected', () => {
    const { world } = site;
    world.create(withSlots(slot('a', '10.0.0.1'), slot('b', '10.0.0.2')));
    site.hold(nicKey('ns', 'm-a'));
    world.send({ verb: 'delete', key: M });
    world.create(withSlots(slot('a', '10.0.0.1'), slot('b', '10.0.0.2')));
    expect([site.nics, site.lacks]).toEqual([['m-a goes', 'm-b'], undefined]);
    site.letGo(nicKey('ns', 'm-a'));
    for (const name of ['m-a', 'm-b']) {
      expect(world.object(nicKey('ns', name))?.metadata.ownerReferences).toMatchObject([{ uid: site.uid(M) }]);
      expect(world.object(nicKey('ns', name))?.spec).toMatchObject({ machineRef: { uid: site.uid(M) } });
    }
  });

  it('a machine that is being deleted makes none and deletes none', () => {
    const { world } = site;
    world.create(withSlots(slot('a', '10.0.0.1')));
    site.hold(M);
    world.delete(M);
    world.patch(M, { spec: { networkInterfaces: [slot('b', '10.0.0.2')] } });
    world.create(site.owned('undesired-nic', '10.0.0.8', MARKER));
    expect(site.nics).toEqual(['m-a', 'undesired-nic']);
    site.letGo(M);
    expect(site.nics).toEqual([]);
  });

  it('says after a while that one has not come', () => {
    const { world } = site;
    world.create(withSlots(slot('a', '10.0.0.1')));
    site.hold(nicKey('ns', 'm-a'));
    world.send({ verb: 'delete', key: M });
    world.create(withSlots(slot('a', '10.0.0.1')));
    expect(site.lacks).toBeUndefined();
    world.pass(5_000);
    expect(site.lacks).toMatch(/^CreationPending: waits for NetworkInterface m-a/);
    site.letGo(nicKey('ns', 'm-a'));
    expect([site.nics, site.lacks]).toEqual([['m-a'], undefined]);
  });

  it('one whose address somebody has is there and waits for it; interface and machine name the holder', () => {
    const { world, agent } = site;
    world.create(nic('first', 'my-network', ['10.0.0.1']));
    world.create(withSlots(slot('a', '10.0.0.1'), slot('b', '10.0.0.2')));
    agent.report();
    const saying = (key: ObjectKey, type: string) => conditionOf(world.object(key)!, type);
    const why = '10.0.0.1 is held by NetworkInterface "first"';
    expect(world.refusals).toEqual([]);
    expect(saying(nicKey('ns', 'm-a'), 'AddressesAllocated')).toMatchObject({ status: 'False', reason: 'AddressInUse', message: why });
    expect(saying(M, 'Ready')?.message).toBe(`its network interfaces are not available yet: a (${why})`);
    expect(world.object(nicKey('ns', 'm-a'))?.status?.['ips']).toBeUndefined();
    expect(world.object(nicKey('ns', 'm-b'))?.status?.['state']).toBe('Available');
    world.delete(nicKey('ns', 'first'));
    agent.report();
    expect(world.object(nicKey('ns', 'm-a'))?.status).toMatchObject({ ips: ['10.0.0.1'], state: 'Available' });
    expect([saying(nicKey('ns', 'm-a'), 'AddressesAllocated'), saying(M, 'Ready')?.status]).toEqual([undefined, 'True']);
  });

  it('one that waits for an address can have another, and is refused one that somebody has, as every interface', () => {
    const { world, agent } = site;
    for (const i of [1, 2]) world.create(nic(`holder-${i}`, 'my-network', [`10.0.0.${i}`]));
    world.create(withSlots(slot('a', '10.0.0.1')));
    const change = (ip: string) =>
      world.send({ verb: 'patch', key: nicKey('ns', 'm-a'), patchType: 'merge', patch: { spec: { ips: [{ value: ip }] } } });
    expect(change('10.0.0.2')).toMatchObject({ ok: false, status: { code: 422 } });
    expect(change('10.0.0.3')).toMatchObject({ ok: true });
    world.settle();
    agent.report();
    expect(world.object(nicKey('ns', 'm-a'))?.status).toMatchObject({ ips: ['10.0.0.3'], state: 'Available' });
    world.delete(nicKey('ns', 'holder-1'));
    world.delete(M);
    const { holders } = world.reservation<AddressBook>(addressBookOf('ns', 'my-network'));
    expect([...holders.keys()]).toEqual(['10.0.0.2']);
  });

  it.each([
    [{ metadata: { labels: { 'a b': 'x' } } }, 'spec.networkInterface[0].ephemeral.networkInterfaceTemplate.metadata.labels'],
    [{ metadata: { annotations: { 'a b': 'x' } } }, 'spec.networkInterface[0].ephemeral.networkInterfaceTemplate.metadata.annotations'],
    [
      { spec: { attributes: { 'fabric.weft.dev/netns': '../x' } } },
      'spec.networkInterface[0].ephemeral.networkInterfaceTemplate.attributes[fabric.weft.dev/netns]',
    ],
  ])('are not made of a template with %j: the machine is refused', (more, field) => {
    const { ephemeral } = slot('a', '10.0.0.1') as { ephemeral: { networkInterfaceTemplate: { spec: JsonObject } } };
    const { spec, metadata } = more as { spec?: JsonObject; metadata?: JsonObject };
    const template = { ...(metadata && { metadata }), spec: { ...ephemeral.networkInterfaceTemplate.spec, ...spec } };
    const object = withSlots({ name: 'a', ephemeral: { networkInterfaceTemplate: template } });
    const reply = site.world.send({ verb: 'create', kind: 'Machine', namespace: 'ns', object });
    expect(reply).toMatchObject({ ok: false, status: { code: 422, details: { causes: [{ field }] } } });
  });

  it('a namespace that is emptied takes machines and their interfaces', () => {
    const { world, agent } = site;
    world.create(withSlots(slot('a', '10.0.0.1'), slot('b', '10.0.0.2')));
    site.hold(M).hold(nicKey('ns', 'm-b'));
    world.delete(namespaceKey('ns'));
    expect(site.nics).toEqual(['m-b goes']);
    site.letGo(nicKey('ns', 'm-b'));
    expect(site.nics).toEqual([]);
    site.letGo(M);
    agent.report();
    agent.report();
    expect([world.get(namespaceKey('ns')), world.get(networkKey('ns', 'my-network'))]).toEqual([undefined, undefined]);
    expect(world.get(hostKey('host-a'))?.facts['held'] ?? {}).toEqual({});
  });

  it('come to the same when everything stops after any append and begins again', () => {
    const { world, agent } = site;
    world.create(withSlots(slot('a', '10.0.0.1'), slot('b', '10.0.0.2')));
    agent.report();
    world.patch(M, { spec: { networkInterfaces: [slot('b', '10.0.0.2'), slot('c', '10.0.0.3')] } });
    agent.report();
    const changed = site.nics;
    world.delete(M);
    const until = world.appends.map(({ position }) => position);
    const isAfter = world.appends.findLast(({ stream }) => stream === 'Machine-ns.m')?.position ?? 0n;
    const isChanged = world.log.find(({ type }) => type === 'MachineNetworkInterfacesChanged.v1')?.position ?? 0n;
    for (const at of until) {
      const again = world.fork(at);
      again.settle();
      new WorldAgent(again, 'host-a', '192.0.2.1').report();
      const nics = [...again.fold.list('NetworkInterface')].map(({ key }) => key.name).sort();
      const made = again.get(M) === undefined ? [] : at >= isChanged ? changed : ['m-a', 'm-b'];
      expect([at, nics]).toEqual([at, at >= isAfter ? [] : made]);
      for (const name of nics) expect(again.object(nicKey('ns', name))?.status?.['state']).toBe('Available');
    }
  });
});

describe('Loops over the interfaces of a machine', () => {
  const owner = (uid: string) => ({ apiVersion: 'compute.ironcore.dev/v1alpha1', kind: 'Machine', name: 'm', uid, controller: true });
  /** A machine with these slots, and its loops. */
  const given = (...slots: readonly JsonObject[]) => {
    const log = new WrittenLog([networkDomain]);
    log.create(namespaceKey('ns'));
    const uid = log.create(M, { spec: { networkInterfaces: [...slots] } });
    const make = (name: string, of = uid) => {
      log.create(nicKey('ns', name), { spec: { networkRef: { name: 'my-network' }, machineRef: { name: 'm', uid: of } } });
      const marked = { type: 'AnnotationsChanged.v1', data: { annotations: MARKER } };
      log.happen(nicKey('ns', name), { type: 'OwnerReferencesChanged.v1', data: { ownerReferences: [owner(of)] } }, marked);
    };
    const owed = () => {
      const drafts = log.owed('create-machine-interfaces', 'delete-machine-interfaces');
      return drafts.map((draft) => (draft.target === 'object' ? `${'verb' in draft ? draft.verb : draft.action} ${draft.key.name}` : ''));
    };
    return { log, make, owed };
  };

  it('resources S-12: owe each interface by itself, so that one whose creation is refused holds up no other', () => {
    const { log, make, owed } = given(slot('a', '10.0.0.1'), slot('b', '10.0.0.2'), slot('c', '10.0.0.3'));
    log.create(nicKey('ns', 'm-b'));
    expect(owed()).toEqual(['create m-a', 'create m-c', 'ReportCondition m']);
    make('m-c');
    expect(owed()).toEqual(['create m-a', 'ReportCondition m']);
  });

  it('leave it to whoever was refused to say why, until that interface is there', () => {
    const { log, make, owed } = given(slot('a', '10.0.0.1'));
    expect(log.owed('create-machine-interfaces')).toMatchObject([
      { verb: 'create', refused: { key: M, uid: log.fold.get(M)?.object.metadata.uid, type: 'EphemeralInterfacesCreated' } },
    ]);
    const data = { type: 'EphemeralInterfacesCreated', status: 'False', reason: 'CreationRefused', message: 'it cannot be read' };
    log.happen(M, { type: 'ConditionChanged.v1', data });
    log.passSeconds(60);
    expect(owed()).toEqual(['create m-a']);
    make('m-a');
    expect(log.owed('create-machine-interfaces')).toMatchObject([{ action: 'ReportCondition' }]);
  });

  it('say again what somebody else took away', () => {
    const { log, owed } = given(slot('b', '10.0.0.2'));
    log.create(nicKey('ns', 'm-b'));
    const [report] = log.owed('create-machine-interfaces');
    const { condition } = report !== undefined && 'payload' in report ? report.payload : {};
    log.happen(M, { type: 'ConditionChanged.v1', data: condition as JsonObject });
    expect(owed()).toEqual([]);
    log.happen(M, { type: 'ConditionRemoved.v1', data: { type: 'EphemeralInterfacesCreated' } });
    expect(owed()).toEqual(['ReportCondition m']);
  });

  it('tell machines apart that have the very same slots', () => {
    const log = new WrittenLog([networkDomain]);
    log.create(namespaceKey('ns'));
    const spec = { networkInterfaces: [slot('a', '10.0.0.1')] };
    for (const name of ['m', 'n']) log.create(machineKey('ns', name), { spec });
    const made = log.owed('create-machine-interfaces');
    expect(made.map((draft) => (draft.target === 'object' ? draft.key.name : ''))).toEqual(['m-a', 'n-a']);
  });

  it('make nothing in a namespace that is being deleted, or has gone', () => {
    const { log, owed } = given(slot('a', '10.0.0.1'));
    log.requestDeletion(namespaceKey('ns'));
    expect(owed()).toEqual([]);
    log.end(namespaceKey('ns'));
    expect(owed()).toEqual([]);
  });

  it('leave those of a former machine of the name to be collected', () => {
    const { make, owed } = given();
    make('m-x', 'former');
    expect(owed()).toEqual([]);
    make('m-y');
    expect(owed()).toEqual(['delete m-y']);
  });

  it('are not asked when one of them is placed, programmed or labelled', () => {
    const { log, make, owed } = given(slot('a', '10.0.0.1'), slot('b', '10.0.0.2'));
    for (const name of ['m-a', 'm-b']) make(name);
    expect(owed()).toEqual([]);
    const asked = log.asked(() => {
      log.happen(nicKey('ns', 'm-a'), { type: 'NetworkInterfacePlaced.v1', data: { host: 'h' } });
      log.happen(nicKey('ns', 'm-a'), { type: 'NetworkInterfaceProgrammed.v1', data: { host: 'h', position: '1' } });
      log.happen(nicKey('ns', 'm-a'), { type: 'LabelsChanged.v1', data: { labels: { a: 'b' } } });
      log.happen(M, { type: 'MachineInterfacesReported.v1', data: { slots: [{ name: 'a', state: 'Attached', nic: 'm-a' }] } });
    });
    expect(Object.keys(asked).filter((loop) => /^(create|delete)-/.test(loop))).toEqual([]);
  });
});
