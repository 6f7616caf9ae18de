/** The whole path in one World: from manifests to an Available interface, and back to nothing. */
import { conditionOf, factsOf } from '@weft/api';
import { World, WorldAgent } from '@weft/testing';
import { Host, machineKey, namespaceKey, networkKey, nicKey } from './index.ts';
import { factsOfNic } from './testing/facts.ts';
import { machine, namespace, network, nic } from './testing/manifests.ts';

const seeds = Array.from({ length: 12 }, (_, seed) => seed + 1);

function started(seed = 1): { world: World; a: WorldAgent; b: WorldAgent } {
  const world = new World({ seed, duplicates: 0.3 });
  world.create(namespace('ns'));
  const a = new WorldAgent(world, 'host-a', '192.0.2.1');
  const b = new WorldAgent(world, 'host-b', '2001:db8::2');
  a.register();
  b.register();
  return { world, a, b };
}

const readyOf = (world: World, name: string) => conditionOf(world.object(nicKey('ns', name))!, 'Ready');

describe.each(seeds)('The thread, loops in the order of seed %i', (seed) => {
  it('makes a network Available and an interface too, once its host has programmed it', () => {
    const { world, a } = started(seed);
    world.create(nic('web', 'net', ['10.0.0.1', '2001:db8::1']));
    expect(world.object(nicKey('ns', 'web'))?.status).toMatchObject({ state: 'Pending', ips: ['10.0.0.1', '2001:db8::1'] });
    const missing = { status: 'False', reason: 'NetworkNotFound', message: 'network net does not exist' };
    expect(readyOf(world, 'web')).toMatchObject(missing);
    world.create(machine('m', 'host-a', ['web']));
    expect(readyOf(world, 'web')).toMatchObject(missing);
    world.create(network('net'));
    const net = world.get(networkKey('ns', 'net'))!;
    expect(net.facts['vni']).toBe(200);
    expect(net.object.spec).toEqual({ providerID: `ironcore-net://ns/net/200/${net.object.metadata.uid}` });
    expect(net.object.status?.['state']).toBe('Available');
    expect(factsOf(world.fold).get(Host, { name: 'host-a' })?.facts.held).toEqual({ 200: '' });
    expect(readyOf(world, 'web')?.reason).toBe('NotProgrammed');
    a.report();
    const web = world.get(nicKey('ns', 'web'))!;
    expect(web.object.status).toMatchObject({ state: 'Available', lastStateTransitionTime: '2026-01-02T03:04:05Z' });
    expect(factsOfNic(web)).toEqual({ index: 0, placement: { host: 'host-a' }, programmed: true });
    expect(readyOf(world, 'web')?.status).toBe('True');
    const m = world.object(machineKey('ns', 'm'))!;
    expect(conditionOf(m, 'Ready')).toMatchObject({ status: 'True', reason: 'InterfacesAvailable' });
    expect(m.status?.['networkInterfaces']).toMatchObject([{ name: 'slot0', state: 'Attached', networkInterfaceRef: { name: 'web' } }]);
    expect(world.refusals).toEqual([]);
  });

  it('takes everything back when the machine, the interface and the network go', () => {
    const { world, a } = started(seed);
    for (const object of [network('net'), nic('web', 'net', ['10.0.0.1']), machine('m', 'host-a', ['web'])]) world.create(object);
    a.report();
    world.delete(machineKey('ns', 'm'));
    expect(world.object(nicKey('ns', 'web'))?.spec?.['machineRef']).toBeUndefined();
    expect(readyOf(world, 'web')?.reason).toBe('NotAttached');
    expect(world.object(nicKey('ns', 'web'))?.status?.['state']).toBe('Pending');
    expect(factsOf(world.fold).get(Host, { name: 'host-a' })?.facts.held?.['200']).not.toBe('');
    a.report();
    expect(factsOf(world.fold).get(Host, { name: 'host-a' })?.facts.held).toEqual({});
    world.delete(networkKey('ns', 'net'));
    expect(conditionOf(world.object(networkKey('ns', 'net'))!, 'DeletionBlocked')).toMatchObject({
      status: 'True',
      message: 'in use by NetworkInterface web',
    });
    world.delete(nicKey('ns', 'web'));
    expect(world.get(networkKey('ns', 'net'))).toBeUndefined();
    // The number has rested by now, since no host holds the network.
    expect(world.reservation<{ rested: Set<number> }>('VniPool-.default').rested).toEqual(new Set([200]));
    expect(world.reservation<{ holders: Map<string, unknown> }>('AddressBook-ns.net').holders.size).toBe(0);
    expect(world.refusals).toEqual([]);
  });

  it('empties a deleted namespace', () => {
    const { world } = started(seed);
    for (const object of [network('net'), nic('web', 'net', ['10.0.0.1']), machine('m', 'host-a', ['web'])]) world.create(object);
    world.delete(namespaceKey('ns'));
    for (const key of [machineKey('ns', 'm'), nicKey('ns', 'web'), networkKey('ns', 'net'), namespaceKey('ns')]) {
      expect(world.get(key)).toBeUndefined();
    }
    expect(world.refusals).toEqual([]);
  });
});
