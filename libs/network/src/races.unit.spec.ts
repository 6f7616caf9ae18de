/** Commands and reports that come late, twice, or between a fact and its consequences. */
import { conditionOf, createFold, type DecideContext, type FactsView, factsOf, type JsonObject } from '@weft/api';
import { World, WorldAgent } from '@weft/testing';
import { Host, hostKey, machineKey, namespaceKey, networkDomain, networkKey, nicKey } from './index.ts';
import { factsOfNic } from './testing/facts.ts';
import { machine, namespace, network, nic } from './testing/manifests.ts';

const seeds = Array.from({ length: 10 }, (_, i) => i + 1);

function started(seed: number, lag = 0): { world: World; a: WorldAgent } {
  const world = new World({ seed, duplicates: 0.3, lag });
  world.create(namespace('ns'));
  world.create(network('net'));
  const a = new WorldAgent(world, 'host-a', '192.0.2.1');
  a.register();
  return { world, a };
}
const NIC = nicKey('ns', 'one');
const held = (world: World) => factsOf(world.fold).get(Host, { name: 'host-a' })?.facts.held;
const placement = (world: World) => factsOfNic(world.get(NIC)!).placement;

describe.each(seeds)('With the loops in the order of seed %i', (seed) => {
  it('an interface goes to the machine that was created first of those that name it', () => {
    const { world } = started(seed);
    world.create(nic('one', 'net', ['10.0.0.1']));
    for (const name of ['m1', 'm2', 'm3', 'm4']) world.create(machine(name, 'host-a', ['one']));
    for (const name of ['m1', 'm2', 'm3', 'm4']) {
      expect(world.object(NIC)?.spec?.['machineRef']).toMatchObject({ name });
      world.delete(machineKey('ns', name));
    }
  });

  it('a late settlement for another machine places nothing', () => {
    const { world } = started(seed);
    for (const object of [nic('one', 'net', ['10.0.0.1']), machine('m', undefined, ['one'])]) world.create(object);
    const { uid } = world.object(NIC)!.metadata;
    const condition = { type: 'Ready', status: 'False', reason: 'NotProgrammed', message: 'x' };
    const settle = (more: JsonObject) =>
      world.send({ verb: 'act', key: NIC, action: 'Settle', payload: { uid, ready: condition, host: 'host-a', ...more } });
    settle({ machine: 'gone' });
    settle({ machine: 'gone', claim: { name: 'other', uid: 'gone' } });
    settle({});
    settle({ uid: 'former' });
    expect(placement(world)).toBeUndefined();
    expect(world.object(NIC)?.spec?.['machineRef']).toMatchObject({ name: 'm' });
    settle({ machine: world.object(machineKey('ns', 'm'))!.metadata.uid });
    expect(placement(world)).toEqual({ host: 'host-a' });
    // The loop then corrects what is not right.
    world.settle();
    expect(placement(world)).toBeUndefined();
  });

  it('a late reason that was true on an older view is corrected', () => {
    const { world, a } = started(seed);
    for (const object of [nic('one', 'net', ['10.0.0.1']), machine('m', 'host-a', ['one'])]) world.create(object);
    a.report();
    const conditions = () => [NIC, machineKey('ns', 'm')].map((key) => conditionOf(world.object(key)!, 'Ready'));
    const before = conditions();
    expect(before).toMatchObject([{ status: 'True' }, { status: 'True' }]);
    const { uid } = world.object(machineKey('ns', 'm'))!.metadata;
    const late = { type: 'Ready', status: 'False', reason: 'NotProgrammed', message: 'x' };
    world.act(NIC, 'Settle', { uid: world.object(NIC)!.metadata.uid, machine: uid, host: 'host-a', ready: late });
    world.act(machineKey('ns', 'm'), 'ReportInterfaces', { uid, slots: [], ready: { ...late, reason: 'InterfacesPending' } });
    expect(conditions()).toMatchObject(before.map((each) => ({ status: each?.status, reason: each?.reason, message: each?.message })));
  });

  it('a late report of blockers does nothing once a network is not protected any more', () => {
    const { world } = started(seed);
    const key = networkKey('ns', 'kept');
    world.create({ ...network('kept'), metadata: { namespace: 'ns', name: 'kept', finalizers: ['example.com/backup'] } });
    world.delete(key);
    world.act(key, 'ReportBlockers', { message: 'in use by NetworkInterface gone' });
    expect(conditionOf(world.object(key)!, 'DeletionBlocked')).toBeUndefined();
  });

  it('a machineRef that a client removes comes back while the machine names the interface', () => {
    const { world } = started(seed);
    for (const object of [nic('one', 'net', ['10.0.0.1']), machine('m', 'host-a', ['one'])]) world.create(object);
    world.patch(NIC, { spec: { machineRef: null } });
    expect(world.object(NIC)?.spec?.['machineRef']).toMatchObject({ name: 'm' });
    expect(placement(world)).toEqual({ host: 'host-a' });
  });

  it('the time of a state’s change is absent until it changes for the first time, and then that of the change', () => {
    const { world, a } = started(seed);
    for (const object of [nic('one', 'net', ['10.0.0.1']), machine('m', 'host-a', ['one'])]) world.create(object);
    expect(world.object(NIC)?.status).not.toHaveProperty('lastStateTransitionTime');
    world.pass(60_000);
    a.report();
    expect(world.object(NIC)?.status?.['lastStateTransitionTime']).toBe('2026-01-02T03:05:05Z');
    world.pass(60_000);
    a.report();
    expect(world.object(NIC)?.status?.['lastStateTransitionTime']).toBe('2026-01-02T03:05:05Z');
    world.delete(machineKey('ns', 'm'));
    expect(world.object(NIC)?.status).toMatchObject({ state: 'Pending', lastStateTransitionTime: '2026-01-02T03:06:05Z' });
  });

  it('a host that reported before a network became idle there ends the hold with its next heartbeat', () => {
    const { world } = started(seed);
    for (const object of [nic('one', 'net', ['10.0.0.1']), machine('m', 'host-a', ['one'])]) world.create(object);
    world.send({ verb: 'delete', key: NIC });
    const position = world.position.toString();
    world.send({
      verb: 'act',
      key: hostKey('host-a'),
      action: 'ReportApplied',
      payload: { tables: { 'placements.host-a': position }, position },
    });
    expect(held(world)).toEqual({ 200: '' });
    world.settle();
    expect(Number(held(world)?.[200])).toBeGreaterThan(0);
    world.act(hostKey('host-a'), 'Reached', { position: world.position.toString() });
    expect(held(world)).toEqual({});
  });

  it('a report of a port with a new address is passed on also by a replica that does not know the address yet', () => {
    const { world, a } = started(seed);
    for (const object of [nic('one', 'net', ['10.0.0.1']), machine('m', 'host-a', ['one'])]) world.create(object);
    a.report();
    const older = createFold(world.registry);
    for (const append of world.appends) older.apply(append);
    world.patch(NIC, { spec: { ips: [{ value: '10.0.0.2' }] } });
    const { actions } = networkDomain.kinds.find(({ kind }) => kind === 'Host')!;
    const report = (facts: FactsView, position: bigint) => {
      const nics = [{ uid: world.object(NIC)!.metadata.uid, position: position.toString() }];
      return actions!['ReportProgrammed']!(world.get(hostKey('host-a'))!, { nics }, { facts: factsOf(facts) } as DecideContext);
    };
    expect(report(older, world.position)).toMatchObject({ facts: [{ type: 'NicProgrammed.v1' }] });
    a.report();
    expect(report(world.fold, world.position)).toMatchObject({ facts: [] });
  });

  it('a hold that comes after the last interface has left is undone', () => {
    const { world, a } = started(seed);
    world.act(hostKey('host-a'), 'HoldNetwork', { vni: 200, network: 'ns/net' });
    expect(held(world)?.['200']).not.toBe('');
    a.report();
    expect(held(world)).toEqual({});
  });

  it('a network does not become idle while an interface is placed there', () => {
    const { world } = started(seed);
    for (const object of [nic('one', 'net', ['10.0.0.1']), machine('m', 'host-a', ['one'])]) world.create(object);
    world.send({ verb: 'act', key: hostKey('host-a'), action: 'IdleNetwork', payload: { vni: 200 } });
    expect(held(world)).toEqual({ 200: '' });
  });

  it('a network that ends before it has its number leaves no number behind', () => {
    const { world } = started(seed);
    world.send({ verb: 'create', kind: 'Network', namespace: 'ns', object: network('short') });
    world.send({ verb: 'delete', key: networkKey('ns', 'short') });
    world.send({ verb: 'patch', key: networkKey('ns', 'short'), patchType: 'merge', patch: { metadata: { finalizers: null } } });
    expect(world.get(networkKey('ns', 'short'))).toBeUndefined();
    world.settle();
    expect([...world.reservation<{ held: Map<string, number> }>('VniPool-.default').held.values()]).toEqual([200]);
  });

  it('an object that is created late in a namespace that is being deleted is deleted too', () => {
    const { world } = started(seed, 0.9);
    for (let i = 0; i < 4; i++) {
      const name = `space${i}`;
      world.create(namespace(name));
      world.create(network('before', {}, name));
      world.send({ verb: 'delete', key: namespaceKey(name) });
      for (const each of ['late1', 'late2'])
        world.send({ verb: 'create', kind: 'Network', namespace: name, object: network(each, {}, name) });
      world.settle();
      world.send({ verb: 'create', kind: 'Network', namespace: name, object: network('later', {}, name) });
      world.settle();
      expect([world.get(namespaceKey(name)), world.fold.count('Network', name)]).toEqual([undefined, 0]);
    }
    expect(world.refusals).toEqual([]);
  });

  it('a network shows that there is no number, and takes one as soon as one has rested', () => {
    const { world } = started(seed);
    const uid = world.object(networkKey('ns', 'net'))!.metadata.uid;
    world.send({ verb: 'act', key: networkKey('ns', 'net'), action: 'LackVni', payload: { uid } });
    expect(conditionOf(world.object(networkKey('ns', 'net'))!, 'Ready')?.reason).toBe('Available');
    world.send({ verb: 'create', kind: 'Network', namespace: 'ns', object: network('poor') });
    const poor = world.object(networkKey('ns', 'poor'))!.metadata.uid;
    world.send({ verb: 'act', key: networkKey('ns', 'poor'), action: 'LackVni', payload: { uid: poor } });
    expect(conditionOf(world.object(networkKey('ns', 'poor'))!, 'Ready')).toMatchObject({ status: 'False', reason: 'VniPoolExhausted' });
    world.settle();
    expect(conditionOf(world.object(networkKey('ns', 'poor'))!, 'Ready')).toMatchObject({ status: 'True', message: 'VNI 201' });
  });
});
