import { randomUUID } from 'node:crypto';
import { type Change, type NewEvent, registry, systemClock, toEvents } from '@weft/api';
import { createMemoryStore, type EventStore } from '@weft/event-store';
import { mostOfOne, slowClock } from '@weft/testing/virtual-clock';
import { until } from '@weft/testing/waiting';
import { makeNamespace, quietLog, tester } from '../testing/runtime.ts';
import { namespaceCreated, thingDomain } from '../testing/things.ts';
import { FollowerTimeoutError, LogFollower } from './follower.ts';

const kinds = registry([thingDomain()]);

describe('LogFollower', () => {
  let store: EventStore;
  let follower: LogFollower;
  beforeEach(async () => {
    store = await createMemoryStore({ positionStep: 5 });
    follower = new LogFollower({ store, registry: kinds, clock: systemClock, log: quietLog() });
  });
  afterEach(() => follower.stop());

  it('lets consumers begin with the fold of what has been read, and gives every change after that, in order', async () => {
    for (const name of ['a', 'b']) await makeNamespace(store, name);
    const seen: Record<string, string[]> = { early: [], late: [] };
    const consumer = (name: string) => ({
      name,
      onBegin: (position: bigint) => void seen[name]?.push(`${follower.count('Namespace')} at ${position}`),
      onChange: ({ append }: Change) => void seen[name]?.push(append.stream),
    });
    follower.consume(consumer('early'));
    await follower.start();
    await follower.whenCaughtUp();
    const read = await store.head();
    await makeNamespace(store, 'c');
    await follower.waitFor(await store.head(), 20_000);
    follower.consume(consumer('late'));
    await makeNamespace(store, 'd');
    const head = await store.head();
    await follower.waitFor(head, 20_000);
    expect(seen).toEqual({
      early: [`2 at ${read}`, 'Namespace-.c', 'Namespace-.d'],
      late: [`3 at ${head - 5n}`, 'Namespace-.d'],
    });
    expect(follower.caughtUp).toBe(true);
    expect(follower.get({ kind: 'Namespace', name: 'd' })?.status).toBe('live');
  });

  it('lets others have their turn while it reads', async () => {
    const clock = slowClock();
    const turns: number[] = [];
    for (let i = 0; i < 40; i++) await makeNamespace(store, `n${i}`);
    follower = new LogFollower({ store, registry: kinds, clock, log: quietLog() });
    let begun = 0;
    follower.consume({ name: 'all', onBegin: () => (begun = clock.turns()), onChange: () => void turns.push(clock.turns()) });
    await follower.start();
    await follower.whenCaughtUp();
    expect(begun).toBeGreaterThanOrEqual(10);
    await Promise.all(Array.from({ length: 40 }, (_, i) => makeNamespace(store, `m${i}`)));
    await follower.waitFor(await store.head(), 20_000);
    expect(turns).toHaveLength(40);
    expect(mostOfOne(turns)).toBeLessThanOrEqual(4);
  });

  it('does not go on to the next append before its consumers are done, and gives up one that fails late', async () => {
    const happened: string[] = [];
    let done: () => void = () => undefined;
    follower.consume({
      name: 'slow',
      onChange: ({ append }) => {
        happened.push(append.stream);
        return append.stream === 'Namespace-.a' ? new Promise((resolve) => (done = resolve)) : undefined;
      },
    });
    follower.consume({
      name: 'late',
      onChange: ({ append }) => (append.stream === 'Namespace-.b' ? Promise.reject(new Error('a bug')) : undefined),
    });
    await follower.start();
    await follower.whenCaughtUp();
    for (const name of ['a', 'b', 'c']) await makeNamespace(store, name);
    await until('a is there', () => follower.get({ kind: 'Namespace', name: 'a' }) !== undefined);
    await new Promise((resolve) => setImmediate(resolve));
    expect([happened, follower.get({ kind: 'Namespace', name: 'b' })]).toEqual([['Namespace-.a'], undefined]);
    done();
    await follower.waitFor(await store.head(), 20_000);
    expect(happened).toEqual(['Namespace-.a', 'Namespace-.b', 'Namespace-.c']);
    expect(follower.problems()).toEqual(['consumer "late" failed: a bug']);
  });

  it('gives an append of several events as one change', async () => {
    await makeNamespace(store, 'a');
    const changes: Change[] = [];
    follower.consume({ name: 'all', onChange: (change) => void changes.push(change) });
    await follower.start();
    await follower.whenCaughtUp();
    const cause = { requestId: randomUUID(), actor: tester, correlationId: '', causationId: '' };
    const painted = ['red', 'blue'].map((colour) => ({ type: 'ThingPainted.v1', data: { colour } }));
    const born = { type: 'ThingCreated.v1', data: { metadata: { name: 'x', namespace: 'a', uid: 'u' }, spec: {} } };
    const target = { stream: 'Thing-a.x', expected: 'none', now: new Date().toISOString() } as const;
    const { position } = await store.append('Thing-a.x', 'none', toEvents([born, ...painted], cause, target));
    await follower.waitFor(position, 20_000);
    expect(changes).toHaveLength(1);
    expect(changes[0]).toMatchObject({
      before: { status: 'absent' },
      after: { facts: { colour: 'blue' } },
      append: { revision: 2n, position },
    });
    expect(changes[0]?.append.events.map(({ type }) => type)).toEqual(['ThingCreated.v1', 'ThingPainted.v1', 'ThingPainted.v1']);
  });

  it('does not say that a position is reached before the whole log was read', async () => {
    await expect(follower.waitFor(0n, 20)).rejects.toThrow(FollowerTimeoutError);
    const reached = follower.waitFor(0n, 20_000);
    await follower.start();
    await reached;
    expect(follower.caughtUp).toBe(true);
  });

  it('waits for a position, and ends the wait in time', async () => {
    await follower.start();
    await follower.whenCaughtUp();
    const next = (await store.head()) + 5n;
    const reached = follower.waitFor(next, 20_000);
    await makeNamespace(store, 'a');
    await reached;
    await expect(follower.waitFor(next + 1_000n, 20)).rejects.toThrow(FollowerTimeoutError);
  });

  it('goes on past an event of a newer version and past streams of others, and says so once', async () => {
    const log = quietLog();
    const logged = new LogFollower({ store, registry: kinds, clock: systemClock, log });
    await makeNamespace(store, 'a');
    const foreign = { id: randomUUID(), type: 'OrderPlaced', data: { total: 3 }, metadata: { time: new Date().toISOString() } };
    await store.append('order-17', 'none', [foreign as unknown as NewEvent]);
    const known = namespaceCreated('a', randomUUID());
    await store.append('Namespace-.a', 0n, [{ ...known, type: 'NamespaceShrunk.v9' }]);
    await store.append('Namespace-.a', 1n, [{ ...known, id: randomUUID(), type: 'NamespaceShrunk.v9' }]);
    await makeNamespace(store, 'b');
    await logged.start();
    await logged.waitFor(await store.head(), 20_000);
    expect(logged.get({ kind: 'Namespace', name: 'b' })?.status).toBe('live');
    expect(logged.passedOver).toEqual({ foreign: 1, unknownKind: 0, unreadable: 1 });
    expect(logged.problems()).toEqual([]);
    expect(log.lines.filter((line) => line.startsWith('warn'))).toEqual(['warn an object can only be read from now on']);
    await logged.stop();
  });

  it('goes on without a consumer that throws, and shows it as a problem', async () => {
    let others = 0;
    follower.consume({
      name: 'broken',
      onChange: () => {
        throw new Error('cannot take it');
      },
    });
    follower.consume({ name: 'fine', onChange: () => void others++ });
    await follower.start();
    await follower.whenCaughtUp();
    for (const name of ['a', 'b']) await makeNamespace(store, name);
    await follower.waitFor(await store.head(), 20_000);
    expect(others).toBe(2);
    expect(follower.problems()).toEqual(['consumer "broken" failed: cannot take it']);
  });
});
