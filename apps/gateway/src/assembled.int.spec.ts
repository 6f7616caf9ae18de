/** Objects that are assembled when they are read, and served in parts where they would exceed 900 kB (ADR 27). */
import { randomUUID } from 'node:crypto';
import { type JsonObject, PART_BYTES_MAX, PARTS_ANNOTATION } from '@weft/api';
import { type CommandClient, createCommandClient } from '@weft/service';
import { choirDomain } from './testing/choir-kind.ts';
import { call, openWatch } from './testing/requests.ts';
import { type System, startSystem } from './testing/system.ts';

const PATH = '/apis/test.weft.dev/v1/namespaces/default/choirs';
const SINGERS = 10_000;
const merge = { 'content-type': 'application/merge-patch+json' };
const table = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' };
const singer = (number: number) => `singer-${`${number}`.padStart(5, '0')}-of-a-very-large-choir`;
const everybody = Array.from({ length: SINGERS }, (_, number) => singer(number));
const voicesOf = (json: JsonObject) => json['voices'] as { singer: string; voice: number }[];
const metadataOf = (json: JsonObject) => json['metadata'] as JsonObject & { annotations?: JsonObject; resourceVersion: string };
const partsOf = (json: JsonObject) => metadataOf(json).annotations?.[PARTS_ANNOTATION];

describe('An object that is assembled when it is read', () => {
  let system: System;
  let client: CommandClient;
  const request = (method: string, path: string, body?: unknown, headers?: Record<string, string>) =>
    call(system.url, method, PATH + path, body, headers);
  const act = async (name: string, action: string, payload: JsonObject) => {
    const key = { kind: 'Choir', namespace: 'default', name };
    const sender = { requestId: randomUUID(), actor: { user: 'system:test', verified: true } };
    const reply = await client.send({ verb: 'act', key, action, payload }, sender);
    if (!reply.ok) throw new Error(reply.status.message);
    await system.follower.waitFor(BigInt(reply.position), 20_000);
    return reply;
  };

  beforeAll(async () => {
    system = await startSystem({ domains: [choirDomain] });
    const { bus, registry, clock } = system.platform;
    client = createCommandClient({ bus, registry, clock });
    for (const name of ['small', 'large']) await request('POST', '', { metadata: { name }, song: 'one' });
    await act('small', 'Join', { singers: ['b', 'a'] });
    await act('large', 'Join', { singers: everybody });
  });
  afterAll(async () => {
    await system.stop();
    expect(system.log.filter((line) => line.startsWith('error'))).toEqual([]);
  });

  it('shows its members to a get, a list and a table, in one order, and bears no mark', async () => {
    const { json } = await request('GET', '/small');
    expect(voicesOf(json).map(({ singer: who, voice }) => `${who}${voice}`)).toEqual(['a1', 'a2', 'b1', 'b2']);
    expect([partsOf(json), json['song']]).toEqual([undefined, 'one']);
    const list = await request('GET', '');
    expect((list.json['items'] as JsonObject[])[1]).toEqual(json);
    const rows = (await request('GET', '', undefined, table)).json['rows'] as { cells: string[] }[];
    expect(rows.map(({ cells }) => cells)).toEqual([
      ['large', `${2 * SINGERS}`],
      ['small', '4'],
    ]);
  });

  it('answers a write with its members, and changes none that the write leaves alone', async () => {
    const patched = await request('PATCH', '/small', { metadata: { labels: { x: 'y' } } }, merge);
    expect([patched.code, voicesOf(patched.json).length]).toEqual([200, 4]);
    const sung = await request('PATCH', '/small', { song: 'two' }, merge);
    expect([sung.code, sung.json['song'], voicesOf(sung.json).length]).toEqual([200, 'two', 4]);
    const again = await request('PUT', '/small', sung.json);
    expect([again.code, again.json]).toEqual([200, sung.json]);
  });

  it('shows the members that it had in the past', async () => {
    const before = await request('GET', '/small');
    await act('small', 'Join', { singers: ['c'] });
    await act('small', 'Leave', { singer: 'b' });
    const then = await request('GET', `/small?at=${metadataOf(before.json).resourceVersion}`);
    expect(then.json).toEqual(before.json);
    expect(voicesOf((await request('GET', '/small')).json).map(({ singer: who }) => who)).not.toEqual(
      voicesOf(then.json).map(({ singer: who }) => who),
    );
  });

  it('gives what acts on it the object as it is kept', async () => {
    const { object } = await act('small', 'Join', { singers: ['a'] });
    expect(object?.['voices']).toEqual([]);
  });

  describe('with 10,000 members of two voices', () => {
    it('is served in parts of at most 900 kB, which together are the whole, at one resourceVersion', async () => {
      const first = await request('GET', '/large');
      const count = Number(partsOf(first.json));
      expect(count).toBeGreaterThan(1);
      const parts = [first];
      for (let part = 2; part <= count; part++) parts.push(await request('GET', `/large?part=${part}`));
      for (const { code, text } of parts) expect([code, text.length <= PART_BYTES_MAX]).toEqual([200, true]);
      const [version, ...versions] = new Set(parts.map(({ json }) => metadataOf(json).resourceVersion));
      expect([version, versions]).toEqual([expect.any(String), []]);
      const all = parts.flatMap(({ json }) => voicesOf(json));
      expect(all).toEqual(everybody.flatMap((each) => [1, 2].map((voice) => ({ singer: each, voice }))));
      expect((await request('GET', `/large?part=${count + 1}`)).json).toMatchObject({
        code: 400,
        message: expect.stringContaining(`there is no part ${count + 1}: the object is served in ${count} parts`),
      });
      expect((await request('GET', '/large?part=0')).code).toBe(400);
    });

    it('takes a patch of its labels, which changes no member, and answers with the first part', async () => {
      const { code, json } = await request('PATCH', '/large', { metadata: { labels: { x: 'y' } } }, merge);
      expect([code, metadataOf(json)['labels'], Number(partsOf(json)) > 1]).toEqual([200, { x: 'y' }, true]);
      const dry = await request('PATCH', '/large?dryRun=All', { metadata: { labels: { x: 'z' } } }, merge);
      expect([dry.code, partsOf(dry.json)]).toEqual([200, partsOf(json)]);
    });

    it('refuses to be replaced by one of its parts', async () => {
      const { json } = await request('GET', '/large');
      const { code, json: status } = await request('PUT', '/large', json);
      // 10,000 elements is the limit of what clients may write; a smaller part is refused for its mark.
      expect([code, status['message']]).toEqual([400, expect.stringMatching(/10000 elements together, these are/)]);
      const cut = await request('PUT', '/large', { ...json, voices: voicesOf(json).slice(0, 10) });
      expect(cut.json).toMatchObject({ code: 422, message: expect.stringMatching(/metadata\.annotations: Forbidden: .* by a patch/) });
      const created = await request('POST', '', { metadata: { name: 'new', annotations: { [PARTS_ANNOTATION]: '2' } } });
      expect(created.code).toBe(422);
    });

    it('sends the newest of many states to a watch', async () => {
      const { json } = await request('GET', '/large');
      const watch = await openWatch(system.url, `${PATH}?watch=1&resourceVersion=${metadataOf(json).resourceVersion}`);
      const before = voicesOf(json).length;
      for (const each of everybody.slice(0, 100)) await act('large', 'Leave', { singer: each });
      const last = metadataOf((await request('GET', '/large')).json).resourceVersion;
      const events = await watch.until('the last', (seen) => seen.at(-1)?.object.metadata['resourceVersion'] === last);
      watch.close();
      expect(new Set(events.map(({ type }) => type))).toEqual(new Set(['MODIFIED']));
      expect(events.length).toBeLessThan(50);
      expect(voicesOf(events.at(-1)?.object ?? {}).length).toBeLessThanOrEqual(before);
      expect(voicesOf(events.at(-1)?.object ?? {})[0]).toEqual({ singer: singer(100), voice: 1 });
    });
  });
});
