import { randomUUID } from 'node:crypto';
import { type Reply, registry } from '@weft/api';
import { createMemoryHub } from '@weft/bus';
import { createMemoryStore } from '@weft/event-store';
import { until } from '@weft/testing/waiting';
import { createCommandClient } from '../client/command-client.ts';
import { makeNamespace, type Replica, startReplica, systemClock, tester } from '../testing/runtime.ts';
import { thing, thingDomain } from '../testing/things.ts';

const NAMESPACES = 12;

describe('Writers that come, go and die under load', () => {
  it('carry out every command once, whoever holds its partition', async () => {
    const store = await createMemoryStore();
    for (let i = 0; i < NAMESPACES; i++) await makeNamespace(store, `n${i}`);
    const hub = createMemoryHub();
    const replicas: Replica[] = [];
    const join = async () => {
      const bus = hub.connect();
      const replica = await startReplica({ store, bus });
      replicas.push(replica);
      return { replica, bus };
    };
    const first = await join();
    await until('one holds all', () => first.replica.leases.partitions.length === 64);

    const client = createCommandClient({ bus: hub.connect(), registry: registry([thingDomain()]), clock: systemClock });
    const replies: Reply[] = [];
    let next = 0;
    let loading = true;
    const load = Array.from({ length: 24 }, async () => {
      while (loading) {
        const i = next++;
        replies.push(
          await client.send(thing(`n${i % NAMESPACES}`, `t${i}`, `10.0.${i >> 8}.${i & 255}`), { requestId: randomUUID(), actor: tester }),
        );
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    });

    const second = await join();
    await until(
      'two share',
      () => second.replica.leases.partitions.length > 5 && replicas.reduce((sum, each) => sum + each.leases.partitions.length, 0) === 64,
    );
    const third = await join();
    await until('three share', () => third.replica.leases.partitions.length > 5);
    await first.replica.stop();
    await until('two share again', () => second.replica.leases.partitions.length + third.replica.leases.partitions.length === 64);
    await second.bus.close(); // As if its process had died.
    await until('one is left', () => third.replica.leases.partitions.length === 64);
    const soFar = replies.length;
    await until('it serves', () => replies.length > soFar + 200);
    loading = false;
    await Promise.all(load);

    // All are answered in time: a caller waits longer than one unanswered attempt and the 3 s of a takeover.
    expect(replies.filter((reply) => !reply.ok)).toEqual([]);
    const created = new Map<string, number>();
    const claimed = new Set<string>();
    for await (const event of store.readAll()) {
      if (event.type === 'ThingCreated.v1') created.set(event.stream, (created.get(event.stream) ?? 0) + 1);
      if (event.type !== 'Claimed.v1') continue;
      expect(claimed).not.toContain(`${event.stream} ${event.data['address']}`);
      claimed.add(`${event.stream} ${event.data['address']}`);
    }
    expect(created.size).toBe(next);
    expect([...created.values()].every((times) => times === 1)).toBe(true);
    expect(claimed.size).toBe(next);
    for (const replica of replicas.slice(1)) await replica.stop();
  }, 120_000);
});
