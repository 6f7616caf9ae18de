/** Old and new replicas on one store and one bus, as during a rolling upgrade: each reads what it knows, refuses the rest with a reason, and stops at nothing. */
import { randomUUID } from 'node:crypto';
import { type ObjectCommand, type Reply, UNREADABLE_ANNOTATION } from '@weft/api';
import { createMemoryBus } from '@weft/bus';
import { createMemoryStore, type EventStore } from '@weft/event-store';
import { until } from '@weft/testing/waiting';
import { laterDomain } from '../testing/later-things.ts';
import { makeNamespace, type Replica, startReplica } from '../testing/runtime.ts';
import { paint, thing, thingKey } from '../testing/things.ts';

const NAMESPACES = Array.from({ length: 12 }, (_, i) => `ns-${i}`);
type Done = Reply & { ok: true };

describe('A replica of the former version and one of a later version', () => {
  let store: EventStore;
  const running: Replica[] = [];
  beforeEach(async () => {
    store = await createMemoryStore({ positionStep: 3 });
    for (const namespace of NAMESPACES) await makeNamespace(store, namespace);
  });
  afterEach(async () => {
    for (const replica of running.splice(0)) await replica.stop();
  });

  async function start(version: 'former' | 'later', bus = createMemoryBus()): Promise<Replica> {
    const replica = await startReplica({ store, bus, ...(version === 'later' && { domain: laterDomain() }) });
    running.push(replica);
    return replica;
  }
  async function stop(replica: Replica): Promise<void> {
    running.splice(running.indexOf(replica), 1);
    await replica.stop();
  }
  /** Both have the log to its end. */
  const followed = async (...replicas: readonly Replica[]) => {
    for (const { follower } of replicas) await follower.waitFor(await store.head(), 20_000);
  };

  describe('that write beside each other', () => {
    let former: Replica;
    let later: Replica;
    beforeEach(async () => {
      [former, later] = [await start('former'), await start('later')];
    });

    it('read what the former one writes', async () => {
      await former.send(thing('ns-0', 'a', '10.0.0.1'));
      await former.send(paint('ns-0', 'a', 'red'));
      await followed(later);
      expect(later.follower.get(thingKey('ns-0', 'a'))).toMatchObject({ facts: { paint: { colour: 'red', coats: 1 } } });
      expect(await later.send(paint('ns-0', 'a', 'blue'))).toMatchObject({ ok: true, object: { status: { paint: { colour: 'blue' } } } });
    });

    it('keep for reading what the later one writes: that object alone is refused to the former one, with the reason', async () => {
      for (const name of ['a', 'b']) expect(await former.send(thing('ns-0', name))).toMatchObject({ ok: true });
      await followed(later);
      await later.send(paint('ns-0', 'a', 'red'));
      await followed(former);
      expect(former.follower.get(thingKey('ns-0', 'a'))).toMatchObject({
        status: 'live',
        object: { metadata: { annotations: { [UNREADABLE_ANNOTATION]: expect.stringContaining('"ThingPainted.v2"') } } },
      });
      for (const command of [paint('ns-0', 'a', 'blue'), { verb: 'delete', key: thingKey('ns-0', 'a') } satisfies ObjectCommand]) {
        expect(await former.send(command)).toMatchObject({
          ok: false,
          status: { code: 403, message: expect.stringContaining('"ThingPainted.v2"') },
        });
      }
      expect(await former.send(paint('ns-0', 'b', 'blue'))).toMatchObject({ ok: true });
      expect(former.follower.problems()).toEqual([]);
      expect(await later.send({ verb: 'delete', key: thingKey('ns-0', 'a') })).toMatchObject({ ok: true });
      expect(await former.send(thing('ns-0', 'a'))).toMatchObject({ ok: true, code: 201 });
    });

    it('refuse claims to the former one where the later one has claimed, and nowhere else', async () => {
      await later.send(thing('ns-0', 'a', '10.0.0.1'));
      await followed(former);
      expect(await former.send(thing('ns-0', 'b', '10.0.0.2'))).toMatchObject({
        ok: false,
        status: { code: 403, message: expect.stringContaining('nothing can be claimed') },
      });
      expect(await former.send(thing('ns-0', 'c'))).toMatchObject({ ok: true });
      expect(await former.send(thing('ns-1', 'b', '10.0.0.2'))).toMatchObject({ ok: true });
      await followed(later);
      expect(await later.send(thing('ns-1', 'c', '10.0.0.2'))).toMatchObject({ ok: false, status: { code: 422 } });
    });

    it('tell a repeat what its request did, though the object cannot be read any more', async () => {
      const request = { requestId: randomUUID() };
      const created = (await former.send(thing('ns-0', 'a'), request)) as Done;
      await followed(later);
      await later.send(paint('ns-0', 'a', 'red'));
      await followed(former);
      expect(await former.send(thing('ns-0', 'a'), request)).toEqual({ ...created, repeated: true });
    });

    it('tell a repeat of a request of the later one that it was carried out, with the object as far as it can be read', async () => {
      await former.send(thing('ns-0', 'a'));
      await followed(later);
      const request = { requestId: randomUUID() };
      const painted = (await later.send(paint('ns-0', 'a', 'red'), request)) as Done;
      await followed(former);
      expect(await former.send(paint('ns-0', 'a', 'red'), request)).toMatchObject({
        ok: true,
        code: 200,
        repeated: true,
        position: painted.position,
        object: { metadata: { annotations: { [UNREADABLE_ANNOTATION]: expect.stringContaining('"ThingPainted.v2"') } } },
      });
    });

    it('tell a repeat what its request did, though an earlier life of the object cannot be read', async () => {
      await former.send(thing('ns-0', 'a'));
      await followed(later);
      await later.send(paint('ns-0', 'a', 'red'));
      await later.send({ verb: 'delete', key: thingKey('ns-0', 'a') });
      await followed(former);
      const request = { requestId: randomUUID() };
      const created = (await former.send(thing('ns-0', 'a'), request)) as Done;
      expect(created).toMatchObject({ ok: true, code: 201 });
      expect(await former.send(thing('ns-0', 'a'), request)).toEqual({ ...created, repeated: true });
    });
  });

  it('take over from each other: whatever was acknowledged is there once, and the later one reads all of it', async () => {
    const bus = createMemoryBus();
    const former = await start('former', bus);
    const outcomes = new Map<string, Reply>();
    /** As a client does: the same request again while its outcome is open. */
    const persist = async (command: ObjectCommand, name: string) => {
      const request = { requestId: randomUUID(), timeoutMs: 2_000 };
      const reply = await until(`${name} to be answered`, async () => {
        const answer = await former.client.send(command, { actor: { user: 'tester', verified: false }, ...request });
        return answer.ok || answer.retry === 'no' ? answer : undefined;
      });
      outcomes.set(name, reply);
    };
    const createAll = (prefix: string) =>
      Promise.all(NAMESPACES.map((namespace, i) => persist(thing(namespace, `${prefix}-${i}`), `${namespace}/${prefix}-${i}`)));
    const paintAll = (prefix: string) =>
      Promise.all(
        NAMESPACES.map((namespace, i) => persist(paint(namespace, `${prefix}-${i}`, 'red'), `${namespace}/${prefix}-${i} painted`)),
      );

    await createAll('before');
    const joining = start('later', bus);
    await createAll('joining');
    const later = await joining;
    await until('both hold partitions', () => former.leases.partitions.length > 0 && later.leases.partitions.length > 0);
    await createAll('beside');
    await paintAll('before');
    const leaving = stop(former);
    await createAll('leaving');
    await leaving;
    await paintAll('joining');

    for (const [name, reply] of outcomes) expect([name, reply]).toEqual([name, expect.objectContaining({ ok: true })]);
    await followed(later);
    for (const prefix of ['before', 'joining', 'beside', 'leaving']) {
      for (const [i, namespace] of NAMESPACES.entries()) {
        const state = later.follower.get(thingKey(namespace, `${prefix}-${i}`));
        expect([state?.status, state?.unreadable]).toEqual(['live', undefined]);
      }
    }
    const painted = NAMESPACES.flatMap((namespace, i) =>
      ['before', 'joining'].map((prefix) => later.follower.get(thingKey(namespace, `${prefix}-${i}`))),
    );
    for (const state of painted) expect(state?.facts).toMatchObject({ paint: { colour: 'red' } });
    const created: string[] = [];
    for await (const { type, stream } of store.readAll()) if (type === 'ThingCreated.v1') created.push(stream);
    expect(new Set(created).size).toBe(created.length);
  });
});
