import { randomUUID } from 'node:crypto';
import { type NewEvent, type ObjectCommand, positionOfVersion, type Reply, systemClock } from '@weft/api';
import { createMemoryBus, createMemoryHub, subjects } from '@weft/bus';
import { createMemoryStore, type EventStore, UnavailableError } from '@weft/event-store';
import { until } from '@weft/testing/waiting';
import { makeNamespace, type Replica, startReplica } from '../testing/runtime.ts';
import { paint, thing, thingKey } from '../testing/things.ts';

type Held = Readonly<{ store: EventStore; hold: () => void; release: () => void; waiting: () => number }>;

/** A store whose flushes a test can hold back. */
async function storeThatWaits(): Promise<Held> {
  let held: (() => void)[] | undefined;
  const store = await createMemoryStore({
    flush: async (commit) => {
      await commit();
      if (held !== undefined) await new Promise<void>((resolve) => held?.push(resolve));
    },
  });
  return {
    store,
    hold: () => {
      held = [];
    },
    release: () => {
      const waiting = held ?? [];
      held = undefined;
      for (const resume of waiting) resume();
    },
    waiting: () => held?.length ?? 0,
  };
}

async function eventsOf(store: EventStore, stream: string): Promise<string[]> {
  const types: string[] = [];
  for await (const event of store.readStream(stream)) types.push(event.type);
  return types;
}

function objectOf(reply: Reply): { metadata: { uid: string; resourceVersion: string }; spec?: unknown; status?: unknown } {
  if (!reply.ok) throw new Error(`refused: ${reply.status.code} ${reply.status.message}`);
  return reply.object as never;
}

/** Asks the writer itself: no client gives up on it while this process is busy. */
function execute({ registry, writer }: Replica, command: ObjectCommand, timeoutMs: number): Promise<Reply> | undefined {
  const route = registry.ownerOfKey(thingKey('a', 'one'));
  return writer.execute(route?.partition ?? -1, {
    command,
    requestId: randomUUID(),
    actor: { user: 'tester', verified: false },
    correlationId: randomUUID(),
    causationId: randomUUID(),
    timeoutMs,
  });
}

describe('PartitionWriter', () => {
  const replicas: Replica[] = [];
  afterEach(async () => {
    for (const replica of replicas.splice(0)) await replica.stop();
  });

  async function replicaOn(store: EventStore, options: Partial<Parameters<typeof startReplica>[0]> = {}): Promise<Replica> {
    const replica = await startReplica({ store, bus: options.bus ?? createMemoryBus(), ...options });
    replicas.push(replica);
    await until('partitions are held', () => replica.leases.partitions.length > 0);
    return replica;
  }

  async function fresh(options: Partial<Parameters<typeof startReplica>[0]> = {}): Promise<{ store: EventStore; replica: Replica }> {
    const store = await createMemoryStore({ positionStep: 7 });
    await makeNamespace(store, 'a');
    return { store, replica: await replicaOn(store, options) };
  }

  it.each([
    ['before this replica knew the object', true],
    ['while it held the object', false],
  ])('refuses to write an object to whose stream somebody else wrote %s, and writes all others', async (_, before) => {
    const store = await createMemoryStore();
    await makeNamespace(store, 'a');
    const first = await replicaOn(store);
    expect(await first.send(thing('a', 'one', '10.0.0.1'))).toMatchObject({ ok: true });
    expect(await first.send(thing('a', 'two', '10.0.0.2'))).toMatchObject({ ok: true });
    let revision = -1n;
    for await (const event of store.readStream('Thing-a.one')) revision = event.revision;
    const foreign = { id: randomUUID(), type: 'OrderPlaced', data: {}, metadata: { time: new Date().toISOString() } };
    await store.append('Thing-a.one', revision, [foreign as unknown as NewEvent]);
    if (before) await first.stop();
    const replica = before ? await replicaOn(store) : first;
    await replica.follower.waitFor(await store.head(), 20_000);
    const head = await store.head();
    expect(await replica.send(paint('a', 'one', 'blue'))).toMatchObject({
      ok: false,
      retry: 'no',
      status: { code: 403, message: expect.stringContaining('was not written by Weft (event type "OrderPlaced")') },
    });
    expect(await store.head()).toBe(head);
    expect(await replica.send(paint('a', 'two', 'blue'))).toMatchObject({ ok: true });
    expect(replica.log.lines.filter((line) => line.startsWith('error'))).toEqual([]);
  });

  it('says that the store takes no writes while its appends fail, and no longer once one is judged again', async () => {
    let full = false;
    const store = await createMemoryStore({
      flush: (commit) => (full ? Promise.reject(new UnavailableError('no space left on the device')) : commit()),
    });
    await makeNamespace(store, 'a');
    const replica = await replicaOn(store);
    expect(await replica.send(thing('a', 'one', '10.0.0.1'))).toMatchObject({ ok: true });
    expect(replica.writer.problems()).toEqual([]);
    full = true;
    const painting = await Promise.all(['blue', 'red', 'white'].map((colour) => execute(replica, paint('a', 'one', colour), 500)));
    for (const reply of painting) {
      // Those that waited for their turn are told as well why it did not come.
      expect(reply).toMatchObject({ ok: false, status: { message: expect.stringContaining('no space left') } });
    }
    // Only of the first one is it certain that its append had begun.
    const mayRepeat = expect.stringMatching(/^(unknown|safe)$/);
    expect(painting.map((reply) => reply?.ok === false && reply.retry)).toEqual(['unknown', mayRepeat, mayRepeat]);
    expect(replica.writer.problems()).toEqual([expect.stringMatching(/^the event store does not take writes: .*no space left/)]);
    full = false;
    expect(await replica.send(paint('a', 'one', 'green'))).toMatchObject({ ok: true });
    expect(replica.writer.problems()).toEqual([]);
  });

  it('tells those that wait behind an append without an answer why the one before had failed', async () => {
    let left = Number.POSITIVE_INFINITY;
    let release = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const store = await createMemoryStore({
      flush: (commit) => {
        if (left-- > 1) return commit();
        return left === 0 ? Promise.reject(new UnavailableError('no space left on the device')) : released.then(commit);
      },
    });
    await makeNamespace(store, 'a');
    const replica = await replicaOn(store);
    await replica.send(thing('a', 'one', '10.0.0.1'));
    left = 1; // The next one fails, and nothing answers after that.
    const painting = ['blue', 'red', 'white'].map((colour) => execute(replica, paint('a', 'one', colour), 500));
    for (const reply of await Promise.all(painting)) {
      expect(reply).toMatchObject({ ok: false, status: { message: expect.stringContaining('no space left') } });
    }
    release();
  });

  it('claims first, then creates, and answers with the object at its position', async () => {
    const { store, replica } = await fresh();
    const reply = await replica.send(thing('a', 'one', '10.0.0.1'));
    expect(reply).toMatchObject({ ok: true, code: 201 });
    expect(positionOfVersion(objectOf(reply).metadata.resourceVersion)).toBe(await store.head());
    const types: string[] = [];
    for await (const event of store.readAll()) types.push(event.type);
    expect(types.slice(-2)).toEqual(['Claimed.v1', 'ThingCreated.v1']);
  });

  it('keeps the command and the releases with the first event, and shows neither', async () => {
    const { store, replica } = await fresh();
    await replica.send(thing('a', 'one', '10.0.0.1'));
    await replica.send(paint('a', 'one', 'red'));
    const gone = await replica.send({ verb: 'delete', key: thingKey('a', 'one') });
    const kept: unknown[] = [];
    for await (const { metadata } of store.readStream('Thing-a.one')) kept.push([metadata.command, metadata.releases]);
    const release = { stream: 'Book-a.book', command: { type: 'Release', address: '10.0.0.1', holder: objectOf(gone).metadata.uid } };
    expect(kept).toEqual([
      [{ verb: 'create' }, undefined],
      [{ verb: 'act', action: 'Paint', payload: { colour: 'red' } }, undefined],
      [{ verb: 'delete' }, [release]],
    ]);
    expect(JSON.stringify(gone)).not.toMatch(/command|releases/);
    await until('the address is given back', async () => (await eventsOf(store, 'Book-a.book')).at(-1) === 'Released.v1');
  });

  it('refuses a second holder of an address and a second object of a name', async () => {
    const { store, replica } = await fresh();
    await replica.send(thing('a', 'one', '10.0.0.1'));
    expect(await replica.send(thing('a', 'two', '10.0.0.1'))).toMatchObject({ ok: false, retry: 'no', status: { code: 422 } });
    expect(await replica.send(thing('a', 'one', '10.0.0.9'))).toMatchObject({ ok: false, status: { code: 409 } });
    expect(await eventsOf(store, 'Book-a.book')).toEqual(['Claimed.v1']);
    expect(await eventsOf(store, 'Thing-a.two')).toEqual([]);
  });

  it('answers a repeated request with its first outcome, whatever came after', async () => {
    const { store, replica } = await fresh();
    const requestId = randomUUID();
    const first = await replica.send(thing('a', 'one', '10.0.0.1'), { requestId });
    await replica.send(paint('a', 'one', 'red'));
    const again = await replica.send(thing('a', 'one', '10.0.0.1'), { requestId });
    expect(again).toEqual({ ...first, repeated: true });
    expect(await eventsOf(store, 'Thing-a.one')).toHaveLength(2);
  });

  it('gives no reply before its append is durable', async () => {
    const held = await storeThatWaits();
    await makeNamespace(held.store, 'a');
    const replica = await replicaOn(held.store);
    await replica.send(thing('a', 'zero'));
    held.hold();
    let answered = 0;
    const counted = async (reply: Promise<Reply>) => {
      const answer = await reply;
      answered++;
      return answer;
    };
    const replies = Promise.all(
      [replica.send(thing('a', 'one')), replica.send(thing('a', 'two', '10.0.0.2')), replica.send(paint('a', 'zero', 'red'))].map((reply) =>
        counted(reply),
      ),
    );
    await until('something waits for its flush', () => held.waiting() > 0);
    // A refusal that rests on an append which is not durable waits as well.
    const refusal = counted(replica.send(thing('a', 'one')));
    const unchanged = counted(replica.send(paint('a', 'zero', 'red')));
    // So does a refusal by the address book, when the address is claimed by an append that is under way.
    const taken = counted(replica.send(thing('a', 'three', '10.0.0.2')));
    await until('all commands are under way', () => replica.writer.inFlight('client') === 6);
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(answered).toBe(0);
    held.release();
    expect((await replies).map((reply) => reply.ok)).toEqual([true, true, true]);
    expect(await refusal).toMatchObject({ ok: false, status: { code: 409 } });
    expect(await unchanged).toMatchObject({ ok: true, code: 200 });
    expect(await taken).toMatchObject({ ok: false, status: { code: 422 } });
  });

  it('batches claims of one book and keeps every decision right', async () => {
    const { store, replica } = await fresh();
    const replies = await Promise.all(Array.from({ length: 400 }, (_, i) => replica.send(thing('a', `t${i}`, `10.0.0.${i % 200}`))));
    expect(replies.filter((reply) => reply.ok)).toHaveLength(200);
    expect(await eventsOf(store, 'Book-a.book')).toHaveLength(200);
  });

  it('repeats an append whose outcome is unknown under the same ids', async () => {
    for (const written of [false, true]) {
      let failures = 3;
      let armed = false;
      const store = await createMemoryStore({
        flush: async (commit) => {
          if (failures > 0 && armed) {
            failures--;
            if (written) await commit();
            throw new UnavailableError('the disk is away');
          }
          await commit();
        },
      });
      await makeNamespace(store, 'a');
      const replica = await replicaOn(store);
      armed = true;
      expect(await replica.send(thing('a', 'one', '10.0.0.1'))).toMatchObject({ ok: true, code: 201 });
      expect(failures).toBe(0);
      expect(await eventsOf(store, 'Thing-a.one')).toEqual(['ThingCreated.v1']);
      expect(await eventsOf(store, 'Book-a.book')).toEqual(['Claimed.v1']);
    }
  });

  it('ends with 504 in time when the store does not answer, and a repeat gets the outcome', async () => {
    let back = Promise.resolve();
    const store = await createMemoryStore({
      flush: async (commit) => {
        await commit();
        await back; // The store has written it, but neither acknowledges nor shows it. If it refused instead, an early retry would find it.
      },
    });
    await makeNamespace(store, 'a');
    const replica = await replicaOn(store);
    let comesBack = () => {};
    back = new Promise((resolve) => {
      comesBack = resolve;
    });
    const requestId = randomUUID();
    const reply = await replica.send(thing('a', 'one'), { requestId, timeoutMs: 700 });
    expect(reply).toMatchObject({ ok: false, retry: 'unknown', status: { code: 504 } });
    comesBack();
    expect(await replica.send(thing('a', 'one'), { requestId })).toMatchObject({ ok: true, code: 201, repeated: true });
    expect(await eventsOf(store, 'Thing-a.one')).toEqual(['ThingCreated.v1']);
  });

  it('gives a claim back when the object is refused', async () => {
    const { store, replica } = await fresh();
    // Another writer creates the object, and this replica does not know it when it decides.
    await replica.follower.stop();
    const other = await startReplica({ store, bus: createMemoryBus() });
    replicas.push(other);
    await until('the other holds partitions', () => other.leases.partitions.length > 0);
    await other.send(thing('a', 'one'));
    expect(await replica.send(thing('a', 'one', '10.0.0.1'))).toMatchObject({ ok: false, status: { code: 409 } });
    await until('the claim is given back', async () => (await eventsOf(store, 'Book-a.book')).at(-1) === 'Released.v1');
  });

  it('two writers of one partition never let two hold an address', async () => {
    const store = await createMemoryStore();
    await makeNamespace(store, 'a');
    // On separate buses each replica takes itself for the only one.
    const [left, right] = [await replicaOn(store), await replicaOn(store)];
    const names = Array.from({ length: 150 }, (_, i) => i);
    const replies = await Promise.all(
      names.flatMap((i) => [left.send(thing('a', `l${i}`, `10.0.0.${i}`)), right.send(thing('a', `r${149 - i}`, `10.0.0.${149 - i}`))]),
    );
    const holders = new Map<string, string>();
    for await (const { type, data } of store.readStream('Book-a.book')) {
      const address = data['address'] as string;
      if (type === 'Released.v1') holders.delete(address);
      else {
        expect(holders.get(address)).toBeUndefined();
        holders.set(address, data['holder'] as string);
      }
    }
    const created = replies.filter((reply) => reply.ok).map((reply) => objectOf(reply));
    expect(new Set(created.map(({ spec }) => (spec as { address: string }).address)).size).toBe(created.length);
    for (const { metadata, spec } of created) expect(holders.get((spec as { address: string }).address)).toBe(metadata.uid);
    expect(created.length).toBeGreaterThanOrEqual(100);
  });

  it('refuses a creation in a missing namespace, but not in one that the caller has just seen', async () => {
    const { store, replica } = await fresh();
    expect(await replica.send(thing('b', 'one'))).toMatchObject({ ok: false, status: { code: 404, message: 'namespaces "b" not found' } });
    await makeNamespace(store, 'b');
    expect(await replica.send(thing('b', 'one'), { after: await store.head() })).toMatchObject({ ok: true, code: 201 });
  });

  it('decides a dry run and appends nothing', async () => {
    const { store, replica } = await fresh();
    await replica.send(thing('a', 'one', '10.0.0.1'));
    const head = await store.head();
    const dry = (name: string, address: string) => replica.send({ ...thing('a', name, address), options: { dryRun: true } } as never);
    const reply = await dry('two', '10.0.0.2');
    expect(reply).toMatchObject({ ok: true, code: 201, object: { spec: { address: '10.0.0.2' } } });
    expect(await dry('two', '10.0.0.1')).toMatchObject({ ok: false, status: { code: 422 } });
    expect(await dry('one', '10.0.0.3')).toMatchObject({ ok: false, status: { code: 409 } });
    expect(await store.head()).toBe(head);
  });

  it('answers a deletion with the last state, and lets the name be created again', async () => {
    const { replica } = await fresh();
    const first = objectOf(await replica.send(thing('a', 'one', '10.0.0.1')));
    const gone = await replica.send({ verb: 'delete', key: thingKey('a', 'one') });
    expect(gone).toMatchObject({ ok: true, ended: true, object: { metadata: { uid: first.metadata.uid } } });
    const second = objectOf(await replica.send(thing('a', 'one', '10.0.0.1')));
    expect(second.metadata.uid).not.toBe(first.metadata.uid);
  });

  it('answers a command that fails inside with 500, and goes on', async () => {
    const { replica } = await fresh();
    await replica.send(thing('a', 'one'));
    const reply = await replica.send({ verb: 'act', key: thingKey('a', 'one'), action: 'Explode', payload: {} });
    expect(reply).toMatchObject({ ok: false, status: { code: 500, reason: 'InternalError' } });
    expect(await replica.send(thing('a', 'two'))).toMatchObject({ ok: true });
  });

  it('takes no more commands at once than its bound', async () => {
    const held = await storeThatWaits();
    await makeNamespace(held.store, 'a');
    const replica = await replicaOn(held.store, { inFlightMax: 8 });
    held.hold();
    const replies = Array.from({ length: 8 }, (_, i) => replica.send(thing('a', `t${i}`)));
    await until('all are under way', () => replica.writer.inFlight('client') === 8);
    expect(await replica.send(thing('a', 'more'))).toMatchObject({ ok: false, retry: 'safe', status: { code: 429 } });
    held.release();
    expect((await Promise.all(replies)).every((reply) => reply.ok)).toBe(true);
  });

  it('recognises a request again after a takeover, also behind a long stream', async () => {
    const { store, replica } = await fresh();
    await replica.send(thing('a', 'one'));
    for (let i = 0; i < 40; i++) await replica.send(paint('a', 'one', `colour ${i}`));
    const requestId = randomUUID();
    await replica.send(paint('a', 'one', 'red'), { requestId });
    const last = await replica.send(paint('a', 'one', 'blue'));
    await replica.stop();
    const next = await replicaOn(store);
    expect(await next.send(paint('a', 'one', 'red'), { requestId })).toEqual({ ...last, repeated: true });
    expect(await next.send(paint('a', 'one', 'blue'))).toMatchObject({ ok: true, position: (await store.head()).toString() });
  });

  it('answers the repeat of an action with the object as it is, and reads no stream for that', async () => {
    const { store, replica } = await fresh();
    const requestId = randomUUID();
    await replica.send(thing('a', 'one'));
    await replica.send(paint('a', 'one', 'red'), { requestId });
    const last = await replica.send(paint('a', 'one', 'blue'));
    const reads = jest.spyOn(store, 'readStream');
    expect(await replica.send(paint('a', 'one', 'red'), { requestId })).toEqual({ ...last, repeated: true });
    expect(reads).not.toHaveBeenCalled();
  });

  it('gives generated names, the same for the same request', async () => {
    const { replica } = await fresh();
    const command = { verb: 'create', kind: 'Thing', namespace: 'a', object: { metadata: { generateName: 'thing-' }, spec: {} } } as const;
    const requestId = randomUUID();
    const [first, again, other] = [
      await replica.send(command, { requestId }),
      await replica.send(command, { requestId }),
      await replica.send(command),
    ];
    const nameOf = (reply: Reply) => (objectOf(reply).metadata as unknown as { name: string }).name;
    expect(nameOf(first)).toMatch(/^thing-[a-z0-9]{5}$/);
    expect(nameOf(again)).toBe(nameOf(first));
    expect(nameOf(other)).not.toBe(nameOf(first));
  });

  it('answers a malformed command with 400, and an unknown kind with 404', async () => {
    const { replica } = await fresh();
    const bus = replica.bus;
    const ask = async (data: unknown) =>
      JSON.parse(
        Buffer.from(await bus.request(subjects.command('network', 0), Buffer.from(JSON.stringify(data)), { timeoutMs: 8_000 })).toString(),
      ) as Reply;
    for (const data of [7, {}, { command: { verb: 'sing' } }, { command: thing('a', 'x'), requestId: 'one', actor: {}, timeoutMs: 1 }]) {
      expect(await ask(data)).toMatchObject({ ok: false, retry: 'no', status: { code: 400 } });
    }
    expect(await replica.send({ verb: 'delete', key: { kind: 'Nothing', name: 'x' } })).toMatchObject({ ok: false, status: { code: 404 } });
  });

  it('does not refuse from memory once its lease has lapsed', async () => {
    let nowMs = 0;
    const clock = { ...systemClock, monotonicMs: () => nowMs };
    const hub = createMemoryHub();
    const { replica } = await fresh({ clock, bus: hub.connect() });
    await replica.send(thing('a', 'one'));
    expect(await execute(replica, thing('a', 'one'), 5_000)).toMatchObject({ ok: false, retry: 'no', status: { code: 409 } });
    // As if this process had been frozen for that long, and had received nothing since.
    hub.goDown();
    nowMs = 1_500;
    expect(await execute(replica, thing('a', 'one'), 5_000)).toMatchObject({ ok: false, retry: 'safe', status: { code: 503 } });
  });
});
