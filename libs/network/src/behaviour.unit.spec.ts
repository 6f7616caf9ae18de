/** How interfaces, machines and hosts behave together. Each test runs with several orders of loops. */
import { conditionOf, factsOf, type JsonObject, type Reply } from '@weft/api';
import { World, WorldAgent } from '@weft/testing';
import { addressBookOf, Host, hostKey, machineKey, namespaceKey, networkKey, nicKey } from './index.ts';
import { factsOfNic } from './testing/facts.ts';
import { machine, namespace, network, nic } from './testing/manifests.ts';

type Started = { world: World; a: WorldAgent; b: WorldAgent };
let seed = 1;

function started(): Started {
  const world = new World({ seed, duplicates: 0.3 });
  world.create(namespace('ns'));
  world.create(network('net'));
  const [a, b] = [new WorldAgent(world, 'host-a', '192.0.2.1'), new WorldAgent(world, 'host-b', '192.0.2.2')];
  a.register();
  b.register();
  return { world, a, b };
}
const held = (world: World, host: string) => factsOf(world.fold).get(Host, { name: host })?.facts.held;
const facts = (world: World, name: string) => factsOfNic(world.get(nicKey('ns', name))!);
const ready = (world: World, name: string) => conditionOf(world.object(nicKey('ns', name))!, 'Ready');
const state = (world: World, name: string) => world.object(nicKey('ns', name))?.status?.['state'];
const machineRef = (world: World, name: string) =>
  (world.object(nicKey('ns', name))?.spec?.['machineRef'] as JsonObject | undefined)?.['name'];
const status = (reply: Reply) => (reply.ok ? undefined : reply.status);
const up = ({ world, a, b }: Started, ...objects: JsonObject[]) => {
  for (const object of objects) expect(status(world.create(object))).toBeUndefined();
  for (const agent of [a, b]) agent.report();
};

/** Both hosts have rows with 10.0.0.1 of `one`, which is deleted; `two` asks for it and is to be placed. */
const addressTakenOver = (): Started => {
  const given = started();
  up(
    given,
    nic('one', 'net', ['10.0.0.1']),
    nic('other', 'net', ['10.0.0.7']),
    machine('m1', 'host-a', ['one']),
    machine('m2', 'host-b', ['other']),
  );
  given.world.delete(nicKey('ns', 'one'));
  given.world.create(nic('two', 'net', ['10.0.0.1']));
  given.world.create(machine('m3', 'host-a', ['two']));
  return given;
};

describe.each([1, 2, 3, 4, 5, 6])('With the loops in the order of seed %i', (each) => {
  beforeEach(() => {
    seed = each;
  });

  describe('an address', () => {
    it('of another interface of the network is refused, naming field and holder', () => {
      const { world } = started();
      world.create(nic('one', 'net', ['10.0.0.1', '2001:db8::1']));
      const refused = status(world.create(nic('two', 'net', ['10.0.0.2', '2001:DB8:0::1'])));
      expect(refused).toMatchObject({
        code: 422,
        reason: 'Invalid',
        message:
          'NetworkInterface.networking.ironcore.dev "two" is invalid: spec.ips[1].value: Duplicate value: "2001:db8::1": held by NetworkInterface "one"',
        details: {
          name: 'two',
          group: 'networking.ironcore.dev',
          kind: 'NetworkInterface',
          causes: [{ reason: 'FieldValueDuplicate', field: 'spec.ips[1].value' }],
        },
      });
      expect(world.get(nicKey('ns', 'two'))).toBeUndefined();
      // All or none: the other address was not kept.
      expect(status(world.create(nic('three', 'net', ['10.0.0.2'])))).toBeUndefined();
    });

    it('of another interface is refused also under the same request id, which a client may reuse for another name', () => {
      const { world } = started();
      const requestId = 'bbbbbbbb-0000-4000-8000-000000000003';
      const create = (name: string, ip: string) =>
        world.do({ verb: 'create', kind: 'NetworkInterface', namespace: 'ns', object: nic(name, 'net', [ip]) }, { requestId });
      create('one', '10.0.0.1');
      expect(status(create('two', '10.0.0.1'))).toMatchObject({ code: 422 });
      expect(status(create('three', '10.0.0.3'))).toBeUndefined();
      expect(world.object(nicKey('ns', 'three'))!.metadata.uid).not.toBe(world.object(nicKey('ns', 'one'))!.metadata.uid);
    });

    it('is free in another network, and once its holder has gone', () => {
      const { world } = started();
      world.create(nic('one', 'net', ['10.0.0.1']));
      expect(status(world.create(nic('two', 'other', ['10.0.0.1'])))).toBeUndefined();
      world.delete(nicKey('ns', 'one'));
      expect(status(world.create(nic('three', 'net', ['10.0.0.1'])))).toBeUndefined();
    });

    it('may be changed: the new one is reserved, the old one given back', () => {
      const { world, a, b } = started();
      up({ world, a, b }, nic('one', 'net', ['10.0.0.1']), nic('two', 'net', ['10.0.0.9']));
      expect(status(world.patch(nicKey('ns', 'one'), { spec: { ips: [{ value: '10.0.0.9' }] } }))).toMatchObject({ code: 422 });
      expect(world.object(nicKey('ns', 'one'))?.status?.['ips']).toEqual(['10.0.0.1']);
      expect(status(world.patch(nicKey('ns', 'one'), { spec: { ips: [{ value: '10.0.0.2' }] } }))).toBeUndefined();
      expect(world.object(nicKey('ns', 'one'))?.status?.['ips']).toEqual(['10.0.0.2']);
      expect(status(world.create(nic('three', 'net', ['10.0.0.1'])))).toBeUndefined();
      // It changes back, and late releases do no harm.
      world.delete(nicKey('ns', 'three'));
      world.patch(nicKey('ns', 'one'), { spec: { ips: [{ value: '10.0.0.1' }] } });
      expect(status(world.create(nic('four', 'net', ['10.0.0.1'])))).toMatchObject({ code: 422 });
    });

    it('that is changed on a host makes the interface Available again once the host has programmed it', () => {
      const { world, a, b } = started();
      up({ world, a, b }, nic('one', 'net', ['10.0.0.1']), machine('m', 'host-a', ['one']));
      const before = world.position.toString();
      const { uid } = world.object(nicKey('ns', 'one'))!.metadata;
      const slot = () => (world.object(machineKey('ns', 'm'))!.status!['networkInterfaces'] as JsonObject[])[0]!['state'];
      expect([state(world, 'one'), ready(world, 'one')?.status, slot()]).toEqual(['Available', 'True', 'Attached']);
      world.patch(nicKey('ns', 'one'), { spec: { ips: [{ value: '10.0.0.2' }] } });
      const pending = ['Pending', 'NotProgrammed', { host: 'host-a' }, 'Pending'];
      expect([state(world, 'one'), ready(world, 'one')?.reason, facts(world, 'one').placement, slot()]).toEqual(pending);
      // The host's late report about the old address.
      world.act(hostKey('host-a'), 'ReportProgrammed', { nics: [{ uid, position: before }] });
      expect(state(world, 'one')).toBe('Pending');
      a.report();
      expect([state(world, 'one'), ready(world, 'one')?.status, slot()]).toEqual(['Available', 'True', 'Attached']);
    });

    it('that no guest can have is kept with a warning, and its interface is not placed', () => {
      const { world, a, b } = started();
      const reply = world.create(nic('one', 'net', ['127.0.0.1', 'fe80::7%eth0'], { ipFamilies: ['IPv4', 'IPv6'] }));
      expect(reply).toMatchObject({
        ok: true,
        warnings: [
          'spec.ips[0].value: 127.0.0.1 is a loopback address: the interface will not be placed',
          'spec.ips[1].value: fe80::7%eth0 has a zone: the interface will not be placed',
        ],
      });
      up({ world, a, b }, machine('m', 'host-a', ['one']));
      const unusable = { reason: 'AddressUnusable', message: 'its address 127.0.0.1 is a loopback address' };
      expect(ready(world, 'one')).toMatchObject(unusable);
      expect(facts(world, 'one').placement).toBeUndefined();
      expect(world.patch(nicKey('ns', 'one'), { spec: { ips: [{ value: '10.0.0.1' }, { value: 'fd00::1' }] } })).not.toHaveProperty(
        'warnings',
      );
      a.report();
      expect(state(world, 'one')).toBe('Available');
      expect(world.patch(nicKey('ns', 'one'), { spec: { ips: [{ value: '127.0.0.1' }, { value: 'fd00::1' }] } })).toHaveProperty(
        'warnings',
      );
      expect([facts(world, 'one').placement, ready(world, 'one')]).toMatchObject([undefined, unusable]);
    });

    it('that was in rows rests: its next interface waits until the Ready hosts have applied the removal', () => {
      const { world, a, b } = addressTakenOver();
      expect(ready(world, 'two')).toMatchObject({ status: 'False', reason: 'AddressResting' });
      expect(facts(world, 'two').placement).toBeUndefined();
      a.report();
      expect(ready(world, 'two')?.reason).toBe('AddressResting');
      b.report();
      expect(facts(world, 'two').placement).toEqual({ host: 'host-a' });
      a.report();
      expect(state(world, 'two')).toBe('Available');
      expect(facts(world, 'two').resting).toBeUndefined();
    });

    it('does not wait for a host that is lost', () => {
      const { world, a } = addressTakenOver();
      a.report();
      expect(ready(world, 'two')?.reason).toBe('AddressResting');
      world.act(hostKey('host-b'), 'HostLost');
      expect(facts(world, 'two').placement).toEqual({ host: 'host-a' });
    });

    it('does not wait for a host that is lost or removed and held nothing but that address', () => {
      for (const goes of [
        (world: World) => world.act(hostKey('host-b'), 'HostLost'),
        (world: World) => world.do({ verb: 'delete', key: hostKey('host-b'), force: true }),
      ]) {
        const { world, a, b } = started();
        up({ world, a, b }, nic('one', 'net', ['10.0.0.1']), machine('m1', 'host-b', ['one']));
        world.delete(nicKey('ns', 'one'));
        up({ world, a, b: a }, nic('two', 'net', ['10.0.0.1']), machine('m2', 'host-a', ['two']));
        expect(ready(world, 'two')?.reason).toBe('AddressResting');
        goes(world);
        expect(facts(world, 'two').placement).toEqual({ host: 'host-a' });
      }
    });

    it('rests no longer than it is in rows: its holder may end, or change it, long after it was unplaced', () => {
      for (const lets of [
        (world: World) => world.delete(nicKey('ns', 'one')),
        (world: World) => world.patch(nicKey('ns', 'one'), { spec: { ips: [{ value: '10.0.0.2' }] } }),
      ]) {
        const { world, a, b } = started();
        up({ world, a, b }, nic('one', 'net', ['10.0.0.1']), nic('other', 'net', ['10.0.0.7']));
        up({ world, a, b }, machine('m1', 'host-a', ['one']), machine('m2', 'host-b', ['other']));
        world.delete(machineKey('ns', 'm1'));
        up({ world, a, b });
        lets(world);
        world.create(nic('two', 'net', ['10.0.0.1']));
        world.create(machine('m3', 'host-a', ['two']));
        expect(facts(world, 'two').placement).toEqual({ host: 'host-a' });
      }
    });

    it('that never was in rows does not rest', () => {
      const { world, a, b } = started();
      up({ world, a, b }, nic('one', 'net', ['10.0.0.1']));
      world.delete(nicKey('ns', 'one'));
      up({ world, a, b }, nic('two', 'net', ['10.0.0.1']), machine('m', 'host-a', ['two']));
      expect(state(world, 'two')).toBe('Available');
    });

    it('claimed for an object that was never appended is given back, and the request cannot use it any more', () => {
      const { world } = started();
      const requestId = 'bbbbbbbb-0000-4000-8000-000000000001';
      const command = {
        type: 'ClaimAddresses',
        namespace: 'ns',
        network: 'net',
        nic: 'lost',
        uid: 'u',
        ips: ['10.0.0.1'],
        fields: ['spec.ips[0].value'],
        request: requestId,
        revision: '-1',
      };
      world.claimOnly({ stream: addressBookOf('ns', 'net'), command }, requestId);
      expect(status(world.create(nic('one', 'net', ['10.0.0.1'])))).toMatchObject({ code: 422 });
      world.pass(10_000);
      expect(status(world.create(nic('one', 'net', ['10.0.0.1'])))).toMatchObject({ code: 422 });
      world.pass(10_000);
      expect(status(world.create(nic('one', 'net', ['10.0.0.1'])))).toBeUndefined();
      const late = world.do(
        { verb: 'create', kind: 'NetworkInterface', namespace: 'ns', object: nic('lost', 'net', ['10.0.0.2']) },
        { requestId },
      );
      expect(status(late)).toMatchObject({ reason: 'Conflict' });
      expect(world.get(nicKey('ns', 'lost'))).toBeUndefined();
    });

    it('claimed by an attempt that was lost stays with a repeat that succeeded', () => {
      const { world } = started();
      world.create(nic('one', 'net', ['10.0.0.1']));
      const { uid } = world.object(nicKey('ns', 'one'))!.metadata;
      const lost = 'bbbbbbbb-0000-4000-8000-000000000002';
      const command = {
        type: 'ClaimAddresses',
        namespace: 'ns',
        network: 'net',
        nic: 'one',
        uid,
        ips: ['10.0.0.2'],
        fields: ['spec.ips[0].value'],
        request: lost,
        revision: '1',
      };
      world.claimOnly({ stream: addressBookOf('ns', 'net'), command }, lost);
      expect(status(world.patch(nicKey('ns', 'one'), { spec: { ips: [{ value: '10.0.0.2' }] } }))).toBeUndefined();
      world.pass(60_000);
      expect(status(world.create(nic('two', 'net', ['10.0.0.2'])))).toMatchObject({ code: 422 });
    });

    it('stays with the interface that uses it when a later request for it is given up', () => {
      const { world } = started();
      world.create(nic('one', 'net', ['10.0.0.1']));
      const { uid } = world.object(nicKey('ns', 'one'))!.metadata;
      const request = 'bbbbbbbb-0000-4000-8000-000000000003';
      const asked = { namespace: 'ns', network: 'net', nic: 'one', uid, ips: ['10.0.0.1'], fields: ['spec.ips[0].value'] };
      const command = { type: 'ClaimAddresses', ...asked, request, revision: '1' };
      world.claimOnly({ stream: addressBookOf('ns', 'net'), command }, request);
      world.pass(60_000);
      expect(world.log.some(({ type }) => type === 'AddressClaimsWithdrawn.v1')).toBe(true);
      expect(status(world.create(nic('two', 'net', ['10.0.0.1'])))).toMatchObject({ code: 422 });
      world.delete(nicKey('ns', 'one'));
      expect(status(world.create(nic('two', 'net', ['10.0.0.1'])))).toBeUndefined();
    });

    it('claimed for a decision that was made again is given back, although its request came through with another address', () => {
      const { world } = started();
      world.create(nic('one', 'net', ['10.0.0.1']));
      const key = nicKey('ns', 'one');
      const { uid } = world.object(key)!.metadata;
      const requestId = 'bbbbbbbb-0000-4000-8000-000000000004';
      const asked = { namespace: 'ns', network: 'net', nic: 'one', uid, ips: ['10.0.0.2'], fields: ['spec.ips[0].value'] };
      const command = { type: 'ClaimAddresses', ...asked, request: requestId, revision: '1' };
      world.claimOnly({ stream: addressBookOf('ns', 'net'), command }, requestId);
      const patch = { spec: { ips: [{ value: '10.0.0.3' }] } };
      expect(status(world.do({ verb: 'patch', key, patchType: 'merge', patch }, { requestId }))).toBeUndefined();
      expect(status(world.create(nic('two', 'net', ['10.0.0.2'])))).toMatchObject({ code: 422 });
      world.pass(60_000);
      expect(status(world.create(nic('two', 'net', ['10.0.0.2'])))).toBeUndefined();
      expect(status(world.create(nic('three', 'net', ['10.0.0.3'])))).toMatchObject({ code: 422 });
    });
  });

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
      expect([state(world, 'one'), ready(world, 'one')?.reason]).toEqual(['Pending', 'NetworkNotAvailable']);
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

  describe('a host', () => {
    it('that is not Ready makes its interfaces say so, and Pending, but does not remove them; they come back with it', () => {
      const { world, a, b } = started();
      up({ world, a, b }, nic('one', 'net', ['10.0.0.1']), machine('m', 'host-a', ['one']));
      const shows = (name: string) => [state(world, name), ready(world, name)?.status, ready(world, name)?.reason];
      world.act(hostKey('host-a'), 'HostLost');
      expect(conditionOf(world.object(hostKey('host-a'))!, 'Ready')).toMatchObject({ status: 'False', reason: 'HeartbeatsMissing' });
      expect(shows('one')).toEqual(['Pending', 'Unknown', 'HostLost']);
      expect(facts(world, 'one').placement).toEqual({ host: 'host-a' });
      world.act(hostKey('host-a'), 'Heard', { trouble: { reason: 'KernelUnreadable', message: 'nft is missing' } });
      expect(shows('one')).toEqual(['Pending', 'False', 'HostUnready']);
      expect(ready(world, 'one')?.message).toBe('host host-a is not Ready; its conditions say why');
      // One that is placed there meanwhile says the same, also when it is reported to be up.
      up({ world, a, b }, nic('two', 'net', ['10.0.0.2']), machine('m2', 'host-a', ['two']));
      expect(shows('two')).toEqual(['Pending', 'False', 'HostUnready']);
      world.act(hostKey('host-a'), 'HostReturned');
      expect([shows('one'), shows('two')]).toEqual([
        ['Available', 'True', 'Programmed'],
        ['Available', 'True', 'Programmed'],
      ]);
    });

    it('that is not Ready lets its interfaces go, and does not follow them', () => {
      const { world, a, b } = started();
      up({ world, a, b }, nic('one', 'net', ['10.0.0.1']), machine('m', 'host-a', ['one']));
      world.act(hostKey('host-a'), 'HostLost');
      world.patch(machineKey('ns', 'm'), { spec: { machinePoolRef: { name: 'host-b' } } });
      b.report();
      expect([state(world, 'one'), ready(world, 'one')?.reason]).toEqual(['Available', 'Programmed']);
      world.act(hostKey('host-b'), 'HostLost');
      world.delete(machineKey('ns', 'm'));
      expect([state(world, 'one'), ready(world, 'one')?.reason]).toEqual(['Pending', 'NotAttached']);
    });

    it('that swaps its underlay address with another one while both were down takes it without a dead end', () => {
      const { world } = started();
      for (const host of ['host-a', 'host-b']) world.act(hostKey(host), 'HostLost');
      const underlay = (host: string) => world.object(hostKey(host))?.spec?.['underlay'];
      const [a, b] = [new WorldAgent(world, 'host-a', '192.0.2.2'), new WorldAgent(world, 'host-b', '192.0.2.1')];
      expect(status(a.register())).toBeUndefined();
      // Its former holder is silent still.
      expect([underlay('host-a'), underlay('host-b')]).toEqual([{ ip: '192.0.2.2' }, undefined]);
      expect(status(b.register())).toBeUndefined();
      expect(underlay('host-b')).toEqual({ ip: '192.0.2.1' });
      for (const host of ['host-a', 'host-b']) {
        expect(conditionOf(world.object(hostKey(host))!, 'Ready')).toMatchObject({ status: 'True' });
      }
      expect([status(a.register()), status(b.register())]).toEqual([undefined, undefined]);
    });

    it('that says that it has its underlay address no more gives it up; one that is Ready keeps it', () => {
      const { world, a } = started();
      const b = new WorldAgent(world, 'host-b', '192.0.2.1');
      expect(status(b.register())).toMatchObject({ code: 422 });
      world.act(hostKey('host-a'), 'Heard', { trouble: { reason: 'KernelUnreadable', message: '' } });
      expect(status(b.register())).toMatchObject({ code: 422 });
      world.act(hostKey('host-a'), 'Heard', { trouble: { reason: 'UnderlayAddressMissing', message: '' } });
      expect(status(b.register())).toBeUndefined();
      expect(conditionOf(world.object(hostKey('host-a'))!, 'Ready')).toMatchObject({ status: 'False', reason: 'UnderlayTaken' });
      expect(status(a.register())).toMatchObject({ code: 422, message: expect.stringContaining('held by Host "host-b"') });
      // A user may change it meanwhile.
      expect(status(world.patch(hostKey('host-a'), { spec: { unschedulable: true } }))).toBeUndefined();
      expect(status(world.patch(hostKey('host-b'), { spec: { underlay: null } }))).toMatchObject({ code: 422 });
      expect(status(new WorldAgent(world, 'host-a', '192.0.2.3').register())).toBeUndefined();
    });

    it('that is lost falls behind with the first row that it should have, until it has applied all', () => {
      const { world, a, b } = started();
      up({ world, a, b }, nic('one', 'net', ['10.0.0.1']), machine('m', 'host-a', ['one']));
      world.act(hostKey('host-a'), 'HostLost');
      expect(world.object(hostKey('host-a'))?.status?.['pendingSince']).toBeUndefined();
      up({ world, a: b, b }, nic('two', 'net', ['10.0.0.2']), machine('m2', 'host-b', ['two']));
      expect(world.object(hostKey('host-a'))?.status?.['pendingSince']).toEqual(expect.any(String));
      expect(conditionOf(world.object(hostKey('host-a'))!, 'Converged')?.status).toBe('False');
      expect(world.object(hostKey('host-b'))?.status?.['pendingSince']).toBeUndefined();
      world.act(hostKey('host-a'), 'HostReturned');
      a.report();
      expect(world.object(hostKey('host-a'))?.status?.['pendingSince']).toBeUndefined();
    });

    it('refuses a second agent while the first sends heartbeats; the same agent may register again, which changes nothing', () => {
      const { world, a } = started();
      const other = new WorldAgent(world, 'host-a', '192.0.2.1', 'another');
      expect(status(other.register())).toMatchObject({
        code: 409,
        message: expect.stringMatching(/another agent \(.*\) holds this name and is alive/),
      });
      const before = world.object(hostKey('host-a'))?.metadata.resourceVersion;
      expect(status(a.register())).toBeUndefined();
      expect(world.object(hostKey('host-a'))?.metadata.resourceVersion).toBe(before);
      world.act(hostKey('host-a'), 'HostLost');
      expect(status(other.register())).toBeUndefined();
      expect(world.object(hostKey('host-a'))?.status).toMatchObject({ index: 1 });
    });

    it('has an underlay address of its own', () => {
      const { world } = started();
      expect(status(new WorldAgent(world, 'host-c', '192.0.2.1').register())).toMatchObject({
        code: 422,
        details: {
          causes: [
            { reason: 'FieldValueDuplicate', field: 'spec.underlay.ip', message: 'Duplicate value: "192.0.2.1": held by Host "host-a"' },
          ],
        },
      });
      expect(world.get(hostKey('host-c'))).toBeUndefined();
      expect(status(new WorldAgent(world, 'host-c', 'fe80::1%eth0').register())).toMatchObject({ code: 422 });
      expect(status(new WorldAgent(world, 'host-c', '2001:db8::3').register())).toBeUndefined();
      expect(world.object(hostKey('host-c'))?.status).toMatchObject({ index: 3 });
      expect(status(world.patch(hostKey('host-c'), { spec: { underlay: { ip: '192.0.2.2' } } }))).toMatchObject({ code: 422 });
      expect(status(world.patch(hostKey('host-c'), { spec: { underlay: { ip: '192.0.2.3' } } }))).toBeUndefined();
      expect(status(new WorldAgent(world, 'host-d', '2001:db8::3').register())).toBeUndefined();
    });

    it('is not deleted while it is Ready, unless forced; its end counts as having applied everything', () => {
      const { world, a, b } = started();
      up({ world, a, b }, nic('one', 'net', ['10.0.0.1']), machine('m', 'host-a', ['one']));
      expect(status(world.delete(hostKey('host-a')))).toMatchObject({ code: 409, message: expect.stringMatching(/its agent is alive/) });
      world.do({ verb: 'delete', key: hostKey('host-a'), force: true });
      expect(ready(world, 'one')).toMatchObject({ status: 'False', reason: 'HostMissing' });
      expect(facts(world, 'one').placement).toBeUndefined();
      world.delete(machineKey('ns', 'm'));
      world.delete(nicKey('ns', 'one'));
      world.delete(networkKey('ns', 'net'));
      expect(world.reservation<{ rested: Set<number> }>('VniPool-.default').rested).toEqual(new Set([200]));
      // A new incarnation of the name: another number while the old one rests.
      expect(status(a.register())).toBeUndefined();
      expect(world.object(hostKey('host-a'))?.status).toMatchObject({ index: 3 });
    });

    it('that registers again after it was removed is Ready at once', () => {
      const { world, a } = started();
      world.do({ verb: 'delete', key: hostKey('host-a'), force: true });
      a.register();
      expect(conditionOf(world.object(hostKey('host-a'))!, 'Ready')?.status).toBe('True');
    });

    it('holds a network as long as an interface is placed there, and until it has applied that there is none', () => {
      const { world, a, b } = started();
      up({ world, a, b }, nic('one', 'net', ['10.0.0.1']), machine('m', 'host-a', ['one']));
      const idle = () => world.act(hostKey('host-a'), 'IdleNetwork', { vni: 200 });
      idle();
      expect(held(world, 'host-a')).toEqual({ 200: '' });
      world.patch(machineKey('ns', 'm'), { spec: { machinePoolRef: null } });
      const since = BigInt(held(world, 'host-a')?.[200] as string);
      expect(since).toBeGreaterThanOrEqual(world.get(nicKey('ns', 'one'))!.facets['placement']!.position);
      idle();
      expect(held(world, 'host-a')).toEqual({ 200: since.toString() });
      const report = (at: bigint, tables: JsonObject) => world.act(hostKey('host-a'), 'ReportApplied', { tables, position: at.toString() });
      report(since - 1n, { 'placements.host-a': (since - 1n).toString() });
      expect(held(world, 'host-a')).toEqual({ 200: since.toString() });
      // No row changed at that position, so the agent reports only that it has reached it.
      report(since, {});
      expect(held(world, 'host-a')).toEqual({});
    });

    it('ends a hold when its heartbeat has passed the position, and changes nothing else', () => {
      const { world } = started();
      const host = () => world.get(hostKey('host-a'))!;
      world.act(hostKey('host-a'), 'HoldNetwork', { vni: 200, network: 'ns/net' });
      const since = BigInt(held(world, 'host-a')?.[200] as string);
      world.act(hostKey('host-a'), 'ReportApplied', {
        tables: {},
        position: (since - 1n).toString(),
        pendingSince: '2026-01-02T03:04:00Z',
        faults: [{ key: 'port/x', what: 'link', detail: 'no such device' }],
      });
      const reach = (position: bigint) => world.act(hostKey('host-a'), 'Reached', { position: position.toString() });
      const { status } = host().object;
      reach(since - 1n);
      expect(held(world, 'host-a')).toEqual({ 200: since.toString() });
      reach(since);
      expect(held(world, 'host-a')).toEqual({});
      expect(host().object.status).toEqual(status);
    });

    it('shows what it has applied, what waits and what the kernel refused', () => {
      const { world } = started();
      const host = () => world.object(hostKey('host-a'))!;
      const report = (payload: JsonObject) => world.act(hostKey('host-a'), 'ReportApplied', { tables: {}, position: '30', ...payload });
      report({ tables: { hosts: '30' }, pendingSince: '2026-01-02T03:04:00.123Z' });
      expect(host().status).toMatchObject({
        applied: { position: '30', at: '2026-01-02T03:04:05Z' },
        pendingSince: '2026-01-02T03:04:00Z',
      });
      expect(conditionOf(host(), 'Converged')?.status).toBe('False');
      const version = host().metadata.resourceVersion;
      report({ tables: { hosts: '30' }, pendingSince: '2026-01-02T03:04:00.123Z' });
      expect(host().metadata.resourceVersion).toBe(version);
      report({ faults: [{ key: 'port/x', what: 'link', detail: 'no such device' }] });
      expect(host().status).not.toHaveProperty('pendingSince');
      expect(conditionOf(host(), 'Converged')?.status).toBe('True');
      expect(conditionOf(host(), 'KernelRefused')).toMatchObject({ status: 'True', message: 'port/x: link: no such device' });
      report({});
      expect(conditionOf(host(), 'KernelRefused')?.status).toBe('False');
    });

    it('programs only what is placed there, at the placement or later', () => {
      const { world, a, b } = started();
      up({ world, a, b }, nic('one', 'net', ['10.0.0.1']));
      world.create(machine('m', 'host-a', ['one']));
      const { uid } = world.object(nicKey('ns', 'one'))!.metadata;
      const placedAt = world.get(nicKey('ns', 'one'))!.facets['placement']!.position;
      const report = (host: string, position: bigint) =>
        world.act(hostKey(host), 'ReportProgrammed', { nics: [{ uid, position: position.toString() }] });
      report('host-b', world.position);
      report('host-a', placedAt - 1n);
      world.act(hostKey('host-a'), 'ReportProgrammed', { nics: [{ uid: 'unknown', position: '1' }] });
      expect(state(world, 'one')).toBe('Pending');
      report('host-a', placedAt);
      expect(state(world, 'one')).toBe('Available');
      const version = world.object(hostKey('host-a'))?.metadata.resourceVersion;
      report('host-a', placedAt);
      expect(world.object(hostKey('host-a'))?.metadata.resourceVersion).toBe(version);
    });
  });

  describe('a namespace', () => {
    it('that is missing or being deleted takes no new objects', () => {
      const { world } = started();
      expect(status(world.create(network('n', {}, 'nowhere')))).toMatchObject({ code: 404, message: 'namespaces "nowhere" not found' });
      world.create({
        ...nic('held', 'net', []),
        metadata: { namespace: 'ns', name: 'held', finalizers: ['example.com/hold'] },
        spec: { networkRef: { name: 'net' }, ipFamilies: ['IPv4'], ips: [{ value: '10.0.0.1' }] },
      });
      world.delete(namespaceKey('ns'));
      expect(world.object(namespaceKey('ns'))?.status).toMatchObject({ phase: 'Terminating' });
      expect(status(world.create(network('late')))).toMatchObject({ code: 403, details: { causes: [{ reason: 'NamespaceTerminating' }] } });
      world.patch(nicKey('ns', 'held'), { metadata: { finalizers: null } });
      expect(world.get(namespaceKey('ns'))).toBeUndefined();
      expect([...world.fold.list('Network', 'ns')]).toEqual([]);
    });

    it('names what keeps it, once that fits into a line', () => {
      const { world } = started();
      const remaining = () => conditionOf(world.object(namespaceKey('ns'))!, 'NamespaceContentRemaining')?.message;
      const finalizers = ['example.com/backup'];
      for (let i = 0; i < 10; i++) world.create(nic(`n${i}`, 'net', [`10.0.0.${i}`]));
      for (const name of ['n3', 'n7']) world.patch(nicKey('ns', name), { metadata: { finalizers } });
      world.delete(namespaceKey('ns'));
      expect(remaining()).toBe(
        'waits for NetworkInterface n3 (finalizers example.com/backup), NetworkInterface n7 (finalizers example.com/backup)',
      );
      world.patch(nicKey('ns', 'n3'), { metadata: { finalizers: null } });
      expect(remaining()).toBe('waits for NetworkInterface n7 (finalizers example.com/backup)');
      world.patch(namespaceKey('ns'), { spec: { finalizers: ['kubernetes', 'example.com/bill'] } });
      world.patch(nicKey('ns', 'n7'), { metadata: { finalizers: null } });
      expect(remaining()).toBeUndefined();
      expect(conditionOf(world.object(namespaceKey('ns'))!, 'NamespaceFinalizersRemaining')?.message).toBe(
        'waits for finalizers example.com/bill',
      );
      world.patch(namespaceKey('ns'), { spec: { finalizers: [] } });
      expect(world.get(namespaceKey('ns'))).toBeUndefined();
    });

    it('names only some of many finalizers, so that they fit into a line', () => {
      const { world } = started();
      const finalizers = Array.from({ length: 5_000 }, (_, i) => `example.com/${'f'.repeat(60)}${i}`.slice(0, 75));
      world.patch(networkKey('ns', 'net'), { metadata: { finalizers } });
      world.create({ ...namespace('held'), metadata: { name: 'held', finalizers } });
      for (const [name, type] of [
        ['ns', 'NamespaceContentRemaining'],
        ['held', 'NamespaceFinalizersRemaining'],
      ] as const) {
        world.delete(namespaceKey(name));
        const { message } = conditionOf(world.object(namespaceKey(name))!, type)!;
        expect([message.length < 1_024, message]).toEqual([
          true,
          expect.stringMatching(/^waits for .*finalizers example\.com.* and others\)?$/),
        ]);
      }
    });

    it('that was emptied ends with its last finalizer, whatever else is written to it before', () => {
      const { world } = started();
      world.create({ ...namespace('held'), metadata: { name: 'held', finalizers: ['example.com/bill'] } });
      world.delete(namespaceKey('held'));
      expect(conditionOf(world.object(namespaceKey('held'))!, 'NamespaceFinalizersRemaining')?.message).toBe(
        'waits for finalizers example.com/bill',
      );
      world.patch(namespaceKey('held'), { metadata: { labels: { a: 'b' } } });
      world.patch(namespaceKey('held'), { metadata: { finalizers: null } });
      expect(world.get(namespaceKey('held'))).toBeUndefined();
    });

    it('called default cannot be deleted; every other one has its name as a label', () => {
      const { world } = started();
      world.create(namespace('default'));
      expect(status(world.delete(namespaceKey('default')))).toMatchObject({ code: 403 });
      expect(world.object(namespaceKey('ns'))).toMatchObject({
        metadata: { labels: { 'kubernetes.io/metadata.name': 'ns' } },
        spec: { finalizers: ['kubernetes'] },
        status: { phase: 'Active' },
      });
      const reply = world.do({ verb: 'create', kind: 'Namespace', object: { metadata: { generateName: 'team-' } } });
      const made = reply.ok ? (reply.object as { metadata: { name: string; labels: JsonObject } }) : undefined;
      expect(made?.metadata.labels['kubernetes.io/metadata.name']).toBe(made?.metadata.name);
    });
  });

  describe('a large object', () => {
    it('does not count its status for the size limit of an object', () => {
      const { world } = started();
      const peerings = Array.from({ length: 6_000 }, (_, i) => ({ name: `p${i}`, networkRef: { name: `q${i}` } }));
      world.create(network('peered', { peerings }));
      expect(world.object(networkKey('ns', 'peered'))?.status?.['peerings']).toHaveLength(6_000);
      expect(status(world.patch(networkKey('ns', 'peered'), { metadata: { labels: { a: 'b' } } }))).toBeUndefined();
    });
  });

  it('resources G-2: a providerID that a client supplied is kept, beside a number of its own', () => {
    const { world } = started();
    world.create(network('audit.eu', { providerID: 'fabric://vni/4711' }));
    const state = world.get(networkKey('ns', 'audit.eu'))!;
    expect([state.object.spec?.['providerID'], state.facts['vni']]).toEqual(['fabric://vni/4711', 201]);
  });

  it('refuses no command of a loop', () => {
    const { world, a, b } = started();
    up({ world, a, b }, nic('one', 'net', ['10.0.0.1']), machine('m', 'host-a', ['one']));
    world.delete(namespaceKey('ns'));
    expect(world.refusals).toEqual([]);
  });
});
