/** Upstream's controller suites (`resources C-7` …), carried out in World. Weft is its own provider, so the tests patch no states. */
import { conditionOf, type JsonObject } from '@weft/api';
import { World } from '@weft/testing';
import { networkFinalizer, networkKey, nicKey } from './index.ts';
import { namespace, network, nic } from './testing/manifests.ts';

function started(seed: number): World {
  const world = new World({ seed, duplicates: 0.3 });
  world.create(namespace('ns'));
  return world;
}
const NET = networkKey('ns', 'my-network');
const finalizers = (world: World, key = NET) => world.object(key)?.metadata.finalizers;
const incoming = (world: World, name: string) => world.object(networkKey('ns', name))?.spec?.['incomingPeerings'];

describe.each([1, 2, 3, 4, 5, 6])('Network protection and release, loops in the order of seed %i', (seed) => {
  it('resources C-7: a used network is protected; it ends once its interface has ended', () => {
    const world = started(seed);
    world.create(network('my-network'));
    world.create(nic('nic', 'my-network', ['10.0.0.1'], { ipFamilies: ['IPv4'] }));
    expect(finalizers(world)).toContain(networkFinalizer.name);
    world.delete(nicKey('ns', 'nic'));
    world.delete(NET);
    expect(world.get(NET)).toBeUndefined();
  });

  it('resources C-8: deleted first, it waits for its interface, and a condition names that', () => {
    const world = started(seed);
    world.create(network('my-network'));
    world.create(nic('nic', 'my-network', ['10.0.0.1']));
    world.delete(NET);
    expect(world.object(NET)?.metadata.deletionTimestamp).toBeDefined();
    expect(finalizers(world)).toContain(networkFinalizer.name);
    expect(conditionOf(world.object(NET)!, 'DeletionBlocked')?.message).toBe('in use by NetworkInterface nic');
    world.delete(nicKey('ns', 'nic'));
    expect(world.get(NET)).toBeUndefined();
  });

  it('resources C-9: one interface of two is enough to hold it', () => {
    const world = started(seed);
    world.create(network('my-network'));
    world.create(nic('one', 'my-network', ['10.0.0.1']));
    world.create(nic('two', 'my-network', ['10.0.0.2']));
    world.delete(nicKey('ns', 'one'));
    world.delete(NET);
    expect(finalizers(world)).toContain(networkFinalizer.name);
  });

  it('resources C-10: without users it ends at once', () => {
    const world = started(seed);
    world.create(network('my-network'));
    world.delete(NET);
    expect(world.get(NET)).toBeUndefined();
  });

  /** Two networks that name each other. */
  const pair = (one: string, two: string): World => {
    const world = started(seed);
    world.create(network(one, { peerings: [{ name: 'to', networkRef: { name: two } }] }));
    world.create(network(two, { peerings: [{ name: 'back', networkRef: { name: one } }] }));
    return world;
  };

  it('resources C-11: two that list each other both end once both are deleted', () => {
    const world = pair('network-1', 'network-2');
    const [one, two] = [networkKey('ns', 'network-1'), networkKey('ns', 'network-2')];
    world.delete(one);
    expect(finalizers(world, one)).toContain(networkFinalizer.name);
    expect(conditionOf(world.object(one)!, 'DeletionBlocked')?.message).toBe('in use by Network network-2');
    world.delete(two);
    expect([world.get(one), world.get(two)]).toEqual([undefined, undefined]);
  });

  it('resources Z-6, E-4: a deleted network ends when the other one removes its item', () => {
    const world = pair('a', 'b');
    world.delete(networkKey('ns', 'a'));
    expect(world.get(networkKey('ns', 'a'))).toBeDefined();
    world.patch(networkKey('ns', 'b'), { spec: { peerings: null } });
    expect(incoming(world, 'b')).toBeUndefined();
    expect(world.get(networkKey('ns', 'a'))).toBeUndefined();
  });

  it('resources Z-7, E-5, 3.1 (R): a namesake in another namespace blocks nothing, a peer in another namespace does', () => {
    const world = started(seed);
    world.create(namespace('other'));
    world.create(network('n', { peerings: [{ name: 'x', networkRef: { namespace: 'other', name: 'x' } }] }));
    world.create(network('n', {}, 'other'));
    world.create(network('x', { peerings: [{ name: 'n', networkRef: { namespace: 'ns', name: 'n' } }] }, 'other'));
    world.delete(networkKey('other', 'n'));
    expect(world.get(networkKey('other', 'n'))).toBeUndefined();
    world.delete(networkKey('ns', 'n'));
    expect(conditionOf(world.object(networkKey('ns', 'n'))!, 'DeletionBlocked')?.message).toBe('in use by Network other/x');
  });

  it('resources Z-1: a peer that comes later is accepted, and accepts', () => {
    const world = started(seed);
    const names = (to: string) => ({ peerings: [{ name: 'p', networkRef: { name: to } }] });
    world.create(network('a', names('b')));
    expect(incoming(world, 'a')).toBeUndefined();
    world.create(network('b', names('a')));
    expect([incoming(world, 'a'), incoming(world, 'b')]).toMatchObject([[{ name: 'b' }], [{ name: 'a' }]]);
  });

  it('resources Z-8: when both are deleted, both go', () => {
    const world = pair('a', 'b');
    for (const name of ['a', 'b']) world.send({ verb: 'delete', key: networkKey('ns', name) });
    world.settle();
    expect(['a', 'b'].map((name) => world.get(networkKey('ns', name)))).toEqual([undefined, undefined]);
  });

  it('resources E-10: an interface that is replaced without a status keeps its own', () => {
    const world = started(seed);
    for (const object of [network('my-network'), nic('nic', 'my-network', ['10.0.0.1'])]) world.create(object);
    const { metadata, spec, status } = world.object(nicKey('ns', 'nic'))!;
    expect(status).toMatchObject({ state: 'Pending', ips: ['10.0.0.1'] });
    const { name, namespace: ns } = metadata;
    const labels = { a: 'b' };
    const resourceVersion = world.get(nicKey('ns', 'nic'))!.position.toString();
    const object = { metadata: { name, namespace: ns!, labels, resourceVersion }, spec: spec as JsonObject };
    expect(world.do({ verb: 'replace', key: nicKey('ns', 'nic'), object })).toMatchObject({ ok: true });
    expect(world.object(nicKey('ns', 'nic'))).toMatchObject({ metadata: { labels }, status });
  });

  it('provider C-7: an interface whose second address is taken claims none, neither when it is created nor when it changes', () => {
    const world = started(seed);
    world.create(nic('holder', 'my-network', ['10.0.0.1', 'fd00::1']));
    expect(world.create(nic('late', 'my-network', ['10.0.0.2', 'fd00::1']))).toMatchObject({ ok: false });
    expect(world.get(nicKey('ns', 'late'))).toBeUndefined();
    world.create(nic('late', 'my-network', ['10.0.0.2', 'fd00::2']));
    const change = { spec: { ips: [{ value: '10.0.0.3' }, { value: 'fd00::1' }] } };
    expect(world.patch(nicKey('ns', 'late'), change)).toMatchObject({ ok: false });
    expect(world.create(nic('third', 'my-network', ['10.0.0.3']))).toMatchObject({ ok: true });
    expect(world.object(nicKey('ns', 'late'))?.status?.['ips']).toEqual(['10.0.0.2', 'fd00::2']);
  });

  it('provider C-9: an address that is taken is refused with its holder, an own one stays, and Networks of one name in two namespaces share nothing', () => {
    const world = started(seed);
    world.create(namespace('other'));
    world.create(nic('one', 'my-network', ['10.0.0.1']));
    const refused = world.create(nic('two', 'my-network', ['10.0.0.1']));
    expect(refused.ok ? [] : refused.status.details?.causes).toMatchObject([
      { reason: 'FieldValueDuplicate', field: 'spec.ips[0].value', message: expect.stringContaining('"one"') },
    ]);
    expect(world.patch(nicKey('ns', 'one'), { spec: { ips: [{ value: '10.0.0.1' }] }, metadata: { labels: { a: 'b' } } })).toMatchObject({
      ok: true,
    });
    expect(world.create(nic('one', 'my-network', ['10.0.0.1'], {}, 'other'))).toMatchObject({ ok: true });
  });

  it('provider C-10, C-50: one address of a family, a guest namespace that can be one, and fields that do not change', () => {
    const world = started(seed);
    const causes = (reply: ReturnType<World['create']>) => (reply.ok ? [] : reply.status.details?.causes?.map(({ field }) => field));
    expect(causes(world.create(nic('nic', 'n', ['10.0.0.1', '10.0.0.2'])))).toEqual(['spec.ipFamilies[1]']);
    const netns = { attributes: { 'fabric.weft.dev/netns': 'a/b' } };
    expect(causes(world.create(nic('nic', 'n', ['10.0.0.1'], netns)))).toEqual(['spec.attributes[fabric.weft.dev/netns]']);
    world.create(nic('nic', 'n', ['10.0.0.1']));
    for (const change of [{ networkRef: { name: 'm' } }, { attributes: { a: 'b' } }]) {
      expect(causes(world.patch(nicKey('ns', 'nic'), { spec: change }))).toEqual(['spec']);
    }
  });

  it('resources C-12: a claim of a network that does not exist is released', () => {
    const world = started(seed);
    world.create(network('n', { incomingPeerings: [{ name: 'should-not-exist', uid: '7f1d1c0e-0000-4000-8000-000000000009' }] }));
    expect(incoming(world, 'n')).toBeUndefined();
  });

  it('resources C-13: a machineRef to a machine that does not exist is released', () => {
    const world = started(seed);
    const machineRef = { name: 'should-not-exist', uid: '7f1d1c0e-0000-4000-8000-000000000009' };
    world.create(nic('nic', 'my-network', ['10.0.0.1'], { machineRef }));
    expect(world.object(nicKey('ns', 'nic'))?.spec).toEqual({
      networkRef: { name: 'my-network' },
      ipFamilies: ['IPv4'],
      ips: [{ value: '10.0.0.1' }],
    });
  });

  it('3.1: the finalizer of a live network comes back when a client removes it', () => {
    const world = started(seed);
    world.create(network('my-network'));
    world.patch(NET, { metadata: { finalizers: null } });
    expect(finalizers(world)).toEqual([networkFinalizer.name]);
  });

  it('resources Z-12: a network that comes later is protected by the interface at once', () => {
    const world = started(seed);
    world.create(nic('nic', 'my-network', ['10.0.0.1']));
    world.create(network('my-network'));
    world.delete(NET);
    expect(world.get(NET)).toBeDefined();
  });

  it('resources E-9: the generation over creation, label, status and peering', () => {
    const world = started(seed);
    const generation = () => world.object(NET)?.metadata.generation;
    world.create(network('my-network', { providerID: 'fabric://vni/4711' }));
    expect(world.object(NET)?.status?.['state']).toBe('Available');
    expect(generation()).toBe(1);
    world.patch(NET, { metadata: { labels: { a: 'b' } } });
    expect(generation()).toBe(1);
    world.patch(NET, { spec: { peerings: [{ name: 'p', networkRef: { name: 'x' } }] } });
    expect(generation()).toBe(2);
    world.create(network('x', { peerings: [{ name: 'back', networkRef: { name: 'my-network' } }] }));
    expect(incoming(world, 'my-network')).toHaveLength(1);
    expect(generation()).toBe(3);
  });
});
