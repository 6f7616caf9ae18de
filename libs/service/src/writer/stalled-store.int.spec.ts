import { randomUUID } from 'node:crypto';
import type { Actor, ObjectCommand, Reply } from '@weft/api';
import { createMemoryBus } from '@weft/bus';
import { createMemoryStore, type EventStore } from '@weft/event-store';
import { until } from '@weft/testing/waiting';
import { makeNamespace, type Replica, startReplica, tester } from '../testing/runtime.ts';
import { paint, thing, thingKey } from '../testing/things.ts';
import { SENDERS, type Sender, senderOf } from './senders.ts';

const actors: Readonly<Record<Sender, Actor>> = {
  client: tester,
  loop: { user: 'system:loop:settle-things', verified: true },
  host: { user: 'system:host:h1', verified: false },
};

describe('senderOf', () => {
  it.each<[Sender, Actor]>([
    ['client', { user: 'jane', verified: false }],
    ['client', { user: 'system:anonymous', verified: false }],
    ['client', { user: 'system:loop:settle-things', verified: false }],
    ['loop', { user: 'system:loop:settle-things', verified: true }],
    ['host', { user: 'system:host:h1', verified: false }],
    ['host', { user: 'system:network-svc', verified: true }],
  ])('takes for a %s: %j', (sender, actor) => {
    expect(senderOf(actor)).toBe(sender);
  });
});

describe('PartitionWriter on a store that stalls', () => {
  let store: EventStore;
  let replica: Replica;
  let appends: (() => void)[] | undefined;
  let reads: (() => void)[] | undefined;

  beforeEach(async () => {
    appends = reads = undefined;
    const inner = await createMemoryStore({
      flush: async (commit) => {
        await commit();
        await held(appends);
      },
    });
    store = new Proxy(inner, {
      get: (target, name) => {
        const member = Reflect.get(target, name, target) as unknown;
        if (typeof member !== 'function') return member;
        if (name !== 'readStream') return member.bind(target);
        return async function* (...args: Parameters<EventStore['readStream']>) {
          await held(reads);
          yield* target.readStream(...args);
        };
      },
    });
    await makeNamespace(store, 'a');
    replica = await startReplica({ store, bus: createMemoryBus(), inFlightMax: 4 });
    await until('partitions are held', () => replica.leases.partitions.length > 0);
  });
  afterEach(async () => {
    goOn();
    await replica.stop();
  });

  const held = (waiting: (() => void)[] | undefined) => waiting && new Promise<void>((resolve) => waiting.push(resolve));
  function goOn(): void {
    const waiting = [...(appends ?? []), ...(reads ?? [])];
    appends = reads = undefined;
    for (const resume of waiting) resume();
  }

  function execute(command: ObjectCommand, sender: Sender = 'client', timeoutMs = 20_000, requestId = randomUUID()): Promise<Reply> {
    const { partition } = replica.registry.ownerOfKey(thingKey('a', 'x')) as { partition: number };
    const ids = { requestId, correlationId: requestId, causationId: requestId };
    return replica.writer.execute(partition, { command, actor: actors[sender], timeoutMs, ...ids }) as Promise<Reply>;
  }

  async function coloursOf(name: string): Promise<unknown[]> {
    const colours: unknown[] = [];
    for await (const { data } of store.readStream(`Thing-a.${name}`)) if ('colour' in data) colours.push(data['colour']);
    return colours;
  }

  it('gives the place of a command whose time is up to another one, and takes its outcome when that comes', async () => {
    appends = [];
    const requestId = randomUUID();
    const first = [
      execute(thing('a', 't0'), 'client', 200, requestId),
      ...[1, 2, 3].map((i) => execute(thing('a', `t${i}`), 'client', 200)),
    ];
    expect(replica.writer.inFlight('client')).toBe(4);
    expect(await execute(thing('a', 'more'))).toMatchObject({ ok: false, retry: 'safe', status: { code: 429 } });
    for (const reply of await Promise.all(first)) expect(reply).toMatchObject({ ok: false, retry: 'unknown', status: { code: 504 } });
    expect([replica.writer.inFlight('client'), replica.writer.late('client')]).toEqual([0, 4]);
    const next = execute(thing('a', 'next'));
    const again = execute(thing('a', 't0'), 'client', 20_000, requestId);
    expect(replica.writer.inFlight('client')).toBe(2);
    goOn();
    expect(await next).toMatchObject({ ok: true, code: 201 });
    expect(await again).toMatchObject({ ok: true, code: 201, repeated: true });
    await until('the late ones have ended', () => replica.writer.late('client') === 0);
    for (const i of [0, 1, 2, 3]) expect(await execute(thing('a', `t${i}`))).toMatchObject({ ok: false, status: { code: 409 } });
    expect(replica.writer.counts).toMatchObject({ accepted: 6, failed: 0 });
  });

  it('forgets a command that waited for its turn until its time was up', async () => {
    await execute(thing('a', 'one'));
    appends = [];
    const begun = execute(paint('a', 'one', 'red'));
    const waited = await Promise.all(['green', 'blue'].map((colour) => execute(paint('a', 'one', colour), 'client', 200)));
    for (const reply of waited) expect(reply).toMatchObject({ ok: false, retry: 'safe', status: { code: 503 } });
    await until('nothing is left of them', () => replica.writer.late('client') === 0 && replica.writer.inFlight('client') === 1);
    const last = execute(paint('a', 'one', 'white'));
    goOn();
    expect([await begun, await last]).toMatchObject([{ ok: true }, { ok: true }]);
    expect(await coloursOf('one')).toEqual(['red', 'white']);
  });

  it('does not begin a command whose stream was read too late, having said that it was not begun', async () => {
    await execute(thing('a', 'one'));
    await replica.stop();
    replica = await startReplica({ store, bus: createMemoryBus() });
    await until('partitions are held', () => replica.leases.partitions.length > 0);
    reads = [];
    expect(await execute(paint('a', 'one', 'red'), 'client', 200)).toMatchObject({ ok: false, retry: 'safe', status: { code: 503 } });
    goOn();
    await until('it has ended', () => replica.writer.late('client') === 0);
    expect(await execute(paint('a', 'one', 'blue'))).toMatchObject({ ok: true });
    expect(await coloursOf('one')).toEqual(['blue']);
  });

  it('takes no more once the store owes it too many outcomes, and goes on once it has them', async () => {
    appends = [];
    for (let round = 0; round < 4; round++) {
      await Promise.all([0, 1, 2, 3].map((i) => execute(thing('a', `t${round}-${i}`), 'client', 200)));
    }
    expect(replica.writer.late('client')).toBe(16);
    expect(await execute(thing('a', 'more'))).toMatchObject({ ok: false, retry: 'safe', status: { code: 503 } });
    const ofLoop = execute(thing('a', 'of-loop'), 'loop');
    goOn();
    expect(await ofLoop).toMatchObject({ ok: true });
    await until('it has them', () => replica.writer.late('client') === 0);
    expect(await execute(thing('a', 'more'))).toMatchObject({ ok: true });
  });

  it.each(SENDERS)('takes commands of all others while it has as many of a %s as it takes', async (flooding) => {
    appends = [];
    const flood = Array.from({ length: 20 }, (_, i) => execute(thing('a', `t${i}`), flooding));
    expect(replica.writer.inFlight(flooding)).toBe(4);
    const others = SENDERS.filter((sender) => sender !== flooding);
    const replies = others.map((sender) => execute(thing('a', `of-${sender}`), sender));
    expect(others.map((sender) => replica.writer.inFlight(sender))).toEqual([1, 1]);
    goOn();
    for (const reply of replies) expect(await reply).toMatchObject({ ok: true, code: 201 });
    const codes = (await Promise.all(flood)).map((reply) => (reply.ok ? reply.code : reply.status.code));
    expect(codes).toEqual([...Array(4).fill(201), ...Array(16).fill(429)]);
  });

  it('takes as many commands of each sender over the bus', async () => {
    appends = [];
    const replies = SENDERS.flatMap((sender) =>
      Array.from({ length: 4 }, (_, i) => replica.send(thing('a', `${sender}-${i}`), { actor: actors[sender] })),
    );
    await until('all are under way', () => SENDERS.every((sender) => replica.writer.inFlight(sender) === 4));
    goOn();
    for (const reply of await Promise.all(replies)) expect(reply).toMatchObject({ ok: true });
  });

  it('lets senders take turns on one object', async () => {
    await execute(thing('a', 'one'));
    appends = [];
    const loops = ['l0', 'l1', 'l2', 'l3'].map((colour) => execute(paint('a', 'one', colour), 'loop'));
    const hosts = ['h0', 'h1'].map((colour) => execute(paint('a', 'one', colour), 'host'));
    const client = execute(paint('a', 'one', 'c0'), 'client');
    goOn();
    await Promise.all([...loops, ...hosts, client]);
    expect(await coloursOf('one')).toEqual(['l0', 'l1', 'h0', 'c0', 'l2', 'h1', 'l3']);
  });
});
