/** How namespaces, and what is left beside addresses, machines and hosts, behave, with all loops of the context in World. Each test runs with several orders of loops. */
import { conditionOf, type JsonObject } from '@weft/api';
import { namespaceKey, networkKey, nicKey } from './index.ts';
import { machine, namespace, network, nic } from './testing/manifests.ts';
import { ORDERS, startedWith, status, up } from './testing/started.ts';

describe.each(ORDERS)('With the loops in the order of seed %i', (seed) => {
  const started = () => startedWith(seed);

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
