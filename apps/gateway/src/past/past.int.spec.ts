/** `?at=`: what a read at that moment answered, asked for later. */
import type { JsonObject } from '@weft/api';
import { call } from '../testing/requests.ts';
import { type System, startSystem } from '../testing/system.ts';

const widgets = '/apis/test.weft.dev/v1/namespaces/default/widgets';
const table = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' };
const merge = { 'content-type': 'application/merge-patch+json' };

describe('A read of the past', () => {
  let system: System;
  const get = (path: string, headers?: Record<string, string>) => call(system.url, 'GET', path, undefined, headers);
  const send = async (method: string, path: string, body?: unknown, headers?: Record<string, string>) => {
    const answer = await call(system.url, method, path, body, headers);
    expect(answer.code).toBeLessThan(300);
    return answer.json;
  };
  beforeEach(async () => {
    system = await startSystem();
  });
  afterEach(async () => {
    expect(system.log.filter((line) => line.startsWith('error'))).toEqual([]);
    await system.stop();
  });

  /** Cells of ages count from now; the last column of each kind here. */
  const withoutAges = ({ code, json }: { code: number; json: JsonObject }) => ({
    code,
    json: JSON.parse(JSON.stringify(json), (name, value: unknown) =>
      name === 'cells' ? (value as unknown[]).slice(0, -1) : value,
    ) as unknown,
  });

  it('answers as a read did at that moment, of one object and of lists', async () => {
    const questions: readonly (readonly [path: string, headers?: Record<string, string>])[] = [
      [`${widgets}/a`],
      [`${widgets}/b`],
      [widgets],
      ['/apis/test.weft.dev/v1/widgets'],
      [`${widgets}?labelSelector=odd%3Dyes`],
      [`${widgets}?fieldSelector=metadata.name%3Db`],
      [widgets, table],
      [`${widgets}/a`, table],
      ['/api/v1/namespaces'],
      [widgets, { accept: 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io' }],
    ];
    const seen: { at: string; answers: unknown[] }[] = [];
    const look = async () => {
      const answers = [];
      for (const [path, headers] of questions) answers.push(withoutAges(await get(path, headers)));
      const { metadata } = (await get(widgets)).json as { metadata: JsonObject };
      seen.push({ at: metadata['resourceVersion'] as string, answers });
    };
    await look();
    await send('POST', widgets, { metadata: { name: 'b' }, spec: { size: 1, colour: 'red' } });
    await look();
    await send('POST', widgets, { metadata: { name: 'a', labels: { odd: 'yes' } } });
    await look();
    await send('PATCH', `${widgets}/b`, { spec: { size: 2, colour: 'blue' }, metadata: { labels: { odd: 'yes' } } }, merge);
    await look();
    await send('DELETE', `${widgets}/b`);
    await send('POST', '/api/v1/namespaces', { metadata: { name: 'other' } });
    await look();
    await send('POST', widgets, { metadata: { name: 'b' }, spec: { size: 3 } });
    await send('DELETE', `${widgets}/a`);
    await look();
    for (const { at, answers } of seen) {
      for (const [i, [path, headers]] of questions.entries()) {
        const asked = await get(`${path}${path.includes('?') ? '&' : '?'}at=${at}`, headers);
        expect([at, path, withoutAges(asked)]).toEqual([at, path, answers[i]]);
      }
    }
  });

  it('takes a time for the last moment before it, and never shows half of an append', async () => {
    await send('POST', widgets, { metadata: { name: 'w' }, spec: { size: 1 } });
    const before = await system.platform.store.head();
    await send('PATCH', `${widgets}/w`, { spec: { size: 2, colour: 'blue' } }, merge);
    const events = [];
    for await (const event of system.platform.store.readStream('Widget-default.w')) events.push(event);
    expect(events).toHaveLength(4); // Created, then two fields and the generation in one append.
    const specAt = async (at: string) => ((await get(`${widgets}/w?at=${encodeURIComponent(at)}`)).json as { spec: unknown }).spec;
    const versionAt = async (at: bigint) => ((await get(`${widgets}?at=${at}`)).json['metadata'] as JsonObject)['resourceVersion'];
    for (const event of events.slice(1, -1)) expect(await versionAt(event.position)).toBe(await versionAt(before));
    for (const event of events.slice(1, -1)) expect([event.type, await specAt(`${event.position}`)]).toEqual([event.type, { size: 1 }]);
    expect(await specAt(`${before}`)).toEqual({ size: 1 });
    expect(await specAt(`${events[3]?.position}`)).toEqual({ size: 2, colour: 'blue' });
    const written = events[3]?.metadata.time ?? '';
    const justBefore = new Date(Date.parse(events[0]?.metadata.time ?? '') - 1).toISOString();
    expect(await specAt(written)).toEqual({ size: 2, colour: 'blue' });
    expect(await specAt(written.replace('Z', '+00:00'))).toEqual({ size: 2, colour: 'blue' });
    expect((await get(`${widgets}/w?at=${justBefore}`)).code).toBe(404);
  });

  it('says of ages how old objects were then', async () => {
    await send('POST', widgets, { metadata: { name: 'w' } });
    const ages = async (question: string) =>
      ((await get(`${widgets}${question}`, table)).json['rows'] as { cells: string[] }[]).map(({ cells }) => cells.at(-1));
    const { metadata } = (await get(widgets)).json as { metadata: JsonObject };
    expect(await ages(`?at=${metadata['resourceVersion']}`)).toEqual(['0s']);
  });

  it.each([
    ['at=yesterday', 400, /"yesterday" is neither a position \(48211\) nor a time \(2026-11-22T14:03:00Z\)/],
    ['at=2026-11-22', 400, /neither a position/],
    ['at=0', 400, /lies before the log began/],
    ['at=1970-01-01T00:00:00Z', 400, /lies before the log began/],
    ['at=9999-01-01T00:00:00Z', 400, /lies in the future/],
    ['at=99999999', 400, /lies beyond the log, which ends at \d+/],
    ['at=300000000', 410, /300000000 is none of this log/],
    ['at=3&resourceVersion=3', 400, /at is not served together with resourceVersion/],
    ['at=3&limit=3', 400, /together with limit/],
    ['at=3&watch=true', 400, /together with watch/],
  ])('refuses ?%s with %d', async (question, code, message) => {
    for (const path of [widgets, `${widgets}/w`]) {
      const answer = await get(`${path}?${question}`);
      expect([answer.code, answer.json['message']]).toEqual([code, expect.stringMatching(message)]);
    }
  });

  it('is no place to write to', async () => {
    for (const [method, path] of [
      ['DELETE', widgets],
      ['PATCH', `${widgets}/w`],
      ['POST', widgets],
    ] as const) {
      const answer = await call(system.url, method, `${path}?at=3`, { metadata: { name: 'w' } }, merge);
      expect([answer.code, answer.json['message']]).toEqual([400, 'at is for reads: the past does not change']);
    }
  });
});
