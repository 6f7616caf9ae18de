import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Change, type Draft, type ObjectKey, type Reaction, streamOf, type Watch } from '@weft/api';
import { type Bus, createMemoryHub } from '@weft/bus';
import { createMemoryStore, type EventStore } from '@weft/event-store';
import { until } from '@weft/testing/waiting';
import { REACTOR_SLOT } from '../lease/leases.ts';
import { type ContextRuntime, createContextRuntime } from '../runtime/context-runtime.ts';
import { createPlatform } from '../runtime/platform.ts';
import { makeNamespace, quietLog, tester } from '../testing/runtime.ts';
import { paint, thing, thingDomain, thingKey } from '../testing/things.ts';

/** Every Thing is painted after its birth; `seen` holds what was reacted to. */
function paintAtBirth(seen: string[], react?: (change: Change) => readonly Draft[]): Reaction {
  return {
    name: 'paint-at-birth',
    context: 'network',
    on: ['ThingCreated.v1'],
    react: (change) => {
      seen.push(change.event.stream);
      if (react !== undefined) return react(change);
      return [{ target: 'object', key: keyOf(change), action: 'Paint', payload: { colour: 'green' } }];
    },
  };
}

function keyOf({ after }: Change): ObjectKey {
  if (after === undefined) throw new Error('a change of an object was expected');
  return after.key;
}

type Running = Readonly<{
  runtime: ContextRuntime;
  platform: ReturnType<typeof createPlatform>;
  send: (command: Parameters<ContextRuntime['client']['send']>[0]) => ReturnType<ContextRuntime['client']['send']>;
  colour: (name: string) => unknown;
  stop: () => Promise<void>;
}>;

describe('Reactor', () => {
  let store: EventStore;
  let hub: ReturnType<typeof createMemoryHub>;
  let directory: string;
  const running: Running[] = [];

  beforeEach(async () => {
    store = await createMemoryStore();
    hub = createMemoryHub();
    directory = mkdtempSync(join(tmpdir(), `weft-reactor-${process.pid}-`));
    await makeNamespace(store, 'a');
  });
  afterEach(async () => {
    for (const each of running.splice(0)) await each.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  async function start(
    reactions: readonly Reaction[],
    options: { watches?: readonly Watch[]; bus?: Bus; state?: string; dueMax?: number } = {},
  ): Promise<Running> {
    const log = quietLog();
    const domain = { ...thingDomain(reactions), ...(options.watches && { watches: options.watches }) };
    const bus = options.bus ?? hub.connect();
    const platform = createPlatform({ store, bus, log, domains: [domain], stateDirectory: options.state ?? directory });
    const runtime = createContextRuntime(platform, { context: 'network', ...(options.dueMax !== undefined && { dueMax: options.dueMax }) });
    for (const part of runtime.parts) await part.start();
    await platform.follower.start();
    await until('leases are held or shared', () => runtime.leases.problems().length === 0 && platform.follower.caughtUp);
    const each: Running = {
      runtime,
      platform,
      send: (command) => runtime.client.send(command, { requestId: randomUUID(), actor: tester }),
      colour: (name) => platform.follower.get(thingKey('a', name))?.facts['colour'],
      stop: async () => {
        for (const part of [...runtime.parts].reverse()) await part.stop();
        await platform.follower.stop();
      },
    };
    running.push(each);
    return each;
  }

  async function stop(each: Running): Promise<void> {
    running.splice(running.indexOf(each), 1);
    await each.stop();
  }

  it('carries out what an event asks for, in the name of who caused it', async () => {
    const each = await start([paintAtBirth([])]);
    await each.send(thing('a', 'one'));
    await until('it is painted', () => each.colour('one') === 'green');
    let painted: { actor: unknown; onBehalfOf?: unknown; $causationId: string } | undefined;
    let born = '';
    for await (const event of store.readStream('Thing-a.one')) {
      if (event.type === 'ThingPainted.v1') painted = event.metadata;
      else born = event.id;
    }
    expect(painted).toMatchObject({ actor: { user: 'system:reaction:paint-at-birth' }, onBehalfOf: tester, $causationId: born });
  });

  it('asks about the events of one append once all of it is in view', async () => {
    const views: unknown[] = [];
    const look: Reaction = {
      name: 'look',
      context: 'network',
      on: ['LabelsChanged.v1', 'AnnotationsChanged.v1'],
      react: ({ event }, facts) => {
        const { labels, annotations } = facts.get(thingKey('a', 'one'))?.object.metadata ?? {};
        views.push([event.type, labels, annotations]);
        return [];
      },
    };
    const each = await start([look]);
    await each.send(thing('a', 'one'));
    const metadata = { labels: { a: '1' }, annotations: { b: '2' } };
    await each.send({ verb: 'patch', key: thingKey('a', 'one'), patchType: 'merge', patch: { metadata } });
    await until('both are looked at', () => views.length === 2);
    expect(views).toEqual([
      ['LabelsChanged.v1', { a: '1' }, { b: '2' }],
      ['AnnotationsChanged.v1', { a: '1' }, { b: '2' }],
    ]);
  });

  it('goes on after its checkpoint, and never runs in a replay', async () => {
    const first = await start([paintAtBirth([])]);
    for (let i = 0; i < 20; i++) await first.send(thing('a', `t${i}`));
    await until('all are painted', () => first.colour('t19') === 'green' && first.runtime.reactor.waiting === 0);
    await stop(first);
    const file = JSON.parse(readFileSync(join(directory, 'network.checkpoint.json'), 'utf8')) as { storeId: string; position: string };
    expect(file).toMatchObject({ storeId: store.storeId, position: (await store.head()).toString() });
    const seen: string[] = [];
    const second = await start([paintAtBirth(seen)]);
    await second.send(thing('a', 'late'));
    await until('the late one is painted', () => second.colour('late') === 'green');
    expect(seen).toEqual(['Thing-a.late']);
  });

  it('begins at the start when the checkpoint is another store’s, and repeats change nothing', async () => {
    const first = await start([paintAtBirth([])]);
    await first.send(thing('a', 'one'));
    await until('it is painted', () => first.colour('one') === 'green');
    await stop(first);
    const path = join(directory, 'network.checkpoint.json');
    const { writeFileSync } = await import('node:fs');
    writeFileSync(path, readFileSync(path, 'utf8').replace(store.storeId, randomUUID()));
    const head = await store.head();
    const seen: string[] = [];
    const second = await start([paintAtBirth(seen)]);
    await until('it has run again', () => seen.length === 1 && second.runtime.reactor.waiting === 0);
    expect(await store.head()).toBe(head);
  });

  it('parks the stream of an event that cannot be handled, blocks nobody else, and tries it again at the next start', async () => {
    const poison = paintAtBirth([], (change) => {
      if (keyOf(change).name === 'poison') throw new Error('no reaction for this one');
      return [{ target: 'object', key: keyOf(change), action: 'Paint', payload: { colour: 'green' } }];
    });
    const first = await start([poison]);
    await first.send(thing('a', 'poison'));
    await first.send(thing('a', 'fine'));
    await until('the fine one is painted', () => first.colour('fine') === 'green');
    expect(first.runtime.reactor.problems().join()).toMatch(/"Thing-a.poison" are parked .*no reaction for this one/);
    await until('the checkpoint passes it', () => first.runtime.reactor.checkpoint === first.platform.follower.position);
    await stop(first);
    const seen: string[] = [];
    const mended = await start([paintAtBirth(seen)]);
    await until('it is painted', () => mended.colour('poison') === 'green');
    expect(seen).toEqual(['Thing-a.poison']);
    expect(mended.runtime.reactor.problems()).toEqual([]);
  });

  it('lets another replica go on where the first one fell silent', async () => {
    const [seenByOne, seenByTwo]: [string[], string[]] = [[], []];
    const busOne = hub.connect();
    const one = await start([paintAtBirth(seenByOne)], { bus: busOne, state: join(directory, 'one') });
    const two = await start([paintAtBirth(seenByTwo)], { state: join(directory, 'two') });
    const both = [one.runtime.leases, two.runtime.leases];
    await until(
      'they share, and one of them runs the reactions',
      () =>
        both.every(({ partitions }) => partitions.length > 0) &&
        both.reduce((sum, { partitions }) => sum + partitions.length, 0) === 64 &&
        both.filter((leases) => leases.holds(REACTOR_SLOT)).length === 1,
    );
    for (let i = 0; i < 10; i++) await two.send(thing('a', `t${i}`));
    await until('all are painted', () => Array.from({ length: 10 }, (_, i) => two.colour(`t${i}`)).every((colour) => colour === 'green'));
    expect(Math.min(seenByOne.length, seenByTwo.length)).toBe(0);
    await busOne.close();
    const reply = two.send(thing('a', 'after'));
    await until('the last one is painted', () => two.colour('after') === 'green');
    expect((await reply).ok).toBe(true);
    expect(seenByTwo).toContain('Thing-a.after');
    running.splice(running.indexOf(one), 1);
    await one.stop();
  });

  it('reads from the log again what it could not keep, and loses nothing', async () => {
    const before = await start([]);
    for (let i = 0; i < 100; i++) await before.send(thing('a', `t${i}`));
    await stop(before);
    rmSync(directory, { recursive: true, force: true });
    const seen: string[] = [];
    const after = await start([paintAtBirth(seen)], { dueMax: 8 });
    await Promise.all(Array.from({ length: 50 }, (_, i) => after.send(thing('a', `late${i}`))));
    const names = [...Array.from({ length: 100 }, (_, i) => `t${i}`), ...Array.from({ length: 50 }, (_, i) => `late${i}`)];
    await until('all are painted', () => names.every((name) => after.colour(name) === 'green'));
    expect(new Set(seen).size).toBe(150);
    await until('the checkpoint reaches the end', () => after.runtime.reactor.checkpoint === after.platform.follower.position);
  });

  it('does again and again what a watch says is owed, until it is done', async () => {
    const owed = new Map<string, string>();
    const watch: Watch = {
      name: 'nobody-is-blue',
      context: 'network',
      on: ['ThingPainted.v1'],
      start: () => ({
        apply: ({ event, after }) => {
          if (event.data['colour'] === 'blue') owed.set(event.stream, event.id);
          else if (after !== undefined) owed.delete(streamOf(after.key));
        },
        due: () =>
          [...owed].map(([, cause]) => ({
            cause,
            draft: { target: 'object', key: thingKey('a', 'one'), action: 'Paint', payload: { colour: 'red' } },
          })),
      }),
    };
    const each = await start([], { watches: [watch] });
    await each.send(thing('a', 'one'));
    await each.send(paint('a', 'one', 'blue'));
    await until('it is red', () => each.colour('one') === 'red');
  });
});
