/** How addresses of interfaces behave, with all loops of the context in World. Each test runs with several orders of loops. */
import { type JsonObject } from '@weft/api';
import { World } from '@weft/testing';
import { addressBookOf, hostKey, machineKey, nicKey } from './index.ts';
import { machine, nic } from './testing/manifests.ts';
import { addressTakenOver, facts, ORDERS, ready, startedWith, state, status, up } from './testing/started.ts';

describe.each(ORDERS)('With the loops in the order of seed %i', (seed) => {
  const started = () => startedWith(seed);

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
      const { world, a, b } = addressTakenOver(started());
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
      const { world, a } = addressTakenOver(started());
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
});
