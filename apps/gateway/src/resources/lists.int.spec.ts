import type { JsonObject } from '@weft/api';
import type { EventStore } from '@weft/event-store';
import fc from 'fast-check';
import { parse } from 'yaml';
import { call, openWatch, type WatchEvent } from '../testing/requests.ts';
import { type System, type SystemOptions, startSystem, withMethods } from '../testing/system.ts';

const all = '/apis/test.weft.dev/v1/widgets';
const widgets = '/apis/test.weft.dev/v1/namespaces/default/widgets';
const merge = { 'content-type': 'application/merge-patch+json' };
const metadataOf = (object: JsonObject) => object['metadata'] as JsonObject;
const namesOf = (list: JsonObject) => (list['items'] as JsonObject[]).map((item) => metadataOf(item)['name'] as string);
const versionOf = (object: JsonObject) => metadataOf(object)['resourceVersion'] as string;

describe('A list', () => {
  let system: System;
  const start = async (options: SystemOptions = {}) => {
    system = await startSystem(options);
  };
  const request = (method: string, path: string, body?: unknown, headers?: Record<string, string>) =>
    call(system.url, method, path, body, headers);
  const create = async (name: string, labels: JsonObject = {}) => (await request('POST', widgets, { metadata: { name, labels } })).json;
  const list = async (question = '') => (await request('GET', `${widgets}?${question}`)).json;

  afterEach(async () => {
    expect(system.log.filter((line) => line.startsWith('error'))).toEqual([]);
    await system.stop();
  });

  it('is in order of namespace and name, and is never null', async () => {
    await start();
    expect(await list()).toMatchObject({ kind: 'WidgetList', apiVersion: 'test.weft.dev/v1', items: [] });
    await request('POST', '/api/v1/namespaces', { metadata: { name: 'a-first' } });
    await request('POST', '/apis/test.weft.dev/v1/namespaces/a-first/widgets', { metadata: { name: 'z' } });
    for (const name of ['b', 'a10', 'a-1', 'a', 'a.b', 'a2']) await create(name);
    expect(namesOf((await request('GET', all)).json)).toEqual(['z', 'a', 'a-1', 'a.b', 'a10', 'a2', 'b']);
    await request('DELETE', `${widgets}/a2`);
    await create('a3');
    await request('DELETE', `${widgets}/a3`);
    await create('a3');
    expect(namesOf(await list())).toEqual(['a', 'a-1', 'a.b', 'a10', 'a3', 'b']);
  });

  it('comes as YAML in pieces, which say the same as its JSON', async () => {
    await start();
    const asYaml = async () => (await request('GET', widgets, undefined, { accept: 'application/yaml' })).text;
    expect(parse(await asYaml())).toMatchObject({ kind: 'WidgetList', items: [] });
    const annotations = { text: 'two\n\n  lines: "x"\n', long: 'word '.repeat(100), number: '1', yes: 'yes' };
    for (let i = 0; i < 60; i++) await request('POST', widgets, { metadata: { name: `w${i}`, annotations, labels: { i: `${i}` } } });
    const yaml = await asYaml();
    expect(yaml.length).toBeGreaterThan(40_000);
    expect(parse(yaml)).toEqual(await list());
  });

  it('comes in pages of one snapshot, whatever happens meanwhile', async () => {
    await start();
    for (const name of ['a', 'b', 'c', 'd', 'e']) await create(name, { odd: ['a', 'c', 'e'].includes(name) ? 'yes' : 'no' });
    const first = await list('limit=2');
    const { continue: token, resourceVersion, remainingItemCount } = metadataOf(first);
    expect([namesOf(first), remainingItemCount]).toEqual([['a', 'b'], 3]);
    await request('DELETE', `${widgets}/c`);
    await create('bb');
    await request('PATCH', `${widgets}/d`, { spec: { size: 9 } }, merge);
    const second = await list(`limit=2&continue=${token}`);
    expect([namesOf(second), metadataOf(second)['remainingItemCount']]).toEqual([['c', 'd'], 1]);
    expect((second['items'] as JsonObject[])[1]?.['spec']).toBeUndefined();
    const third = await list(`limit=2&continue=${metadataOf(second)['continue']}`);
    expect([namesOf(third), metadataOf(third)['continue']]).toEqual([['e'], undefined]);
    expect([versionOf(second), versionOf(third)]).toEqual([resourceVersion, resourceVersion]);

    const selected = await list('limit=2&labelSelector=odd%3Dyes');
    expect([namesOf(selected), metadataOf(selected)['remainingItemCount']]).toEqual([['a', 'e'], undefined]);
    expect(metadataOf(selected)['continue']).toBeUndefined();
  });

  it('goes on, through another gateway too, as long as recent changes reach back', async () => {
    await start({ config: { ringCapacity: 5 } });
    const other = await system.another();
    for (const name of ['a', 'b', 'c']) await create(name);
    const token = metadataOf(await list('limit=1'))['continue'];
    await request('DELETE', `${widgets}/c`);
    for (const size of [1, 2]) await request('PATCH', `${widgets}/b`, { spec: { size } }, merge);
    const there = await call(other.gateway.url, 'GET', `${widgets}?limit=5&continue=${token}`);
    expect([there.code, namesOf(there.json)]).toEqual([200, ['b', 'c']]);
    expect((there.json['items'] as JsonObject[])[0]?.['spec']).toBeUndefined();
    for (const name of ['d', 'e', 'f', 'g', 'h', 'i']) await create(name);
    const gone = await call(other.gateway.url, 'GET', `${widgets}?limit=5&continue=${token}`);
    expect(gone.json).toMatchObject({ code: 410, reason: 'Expired', metadata: { continue: expect.any(String) } });
    const current = await call(other.gateway.url, 'GET', `${widgets}?limit=3&continue=${metadataOf(gone.json)['continue']}`);
    expect(namesOf(current.json)).toEqual(['b', 'd', 'e']);
  });

  it('shows an exact earlier state', async () => {
    await start({ config: { ringCapacity: 3 } });
    const position = versionOf(await create('a'));
    await create('b');
    await request('PATCH', `${widgets}/a`, { spec: { size: 2 } }, merge);
    const then = await list(`resourceVersion=${position}&resourceVersionMatch=Exact`);
    expect([namesOf(then), versionOf(then)]).toEqual([['a'], position]);
    await create('c');
    await create('d');
    expect((await request('GET', `${widgets}?resourceVersion=${position}&resourceVersionMatch=Exact`)).json).toMatchObject({
      code: 410,
      reason: 'Expired',
    });
    expect(namesOf(await list('resourceVersion=0'))).toEqual(['a', 'b', 'c', 'd']);
    expect(namesOf(await list(`resourceVersion=${position}`))).toEqual(['a', 'b', 'c', 'd']);
  });

  it('of a position that does not exist yet ends in 504', async () => {
    await start({ config: { readTimeoutMs: 100 } });
    const current = await list();
    const future = `${(await system.platform.store.head()) + 1_000n}00000000`;
    const { code, json } = await request('GET', `${widgets}?resourceVersion=${future}`);
    expect([code, json]).toEqual([
      504,
      expect.objectContaining({
        reason: 'Timeout',
        message: `Timeout: Too large resource version: ${future}, current: ${versionOf(current)}`,
        details: { retryAfterSeconds: 1, causes: [expect.objectContaining({ reason: 'ResourceVersionTooLarge' })] },
      }),
    ]);
  });

  it('sees every write that was acknowledged before, also by another gateway', async () => {
    await start();
    const other = await system.another();
    for (let index = 0; index < 20; index += 1) {
      const name = `w${index}`;
      const created = await create(name);
      const [shown, listed] = await Promise.all([
        call(other.gateway.url, 'GET', `${widgets}/${name}`),
        call(other.gateway.url, 'GET', widgets),
      ]);
      expect(shown.json).toEqual(created);
      expect(namesOf(listed.json)).toContain(name);
      await request('DELETE', `${widgets}/${name}`);
      expect((await call(other.gateway.url, 'GET', `${widgets}/${name}`)).code).toBe(404);
    }
  });

  it('waits for a view that lags, not for ever, and says 503 while the store is away', async () => {
    let head: () => Promise<bigint> = async () => 0n;
    await start({
      config: { readTimeoutMs: 100 },
      gatewayStore: (store): EventStore => {
        head = () => store.head();
        return withMethods(store, { head: () => head() });
      },
    });
    await create('a');
    head = async () => 1_000_000n;
    const late = await request('GET', `${widgets}/a`);
    expect([late.code, late.json['reason']]).toEqual([504, 'Timeout']);
    expect((await request('GET', `${widgets}/a?resourceVersion=0`)).code).toBe(200);
    head = () => Promise.reject(new Error('gone'));
    const away = await request('GET', `${widgets}/a`);
    expect([away.code, away.json['reason'], away.headers.get('retry-after')]).toEqual([503, 'ServiceUnavailable', '1']);
    expect((await request('GET', `${widgets}?resourceVersion=0`)).code).toBe(200);
  });

  it('of many objects is streamed in pieces and does not hold up others', async () => {
    await start();
    const { store, follower } = system.platform;
    const count = 20_000;
    const time = new Date().toISOString();
    const metadata = {
      actor: { user: 'system:test', verified: true },
      $correlationId: 'c',
      $causationId: 'c',
      time,
      append: { index: 0, count: 1 },
    };
    let position = 0n;
    for (let from = 0; from < count; from += 1_000) {
      const appends = Array.from({ length: 1_000 }, (_, index) => {
        const name = `n${String(from + index).padStart(6, '0')}`;
        const uid = crypto.randomUUID();
        const data = { metadata: { name, namespace: 'default', uid, creationTimestamp: `${time.slice(0, 19)}Z` }, spec: { size: index } };
        const requestId = crypto.randomUUID();
        return store.append(`Widget-default.${name}`, 'none', [
          { id: crypto.randomUUID(), type: 'WidgetCreated.v1', data, metadata: { ...metadata, uid, requestId } },
        ]);
      });
      for (const { position: each } of await Promise.all(appends)) if (each > position) position = each;
    }
    await follower.waitFor(position, 60_000);
    let isWhole = false;
    const whole = request('GET', widgets).finally(() => {
      isWhole = true;
    });
    expect((await request('GET', `${widgets}/n000007`)).code).toBe(200);
    expect(isWhole).toBe(false);
    expect(namesOf((await whole).json)).toHaveLength(count);

    let pages = 0;
    const seen: string[] = [];
    for (let token: unknown = ''; token !== undefined; pages += 1) {
      const page = await list(`limit=500&continue=${token}`);
      seen.push(...namesOf(page));
      token = metadataOf(page)['continue'];
    }
    expect([pages, seen.length, new Set(seen).size]).toEqual([40, count, count]);
    expect([...seen].sort()).toEqual(seen);
  });

  it('at P with the watch from P gives the list at any later Q; so does a watch that begins with the state', async () => {
    await start({ config: { ringCapacity: 8 } });
    const names = ['a', 'b', 'c', 'd'];
    const step = fc.record({
      verb: fc.constantFrom('create', 'paint', 'label', 'delete'),
      name: fc.constantFrom(...names),
      value: fc.constantFrom('red', 'blue'),
    });
    const apply = (state: Map<string, JsonObject>, { type, object }: WatchEvent) => {
      const name = object.metadata['name'] as string;
      if (type === 'DELETED') state.delete(name);
      else if (type === 'ADDED' || type === 'MODIFIED') state.set(name, object);
    };
    const stateOf = (json: JsonObject) =>
      new Map((json['items'] as JsonObject[]).map((item) => [metadataOf(item)['name'] as string, item]));
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 12 }),
        fc.array(step, { minLength: 1, maxLength: 24 }),
        async (before, after) => {
          const carryOut = async ({ verb, name, value }: { verb: string; name: string; value: string }) => {
            if (verb === 'create') await request('POST', widgets, { metadata: { name, labels: { tier: value } }, spec: { colour: value } });
            else if (verb === 'paint') await request('PATCH', `${widgets}/${name}`, { spec: { colour: value } }, merge);
            else if (verb === 'label') await request('PATCH', `${widgets}/${name}`, { metadata: { labels: { tier: value } } }, merge);
            else await request('DELETE', `${widgets}/${name}`);
          };
          for (const each of before) await carryOut(each);
          const selector = 'labelSelector=tier%3Dred';
          const start = await list(selector);
          const streaming = await openWatch(
            system.url,
            `${widgets}?watch=1&${selector}&sendInitialEvents=true&resourceVersionMatch=NotOlderThan`,
          );
          for (const each of after) await carryOut(each);
          const late = await openWatch(system.url, `${widgets}?watch=1&${selector}&resourceVersion=${versionOf(start)}`);
          await request('DELETE', `${widgets}/end`);
          await request('POST', widgets, { metadata: { name: 'end', labels: { tier: 'red' } } });
          const end = stateOf(await list(selector));
          const endVersion = versionOf(end.get('end') as JsonObject);
          const isEnd = (events: readonly WatchEvent[]) => events.some(({ object }) => versionOf(object) === endVersion);
          const fromList = stateOf(start);
          for (const event of await late.until('the end', isEnd)) apply(fromList, event);
          const fromState = new Map<string, JsonObject>();
          for (const event of await streaming.until('the end', isEnd)) apply(fromState, event);
          late.close();
          streaming.close();
          expect(Object.fromEntries(fromList)).toEqual(Object.fromEntries(end));
          expect(Object.fromEntries(fromState)).toEqual(Object.fromEntries(end));
        },
      ),
      { numRuns: 12 },
    );
  });
});
