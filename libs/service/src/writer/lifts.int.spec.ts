import { randomUUID } from 'node:crypto';
import type { Change, Reply } from '@weft/api';
import { createMemoryBus } from '@weft/bus';
import { createMemoryStore, type EventStore } from '@weft/event-store';
import { laterDomain } from '../testing/later-things.ts';
import { makeNamespace, type Replica, startReplica } from '../testing/runtime.ts';
import { paint, thing, thingKey } from '../testing/things.ts';

describe('A log that an earlier version wrote', () => {
  let store: EventStore;
  let replica: Replica;
  const requestId = randomUUID();
  beforeEach(async () => {
    store = await createMemoryStore({ positionStep: 3 });
    await makeNamespace(store, 'ns');
    replica = await startReplica({ store, bus: createMemoryBus() });
    for (const command of [thing('ns', 'a', '10.0.0.1'), paint('ns', 'a', 'red')])
      expect(await replica.send(command)).toMatchObject({ ok: true });
    expect(await replica.send(paint('ns', 'a', 'blue'), { requestId })).toMatchObject({ ok: true });
    await replica.stop();
    replica = await startReplica({ store, bus: createMemoryBus(), domain: laterDomain() });
  });
  afterEach(() => replica.stop());

  it('reads in the types of today: reservations', async () => {
    expect(await replica.send(thing('ns', 'b', '10.0.0.1'))).toMatchObject({
      ok: false,
      status: { code: 422, message: expect.stringContaining('is held by') },
    });
    expect(await replica.send(thing('ns', 'b', '10.0.0.2'))).toMatchObject({ ok: true, code: 201 });
    expect(await replica.send({ verb: 'delete', key: thingKey('ns', 'a') })).toMatchObject({ ok: true });
    const types: string[] = [];
    for await (const { type } of store.readStream('Book-ns.book')) types.push(type);
    expect(types).toEqual(['Claimed.v1', 'Claimed.v2', 'Released.v1']);
  });

  it('reads in the types of today: objects, by the follower, by the writer, and in a reply that is given again', async () => {
    expect(replica.follower.get(thingKey('ns', 'a'))).toMatchObject({ facts: { paint: { colour: 'blue', coats: 1 } } });
    const again = (await replica.send(paint('ns', 'a', 'blue'), { requestId })) as Reply & { ok: true };
    expect(again).toMatchObject({ ok: true, repeated: true, object: { status: { paint: { colour: 'blue', coats: 1 } } } });
    const painted = await replica.send(paint('ns', 'a', 'green'));
    expect(painted).toMatchObject({ ok: true, object: { status: { paint: { colour: 'green', coats: 2 } } } });
  });

  it('reads in the types of today: whatever consumers are given', async () => {
    await replica.stop();
    replica = await startReplica({ store, bus: createMemoryBus(), domain: laterDomain() });
    const changes: Change[] = [];
    replica.follower.consume({ name: 'late', onChange: (change) => void changes.push(change) });
    // During an upgrade a replica of the former version writes beside this one.
    const former = await startReplica({ store, bus: createMemoryBus() });
    const reply = (await former.send(thing('ns', 'c', '10.0.0.3'))) as Reply & { ok: true };
    await replica.follower.waitFor(BigInt(reply.position), 20_000);
    await former.stop();
    expect(changes.flatMap(({ append }) => append.events.map(({ type }) => type))).toEqual(['Claimed.v2', 'ThingCreated.v1']);
  });
});
