/** What happened to an object, and what differs between two moments, with all kinds and their loops. */
import type { JsonObject } from '@weft/api';
import { weftDomains } from '@weft/service';
import { until } from '@weft/testing/waiting';
import { call } from '../testing/requests.ts';
import { type System, startSystem } from '../testing/system.ts';
import type { HistoryChange } from './history.ts';
import type { ObjectDifference } from './past-differences.ts';

const networks = '/apis/networking.ironcore.dev/v1alpha1/namespaces/default/networks';
const merge = { 'content-type': 'application/merge-patch+json' };

describe('The history of an object', () => {
  let system: System;
  const get = (path: string) => call(system.url, 'GET', path);
  const send = async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => {
    const answer = await call(system.url, method, path, body, headers);
    expect([path, answer.code, answer.json['message']]).toEqual([path, expect.any(Number), undefined]);
    return answer.json as { metadata: JsonObject & { resourceVersion: string }; status?: JsonObject };
  };
  const history = async (path: string) => {
    const { code, json } = await get(`/weft/v1/history/${path}`);
    expect([code, json['message']]).toEqual([200, undefined]);
    return json as unknown as { kind: string; changes: HistoryChange[]; more: boolean };
  };
  const isAvailable = () =>
    until('the Network', async () => ((await get(`${networks}/web`)).json['status'] as JsonObject | undefined)?.['state'] === 'Available');

  beforeAll(async () => {
    system = await startSystem({ domains: weftDomains });
    await send('POST', networks, { metadata: { name: 'web' }, spec: {} }, { 'impersonate-user': 'alice' });
    await isAvailable();
    await send('PATCH', `${networks}/web`, { metadata: { labels: { tier: 'front' } } }, { ...merge, 'impersonate-user': 'bob' });
  });
  afterAll(async () => {
    await system.stop();
    expect(system.log.filter((line) => line.startsWith('error'))).toEqual([]);
  });

  it('tells of each change when, who, what was asked for, what differed, and what the change did', async () => {
    const { kind, changes, more } = await history('net/default/web');
    expect([kind, more]).toEqual(['Network', false]);
    const [created] = changes;
    expect(created).toMatchObject({
      actor: { user: 'alice', verified: false },
      command: 'create',
      lifetime: 'began',
      events: [{ type: 'NetworkCreated.v1', data: { metadata: { name: 'web' } } }, { type: 'FinalizersChanged.v1' }],
    });
    expect(created?.changed).toContainEqual({ field: 'metadata.name', after: 'web' });
    expect(created).not.toHaveProperty('cause');
    const labelled = changes.at(-1);
    expect(labelled).toMatchObject({
      actor: { user: 'bob' },
      command: 'patch',
      changed: [{ field: 'metadata.labels.tier', after: 'front' }],
    });
    expect(labelled?.resourceVersion).toBe((await send('GET', `${networks}/web`)).metadata.resourceVersion);
    const times = changes.map(({ time }) => time);
    expect(times).toEqual([...times].sort());
  });

  it('tells what caused it and what followed, across streams', async () => {
    const { changes } = await history('network/default/web');
    const [created] = changes;
    const numbered = changes.find(({ events }) => events.some(({ type }) => type === 'NetworkVniAssigned.v1'));
    expect(created?.followed).toContainEqual(expect.objectContaining({ stream: 'VniPool-.default', type: expect.stringMatching(/^Vni/) }));
    expect(numbered).toMatchObject({
      actor: { user: expect.stringMatching(/^system:loop:/), verified: true },
      onBehalfOf: { user: 'alice' },
      cause: { stream: expect.any(String), type: expect.any(String), position: expect.any(String) },
      correlationId: created?.correlationId,
    });
    expect(BigInt((numbered as { cause: { position: string } }).cause.position)).toBeLessThan(BigInt(numbered?.position ?? 0));
  });

  it('gives the newest changes, and those before a position', async () => {
    const { changes } = await history('network/default/web');
    const last = await history('network/default/web?limit=1');
    expect([last.changes.map(({ position }) => position), last.more]).toEqual([[changes.at(-1)?.position], true]);
    const before = await history(`network/default/web?before=${changes.at(-1)?.position}&limit=1`);
    expect(before.changes.map(({ position }) => position)).toEqual([changes.at(-2)?.position]);
    const first = await history(`network/default/web?before=${changes[1]?.position}`);
    expect([first.changes.map(({ position }) => position), first.more]).toEqual([[changes[0]?.position], false]);
  });

  it('goes on through the end of an object and the beginning of another one of its name', async () => {
    await send('POST', networks, { metadata: { name: 'short' }, spec: {} });
    await send('DELETE', `${networks}/short`);
    await until('its end', async () => (await get(`${networks}/short`)).code === 404);
    await send('POST', networks, { metadata: { name: 'short', labels: { second: 'yes' } }, spec: {} });
    const { changes } = await history('network/default/short');
    expect(changes.flatMap(({ lifetime }) => lifetime ?? [])).toEqual(['began', 'ended', 'began']);
    const ended = changes.find(({ lifetime }) => lifetime === 'ended');
    expect(ended?.changed).toContainEqual({ field: 'metadata.name', before: 'short' });
  });

  it.each([
    ['network/default/none', 404, /networks.networking.ironcore.dev "none" not found/],
    ['netwerk/default/web', 404, /could not find the requested resource/],
    ['network/default', 404, /could not find/],
    ['network/default/web/more', 404, /could not find/],
    ['event/default/x', 404, /could not find/],
    ['network/default/web?limit=0', 400, /limit must be 1 to 1000/],
    ['network/default/web?before=x', 400, /"x" is no position/],
  ])('of %s is answered %d', async (path, code, message) => {
    const { code: given, json } = await get(`/weft/v1/history/${path}`);
    expect([given, json['message']]).toEqual([code, expect.stringMatching(message)]);
  });

  describe('as a difference between two moments', () => {
    const diff = async (question: string) => {
      const { code, json } = await get(`/weft/v1/diff/${question}`);
      expect([code, json['message']]).toEqual([200, undefined]);
      return json as unknown as { from: { position: string; time: string }; to: { position: string }; objects: ObjectDifference[] };
    };

    it('names what came, went, changed, and became another one of the same name', async () => {
      for (const name of ['goes', 'again', 'stays', 'turns']) await send('POST', networks, { metadata: { name }, spec: {} });
      for (const name of ['goes', 'again', 'stays', 'turns'])
        await until(
          name,
          async () => ((await get(`${networks}/${name}`)).json['status'] as JsonObject | undefined)?.['state'] === 'Available',
        );
      const from = await system.platform.store.head();
      for (const name of ['goes', 'again']) {
        await send('DELETE', `${networks}/${name}`);
        await until(`the end of ${name}`, async () => (await get(`${networks}/${name}`)).code === 404);
      }
      await send('POST', networks, { metadata: { name: 'again' }, spec: {} });
      await send('POST', networks, { metadata: { name: 'comes' }, spec: {} });
      await send('PATCH', `${networks}/turns`, { metadata: { labels: { tier: 'back' } } }, merge);
      const { metadata } = await send('GET', networks);
      const found = await diff(`network/default?from=${from}&to=${metadata.resourceVersion}`);
      expect(found.objects.map(({ name, lifetime }) => [name, lifetime])).toEqual([
        ['again', 'replaced'],
        ['comes', 'began'],
        ['goes', 'ended'],
        ['turns', undefined],
      ]);
      expect(found.objects.at(-1)?.changed).toEqual([{ field: 'metadata.labels.tier', after: 'back' }]);
      expect([found.from.position, found.from.time]).toEqual([`${from}`, expect.stringMatching(/^\d{4}-/)]);
      expect((await diff(`network/default/turns?from=${from}`)).objects).toEqual([
        { namespace: 'default', name: 'turns', changed: [{ field: 'metadata.labels.tier', after: 'back' }] },
      ]);
      expect((await diff(`network/default/stays?from=${from}`)).objects).toEqual([]);
      expect((await diff(`network?from=${from}&to=${from}`)).objects).toEqual([]);
    });

    it.each([
      ['network/default', 400, /say since when/],
      ['network/default?from=99999999', 400, /beyond the log/],
      ['nothing?from=1', 404, /could not find/],
      ['network?from=50&to=10', 400, /from=50 lies behind to/],
    ])('%s is answered %d', async (question, code, message) => {
      const { code: given, json } = await get(`/weft/v1/diff/${question}`);
      expect([given, json['message']]).toEqual([code, expect.stringMatching(message)]);
    });
  });
});
