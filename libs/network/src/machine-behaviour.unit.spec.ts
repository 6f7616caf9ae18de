/** How machines and their interfaces behave, with all loops of the context in World. Each test runs with several orders of loops. */
import { conditionOf, type JsonObject } from '@weft/api';
import { WorldAgent } from '@weft/testing';
import { hostKey, machineKey, networkKey, nicKey } from './index.ts';
import { machine, network, nic } from './testing/manifests.ts';
import { facts, held, machineRef, ORDERS, ready, startedWith, state, up } from './testing/started.ts';

describe.each(ORDERS)('With the loops in the order of seed %i', (seed) => {
  const started = () => startedWith(seed);

  describe('a machine', () => {
    it('takes the interfaces that it names; the machine that was created first wins (resources E-24, Z-16)', () => {
      const { world, a, b } = started();
      up({ world, a, b }, nic('one', 'net', ['10.0.0.1']), machine('m1', 'host-a', ['one']), machine('m2', 'host-b', ['one']));
      expect(machineRef(world, 'one')).toBe('m1');
      expect(facts(world, 'one').placement).toEqual({ host: 'host-a' });
      expect(conditionOf(world.object(machineKey('ns', 'm2'))!, 'Ready')?.status).toBe('False');
      world.delete(machineKey('ns', 'm1'));
      expect(machineRef(world, 'one')).toBe('m2');
      expect(facts(world, 'one').placement).toEqual({ host: 'host-b' });
    });

    it('keeps an interface while it is being deleted, whether or not it names it', () => {
      const { world, a, b } = started();
      const held = machine('m', 'host-a', ['one']);
      up({ world, a, b }, nic('one', 'net', ['10.0.0.1']), {
        ...held,
        metadata: { ...(held['metadata'] as JsonObject), finalizers: ['example.com/off'] },
      });
      world.delete(machineKey('ns', 'm'));
      world.patch(machineKey('ns', 'm'), { spec: { networkInterfaces: null } });
      expect([machineRef(world, 'one'), facts(world, 'one').placement]).toEqual(['m', { host: 'host-a' }]);
      world.patch(machineKey('ns', 'm'), { metadata: { finalizers: null } });
      expect([machineRef(world, 'one'), facts(world, 'one').placement]).toEqual([undefined, undefined]);
    });

    it('cannot use an interface whose network was removed by force, until the network exists again', () => {
      const { world, a, b } = started();
      up({ world, a, b }, nic('one', 'net', ['10.0.0.1']), machine('m', 'host-a', ['one']));
      expect(state(world, 'one')).toBe('Available');
      world.delete(networkKey('ns', 'net'));
      world.patch(networkKey('ns', 'net'), { metadata: { finalizers: null } });
      expect(world.get(networkKey('ns', 'net'))).toBeUndefined();
      a.report();
      expect([state(world, 'one'), ready(world, 'one')?.reason]).toEqual(['Pending', 'NetworkNotFound']);
      up({ world, a, b }, network('net'));
      expect(state(world, 'one')).toBe('Available');
    });

    it('releases an interface that no slot names any more', () => {
      const { world, a, b } = started();
      up({ world, a, b }, nic('one', 'net', ['10.0.0.1']), nic('two', 'net', ['10.0.0.2']), machine('m', 'host-a', ['one']));
      world.patch(machineKey('ns', 'm'), { spec: { networkInterfaces: [{ name: 'slot0', networkInterfaceRef: { name: 'two' } }] } });
      expect([machineRef(world, 'one'), machineRef(world, 'two')]).toEqual([undefined, 'm']);
      expect([facts(world, 'one').placement, facts(world, 'two').placement]).toEqual([undefined, { host: 'host-a' }]);
      expect(ready(world, 'one')).toMatchObject({ status: 'False', reason: 'NotAttached' });
      expect(world.object(machineKey('ns', 'm'))?.status?.['networkInterfaces']).toMatchObject([
        { name: 'slot0', state: 'Pending', networkInterfaceRef: { name: 'two' } },
      ]);
      world.patch(machineKey('ns', 'm'), { spec: { networkInterfaces: null } });
      expect(machineRef(world, 'two')).toBeUndefined();
      expect(world.object(machineKey('ns', 'm'))?.status?.['networkInterfaces']).toBeUndefined();
      expect(conditionOf(world.object(machineKey('ns', 'm'))!, 'Ready')).toMatchObject({ status: 'True', reason: 'NoInterfaces' });
    });

    it('clears the handle of a former holder when it takes an interface or lets it go (3.14); that of a machine which is gone stays (3.4)', () => {
      const { world } = started();
      const providerID = () => world.object(nicKey('ns', 'one'))?.spec?.['providerID'];
      world.create(nic('one', 'net', ['10.0.0.1'], { providerID: 'old://handle' }));
      expect(providerID()).toBe('old://handle');
      world.create(machine('m', 'host-a', ['one']));
      expect(providerID()).toBeUndefined();
      world.patch(nicKey('ns', 'one'), { spec: { providerID: 'new://handle' } });
      world.patch(machineKey('ns', 'm'), { spec: { networkInterfaces: null } });
      expect([machineRef(world, 'one'), providerID()]).toEqual([undefined, undefined]);
      world.create(machine('m2', 'host-a', ['one']));
      world.patch(nicKey('ns', 'one'), { spec: { providerID: 'third://handle' } });
      world.delete(machineKey('ns', 'm2'));
      expect([machineRef(world, 'one'), providerID()]).toEqual([undefined, 'third://handle']);
    });

    it('with thousands of slots reports them in portions', () => {
      const { world } = started();
      const slots = Array.from({ length: 2_500 }, (_, i) => `n${i}`);
      world.create(machine('big', undefined, slots));
      expect(world.object(machineKey('ns', 'big'))?.status?.['networkInterfaces']).toHaveLength(2_500);
    });

    it('moves its interfaces when it is sent to another host', () => {
      const { world, a, b } = started();
      up({ world, a, b }, nic('one', 'net', ['10.0.0.1']), machine('m', 'host-a', ['one']));
      expect(state(world, 'one')).toBe('Available');
      world.patch(machineKey('ns', 'm'), { spec: { machinePoolRef: { name: 'host-b' } } });
      expect(facts(world, 'one').placement).toEqual({ host: 'host-b' });
      expect(state(world, 'one')).toBe('Pending');
      b.report();
      expect(state(world, 'one')).toBe('Available');
      a.report();
      expect([held(world, 'host-a'), held(world, 'host-b')]).toEqual([{}, { 200: '' }]);
    });

    it('re-created under the same name gets its interface again (resources Z-17, E-23)', () => {
      const { world, a, b } = started();
      up({ world, a, b }, nic('one', 'net', ['10.0.0.1']), machine('m', 'host-a', ['one']));
      const first = world.object(machineKey('ns', 'm'))!.metadata.uid;
      // No loop runs in between.
      world.send({ verb: 'delete', key: machineKey('ns', 'm') });
      world.create(machine('m', 'host-a', ['one']));
      const second = world.object(machineKey('ns', 'm'))!.metadata.uid;
      expect(second).not.toBe(first);
      expect(world.object(nicKey('ns', 'one'))?.spec?.['machineRef']).toEqual({ name: 'm', uid: second });
      a.report();
      expect(state(world, 'one')).toBe('Available');
    });

    it.each<[string, string | undefined, string]>([
      ['without a host', undefined, 'MachineNotScheduled'],
      ['with a host that is not there', 'nowhere', 'HostMissing'],
    ])('%s says why on its interfaces', (_what, pool, reason) => {
      const { world, a, b } = started();
      up({ world, a, b }, nic('one', 'net', ['10.0.0.1']), machine('m', pool, ['one']));
      expect(machineRef(world, 'one')).toBe('m');
      expect(ready(world, 'one')?.reason).toBe(reason);
      new WorldAgent(world, 'nowhere', '192.0.2.9').register();
      world.patch(machineKey('ns', 'm'), { spec: { machinePoolRef: { name: 'nowhere' } } });
      expect(facts(world, 'one').placement).toEqual({ host: 'nowhere' });
    });

    it('places no new interface on a host that is cordoned, and leaves placed ones there', () => {
      const { world, a, b } = started();
      up({ world, a, b }, nic('one', 'net', ['10.0.0.1']), nic('two', 'net', ['10.0.0.2']), machine('m1', 'host-a', ['one']));
      world.patch(hostKey('host-a'), { spec: { unschedulable: true } });
      world.create(machine('m2', 'host-a', ['two']));
      expect(ready(world, 'two')?.reason).toBe('HostUnschedulable');
      expect(state(world, 'one')).toBe('Available');
      world.patch(hostKey('host-a'), { spec: { unschedulable: false } });
      expect(facts(world, 'two').placement).toEqual({ host: 'host-a' });
    });
  });
});
