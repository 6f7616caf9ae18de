import type { Change, Folded, FoldView, Projection, TableChanges } from '@weft/api';
import { createMemoryHub, createRowSubscriber, type RowSubscriber, subjects } from '@weft/bus';
import { createMemoryStore, type EventStore } from '@weft/event-store';
import { slowClock } from '@weft/testing/virtual-clock';
import { until } from '@weft/testing/waiting';
import { PROJECTOR_SLOT } from '../lease/leases.ts';
import { type ContextRuntime, createContextRuntime } from '../runtime/context-runtime.ts';
import { createPlatform } from '../runtime/platform.ts';
import { makeNamespace, quietLog } from '../testing/runtime.ts';
import { thingDomain } from '../testing/things.ts';
import { Projector, type ProjectorOptions } from './projector.ts';

type Made = (fold: FoldView) => Projection;

const rowOf = ({ key, position }: Folded) => ({ key: key.name, row: { position: position.toString() } });

/** A projection with one row for each namespace, all of which were there before are made at once. */
const namespaces = (fold: FoldView, name = 'namespaces'): Projection => ({
  name,
  version: 1,
  seed: () => ({ done: true, changes: [{ table: 'namespaces', changes: Array.from(fold.list('Namespace'), rowOf) }] }),
  note: () => {},
  onChange: ({ after }) => (after?.key.kind === 'Namespace' ? [{ table: 'namespaces', changes: [rowOf(after)] }] : []),
});

const renamed = (changes: readonly TableChanges[]) => changes.map((each) => ({ ...each, table: 'names' }));

describe('Projector', () => {
  let store: EventStore;
  const hub = createMemoryHub();
  const ends: (() => Promise<void>)[] = [];
  beforeEach(async () => {
    store = await createMemoryStore();
    await makeNamespace(store, 'a');
  });
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });

  async function start(...projections: readonly Made[]): Promise<{ runtime: ContextRuntime; stop: () => Promise<void> }> {
    const platform = createPlatform({
      store,
      bus: hub.connect(),
      log: quietLog(),
      domains: [thingDomain()],
    });
    const runtime = createContextRuntime(platform, { context: 'network', projections: projections.map((made) => (_, fold) => made(fold)) });
    for (const part of runtime.parts) await part.start();
    await platform.follower.start();
    let stopped = false;
    const stop = async () => {
      if (stopped) return;
      stopped = true;
      for (const part of [...runtime.parts].reverse()) await part.stop();
      await platform.follower.stop();
    };
    ends.push(stop);
    return { runtime, stop };
  }

  /** A projector by itself, which has read the log and has no lease yet. */
  async function startAlone(made: Made, options: Partial<Pick<ProjectorOptions, 'clock' | 'head'>>) {
    const platform = createPlatform({ store, bus: hub.connect(), log: quietLog(), domains: [thingDomain()] });
    const { registry, follower, bus, ids, log, clock } = platform;
    const projections = [(_: unknown, fold: FoldView) => made(fold)];
    const projector = new Projector({
      context: 'network',
      projections,
      registry,
      follower,
      bus,
      ids,
      log,
      clock,
      head: () => store.head(),
      ...options,
    });
    await projector.start();
    ends.push(
      () => follower.stop(),
      () => projector.stop(),
    );
    await follower.start();
    await follower.whenCaughtUp();
    return { projector, follower };
  }

  function subscribe(table?: string): RowSubscriber {
    const subscriber = createRowSubscriber({ bus: hub.connect(), contexts: ['network'], log: quietLog() });
    if (table !== undefined) subscriber.follow('network', table);
    ends.push(() => subscriber.close());
    return subscriber;
  }

  it('publishes nothing before it has read what was in the log when its lease came: its predecessor may have published that', async () => {
    let asked = 0;
    // An append that this replica, which stood still, has not seen yet.
    const head = async () => {
      if (asked++ === 0) throw new Error('the store does not answer');
      return (await store.head()) + 1n;
    };
    const { projector } = await startAlone(namespaces, { head });
    const subscriber = subscribe('namespaces');
    const seen: number[] = [];
    subscriber.onChange(() => seen.push(subscriber.view('namespaces')?.rows.size ?? 0));
    projector.acquired(PROJECTOR_SLOT);
    await until('it has asked where the log ends', () => asked === 2);
    await new Promise((resolve) => setImmediate(resolve));
    expect([projector.publishes, projector.isSeeded]).toEqual([false, true]);
    await makeNamespace(store, 'b');
    await until('it publishes', () => subscriber.view('namespaces')?.complete === true);
    expect(seen).toEqual([2]);
  });

  it('publishes rows, and how far it has read', async () => {
    await start(namespaces);
    const subscriber = subscribe('namespaces');
    await makeNamespace(store, 'b');
    const head = await store.head();
    await until(
      'both rows are there',
      () => subscriber.view('namespaces')?.rows.size === 2 && (subscriber.gaplessTo('network') ?? 0n) >= head,
    );
  });

  it('makes and publishes many rows in slices, before the fold goes on, and says how far it is after the last of them', async () => {
    const clock = slowClock();
    const [made, published]: [number[], number[]] = [[], []];
    let left = 0;
    const many: Projection = {
      name: 'many',
      version: 1,
      seed: () => ({ done: true, changes: [] }),
      note: () => {},
      onChange: () => [],
      slice: (change) => {
        if (change !== undefined) left = change.after?.key.name === 'b' ? 10 : 0;
        if (left > 0) {
          left--;
          made.push(clock.turns());
          return undefined;
        }
        if (made.length === 0) return [];
        return [{ table: 'many', changes: Array.from({ length: 1_000 }, (_, i) => ({ key: `k${i}`, row: { position: '1' } })) }];
      },
    };
    const { projector, follower } = await startAlone(() => many, { clock });
    projector.acquired(PROJECTOR_SLOT);
    const subscriber = subscribe('many');
    await until('it is followed', () => subscriber.view('many')?.complete === true);
    const before = follower.position;
    subscriber.onChange(({ changes }) => {
      published.push(changes.length);
      expect(subscriber.gaplessTo('network')).toBe(before);
    });
    await makeNamespace(store, 'b');
    await makeNamespace(store, 'c');
    const end = await store.head();
    await until('all is published', () => (subscriber.gaplessTo('network') ?? 0n) >= end);
    expect(published).toEqual(Array(10).fill(100));
    expect([made.length, new Set(made).size > 1]).toEqual([10, true]);
    expect(subscriber.view('many')?.rows.size).toBe(1_000);
  });

  it('makes rows anew beside those that it publishes, says what differs, and switches over when asked to: readers see that alone', async () => {
    let instances = 0;
    let [held, isHeld] = [false, false];
    // The first one has missed that `a` is there, and makes a row of what is not. The others need several slices, in which more comes.
    const faulty = (fold: FoldView): Projection => {
      const isFirst = instances++ === 0;
      let isSeeded = false;
      const noted: Change[] = [];
      const made = namespaces(fold);
      return {
        ...made,
        note: (change) => void noted.push(change),
        seed: () => {
          if (isFirst) return { done: true, changes: [{ table: 'namespaces', changes: [{ key: 'ghost', row: { position: '1' } }] }] };
          isHeld = held;
          const rows = isSeeded ? [] : made.seed(1).changes;
          isSeeded = true;
          // What comes after the first slice is known from what is noted alone.
          return { done: !held, changes: [...rows, ...noted.splice(0).flatMap((change) => made.onChange(change))] };
        },
      };
    };
    const { runtime } = await start(faulty);
    const { projector } = runtime;
    await until('it publishes', () => projector.publishes);
    const subscriber = subscribe('namespaces');
    await until('it is followed', () => subscriber.view('namespaces')?.complete === true);
    const seen = () => [...(subscriber.view('namespaces')?.rows.keys() ?? [])].sort();
    const changes: string[] = [];
    subscriber.onChange((change) => changes.push(...change.changes.map(({ key, row }) => `${row === undefined ? '-' : '+'}${key}`)));

    const ask = async (andSwitch: boolean) =>
      JSON.parse(
        Buffer.from(
          await hub.connect().request(subjects.rebuild('network'), Buffer.from(JSON.stringify({ andSwitch })), { timeoutMs: 20_000 }),
        ).toString(),
      );
    const first = { table: 'namespaces', key: 'a', anew: { position: expect.any(String) } };
    expect(await ask(false)).toMatchObject({ tables: 1, rows: 1, different: 2, first, switched: false });
    expect([seen(), changes]).toEqual([['ghost'], []]);

    held = true;
    const asked = ask(true);
    await until('it has begun', () => isHeld);
    expect(await ask(true)).toEqual({ refused: 'rows are being made anew already' });
    await makeNamespace(store, 'b');
    await until('the old one has published what came', () => seen().includes('b'));
    held = false;
    expect(await asked).toMatchObject({ different: 2, switched: true });
    await makeNamespace(store, 'c');
    await until('all rows are there', () => seen().length === 3);
    expect(seen()).toEqual(['a', 'b', 'c']);
    expect(changes.toSorted()).toEqual(['+a', '+b', '+c', '-ghost']);
    expect(await ask(false)).toMatchObject({ rows: 3, different: 0 });
  });

  it('publishes many rows that were made at once in pieces', async () => {
    const many = (fold: FoldView): Projection => ({
      ...namespaces(fold),
      onChange: () => [{ table: 'many', changes: Array.from({ length: 250 }, (_, i) => ({ key: `k${i}`, row: { position: '1' } })) }],
    });
    const { runtime } = await start(many);
    await until('it publishes', () => runtime.projector.publishes);
    const subscriber = subscribe('many');
    await until('it is followed', () => subscriber.view('many')?.complete === true);
    const published: number[] = [];
    subscriber.onChange(({ changes }) => published.push(changes.length));
    await makeNamespace(store, 'b');
    await until('all is published', () => subscriber.view('many')?.rows.size === 250);
    expect(published).toEqual([100, 100, 50]);
  });

  it('neither begins to publish nor audits while rows of a change are being made, and audits once the log has rested', async () => {
    let [held, slices, audits] = [false, 0, 0];
    let tick: () => void = () => undefined;
    const clock = {
      ...slowClock(),
      every: (_: number, run: () => void) => {
        tick = run;
        return { cancel: () => undefined };
      },
    };
    const slow = (fold: FoldView): Projection => ({
      ...namespaces(fold),
      slice: () => {
        slices++;
        return held ? undefined : [];
      },
      audit: () => {
        audits++;
        return { differ: [], changes: [] };
      },
    });
    const { projector } = await startAlone(slow, { clock });
    await until('the rows of what was there are made', () => {
      tick();
      return audits > 0;
    });
    held = true;
    const before = audits;
    await makeNamespace(store, 'b');
    await until('it works', () => slices > 5);
    projector.acquired(PROJECTOR_SLOT);
    tick();
    expect([projector.publishes, audits]).toEqual([false, before]);
    held = false;
    await until('it publishes', () => projector.publishes);
    tick(); // The log has grown, but by this clock much time may have passed.
    tick();
    expect(audits).toBeGreaterThan(before);
  });

  it('publishes the rows of several projections, each table of one of them', async () => {
    const names: Made = (fold) => {
      const { seed, onChange, ...rest } = namespaces(fold, 'names');
      return { ...rest, seed: () => ({ done: true, changes: renamed(seed(1).changes) }), onChange: (change) => renamed(onChange(change)) };
    };
    const { runtime } = await start(namespaces, names);
    await until('it publishes', () => runtime.projector.publishes);
    expect([...runtime.projector.tables.keys()].sort()).toEqual(['names', 'namespaces']);
  });

  it('refuses two projections that make one table', async () => {
    const platform = createPlatform({
      store,
      bus: hub.connect(),
      log: quietLog(),
      domains: [thingDomain()],
    });
    const both = ['one', 'two'].map((name) => (_: unknown, fold: FoldView) => namespaces(fold, name));
    const { projector } = createContextRuntime(platform, { context: 'network', projections: both });
    await projector.start();
    ends.push(
      () => platform.follower.stop(),
      () => projector.stop(),
    );
    await platform.follower.start();
    await until('it is said', () => projector.problems().join().includes('namespaces is made by one and by two'));
  });

  it('publishes nothing before all rows of what was there are made, and no row as it was meanwhile', async () => {
    const noted: Change[] = [];
    let done = false;
    const { runtime } = await start((fold) => ({
      ...namespaces(fold),
      seed: (ms) => (done ? namespaces(fold).seed(ms) : { done, changes: [] }),
      note: (change) => void noted.push(change),
    }));
    const subscriber = subscribe('namespaces');
    await until('it is asked again and again', () => runtime.leases.holds(PROJECTOR_SLOT));
    await makeNamespace(store, 'b');
    await until('the change is noted', () => noted.length === 1);
    expect([runtime.projector.publishes, runtime.projector.tables.size]).toEqual([false, 0]);
    done = true;
    await until('both rows are there', () => subscriber.view('namespaces')?.rows.size === 2);
  });

  it('publishes the rows that an audit has corrected', async () => {
    let differs = true;
    const audit = () => {
      const mended = differs ? [{ table: 'namespaces', changes: [{ key: 'forgotten', row: { position: '1' } }] }] : [];
      differs = false;
      return { differ: mended.map(() => 'namespaces forgotten'), changes: mended };
    };
    await start((fold) => ({ ...namespaces(fold), audit }));
    const subscriber = subscribe('namespaces');
    await until('the forgotten row is there', () => subscriber.view('namespaces')?.rows.has('forgotten') === true);
  });

  it('goes on publishing when an audit fails', async () => {
    let audits = 0;
    const audit = () => {
      audits++;
      throw new Error('a bug');
    };
    await start((fold) => ({ ...namespaces(fold), audit }));
    const subscriber = subscribe('namespaces');
    await until('an audit has failed', () => audits === 1);
    await makeNamespace(store, 'b');
    await until('both rows are there', () => subscriber.view('namespaces')?.rows.size === 2);
  });

  it('publishes how far it has read without any table', async () => {
    await start();
    const subscriber = subscribe();
    await makeNamespace(store, 'b');
    const head = await store.head();
    await until('progress', () => (subscriber.gaplessTo('network') ?? 0n) >= head);
  });

  it('is taken over by another replica under a younger term, without a gap', async () => {
    const one = await start(namespaces);
    await until('one publishes', () => one.runtime.projector.publishes);
    const two = await start(namespaces);
    const subscriber = subscribe('namespaces');
    await until('the first row', () => subscriber.view('namespaces')?.complete === true);
    await one.stop();
    await until('two publishes', () => two.runtime.projector.publishes);
    await makeNamespace(store, 'b');
    const head = await store.head();
    await until(
      'both rows, gapless',
      () => subscriber.view('namespaces')?.rows.size === 2 && (subscriber.gaplessTo('network') ?? 0n) >= head,
    );
  });
});
