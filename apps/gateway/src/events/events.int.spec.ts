/** Events as subscribers get them, over real HTTP. */
import { type CloudEvent, type JsonObject, positionOfVersion } from '@weft/api';
import { createMemoryStore } from '@weft/event-store';
import fc from 'fast-check';
import { type AsyncApi, validatorsOf } from '../testing/async-api.ts';
import { openEvents } from '../testing/event-reader.ts';
import { call } from '../testing/requests.ts';
import { type System, startSystem } from '../testing/system.ts';

const widgets = '/apis/test.weft.dev/v1/namespaces/default/widgets';
const merge = { 'content-type': 'application/merge-patch+json' };
/** Without those of the object's generation, which go with each change of a spec. */
const brief = (events: readonly CloudEvent[]) =>
  events
    .map(({ type, subject }) => `${type.slice('dev.weft.'.length)} ${subject}`)
    .filter((event) => !event.startsWith('GenerationChanged'));
const positionOf = (object: JsonObject) => `${positionOfVersion((object['metadata'] as JsonObject)['resourceVersion'] as string)}`;

describe('Events over HTTP', () => {
  let system: System;
  const create = async (name: string, more: JsonObject = {}) =>
    (await call(system.url, 'POST', widgets, { ...more, metadata: { name, ...(more['metadata'] as JsonObject | undefined) } })).json;
  const patch = async (name: string, body: JsonObject) => (await call(system.url, 'PATCH', `${widgets}/${name}`, body, merge)).json;
  const remove = async (name: string) => (await call(system.url, 'DELETE', `${widgets}/${name}`)).json;
  /** All of them up to now. */
  const all = async (question: string, headers?: Record<string, string>) => {
    const reader = await openEvents(system.url, `${question}&follow=false`, headers);
    await reader.until('the end', ({ ended }) => ended !== undefined);
    expect([reader.ended, reader.frames.at(-1)?.event]).toEqual([true, 'caught-up']);
    return reader;
  };
  const refusal = (question: string) =>
    openEvents(system.url, question).then(
      () => 'none',
      (error: Error) => error.message,
    );

  afterEach(async () => {
    expect(system.log.filter((line) => line.startsWith('error'))).toEqual([]);
    await system.stop();
  });

  describe('of a small log', () => {
    beforeEach(async () => {
      system = await startSystem({ config: { ringCapacity: 4 } });
    });

    it('are CloudEvents that say what happened, to what, when, who asked and what caused it', async () => {
      const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
      const made = await call(
        system.url,
        'POST',
        widgets,
        { metadata: { name: 'a' }, spec: { size: 1 } },
        { traceparent, 'impersonate-user': 'eve' },
      );
      const [created, ...rest] = (await all('from=0&name=a')).events;
      const version = (made.json['metadata'] as JsonObject)['resourceVersion'];
      expect(created).toEqual({
        specversion: '1.0',
        id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        source: `/weft/${system.platform.store.storeId}`,
        type: 'dev.weft.WidgetCreated.v1',
        subject: 'Widget/default/a',
        time: expect.stringMatching(/^\d{4}-.*Z$/),
        datacontenttype: 'application/json',
        position: expect.stringMatching(/^\d+$/),
        cursor: expect.stringMatching(/^\d+-\d{8}$/),
        resourceversion: version,
        appendindex: 0,
        appendcount: 1 + rest.length,
        revision: '0',
        kind: 'Widget',
        namespace: 'default',
        name: 'a',
        uid: (made.json['metadata'] as JsonObject)['uid'],
        actor: 'eve',
        actorverified: false,
        requestid: made.headers.get('audit-id'),
        correlationid: made.headers.get('audit-id'),
        causationid: made.headers.get('audit-id'),
        traceparent,
        data: expect.objectContaining({ metadata: expect.objectContaining({ name: 'a' }), spec: { size: 1 } }),
      });
    });

    it('hold what /asyncapi.json says', async () => {
      await create('a', { metadata: { labels: { tier: 'front' } }, spec: { size: 1 } });
      await patch('a', { spec: { colour: 'red' } });
      await remove('a');
      const document = (await call(system.url, 'GET', '/asyncapi.json')).json as unknown as AsyncApi;
      const { events } = await all('from=0');
      const compile = validatorsOf(document);
      for (const event of events) {
        const { [`${event.kind}.${event.type.slice('dev.weft.'.length)}`]: message } = document.components.messages;
        const holds = compile(message?.payload ?? false);
        expect([event.type, holds(event), holds.errors]).toEqual([event.type, true, null]);
        expect(holds({ ...event, cursor: undefined })).toBe(false);
      }
    });

    it('come from the start in the order of the log, whole, and then as they happen', async () => {
      for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) await create(name);
      const reader = await openEvents(system.url, 'from=0&kind=widgets');
      await reader.caughtUp();
      await remove('a');
      await patch('b', { spec: { size: 2, colour: 'red' } });
      await reader.until('what came later', ({ events }) => brief(events).length === 9);
      expect(brief(reader.events)).toEqual([
        ...['a', 'b', 'c', 'd', 'e', 'f'].map((name) => `WidgetCreated.v1 Widget/default/${name}`),
        'WidgetEnded.v1 Widget/default/a',
        'WidgetFieldSet.v1 Widget/default/b',
        'WidgetFieldSet.v1 Widget/default/b',
      ]);
      expect(reader.frames.filter(({ event }) => event === 'caught-up')).toHaveLength(1);
      reader.close();
    });

    it('go on behind any of them, also inside an append', async () => {
      await create('a');
      await patch('a', { spec: { size: 2, colour: 'red', parts: ['x'] } });
      // The beginning is in the log alone by now, the end in memory.
      for (const name of ['b', 'c', 'd']) await create(name);
      await patch('b', { spec: { size: 3, colour: 'blue' } });
      const { events, frames } = await all('from=0');
      expect(events.filter(({ appendcount }) => appendcount > 1)).toHaveLength(7);
      for (const [i, { id }] of frames.slice(0, events.length).entries()) {
        expect((await all(`from=${id}`)).events).toEqual(events.slice(i + 1));
        expect((await all('from=0', { 'last-event-id': id })).events).toEqual(events.slice(i + 1));
      }
      const end = frames.at(-1) as { id: string };
      expect((await all(`from=${end.id}`)).events).toEqual([]);
    });

    it('are those of a range, which ends where it is to, also inside an append', async () => {
      await create('a');
      await patch('a', { spec: { size: 2, colour: 'red', parts: ['x'] } });
      for (const name of ['b', 'c']) await create(name);
      const { events, frames } = await all('from=0');
      for (const to of [1, 2, 3, 4, events.length - 1]) {
        const range = await all(`from=${frames[1]?.id}&to=${frames[to]?.id}`);
        expect(range.events).toEqual(events.slice(2, to + 1));
        expect(range.frames.at(-1)).toMatchObject({ event: 'caught-up', id: frames[to]?.id });
      }
      expect(await refusal('from=0&to=99999-00000000')).toMatch(/^410/);
      expect(await refusal(`from=${frames[1]?.id}&to=${frames[0]?.id}`)).toMatch(/^400: .*from=\S+ lies behind to=/);
    });

    it('go on behind an object as it was served, and behind a moment', async () => {
      const a = await create('a');
      const { events } = await all('from=0&kind=Widget');
      const b = await create('b');
      expect(brief((await all(`from=${positionOf(a)}`)).events)).toEqual(['WidgetCreated.v1 Widget/default/b']);
      const time = events[0]?.time as string;
      expect(brief((await all(`from=${time}`)).events)).not.toContain('WidgetCreated.v1 Widget/default/a');
      expect(brief((await all('from=2000-01-01T00:00:00Z')).events)).toEqual(brief((await all('from=0')).events));
      const { resourceVersion } = a['metadata'] as JsonObject;
      expect(brief((await all(`from=${resourceVersion}`)).events)).toEqual(['WidgetCreated.v1 Widget/default/b']);
      expect((await all(`from=${positionOf(b)}`)).events).toEqual([]);
    });

    it('begin now when nothing else is asked for', async () => {
      await create('a');
      const reader = await openEvents(system.url);
      await reader.caughtUp();
      await create('b');
      await reader.until('one', ({ events }) => events.length > 0);
      expect(brief(reader.events)).toEqual(['WidgetCreated.v1 Widget/default/b']);
      reader.close();
    });

    it('are those of a kind, namespace, name, type or share', async () => {
      await call(system.url, 'POST', '/api/v1/namespaces', { metadata: { name: 'other' } });
      await call(system.url, 'POST', '/apis/test.weft.dev/v1/namespaces/other/widgets', { metadata: { name: 'a' } });
      for (const name of ['a', 'b']) await create(name);
      await patch('a', { spec: { size: 1 } });
      const of = async (question: string) => brief((await all(`from=0&${question}`)).events);
      expect(await of('kind=Namespace')).toEqual(['NamespaceCreated.v1 Namespace/default', 'NamespaceCreated.v1 Namespace/other']);
      expect(await of('kind=wd&namespace=other')).toEqual(['WidgetCreated.v1 Widget/other/a']);
      expect(await of('kind=wd&name=a&namespace=default')).toEqual([
        'WidgetCreated.v1 Widget/default/a',
        'WidgetFieldSet.v1 Widget/default/a',
      ]);
      expect(await of('type=WidgetFieldSet')).toEqual(['WidgetFieldSet.v1 Widget/default/a']);
      expect(await of('type=dev.weft.WidgetFieldSet.v1,NamespaceCreated.v1&name=a&name=other')).toEqual([
        'NamespaceCreated.v1 Namespace/other',
        'WidgetFieldSet.v1 Widget/default/a',
      ]);
      const shares = await Promise.all([1, 2, 3].map((number) => of(`share=${number}/3`)));
      expect(shares.flat().sort()).toEqual((await of('')).sort());
      for (const share of shares)
        for (const [, subject] of share.map((each) => each.split(' '))) {
          expect(shares.filter((each) => each.some((event) => event.endsWith(` ${subject}`)))).toEqual([share]);
        }
    });

    it.each(['from the log', 'as they happen'])(
      'are those of objects that a label selector picks, with what comes to be picked and ceases to, %s',
      async (way) => {
        const steps = async () => {
          await create('a', { metadata: { labels: { tier: 'front' } } });
          await create('b', { metadata: { labels: { tier: 'back' } } });
          await patch('a', { spec: { size: 1 } });
          await patch('a', { metadata: { labels: { tier: 'back' } } });
          await patch('a', { spec: { size: 2 } });
          await patch('b', { metadata: { labels: { tier: 'front' } } });
          await patch('b', { spec: { size: 3 } });
          await remove('b');
          await remove('a');
          await create('b');
          await create('c', { metadata: { labels: { tier: 'front' } } });
          await patch('c', { spec: { size: 1 } });
          await patch('c', { metadata: { labels: { tier: 'back' } } });
          await patch('c', { spec: { size: 2 } });
          for (const name of ['d', 'e', 'f', 'g']) await create(name);
        };
        const picked = [
          'WidgetCreated.v1 Widget/default/a',
          'WidgetFieldSet.v1 Widget/default/a',
          'LabelsChanged.v1 Widget/default/a',
          'LabelsChanged.v1 Widget/default/b',
          'WidgetFieldSet.v1 Widget/default/b',
          'WidgetEnded.v1 Widget/default/b',
          'WidgetCreated.v1 Widget/default/c',
          'WidgetFieldSet.v1 Widget/default/c',
          'LabelsChanged.v1 Widget/default/c',
        ];
        if (way === 'from the log') {
          await steps();
          const { events } = await all('from=0&labelSelector=tier%3Dfront');
          expect(brief(events)).toEqual(picked);
          // From the middle, too, where the labels of before have to be looked up.
          expect((await all(`from=${events[2]?.position}&labelSelector=tier%3Dfront`)).events).toEqual(events.slice(3));
          return;
        }
        const reader = await openEvents(system.url, 'labelSelector=tier%3Dfront');
        await reader.caughtUp();
        await steps();
        await reader.until('all', ({ events }) => brief(events).length >= picked.length);
        expect(brief(reader.events)).toEqual(picked);
        reader.close();
      },
    );

    it('are refused where nothing can be delivered: 410 for a position of another log, 400 for what makes no sense', async () => {
      const a = await create('a');
      const position = BigInt(positionOf(a));
      for (const foreign of [position - 1n, position + 1n, position + 1_000_000n, `${position}-00000000`, `${position}00000000`])
        expect(await refusal(`from=${foreign}`)).toMatch(/^410: .*which ends at \d+: .*Expired/);
      expect(await refusal('from=yesterday')).toMatch(/^400: .*invalid from/);
      expect(await refusal('from=2026-99-99T00:00:00Z')).toMatch(/^400: .*invalid from/);
      expect(await refusal('from=0&to=yesterday')).toMatch(/^400: .*invalid to/);
      expect(await refusal('form=0')).toMatch(/^400: .*there is no parameter \\"form\\": from, to, /);
      expect(await refusal('follow=maybe')).toMatch(/^400: .*follow=\\"maybe\\" is neither true nor false/);
      expect(await refusal('kind=gadgets')).toMatch(/^400: .*there is no kind \\"gadgets\\": .*Widget/);
      expect(await refusal('type=WidgetLost')).toMatch(/^400: .*there is no event type .*asyncapi.json/);
      expect(await refusal('labelSelector=a%20in')).toMatch(/^400: .*invalid labelSelector/);
      for (const share of ['0/2', '3/2', '1', '1/9999']) expect(await refusal(`share=${share}`)).toMatch(/^400: .*invalid share/);
    });

    it('are not kept from ending, and whoever comes back elsewhere misses nothing', async () => {
      const other = await system.another();
      const reader = await openEvents(other.gateway.url, 'from=0');
      await reader.caughtUp();
      await create('a');
      await reader.until('the first', ({ events }) => brief(events).includes('WidgetCreated.v1 Widget/default/a'));
      await other.stop();
      await reader.until('the end', ({ ended }) => ended === true);
      await create('b');
      const { events } = await all(`from=${reader.lastId}`);
      expect(brief(events)).toEqual(['WidgetCreated.v1 Widget/default/b']);
    });
  });

  it('reach a subscriber that is killed at any instant, each once and in order', async () => {
    system = await startSystem({ config: { ringCapacity: 16 } });
    const other = await system.another({ ringCapacity: 4 });
    const random = fc.sample(fc.nat({ max: 60 }), { numRuns: 1_000, seed: 7 });
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    const writing = (async () => {
      for (const name of names) await create(name);
      for (let round = 0; round < 40; round++)
        await Promise.all(names.map((name) => patch(name, { spec: { size: round + 20, colour: `c${round}` } })));
    })();
    const got: CloudEvent[] = [];
    let from = '0';
    const wanted = 1 + names.length + 40 * names.length * 3;
    for (let life = 0; got.length < wanted; life++) {
      const reader = await openEvents(life % 2 === 0 ? system.url : other.gateway.url, `from=${from}`);
      const count = 1 + (random[life % random.length] as number);
      await reader.until(
        `event ${got.length} of ${wanted}`,
        ({ events }) => events.length >= count || got.length + events.length >= wanted,
      );
      reader.close();
      got.push(...reader.events);
      from = got.at(-1)?.position as string;
    }
    await writing;
    expect(got).toEqual((await all('from=0')).events);
  });

  it('tell how far the log was read while nothing is to be delivered', async () => {
    system = await startSystem({ config: { eventProgressMs: 20 } });
    const reader = await openEvents(system.url, 'kind=Namespace');
    await reader.caughtUp();
    const a = await create('a');
    await reader.until('progress', ({ frames }) =>
      frames.some(({ event, id }) => event === 'progress' && id.startsWith(`${positionOf(a)}-`)),
    );
    expect(reader.events).toEqual([]);
    reader.close();
  });

  it('of subscribers that take nothing for long cost nobody else, and end', async () => {
    system = await startSystem({ config: { watchStallMs: 2_000 }, store: await createMemoryStore() });
    const parts = Array.from({ length: 2_000 }, (_, i) => `part ${i} of a large thing`);
    const silent = await fetch(`${system.url}/weft/v1/events?from=0`);
    const reader = await openEvents(system.url, 'from=0&type=WidgetFieldSet');
    await create('a');
    const rounds = 120;
    for (let i = 0; i < rounds; i++) await patch('a', { spec: { parts: [...parts, `round ${i}`] } });
    await reader.until('all', ({ events }) => events.length === rounds);
    await reader.until('the silent one was cut off', () => system.gateway.openEventStreams === 1);
    await expect(silent.text()).rejects.toThrow();
    reader.close();
  });

  it('are served to so many at a time, and to no more', async () => {
    system = await startSystem({ config: { eventStreamsMax: 1 } });
    const reader = await openEvents(system.url);
    await reader.caughtUp();
    expect(await refusal('')).toMatch(/^429: .*TooManyRequests/);
    reader.close();
    await reader.until('room', () => system.gateway.openEventStreams === 0);
    expect(await refusal('follow=false')).toBe('none');
  });
});
