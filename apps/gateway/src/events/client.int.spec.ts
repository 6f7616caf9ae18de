/** Subscribers with @weft/client, over each of its ways, killed and lied to. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JsonObject } from '@weft/api';
import { connectBus, findNatsServer, freePort, natsMonitorOf, natsTargetOf, startNatsServer, subjects } from '@weft/bus';
import {
  type EventBus,
  type NatsOptions,
  natsBus,
  type SubscribeOptions,
  subscribe,
  type WeftEvent,
  type WeftSubscription,
} from '@weft/client';
import { until } from '@weft/testing/waiting';
import fc from 'fast-check';
import { openEvents } from '../testing/event-reader.ts';
import { call } from '../testing/requests.ts';
import { type System, startSystem } from '../testing/system.ts';

const widgets = '/apis/test.weft.dev/v1/namespaces/default/widgets';
const merge = { 'content-type': 'application/merge-patch+json' };
const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const names = ['a', 'b', 'c', 'd', 'e', 'f'];

describe('A subscriber with the client', () => {
  let system: System;
  let url: string;
  let open: WeftSubscription[] = [];
  const retried: Error[] = [];
  const create = async (name: string) => (await call(url, 'POST', widgets, { metadata: { name } })).json;
  const patch = async (name: string, body: JsonObject) => (await call(url, 'PATCH', `${widgets}/${name}`, body, merge)).json;
  const write = async (rounds: number) => {
    for (let round = 0; round < rounds; round++) {
      await Promise.all(names.map((name) => patch(name, { spec: { size: round + 20, colour: `c${round}` } })));
    }
  };
  const follow = (options: Omit<SubscribeOptions, 'server'> & Partial<SubscribeOptions>): WeftSubscription => {
    const subscription = subscribe({ server: system.url, onRetry: (error) => retried.push(error), ...options });
    open.push(subscription);
    return subscription;
  };
  const everything = async (question = 'from=0') => {
    const reader = await openEvents(url, `${question}&follow=false`);
    await reader.until('the end', ({ ended }) => ended === true);
    return reader.events as readonly WeftEvent[];
  };
  const saved = async (name: string) =>
    (await call(system.url, 'GET', `/weft/v1/checkpoints/${name}`)).json['cursor'] as string | undefined;
  const ids = (events: readonly WeftEvent[]) => events.map(({ id }) => id);

  beforeEach(async () => {
    open = [];
    retried.length = 0;
    system = await startSystem();
    ({ url } = system);
    for (const name of names) await create(name);
  });
  afterEach(async () => {
    for (const each of open) await each.stop();
    expect(system.log.filter((line) => line.startsWith('error'))).toEqual([]);
    await system.stop();
  });

  /** A bus that loses what it is told to. */
  const losing = (loses: () => boolean): EventBus => ({
    subscribe: (subject, handler) =>
      system.platform.bus.subscribe(subject, (message) => {
        if (!loses()) handler(message);
      }),
  });

  describe.each(['over HTTP alone', 'from the bus', 'from a bus that loses every third message'])('%s', (way) => {
    const bus = (): { bus?: EventBus } => {
      let count = 0;
      if (way === 'from the bus') return { bus: system.platform.bus };
      return way === 'over HTTP alone' ? {} : { bus: losing(() => count++ % 3 === 0) };
    };

    it('gets everything once and in order, and then what happens', async () => {
      const got: WeftEvent[] = [];
      let caughtUp = 0;
      follow({ ...bus(), from: '0', handle: (event) => void got.push(event), onCaughtUp: () => caughtUp++ });
      await until('caught up', () => caughtUp > 0);
      await write(20);
      const all = await everything();
      await until('all', () => got.length >= all.length);
      expect(got).toEqual(all);
    });

    it('that is killed at any instant misses nothing, and sees the events of each resource in order', async () => {
      const lives = fc.sample(fc.nat({ max: 40 }), { numRuns: 200, seed: 11 });
      const firsts: WeftEvent[] = [];
      const seen = new Set<string>();
      const options = { ...bus(), checkpoint: 'killed', from: '0', checkpointEveryMs: 5, atOnce: 4 };
      const writing = write(50);
      let all: readonly WeftEvent[] = [];
      const isWhole = () => all.length > 0 && seen.size >= all.length;
      void writing.then(async () => {
        all = await everything();
      });
      for (let life = 0; !isWhole(); life++) {
        let left = 1 + (lives[life % lives.length] as number);
        let killed = false;
        /** What this life saw, by resource: in order, also what it sees again. */
        const last = new Map<string, bigint>();
        const subscription = follow({
          ...options,
          handle: (event) => {
            if (killed) return;
            const position = BigInt(event.position);
            expect(position).toBeGreaterThan(last.get(event.subject) ?? 0n);
            last.set(event.subject, position);
            if (!seen.has(event.id)) firsts.push(event);
            seen.add(event.id);
            left -= 1;
          },
        });
        await until('this life to end', () => left <= 0 || isWhole());
        killed = true;
        subscription.abandon();
      }
      await writing;
      expect(ids(firsts).sort()).toEqual(ids(all).sort());
      for (const name of names) {
        const of = (events: readonly WeftEvent[]) => ids(events.filter((event) => event.name === name));
        expect(of(firsts)).toEqual(of(all));
      }
    });

    it('gets what it wants alone', async () => {
      const got: WeftEvent[] = [];
      const filter = { kinds: ['Widget'], names: ['b', 'c'], types: ['WidgetFieldSet'] };
      const subscription = follow({ ...bus(), filter, handle: (event) => void got.push(event) });
      await until('caught up', () => subscription.cursor !== undefined);
      await write(10);
      await until('all', () => got.length >= 40);
      expect(got).toEqual(await everything('from=0&kind=Widget&name=b,c&type=WidgetFieldSet'));
    });
  });

  it('of the bus asks the gateway for nothing while nothing is missing', async () => {
    const got: WeftEvent[] = [];
    const served = jest.spyOn(globalThis, 'fetch');
    try {
      let progress = 0;
      const counting: EventBus = {
        subscribe: (subject, handler) =>
          system.platform.bus.subscribe(subject, (message) => {
            if (subject === 'weft.log.progress') progress++;
            handler(message);
          }),
      };
      // However long the machine stands still, that is no silence of the bus.
      const timers = { after: (_ms: number, _run: () => void) => ({ cancel: () => {} }) };
      const subscription = follow({ bus: counting, timers, handle: (event) => void got.push(event) });
      await until('it follows the bus', () => subscription.cursor !== undefined && progress > 0);
      await until('the publisher and it agree', () => progress > 1);
      const asked = served.mock.calls.length;
      await write(10);
      await until('all', () => got.length >= 180);
      expect(served.mock.calls.length).toBe(asked);
    } finally {
      served.mockRestore();
    }
  });

  it('misses nothing when another gateway publishes from then on', async () => {
    const other = await system.another();
    const gateways = [system.gateway, other.gateway];
    await until('one publishes', () => gateways.some(({ publishesEvents }) => publishesEvents));
    const [publisher, next] = system.gateway.publishesEvents ? gateways : gateways.toReversed();
    expect(next?.publishesEvents).toBe(false);
    url = (next as { url: string }).url;
    const begun = BigInt((await everything()).at(-1)?.position as string);
    let published = 0n;
    const progress = system.platform.bus.subscribe(subjects.logProgress(), ({ data }) => {
      published = BigInt((JSON.parse(Buffer.from(data).toString()) as { position: string }).position);
    });
    await until('what there is has been published', () => published >= begun);
    await progress.stop();
    const previous: bigint[] = [];
    const heard = system.platform.bus.subscribe('weft.events.>', ({ data }) => {
      previous.push(BigInt((JSON.parse(Buffer.from(data).toString()) as { previousofkind: string }).previousofkind));
    });
    const got: WeftEvent[] = [];
    const ofKind: WeftEvent[] = [];
    follow({
      server: gateways.map((gateway) => gateway.url),
      bus: system.platform.bus,
      from: '0',
      handle: (event) => void got.push(event),
    });
    follow({
      server: gateways.map((gateway) => gateway.url),
      bus: system.platform.bus,
      from: '0',
      filter: { kinds: ['Widget'] },
      handle: (event) => void ofKind.push(event),
    });
    const writing = write(20);
    await until('some', () => got.length > names.length + 10);
    await publisher?.stop();
    await writing;
    await until('the other publishes', () => next?.publishesEvents);
    await write(5);
    const all = await everything();
    await until('all', () => got.length >= all.length);
    expect(got).toEqual(all);
    const widgetsOnly = all.filter(({ kind }) => kind === 'Widget');
    await until('all of the kind', () => ofKind.length >= widgetsOnly.length);
    expect(ofKind).toEqual(widgetsOnly);
    // Who begins to publish does not know what came before, and says so.
    expect(previous.filter((position) => position < begun)).toEqual([]);
    await heard.stop();
  });

  it('is on the bus for whoever subscribed before it happened, and tells that something came before which nobody heard', async () => {
    const { bus } = system.platform;
    await until('one publishes', () => system.gateway.publishesEvents);
    const put = jest.spyOn(bus, 'publish');
    let published = 0n;
    const progress = bus.subscribe('weft.log.progress', ({ data }) => {
      const { position } = JSON.parse(Buffer.from(data).toString()) as { position: string };
      published = BigInt(position);
    });
    await write(3);
    const unheard = (await everything()).filter(({ kind }) => kind === 'Widget');
    const newest = BigInt(unheard.at(-1)?.position ?? 0);
    await until('they are passed over, since nobody hears them', () => published >= newest);
    expect(put.mock.calls.map(([subject]) => subject).filter((subject) => subject.startsWith('weft.events.'))).toEqual([]);
    put.mockRestore();
    await progress.stop();
    type Heard = Readonly<{ id: string; previousofkind: string }>;
    const heard: Heard[] = [];
    const subscription = bus.subscribe('weft.events.*.Widget.>', ({ data }) =>
      heard.push(JSON.parse(Buffer.from(data).toString()) as Heard),
    );
    await bus.flush();
    await write(3);
    const all = (await everything()).filter(({ kind }) => kind === 'Widget');
    await until('the last one', () => heard.at(-1)?.id === all.at(-1)?.id);
    const told = all.slice(-heard.length);
    expect(heard.length).toBe(all.length - unheard.length);
    expect(heard.map(({ id }) => id)).toEqual(told.map(({ id }) => id));
    const [before, ...others] = heard.map(({ previousofkind }) => BigInt(previousofkind));
    expect(before).toBeGreaterThanOrEqual(newest);
    expect(before).toBeLessThan(BigInt(told[0]?.position ?? 0));
    expect(others).toEqual(told.slice(0, -1).map(({ position }) => BigInt(position)));
    await subscription.stop();
  });

  it('goes on where it was, by the name of its checkpoint, and waits for what is under way when it is stopped', async () => {
    const got: string[] = [];
    let finish: () => void = () => {};
    const first = follow({
      checkpoint: 'billing',
      from: '0',
      handle: async (event) => {
        got.push(event.id);
        if (got.length === 3) await new Promise<void>((resolve) => (finish = resolve));
      },
    });
    await until('the third', () => got.length === 3);
    expect(await saved('billing')).toBeUndefined();
    const stopped = first.stop();
    finish();
    await stopped;
    const all = await everything();
    expect([got, await saved('billing')]).toEqual([ids(all.slice(0, 3)), all[2]?.cursor]);
    follow({ checkpoint: 'billing', from: '0', handle: (event) => void got.push(event.id) });
    await until('the rest', () => got.length >= all.length);
    expect(got).toEqual(ids(all));
  });

  it('is given an event again that it could not handle, and the next one of that resource after it; others go on', async () => {
    const got: string[] = [];
    const subscription = follow({
      from: '0',
      atOnce: 8,
      filter: { kinds: ['Widget'] },
      handle: (event) => {
        if (event.name === 'a' && got.length < names.length - 1) throw new Error('not now');
        got.push(event.name);
      },
    });
    await until('all', () => got.length === names.length);
    expect(got.at(-1)).toBe('a');
    expect(new Set(retried.map(({ message }) => message))).toEqual(new Set(['not now']));
    await until('all is done', async () => subscription.cursor === (await everything()).at(-1)?.cursor);
  });

  it('shares the resources with others, each under a checkpoint of its own', async () => {
    const got: [number, WeftEvent][] = [];
    for (const member of [1, 2, 3])
      follow({
        filter: { share: `${member}/3` },
        checkpoint: `team.${member}`,
        from: '0',
        bus: system.platform.bus,
        handle: (event) => void got.push([member, event]),
      });
    await write(5);
    const all = await everything();
    await until('all', () => got.length >= all.length);
    expect(ids(got.map(([, event]) => event)).sort()).toEqual(ids(all).sort());
    for (const name of names) expect(new Set(got.filter(([, event]) => event.name === name).map(([member]) => member)).size).toBe(1);
  });

  it('is told when another one uses the name of its checkpoint, and of servers that do not answer or are none', async () => {
    const got: string[] = [];
    const more = { checkpoint: 'taken', from: '0', checkpointEveryMs: 5, handle: (event: WeftEvent) => void got.push(event.id) };
    follow(more);
    const last = async () => (await everything()).at(-1)?.cursor;
    await until('it has saved', async () => (await saved('taken')) === (await last()));
    expect(retried).toEqual([]);
    await call(url, 'PUT', '/weft/v1/checkpoints/taken', { cursor: '0' });
    await create('g');
    await until('it is told', () => retried.length > 0);
    expect(retried[0]?.message).toMatch(/^checkpoint "taken" was moved to 0 by another subscriber: .*`group`/);
    const nobody = `http://127.0.0.1:${await freePort()}`;
    follow({ server: [nobody, system.url], from: '0', handle: () => {} });
    await until('one does not answer', () => retried.some(({ message }) => message === `no Weft answers at ${nobody} (ECONNREFUSED)`));
    expect(() => follow({ server: 'localhost:7480', handle: () => {} })).toThrow(/is to be a URL, such as .*not "localhost:7480"/);
    await expect(natsBus({ servers: 'nats://127.0.0.1:1' })).rejects.toThrow(/at nats:\/\/127\.0\.0\.1:1/);
  });

  it('is told of nobody else where answers to what it saved were lost', async () => {
    const { fetch } = globalThis;
    const cut: string[] = [];
    globalThis.fetch = async (input, init) => {
      if (init?.method !== 'PUT') return fetch(input, init);
      const { cursor } = JSON.parse(init.body as string) as { cursor: string };
      if (cut.length === 2 && !cut.includes(cursor)) return fetch(input, init);
      if (cut.length === 0) await fetch(input, init); // The next one does not even arrive.
      if (!cut.includes(cursor)) cut.push(cursor);
      throw new TypeError('cut off');
    };
    try {
      follow({ checkpoint: 'cut', from: '0', checkpointEveryMs: 5, handle: () => {} });
      for (const count of [1, 2]) {
        await until(`${count} are cut off`, () => cut.length >= count);
        await create(`more-${count}`);
      }
      const end = (await everything()).at(-1)?.cursor;
      await until('it has saved', async () => (await saved('cut')) === end);
      expect(retried.map(({ message }) => message).filter((message) => !message.endsWith('(cut off)'))).toEqual([]);
    } finally {
      globalThis.fetch = fetch;
    }
  });

  it('is told when its position is none of this log', async () => {
    await call(system.url, 'PUT', '/weft/v1/checkpoints/mine', { cursor: (await everything()).at(-1)?.position });
    const lost = follow({ from: '999999999', handle: () => {} });
    await expect(lost.ended).rejects.toMatchObject({ code: 410 });
    const senseless = follow({ filter: { kinds: ['Gadget'] }, handle: () => {} });
    await expect(senseless.ended).rejects.toMatchObject({ code: 400 });
  });
});

const program = hasNatsServer();
(program ? it : it.skip)(
  `A subscriber follows NATS itself, also over an end of its server${program ? '' : ' (skipped: no nats-server program)'}`,
  async () => {
    const directory = await mkdtemp(join(tmpdir(), 'weft-events-'));
    let nats = await startNatsServer({ directory, log: quiet });
    const target = natsTargetOf(directory);
    const system = await startSystem({ bus: await connectBus({ target, monitor: natsMonitorOf(directory), name: 'test', log: quiet }) });
    const live = await natsBus(target() as NatsOptions);
    const got: WeftEvent[] = [];
    const subscription = subscribe({ server: system.url, bus: live, from: '0', handle: (event) => void got.push(event) });
    try {
      const create = (name: string) => call(system.url, 'POST', widgets, { metadata: { name } });
      const has = (name: string) => got.some((event) => event.name === name);
      await create('a');
      await until('the first', () => has('a'));
      await nats.stop();
      nats = await startNatsServer({ directory, log: quiet });
      await until('writes go on', async () => [201, 409].includes((await create('b')).code));
      await until('the second', () => has('b'));
      await create('c');
      await until('the third', () => has('c'));
      expect(got.map(({ id }) => id)).toEqual([...new Set(got.map(({ id }) => id))]);
    } finally {
      await subscription.stop();
      await live.close();
      await system.stop();
      await nats.stop();
      await rm(directory, { recursive: true, force: true });
    }
  },
);

function hasNatsServer(): boolean {
  try {
    return findNatsServer(process.env) !== '';
  } catch {
    return false;
  }
}

describe('Checkpoints', () => {
  let system: System;
  const at = (name: string) => `/weft/v1/checkpoints/${name}`;
  beforeEach(async () => {
    system = await startSystem();
  });
  afterEach(() => system.stop());

  it('are saved by name, read, moved and deleted, and are no events themselves', async () => {
    const made = (await call(system.url, 'POST', widgets, { metadata: { name: 'a' } })).json['metadata'] as JsonObject;
    const cursor = made['resourceVersion'];
    expect((await call(system.url, 'GET', at('billing'))).code).toBe(404);
    const put = await call(system.url, 'PUT', at('billing'), { cursor }, { 'impersonate-user': 'eve' });
    expect([put.code, put.json]).toEqual([
      200,
      { name: 'billing', cursor: expect.stringMatching(/^\d+-\d{8}$/), time: expect.any(String), actor: 'eve' },
    ]);
    expect((await call(system.url, 'PUT', at('billing'), { cursor })).json).toEqual(put.json);
    expect((await call(system.url, 'GET', at('billing'))).json).toEqual(put.json);
    await call(system.url, 'POST', widgets, { metadata: { name: 'b' } });
    const reader = await openEvents(system.url, 'checkpoint=billing&follow=false');
    await reader.until('the end', ({ ended }) => ended === true);
    expect(reader.events.map(({ subject }) => subject)).toEqual(['Widget/default/b']);
    expect((await call(system.url, 'PUT', at('billing'), { cursor: '0' })).json['previous']).toBe(put.json['cursor']);
    expect((await call(system.url, 'GET', at('billing'))).json['cursor']).toBe('0');
    expect((await call(system.url, 'DELETE', at('billing'))).code).toBe(200);
    expect((await call(system.url, 'GET', at('billing'))).code).toBe(404);
  });

  it('are refused for names and positions that are none', async () => {
    const code = async (name: string, body: unknown) => (await call(system.url, 'PUT', at(name), body)).code;
    expect(await code('Billing', { cursor: '0' })).toBe(400);
    expect(await code('billing', { cursor: 4 })).toBe(400);
    expect(await code('billing', {})).toBe(400);
    expect(await code('billing', { cursor: '999999' })).toBe(410);
  });
});
