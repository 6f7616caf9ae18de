/** How hosts and the interfaces on them behave, with all loops of the context in World. Each test runs with several orders of loops. */
import { conditionOf, type JsonObject } from '@weft/api';
import { WorldAgent } from '@weft/testing';
import { hostKey, machineKey, networkKey, nicKey } from './index.ts';
import { machine, nic } from './testing/manifests.ts';
import { facts, held, ORDERS, ready, startedWith, state, status, up } from './testing/started.ts';

describe.each(ORDERS)('With the loops in the order of seed %i', (seed) => {
  const started = () => startedWith(seed);

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
});
