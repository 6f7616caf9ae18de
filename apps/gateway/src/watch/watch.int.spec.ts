import { connect } from 'node:net';
import type { JsonObject } from '@weft/api';
import { until } from '@weft/testing/waiting';
import { call, openWatch, versionAt, type WatchEvent, type WatchReader } from '../testing/requests.ts';
import { type System, startSystem } from '../testing/system.ts';

const all = '/apis/test.weft.dev/v1/widgets';
const widgets = '/apis/test.weft.dev/v1/namespaces/default/widgets';
const merge = { 'content-type': 'application/merge-patch+json' };
const metadataOf = (object: JsonObject) => object['metadata'] as JsonObject;
const brief = (events: readonly WatchEvent[]) => events.map(({ type, object }) => `${type} ${object.metadata['name'] ?? ''}`.trim());
const versionOf = (object: JsonObject) => metadataOf(object)['resourceVersion'] as string;

describe('A watch', () => {
  let system: System;
  let counter = 0;
  const fresh = () => `w${++counter}`;
  const create = async (name: string, more: JsonObject = {}) =>
    (await call(system.url, 'POST', widgets, { ...more, metadata: { name, ...(more['metadata'] as JsonObject | undefined) } })).json;
  const patch = async (name: string, body: JsonObject) => (await call(system.url, 'PATCH', `${widgets}/${name}`, body, merge)).json;
  const remove = async (name: string) => (await call(system.url, 'DELETE', `${widgets}/${name}`)).json;
  const list = async (question = '') => (await call(system.url, 'GET', `${widgets}${question}`)).json;
  const open = (question: string, headers?: Record<string, string>) => openWatch(system.url, `${widgets}?watch=true&${question}`, headers);

  afterEach(async () => {
    expect(system.log.filter((line) => line.startsWith('error'))).toEqual([]);
    await system.stop();
  });

  describe('with a long memory', () => {
    beforeEach(async () => {
      system = await startSystem();
    });

    it('from a list’s position gives what happened since, each change once and in order', async () => {
      const before = await create('a');
      const position = versionOf(await list());
      await create('b');
      await patch('a', { spec: { size: 1, colour: 'red' } });
      await remove('b');
      const watch = await open(`resourceVersion=${position}`);
      await watch.until('four changes', (events) => events.length >= 3);
      const live = await create('c');
      await watch.until('the live one', (events) => events.length >= 4);
      expect(brief(watch.events)).toEqual(['ADDED b', 'MODIFIED a', 'DELETED b', 'ADDED c']);
      expect(watch.events[1]?.object).toMatchObject({ metadata: { uid: metadataOf(before)['uid'] }, spec: { size: 1, colour: 'red' } });
      expect(watch.events[3]?.object).toEqual(live);
      const versions = watch.events.map(({ object }) => BigInt(versionOf(object)));
      expect([...versions].sort((x, y) => (x < y ? -1 : 1))).toEqual(versions);
      watch.close();
    });

    it('shows an object that went without finalizers without a deletionTimestamp, at the position of its end', async () => {
      const { json } = { json: await create('a') };
      const watch = await open(`resourceVersion=${versionOf(json)}`);
      await remove('a');
      await watch.until('DELETED', (events) => events.length > 0);
      const [event] = watch.events;
      expect(event?.type).toBe('DELETED');
      expect(metadataOf(event?.object as JsonObject)['deletionTimestamp']).toBeUndefined();
      expect(BigInt(versionOf(event?.object as JsonObject))).toBeGreaterThan(BigInt(versionOf(json)));
      watch.close();
    });

    it('without a position, or from 0, starts with everything there is', async () => {
      await create('a');
      await create('b');
      for (const question of ['', 'resourceVersion=0', 'resourceVersion=']) {
        const watch = await open(question);
        await watch.until('both', (events) => events.length >= 2);
        expect(brief(watch.events)).toEqual(['ADDED a', 'ADDED b']);
        watch.close();
      }
    });

    it('sends its headers at once, also when there is nothing to say', async () => {
      const watch = await open(`resourceVersion=${versionOf(await list())}`);
      expect(watch.events).toEqual([]);
      watch.close();
    });

    it('selects with a memory', async () => {
      await create('a', { metadata: { labels: { tier: 'front' } } });
      const position = versionOf(await list());
      const watch = await open(`resourceVersion=${position}&labelSelector=tier%3Dfront`);
      await patch('a', { spec: { size: 1 } });
      const left = await patch('a', { metadata: { labels: { tier: 'back' } } });
      await patch('a', { spec: { size: 2 } });
      await patch('a', { metadata: { labels: { tier: 'front' } } });
      await create('b');
      await watch.until('three', (events) => events.length >= 3);
      expect(brief(watch.events)).toEqual(['MODIFIED a', 'DELETED a', 'ADDED a']);
      expect(watch.events[1]?.object.metadata).toMatchObject({ labels: { tier: 'front' }, resourceVersion: versionOf(left) });
      watch.close();
    });

    it('is limited to its namespace and its fields', async () => {
      await call(system.url, 'POST', '/api/v1/namespaces', { metadata: { name: 'other' } });
      const everywhere = await openWatch(system.url, `${all}?watch=1`);
      const here = await open('');
      const one = await open('fieldSelector=metadata.name%3Db');
      await create('a');
      await call(system.url, 'POST', '/apis/test.weft.dev/v1/namespaces/other/widgets', { metadata: { name: 'x' } });
      await create('b');
      await everywhere.until('three', (events) => events.length >= 3);
      await here.until('two', (events) => events.length >= 2);
      await one.until('one', (events) => events.length >= 1);
      expect([brief(everywhere.events), brief(here.events), brief(one.events)]).toEqual([
        ['ADDED a', 'ADDED x', 'ADDED b'],
        ['ADDED a', 'ADDED b'],
        ['ADDED b'],
      ]);
      for (const watch of [everywhere, here, one]) watch.close();
    });

    it('answers each question by itself, though many are asked of the same changes', async () => {
      await call(system.url, 'POST', '/api/v1/namespaces', { metadata: { name: 'other' } });
      const start = versionOf(await list());
      await create('a', { metadata: { labels: { tier: 'front' } } });
      await call(system.url, 'POST', '/apis/test.weft.dev/v1/namespaces/other/widgets', { metadata: { name: 'x' } });
      await create('b');
      const asked = (path: string, question: string, accept = 'application/json') =>
        openWatch(system.url, `${path}?watch=true&resourceVersion=${start}${question}`, { accept });
      const table = 'application/json;as=Table;v=v1;g=meta.k8s.io';
      const watches = await Promise.all([
        asked(all, ''),
        asked(widgets, ''),
        asked(widgets, ''),
        asked(widgets, '&labelSelector=tier%3Dfront'),
        asked(widgets, '&fieldSelector=metadata.name%3Db'),
        asked(widgets, '', 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1'),
        asked(widgets, '', table),
        asked(widgets, '', table),
      ]);
      await create('c', { metadata: { labels: { tier: 'front' } } });
      const wanted = ['axbc', 'abc', 'abc', 'ac', 'b', 'abc', 'abc', 'abc'];
      for (const [i, watch] of watches.entries())
        await watch.until(wanted[i] as string, (events) => events.length >= (wanted[i] as string).length);
      const nameIn = ({ metadata, rows }: WatchEvent['object']) =>
        (metadata['name'] as string | undefined) ??
        (rows as unknown as { object: { metadata: { name: string } } }[])[0]?.object.metadata.name;
      expect(watches.map(({ events }) => events.map(({ object }) => nameIn(object)).join(''))).toEqual(wanted);
      expect(watches.map(({ events }) => events.filter(({ object }) => object['columnDefinitions'] != null).length)).toEqual([
        0, 0, 0, 0, 0, 0, 1, 1,
      ]);
      expect(watches.map(({ events }) => events[0]?.object['kind'])).toEqual([
        ...Array(5).fill('Widget'),
        'PartialObjectMetadata',
        'Table',
        'Table',
      ]);
      // Who comes later has had no columns yet.
      const late = await openWatch(system.url, `${widgets}?watch=true&resourceVersion=${versionOf(await list())}`, { accept: table });
      await create('d');
      await Promise.all(
        [late, watches[6] as WatchReader].map((watch) =>
          watch.until('d', ({ length }) => length > 0 && nameIn(watch.events.at(-1)!.object) === 'd'),
        ),
      );
      expect([late, watches[6]].map((watch) => watch?.events.at(-1)?.object['columnDefinitions'] != null)).toEqual([true, false]);
      for (const watch of [...watches, late]) watch.close();
    });

    it('shows an append of several events as one change', async () => {
      await create('a', { spec: { size: 1, colour: 'red' } });
      const position = versionOf(await list());
      const watch = await open(`resourceVersion=${position}`);
      const changed = await patch('a', { spec: { size: 2, colour: 'blue' } });
      await create('b');
      await watch.until('two', (events) => events.length >= 2);
      expect(brief(watch.events)).toEqual(['MODIFIED a', 'ADDED b']);
      expect(watch.events[0]?.object).toEqual(changed);
      watch.close();
    });

    it('gives the state, then says so, then goes on (WatchList)', async () => {
      await create('a');
      await create('b');
      const watch = await open('sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&resourceVersion=');
      await watch.until('the bookmark', (events) => events.some(({ type }) => type === 'BOOKMARK'));
      await create('c');
      await watch.until('the live one', (events) => events.length >= 4);
      expect(brief(watch.events)).toEqual(['ADDED a', 'ADDED b', 'BOOKMARK', 'ADDED c']);
      expect(watch.events[2]?.object).toEqual({
        kind: 'Widget',
        apiVersion: 'test.weft.dev/v1',
        metadata: {
          resourceVersion: versionOf(watch.events[1]?.object as JsonObject),
          creationTimestamp: null,
          annotations: { 'k8s.io/initial-events-end': 'true' },
        },
      });
      watch.close();
    });

    it('without initial events starts now', async () => {
      await create('a');
      const watch = await open('sendInitialEvents=false&resourceVersionMatch=NotOlderThan');
      await create('b');
      await watch.until('one', (events) => events.length >= 1);
      expect(brief(watch.events)).toEqual(['ADDED b']);
      watch.close();
    });

    it('gives Tables, the columns with the first only', async () => {
      const watch = await open('', { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' });
      await create('a');
      await create('b');
      await watch.until('two', (events) => events.length >= 2);
      const [first, second] = watch.events;
      expect(first?.object).toMatchObject({
        kind: 'Table',
        columnDefinitions: [{ name: 'Name' }, {}, {}],
        rows: [{ cells: ['a', '<none>', expect.stringMatching(/^\d+s$/)] }],
      });
      expect(second?.object['columnDefinitions']).toBeNull();
      watch.close();
    });

    it('gives only metadata, with its own kind, to those who ask for it', async () => {
      const watch = await open('sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true', {
        accept: 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1',
      });
      await create('a');
      await watch.until('two', (events) => events.length >= 2);
      for (const { object } of watch.events) expect(object).toMatchObject({ kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1' });
      expect(watch.events.some(({ object }) => 'spec' in object)).toBe(false);
      watch.close();
    });

    it('ends cleanly when its time is over', async () => {
      await create('a');
      const watch = await open('timeoutSeconds=1');
      expect(await watch.untilEnded()).toBe(true);
      expect(brief(watch.events)).toEqual(['ADDED a']);
    });

    it('ends cleanly when the gateway stops', async () => {
      const watch = await open('');
      await create('a');
      await watch.until('one', (events) => events.length >= 1);
      await system.gateway.stop();
      expect(await watch.untilEnded()).toBe(true);
    });

    it('from the future or from another log is told to list again', async () => {
      await create('a');
      const head = await system.platform.store.head();
      for (const version of [`${head + 1_000n}00000000`, `${head - 1n}00000000`, `${head}00000000`, `${head}`]) {
        const watch = await open(`resourceVersion=${version}`);
        expect(await watch.untilEnded()).toBe(true);
        expect(watch.events).toEqual([
          { type: 'ERROR', object: expect.objectContaining({ kind: 'Status', code: 410, reason: 'Expired', status: 'Failure' }) },
        ]);
      }
    });

    it('through another gateway goes on where the first one ended', async () => {
      await create('a');
      const { gateway } = await system.another();
      const position = versionOf(await create('b'));
      await create('c');
      const watch = await openWatch(gateway.url, `${widgets}?watch=true&resourceVersion=${position}`);
      await watch.until('one', (events) => events.length >= 1);
      expect(brief(watch.events)).toEqual(['ADDED c']);
      watch.close();
    });
  });

  describe('with a short memory', () => {
    beforeEach(async () => {
      system = await startSystem({ config: { ringCapacity: 4, watchDistanceMax: 60, bookmarkEveryMs: 100, watchStallMs: 2_000 } });
    });

    it('from before it reads the log again, with the states that selectors need', async () => {
      await create('a', { metadata: { labels: { tier: 'front' } } });
      const start = versionOf(await list());
      await patch('a', { metadata: { labels: { tier: 'back' } } });
      for (let index = 0; index < 6; index += 1) await create(fresh());
      await patch('a', { metadata: { labels: { tier: 'front' } }, spec: { size: 1, colour: 'red' } });
      const selected = await open(`resourceVersion=${start}&labelSelector=tier%3Dfront`);
      await selected.until('two', (events) => events.length >= 2);
      expect(brief(selected.events)).toEqual(['DELETED a', 'ADDED a']);
      const watch = await open(`resourceVersion=${start}`);
      await create('live');
      await watch.until('the live one', (events) => brief(events).includes('ADDED live'));
      expect(brief(watch.events)).toEqual([
        'MODIFIED a',
        ...Array.from({ length: 6 }, (_, index) => `ADDED w${counter - 5 + index}`),
        'MODIFIED a',
        'ADDED live',
      ]);
      for (const each of [selected, watch]) each.close();
    });

    it('of a kind whose changes are at hand begins however far back, and nothing is read for it', async () => {
      const start = versionOf(await create('a'));
      for (let size = 101; size <= 161; size += 1) await patch('a', { spec: { size } });
      const reads = jest.spyOn(system.platform.store, 'readAll');
      const watch = await openWatch(system.url, `/api/v1/namespaces?watch=true&resourceVersion=${start}`);
      await call(system.url, 'POST', '/api/v1/namespaces', { metadata: { name: 'later' } });
      await watch.until('one', (events) => events.length >= 1);
      expect(brief(watch.events)).toEqual(['ADDED later']);
      expect(await (await open(`resourceVersion=${start}`)).untilEnded()).toBe(true);
      expect(reads.mock.calls.filter(([{ limit } = {}]) => limit !== 1)).toEqual([]);
      watch.close();
    });

    it('from before a change of an object with too long a past is told to list again', async () => {
      await create('a');
      for (let size = 101; size <= 161; size += 1) await patch('a', { spec: { size } });
      const start = versionOf(await list());
      for (let size = 1; size <= 5; size += 1) await patch('a', { spec: { size } });
      const watch = await open(`resourceVersion=${start}`);
      expect(await watch.untilEnded()).toBe(true);
      expect(watch.events.map(({ object }) => object)).toEqual([
        expect.objectContaining({ code: 410, message: expect.stringContaining('more than 60 earlier events are needed') }),
      ]);
    });

    it('from too far back is told to list again', async () => {
      const start = versionOf(await create('a'));
      for (let size = 101; size <= 161; size += 1) await patch('a', { spec: { size } });
      const watch = await open(`resourceVersion=${start}`);
      expect(await watch.untilEnded()).toBe(true);
      expect(watch.events[0]?.object).toMatchObject({
        code: 410,
        message: expect.stringMatching(/^too old resource version: \d+ \(\d+\)$/),
      });
      const relisted = versionOf(await list());
      const again = await open(`resourceVersion=${relisted}`);
      await create('b');
      await again.until('one', (events) => events.length >= 1);
      again.close();
    });

    it('from too far back is told so by a gateway that began later, which counts once for all', async () => {
      const [older, start] = [versionOf(await create('a')), versionOf(await patch('a', { spec: { size: 1 } }))];
      for (let size = 101; size <= 161; size += 1) await patch('a', { spec: { size } });
      const { gateway } = await system.another();
      const reads = jest.spyOn(system.platform.store, 'readAll');
      for (const from of [start, start, older]) {
        const watch = await openWatch(gateway.url, `${widgets}?watch=true&resourceVersion=${from}`);
        expect(await watch.untilEnded()).toBe(true);
        expect(watch.events[0]?.object).toMatchObject({ code: 410 });
      }
      expect(reads.mock.calls.filter(([{ limit } = {}]) => limit !== 1)).toHaveLength(1);
    });

    it('tells now and then how far it is, if asked to', async () => {
      const asked = await open('allowWatchBookmarks=true');
      const notAsked = await open('');
      await call(system.url, 'POST', '/api/v1/namespaces', { metadata: { name: 'elsewhere' } });
      const head = await versionAt(system.platform.store, await system.platform.store.head());
      await asked.until('a bookmark at the head', (events) =>
        events.some(({ type, object }) => type === 'BOOKMARK' && versionOf(object) === head),
      );
      const [bookmark] = asked.events.filter(({ type }) => type === 'BOOKMARK');
      expect(bookmark?.object.metadata['annotations']).toBeUndefined();
      expect(notAsked.events).toEqual([]);
      const resumed = await open(`resourceVersion=${head}`);
      await create('a');
      await resumed.until('one', (events) => events.length >= 1);
      for (const each of [asked, notAsked, resumed]) each.close();
    });

    it('of one namespace or one object is complete although changes of others have long pushed its place out of memory', async () => {
      await call(system.url, 'POST', '/api/v1/namespaces', { metadata: { name: 'other' } });
      const others = '/apis/test.weft.dev/v1/namespaces/other/widgets';
      await create('a', { spec: { size: 1 } });
      const start = versionOf(await list());
      const [here, one] = [
        await open(`resourceVersion=${start}&allowWatchBookmarks=true`),
        await open(`resourceVersion=${start}&fieldSelector=metadata.name%3Da`),
      ];
      const told = () => here.events.filter(({ type }) => type !== 'BOOKMARK');
      await create('b');
      await here.until('the first', () => told().length > 0);
      const reads = jest.spyOn(system.platform.store, 'readAppendPages');
      // More than are remembered, and more than may be read again.
      for (let index = 0; index < 70; index += 1) await call(system.url, 'POST', others, { metadata: { name: `x${index}` } });
      const bookmarks = here.events.length;
      await here.until('a bookmark behind these', (events) => events.length > bookmarks);
      await patch('a', { spec: { size: 2 } });
      await create('c');
      await here.until('all', () => told().length >= 3);
      await one.until('its own', (events) => events.length >= 1);
      expect([brief(told()), brief(one.events)]).toEqual([['ADDED b', 'MODIFIED a', 'ADDED c'], ['MODIFIED a']]);
      expect(reads).not.toHaveBeenCalled();
      for (const each of [here, one]) each.close();
    });

    it('is cut off when its reader takes nothing for long, and nobody else notices', async () => {
      const big = 'x'.repeat(200_000);
      const socket = connect(Number(new URL(system.url).port), '127.0.0.1');
      const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()));
      socket.on('error', () => {});
      socket.write(`GET ${widgets}?watch=true HTTP/1.1\r\nHost: localhost\r\n\r\n`);
      await new Promise<void>((resolve) => socket.once('data', () => resolve()));
      socket.pause();
      const healthy = await open('');
      await create('a');
      for (let size = 101; size <= 150; size += 1) await patch('a', { spec: { size, colour: `${size}${big}` } });
      await healthy.until('all', (events) => events.length >= 51);
      await until('the slow watch is cut off', () => system.gateway.openWatches === 1);
      socket.resume();
      await closed;
      expect(brief(healthy.events)).toEqual(['ADDED a', ...Array(50).fill('MODIFIED a')]);
      healthy.close();
    });
  });
});
