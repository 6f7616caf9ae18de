import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Draft, type Folded, type Loop, loopOver, type ObjectCommand, type Reply, unavailable } from '@weft/api';
import { type Bus, createMemoryHub, encodeJson, subjects } from '@weft/bus';
import { createMemoryStore, type EventStore } from '@weft/event-store';
import { mostOfOne, slowClock } from '@weft/testing/virtual-clock';
import { until } from '@weft/testing/waiting';
import type { CommandClient } from '../client/command-client.ts';
import { LOOPS_SLOT } from '../lease/leases.ts';
import { type ContextRuntime, createContextRuntime } from '../runtime/context-runtime.ts';
import { createPlatform } from '../runtime/platform.ts';
import { makeNamespace, quietLog, tester } from '../testing/runtime.ts';
import { paint, Thing, thing, thingDomain, thingKey } from '../testing/things.ts';
import { LoopRunner } from './loop-runner.ts';

/** A loop that paints each Thing without a colour green. */
const paintGreen = painting(({ key, facts }) => (facts['colour'] === undefined ? [paintDraft(key.name, 'green')] : []));

function painting(owed: (state: Folded) => readonly Draft[]): Loop {
  return loopOver(Thing, { name: 'paint', context: 'network', owed });
}

function paintDraft(name: string, colour: string): Draft {
  return { target: 'object', key: thingKey('a', name), action: 'Paint', payload: { colour } };
}

type Running = Readonly<{
  runtime: ContextRuntime;
  platform: ReturnType<typeof createPlatform>;
  log: ReturnType<typeof quietLog>;
  send: (command: ObjectCommand) => ReturnType<ContextRuntime['client']['send']>;
  colour: (name: string) => unknown;
}>;

describe('The runner of loops', () => {
  let store: EventStore;
  let hub: ReturnType<typeof createMemoryHub>;
  let directory: string;
  const running: Running[] = [];

  beforeEach(async () => {
    store = await createMemoryStore();
    hub = createMemoryHub();
    directory = mkdtempSync(join(tmpdir(), `weft-loops-${process.pid}-`));
    await makeNamespace(store, 'a');
  });
  afterEach(async () => {
    for (const each of [...running]) await stop(each);
    rmSync(directory, { recursive: true, force: true });
  });

  async function start(loops: readonly Loop[], bus: Bus = hub.connect()): Promise<Running> {
    const log = quietLog();
    const platform = createPlatform({ store, bus, log, domains: [thingDomain(loops)] });
    const runtime = createContextRuntime(platform, { context: 'network' });
    for (const part of runtime.parts) await part.start();
    await platform.follower.start();
    await until('leases are held or shared', () => runtime.leases.problems().length === 0 && platform.follower.caughtUp);
    const each: Running = {
      runtime,
      platform,
      log,
      send: (command) => runtime.client.send(command, { requestId: randomUUID(), actor: tester }),
      colour: (name) => platform.follower.get(thingKey('a', name))?.facts['colour'],
    };
    running.push(each);
    return each;
  }

  async function stop(each: Running): Promise<void> {
    running.splice(running.indexOf(each), 1);
    for (const part of [...each.runtime.parts].reverse()) await part.stop();
    await each.platform.follower.stop();
  }

  async function paintings(name: string): Promise<string[]> {
    const colours: string[] = [];
    for await (const { type, data } of store.readStream(`Thing-a.${name}`))
      if (type === 'ThingPainted.v1') colours.push(String(data['colour']));
    return colours;
  }

  it('carries out what a loop owes, on behalf of the actor whose append made it owed', async () => {
    const each = await start([paintGreen]);
    await each.send(thing('a', 'one'));
    await until('it is painted', () => each.colour('one') === 'green');
    let born = '';
    for await (const { type, id, metadata } of store.readStream('Thing-a.one')) {
      if (type !== 'ThingPainted.v1') born = id;
      else {
        expect(metadata).toMatchObject({ actor: { user: 'system:loop:paint' }, onBehalfOf: tester, $causationId: born });
      }
    }
    expect(await paintings('one')).toEqual(['green']);
  });

  it('sends what waits in slices', async () => {
    const writer = await start([]);
    await Promise.all(Array.from({ length: 40 }, (_, i) => writer.send(thing('a', `t${i}`))));
    await stop(writer);
    const clock = slowClock();
    const log = quietLog();
    const { follower, registry } = createPlatform({ store, bus: hub.connect(), log, domains: [thingDomain([paintGreen])] });
    const turns: number[] = [];
    let answer: (reply: Reply) => void = () => undefined;
    const answered = new Promise<Reply>((resolve) => {
      answer = resolve;
    });
    const client: CommandClient = {
      send: () => {
        turns.push(clock.turns());
        return answered;
      },
    };
    const runner = new LoopRunner({ context: 'network', registry, follower, client, clock, log });
    await runner.start();
    await follower.start();
    await until('all are owed', () => runner.waiting === 40);
    runner.acquired(LOOPS_SLOT);
    await until('all are sent', () => turns.length === 40);
    expect(mostOfOne(turns)).toBeLessThanOrEqual(4);
    answer(unavailable('the test is over'));
    await runner.stop();
    await follower.stop();
  });

  it('explains over the bus what is owed, what it rests on and what is being done about it', async () => {
    const dormant: Loop = { ...paintGreen, name: 'dormant', awaits: [{ ledger: 'open-releases' }] };
    const repaint = painting(({ key, facts }) => (key.name === 'sore' && facts['colour'] === 'green' ? [paintDraft('sore', 'green')] : []));
    const unsettled: Loop = { ...repaint, name: 'repaint' };
    const each = await start([paintGreen, unsettled, dormant]);
    const asks = async (loop: string, key: string) => {
      const answer = await each.platform.bus.request(subjects.explain('network'), encodeJson({ loop, key }), { timeoutMs: 1_000 });
      return JSON.parse(Buffer.from(answer).toString()) as Readonly<Record<string, unknown>> & Readonly<{ text?: string }>;
    };
    await each.send(thing('a', 'one'));
    await each.send(thing('a', 'sore'));
    await until('both are painted', () => each.colour('one') === 'green' && each.colour('sore') === 'green');
    await until('it is asked again', async () => (await asks('paint', 'a/one'))['state'] === 'asked');
    const settled = await asks('paint', 'a/one');
    expect(settled).toMatchObject({ loop: 'paint', key: 'a/one', context: 'network', sends: true, state: 'asked' });
    expect(settled['position']).toBe(each.platform.follower.position.toString());
    expect(settled.text).toContain('it owes nothing');
    expect(settled.text).toContain('\n  Thing a/one = {');
    expect(settled['answer']).toMatchObject({ what: 'loop paint a/one', reads: [{ value: { facts: { colour: 'green' } } }] });
    await until('what settles nothing was sent several times', async () => {
      const { attempt } = (await asks('repaint', 'a/sore')) as { attempt?: { attempts: number } };
      return (attempt?.attempts ?? 0) > 1;
    });
    const owed = async (name: string) => {
      let owedIn = '';
      for await (const { metadata } of store.readStream(`Thing-a.${name}`)) owedIn = metadata.$correlationId;
      const answer = await each.platform.bus.request(subjects.explain('network'), encodeJson({ owedIn }), { timeoutMs: 1_000 });
      return JSON.parse(Buffer.from(answer).toString()) as Readonly<{ askedTo?: string; owed: readonly object[]; count: number }>;
    };
    // What settles nothing counts to what made it owed first, however often it is sent.
    expect((await owed('sore')).owed).toEqual([{ loop: 'repaint', key: 'a/sore', why: expect.stringContaining('the same is owed still') }]);
    await until('all loops are asked', async () => (await owed('one')).askedTo === each.platform.follower.position.toString());
    expect(await owed('one')).toMatchObject({ owed: [], count: 0 });
    const { text } = await asks('repaint', 'a/sore');
    expect(text).toMatch(/sent \d+ times, next in \d+ ms at the earliest: its command was carried out, and the same is owed still/);
    expect(await asks('paint', 'a/nobody')).toMatchObject({ state: 'absent' });
    const awaiting = await asks('dormant', 'a/one');
    expect(awaiting).toMatchObject({ state: 'dormant', awaits: ['open-releases'] });
    expect(awaiting.text).toContain('it awaits the first of open-releases, and owes nothing before');
    expect(await asks('nothing', 'a/one')).toEqual({});
  });

  it('finds what is owed after a start from the states alone', async () => {
    const first = await start([]);
    for (const name of ['one', 'two']) await first.send(thing('a', name));
    await stop(first);
    const second = await start([paintGreen]);
    await until('both are painted', () => second.colour('one') === 'green' && second.colour('two') === 'green');
    const third = await start([paintGreen]);
    await until('nothing is to be asked', () => third.runtime.loops.toAsk === 0);
    expect([await paintings('one'), await paintings('two')]).toEqual([['green'], ['green']]);
  });

  it('sends from one replica only; when that stops, another one goes on', async () => {
    const [first, second] = [await start([paintGreen]), await start([paintGreen])];
    const holder = () => [first, second].filter(({ runtime }) => runtime.leases.isValid(LOOPS_SLOT));
    await until('one of them sends', () => holder().length === 1);
    await first.send(thing('a', 'one'));
    await until('it is painted', () => first.colour('one') === 'green');
    const [ending] = holder() as [Running];
    const staying = ending === first ? second : first;
    await stop(ending);
    await staying.send(thing('a', 'two'));
    await until('the other one paints', () => staying.colour('two') === 'green');
    expect([await paintings('one'), await paintings('two')]).toEqual([['green'], ['green']]);
  });

  it('repeats a refused command after longer and longer pauses, shows it as a problem, and goes on with all others', async () => {
    const fussy = painting(({ key, facts }) => {
      if (facts['colour'] !== undefined) return [];
      return [key.name === 'bad' ? { target: 'object', key, action: 'Explode', payload: {} } : paintDraft(key.name, 'green')];
    });
    const each = await start([fussy]);
    await each.send(thing('a', 'bad'));
    await until('it shows', () => each.runtime.loops.problems().length > 0);
    expect(each.runtime.loops.problems()[0]).toMatch(/^paint a\/bad is still owed after \d+ attempts: 500 /);
    for (let i = 0; i < 20; i++) await each.send(thing('a', `good-${i}`));
    await until('the others are painted', () => each.colour('good-19') === 'green');
    await each.send(paint('a', 'bad', 'red'));
    await until('nothing is owed any more', () => each.runtime.loops.problems().length === 0);
  });

  it('repeats a command that was accepted but changed nothing, and shows it as a problem', async () => {
    const confused = painting(({ facts }) => (facts['colour'] === 'red' ? [paintDraft('one', 'red')] : []));
    const each = await start([confused]);
    await each.send(thing('a', 'one'));
    await each.send(paint('a', 'one', 'red'));
    await until('it shows', () => each.runtime.loops.problems().length > 0);
    expect(each.runtime.loops.problems()[0]).toMatch(/its command was carried out, and the same is owed still$/);
    expect(await paintings('one')).toEqual(['red']);
  });

  it('keeps only the newest of what is owed behind a command that is under way', async () => {
    const next: Record<string, string> = { red: 'green', green: 'blue' };
    const rainbow = painting(({ key, facts }) => {
      const colour = next[String(facts['colour'])];
      return colour === undefined ? [] : [paintDraft(key.name, colour)];
    });
    const each = await start([rainbow]);
    await each.send(thing('a', 'one'));
    await each.send(paint('a', 'one', 'red'));
    await until('it is blue', () => each.colour('one') === 'blue');
    expect(await paintings('one')).toEqual(['red', 'green', 'blue']);
    expect(each.runtime.loops.counts).toMatchObject({ commands: 2, refused: 0, missed: 0 });
  });

  it('goes on when a loop throws for one object, and names it', async () => {
    const broken = painting((state) => {
      if (state.key.name === 'bad') throw new Error('no such luck');
      return state.facts['colour'] === undefined ? [paintDraft(state.key.name, 'green')] : [];
    });
    const each = await start([broken]);
    await each.send(thing('a', 'bad'));
    await each.send(thing('a', 'good'));
    await until('the other one is painted', () => each.colour('good') === 'green');
    expect(each.runtime.loops.problems()).toEqual(['paint a/bad cannot be asked: no such luck']);
  });
});
