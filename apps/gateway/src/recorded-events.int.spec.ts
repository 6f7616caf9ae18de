/** Events of clients, as recorders of client-go write them, over both of their groups (ADR 65). */
import type { JsonObject } from '@weft/api';
import { weftDomains } from '@weft/service';
import { until } from '@weft/testing/waiting';
import { call, openWatch } from './testing/requests.ts';
import { type System, startSystem } from './testing/system.ts';

const core = '/api/v1/namespaces/default/events';
const group = '/apis/events.k8s.io/v1/namespaces/default/events';
const about = (name: string): JsonObject => ({
  apiVersion: 'compute.ironcore.dev/v1alpha1',
  kind: 'Machine',
  namespace: 'default',
  name,
  uid: `uid-of-${name}`,
});
/** As a recorder of client-go's `tools/record` sends it, with all that it leaves empty. */
const recorded = (name: string, more: JsonObject = {}): JsonObject => ({
  kind: 'Event',
  apiVersion: 'v1',
  metadata: { name: `${name}.17a`, namespace: 'default', creationTimestamp: null },
  involvedObject: about(name),
  reason: 'Scheduled',
  message: 'placed on host-1',
  source: { component: 'scheduler' },
  firstTimestamp: '2026-11-29T10:00:00Z',
  lastTimestamp: '2026-11-29T10:00:00Z',
  count: 1,
  type: 'Normal',
  eventTime: null,
  reportingComponent: 'scheduler',
  reportingInstance: '',
  ...more,
});
/** As a recorder of `tools/events` sends it. */
const timed = (name: string): JsonObject => ({
  kind: 'Event',
  apiVersion: 'events.k8s.io/v1',
  metadata: { name: `${name}.17b`, namespace: 'default' },
  eventTime: '2026-11-29T10:00:00.000001Z',
  reportingController: 'example.com/scheduler',
  reportingInstance: 'scheduler-1',
  action: 'Binding',
  reason: 'Scheduled',
  regarding: about(name),
  note: 'placed on host-2',
  type: 'Normal',
});
const STRATEGIC = { 'content-type': 'application/strategic-merge-patch+json' };
const metadataOf = ({ metadata }: JsonObject) => metadata as JsonObject;

describe('Events of clients', () => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem({ domains: weftDomains });
  });
  afterAll(async () => {
    expect(system.log.filter((line) => line.startsWith('error'))).toEqual([]);
    await system.stop();
  });
  const request = (method: string, path: string, body?: JsonObject, headers: Record<string, string> = {}) =>
    call(system.url, method, path, body, headers);
  const listed = async (path: string) => ((await request('GET', path)).json['items'] ?? []) as JsonObject[];

  it('are created and counted by recorders of core v1, and watched', async () => {
    const watch = await openWatch(system.url, `${core}?watch=true&fieldSelector=involvedObject.name=a`);
    const made = await request('POST', core, recorded('a'));
    expect(made.code).toBe(201);
    expect(made.json).toMatchObject({
      kind: 'Event',
      apiVersion: 'v1',
      involvedObject: { name: 'a' },
      count: 1,
      message: 'placed on host-1',
    });
    const again = { count: 2, lastTimestamp: '2026-11-29T10:00:09Z' };
    const patched = await request('PATCH', `${core}/a.17a`, again, STRATEGIC);
    expect([patched.code, patched.json]).toMatchObject([200, { ...again, firstTimestamp: '2026-11-29T10:00:00Z', reason: 'Scheduled' }]);
    const { uid, resourceVersion } = metadataOf(patched.json);
    expect(uid).toBe(metadataOf(made.json)['uid']);
    expect(BigInt(resourceVersion as string)).toBeGreaterThan(BigInt(metadataOf(made.json)['resourceVersion'] as string));
    expect((await request('GET', `${core}/a.17a`)).json).toMatchObject({ ...again, metadata: { resourceVersion } });
    await until('both changes', () => watch.events.length === 2);
    expect(watch.events.map(({ type, object }) => [type, object['count']])).toEqual([
      ['ADDED', 1],
      ['MODIFIED', 2],
    ]);
    watch.close();
  });

  it('are those of events.k8s.io too, under its names, in lists, selectors, watches and patches', async () => {
    const watch = await openWatch(system.url, `${group}?watch=true&fieldSelector=regarding.name=b`);
    const made = await request('POST', group, timed('b'));
    expect([made.code, made.json]).toMatchObject([201, timed('b')]);
    const series = { count: 2, lastObservedTime: '2026-11-29T10:00:09.000000Z' };
    const patched = await request('PATCH', `${group}/b.17b`, { series, note: 'placed again' }, STRATEGIC);
    expect([patched.code, patched.json]).toMatchObject([200, { series, note: 'placed again', regarding: { name: 'b' } }]);
    const replaced = await request('PATCH', `${group}/b.17b`, [{ op: 'replace', path: '/note', value: 'and again' }] as never, {
      'content-type': 'application/json-patch+json',
    });
    expect(replaced.json).toMatchObject({ note: 'and again' });
    const asCore = (await request('GET', `${core}/b.17b`)).json;
    expect(asCore).toMatchObject({
      apiVersion: 'v1',
      message: 'and again',
      involvedObject: { name: 'b' },
      series,
      reportingComponent: 'example.com/scheduler',
    });
    for (const name of ['regarding', 'note', 'reportingController']) expect(asCore[name]).toBeUndefined();
    expect(await listed(`${group}?fieldSelector=regarding.name=b,reportingController=example.com/scheduler`)).toMatchObject([
      { note: 'and again' },
    ]);
    await until('all changes', () => watch.events.length === 3);
    expect(watch.events.map(({ object }) => [object['apiVersion'], object['note']])).toEqual([
      ['events.k8s.io/v1', 'placed on host-2'],
      ['events.k8s.io/v1', 'placed again'],
      ['events.k8s.io/v1', 'and again'],
    ]);
    watch.close();
    const discovered = (await request('GET', '/apis/events.k8s.io/v1')).json['resources'];
    expect(discovered).toMatchObject([{ name: 'events', kind: 'Event', verbs: expect.arrayContaining(['create', 'patch', 'watch']) }]);
    // `kubectl delete all --all` is not about Events.
    expect((discovered as JsonObject[])[0]?.['categories']).toBeUndefined();
  });

  it('are checked, counted once however often a request comes, and changed only as they are', async () => {
    const key = { 'idempotency-key': 'once' };
    const first = await request('POST', core, recorded('c'), key);
    const repeat = await request('POST', core, recorded('c'), key);
    expect([repeat.code, repeat.json]).toEqual([201, first.json]);
    expect((await request('POST', core, recorded('c'))).json).toMatchObject({ code: 409, reason: 'AlreadyExists' });
    expect((await request('POST', `${core}?dryRun=All`, recorded('never'))).code).toBe(201);
    expect((await request('GET', `${core}/never.17a`)).code).toBe(404);
    expect((await request('PATCH', `${core}/never.17a`, { count: 2 }, STRATEGIC)).code).toBe(404);
    expect((await request('POST', core, recorded('d', { involvedObject: { ...about('d'), namespace: 'elsewhere' } }))).code).toBe(422);
    expect((await request('POST', core, recorded('d', { message: 'x'.repeat(20_000) }))).code).toBe(413);
    const old = (await request('GET', `${core}/c.17a`)).json;
    expect((await request('PUT', `${core}/c.17a`, { ...old, count: 5 })).code).toBe(200);
    expect((await request('PUT', `${core}/c.17a`, { ...old, count: 6 })).json).toMatchObject({ code: 409, reason: 'Conflict' });
    const generated = await request('POST', core, recorded('e', { metadata: { generateName: 'e-' } }));
    expect(metadataOf(generated.json)['name']).toMatch(/^e-.{5}$/);
  });

  it('stand beside those that follow from the log, which nobody writes; all gateways have them; they go when deleted, or with their namespace', async () => {
    const allocations = '/apis/ipam.ironcore.dev/v1alpha1/namespaces/default/prefixallocations';
    const selector = { matchLabels: { for: 'nobody' } };
    await request('POST', allocations, {
      metadata: { name: 'asks' },
      spec: { ipFamily: 'IPv4', prefixLength: 24, prefixSelector: selector },
    });
    const own = await until('an Event of the log', async () => (await listed(`${core}?fieldSelector=reason=NoSuitablePrefix`))[0]);
    const ownPath = `${core}/${metadataOf(own as JsonObject)['name']}`;
    expect((await request('PATCH', ownPath, { count: 9 }, STRATEGIC)).json).toMatchObject({
      code: 403,
      message: expect.stringContaining('follows from the log'),
    });
    await request('POST', core, recorded('f', { involvedObject: { kind: 'PrefixAllocation', namespace: 'default', name: 'asks' } }));
    const reasons = (await listed(`${core}?fieldSelector=involvedObject.name=asks`)).map(({ reason }) => reason);
    expect(reasons.sort()).toEqual(['NoSuitablePrefix', 'Scheduled']);
    expect((await request('DELETE', `${core}/f.17a`)).code).toBe(200);
    expect((await request('GET', `${core}/f.17a`)).code).toBe(404);

    await request('POST', '/api/v1/namespaces', { metadata: { name: 'team' } });
    const inTeam = {
      ...recorded('g', { involvedObject: { ...about('g'), namespace: 'team' } }),
      metadata: { name: 'g.17a', namespace: 'team' },
    };
    expect((await request('POST', '/api/v1/namespaces/team/events', inTeam)).code).toBe(201);
    const other = await system.another();
    const there = await call(other.gateway.url, 'GET', '/api/v1/events');
    expect(there.json['items']).toEqual(await listed('/api/v1/events'));
    await other.stop();
    await request('DELETE', '/api/v1/namespaces/team');
    await until('the namespace is gone', async () => (await request('GET', '/api/v1/namespaces/team')).code === 404);
    expect(await listed('/api/v1/namespaces/team/events')).toEqual([]);
    expect((await request('POST', '/api/v1/namespaces/team/events', inTeam)).code).toBe(404);
    expect((await request('DELETE', core)).code).toBe(200);
    expect((await listed(core)).map(({ reportingComponent }) => reportingComponent)).toEqual(['weft']);
  });
});
