/** Subscribers with @weft/client that share the work of a group. */
import type { JsonObject } from '@weft/api';
import { type SubscribeOptions, subscribe, type WeftEvent, type WeftSubscription } from '@weft/client';
import { until } from '@weft/testing/waiting';
import { openEvents } from '../testing/event-reader.ts';
import { call } from '../testing/requests.ts';
import { type System, startSystem } from '../testing/system.ts';

const widgets = '/apis/test.weft.dev/v1/namespaces/default/widgets';
const merge = { 'content-type': 'application/merge-patch+json' };
const names = Array.from({ length: 24 }, (_, i) => `w${i}`);

describe('A group of subscribers', () => {
  let system: System;
  let open: WeftSubscription[] = [];
  const handled: (readonly [member: string, event: WeftEvent])[] = [];

  const write = async (rounds: number) => {
    for (let round = 0; round < rounds; round++) {
      const body = (name: string): JsonObject => ({ spec: { colour: `${name}${round}${handled.length}` } });
      await Promise.all(names.map((name) => call(system.url, 'PATCH', `${widgets}/${name}`, body(name), merge)));
    }
  };
  const everything = async () => {
    const reader = await openEvents(system.url, 'from=0&follow=false&kind=Widget');
    await reader.until('the end', ({ ended }) => ended === true);
    return reader.events as readonly WeftEvent[];
  };
  const group = async () => (await call(system.url, 'GET', '/weft/v1/groups/team')).json as JsonObject & { parts: { holder?: string }[] };
  /** How many parts each member has, as the server says. */
  const holdings = async () => {
    const held = new Map<string, number>();
    for (const { holder = 'nobody' } of (await group()).parts) held.set(holder, (held.get(holder) ?? 0) + 1);
    return [...held.values()].sort();
  };
  /** A member; once it is killed, what it does counts no more. */
  const join = (member: string, more: Partial<SubscribeOptions> = {}) => {
    let killed = false;
    const subscription = subscribe({
      server: system.url,
      group: 'team',
      from: '0',
      filter: { kinds: ['Widget'] },
      checkpointEveryMs: 20,
      atOnce: 4,
      handle: async (event) => {
        if (killed) return;
        handled.push([member, event]);
        await new Promise((resolve) => setImmediate(resolve));
      },
      ...more,
    });
    open.push(subscription);
    return Object.assign(subscription, {
      kill: () => {
        killed = true;
        subscription.abandon();
      },
    });
  };
  const of = (events: readonly WeftEvent[], name: string) => events.filter((event) => event.name === name).map(({ id }) => id);
  const seen = () => handled.map(([, event]) => event);

  const begin = async (config: object) => {
    handled.length = 0;
    open = [];
    system = await startSystem({ config });
    for (const name of names) await call(system.url, 'POST', widgets, { metadata: { name } });
  };
  afterEach(async () => {
    for (const each of open) await each.stop();
    expect(system.log.filter((line) => line.startsWith('error'))).toEqual([]);
    await system.stop();
  });

  it.each(['over HTTP alone', 'from the bus'])(
    '%s handles each event once, those of a resource in order, while members come and go, and goes on where it was',
    async (way) => {
      await begin({});
      const bus = way === 'from the bus' ? { bus: system.platform.bus } : {};
      const first = join('first', bus);
      await write(2);
      join('second', bus);
      join('third', bus);
      const writing = write(10);
      await until('each has its share', async () => (await holdings()).join() === '5,5,6');
      await first.stop();
      await writing;
      await until('two have its share', async () => (await holdings()).join() === '8,8');
      await write(2);
      const all = await everything();
      await until('all', () => handled.length >= all.length);
      for (const name of names) expect(of(seen(), name)).toEqual(of(all, name));
      expect(new Set(handled.map(([member]) => member))).toEqual(new Set(['first', 'second', 'third']));
      for (const each of open) await each.stop();
      expect(await group()).toMatchObject({ name: 'team', members: [] });
      await write(1);
      join('fourth', bus);
      const more = await everything();
      await until('the rest', () => handled.length >= more.length);
      expect(new Set(handled.slice(all.length).map(([member]) => member))).toEqual(new Set(['fourth']));
      for (const name of names) expect(of(seen(), name)).toEqual(of(more, name));
    },
  );

  it('misses nothing when members are killed, and a gateway with them, and sees the events of each resource in order', async () => {
    await begin({ groupLeaseMs: 1_500 });
    const { gateway, stop } = await system.another({ groupLeaseMs: 1_500 });
    const server = [system.url, gateway.url];
    const victims = [join('a', { server }), join('b', { server: server.toReversed() })];
    join('c', { server: server.toReversed() });
    const writing = write(20);
    for (const [i, victim] of victims.entries()) {
      await until('it works', () => handled.some(([member]) => member === 'ab'[i]));
      victim.kill();
      if (i === 0) await stop();
      join(`${i}`, { server });
    }
    await writing;
    const all = await everything();
    await until('all', () => new Set(seen().map(({ id }) => id)).size >= all.length);
    const firsts = [...new Map(handled.toReversed().map(([, event]) => [event.id, event])).values()].reverse();
    for (const name of names) expect(of(firsts, name)).toEqual(of(all, name));
    await until('the killed ones are out', async () => ((await group())['members'] as string[]).length === 3);
  });

  it('lets nobody begin with a resource before who had it is done with it', async () => {
    await begin({});
    let finish: () => void = () => {};
    const busy = new Promise<void>((resolve) => (finish = resolve));
    const working = new Set<string>();
    const both: string[] = [];
    const handle = (member: string) => async (event: WeftEvent) => {
      if (working.has(event.name)) both.push(event.name);
      working.add(event.name);
      if (member === 'slow') await busy;
      working.delete(event.name);
      handled.push([member, event]);
    };
    join('slow', { handle: handle('slow'), atOnce: 8 });
    await until('it works at eight', () => working.size === 8);
    join('other', { handle: handle('other') });
    await until('the other has something', () => handled.some(([member]) => member === 'other'));
    finish();
    const all = await everything();
    await until('all', () => handled.length >= all.length);
    for (const name of names) expect(of(seen(), name)).toEqual(of(all, name));
    expect(both).toEqual([]);
    await until('each has its share', async () => (await holdings()).join() === '8,8');
  });

  it('refuses what makes no sense, and can be forgotten', async () => {
    await begin({});
    const member = '/weft/v1/groups/team/members/m';
    const put = async (body: unknown, path = member) => (await call(system.url, 'PUT', path, body)).code;
    for (const body of [
      { done: [] },
      { done: { 0: '0' } },
      { done: { 1: 'x' } },
      { done: null },
      { released: [0] },
      { leaves: 1 },
      { parts: 0 },
      { parts: 257 },
      { from: 4 },
      { from: 'x' },
    ])
      expect([body, await put(body)]).toEqual([body, 400]);
    expect(await put({}, '/weft/v1/groups/Team/members/m')).toBe(400);
    expect(await put({}, '/weft/v1/groups/team/members/_')).toBe(400);
    expect(await put({ from: '999999999' })).toBe(410);
    expect((await call(system.url, 'GET', '/weft/v1/groups/team')).code).toBe(404);
    const begun = await call(system.url, 'PUT', member, { from: '0', parts: 2 });
    expect(begun.json).toEqual({ parts: 2, share: 2, hold: { 1: '0', 2: '0' }, release: [], leaseMs: 15_000 });
    expect((await call(system.url, 'DELETE', '/weft/v1/groups/team')).code).toBe(200);
    expect((await call(system.url, 'GET', '/weft/v1/groups/team')).code).toBe(404);
    expect((await everything()).every(({ kind }) => kind === 'Widget')).toBe(true);
    expect(() => join('x', { checkpoint: 'y' })).toThrow(/checkpoint/);
    const senseless = join('x', { filter: { kinds: ['Gadget'] } });
    await expect(senseless.ended).rejects.toMatchObject({ code: 400 });
  });
});
