/** Both doors answer alike: one corpus of requests over HTTP and over gRPC, in two systems of their own. */
import { status as codes, credentials, loadPackageDefinition, type ServiceError } from '@grpc/grpc-js';
import { fromJSON } from '@grpc/proto-loader';
import type { CloudEvent, JsonObject } from '@weft/api';
import { freePort } from '@weft/bus';
import { until } from '@weft/testing/waiting';
import protobuf from 'protobufjs';
import { openEvents } from '../testing/event-reader.ts';
import { type Answer, Door, failureOf, type Stream, type Stub } from '../testing/grpc-door.ts';
import { call } from '../testing/requests.ts';
import { type System, startSystem } from '../testing/system.ts';

const widgets = { group: 'test.weft.dev', version: 'v1', resource: 'widgets', namespace: 'default' };
const path = '/apis/test.weft.dev/v1/namespaces/default/widgets';
const merge = 'application/merge-patch+json';
const object = (name: string, more: JsonObject = {}) => JSON.stringify({ metadata: { name }, ...more });

/** What is asked over HTTP, and the same over gRPC. */
type Case = Readonly<{
  method: string;
  path: string;
  body?: string;
  type?: string;
  headers?: Record<string, string>;
  rpc: string;
  request: object;
}>;
const create = (body: string, query = '', options = {}, headers = {}): Case => ({
  method: 'POST',
  path: `${path}${query}`,
  body,
  headers,
  rpc: 'Create',
  request: { target: widgets, json: body, options },
});
const one = (
  method: string,
  rpc: string,
  name: string,
  more: Readonly<{ body?: string; type?: string; query?: string; request?: object; headers?: Record<string, string> }> = {},
): Case => ({
  method,
  path: `${path}/${name}${more.query ?? ''}`,
  ...(more.body !== undefined && { body: more.body }),
  ...(more.type !== undefined && { type: more.type }),
  ...(more.headers && { headers: more.headers }),
  rpc,
  request: { target: { ...widgets, name }, json: more.body ?? '', ...(more.type !== undefined && { type: more.type }), ...more.request },
});
const list = (query: string, request: object): Case => ({
  method: 'GET',
  path: `${path}${query}`,
  rpc: 'List',
  request: { target: widgets, ...request },
});

const names = Array.from({ length: 12 }, (_, i) => `w${i}`);
const corpus: readonly Case[] = [
  ...names.map((name, i) =>
    create(object(name, { spec: { size: i }, metadata: { name, labels: { tier: i % 2 === 0 ? 'front' : 'back' } } })),
  ),
  ...names.map((name) => one('GET', 'Get', name)),
  ...names.map((name) => create(object(name))),
  ...names.map((name) => one('PATCH', 'Patch', name, { body: '{"spec":{"colour":"red"}}', type: merge })),
  ...names.map((name, i) =>
    one('PATCH', 'Patch', name, { body: `[{"op":"replace","path":"/spec/size","value":${i + 20}}]`, type: 'application/json-patch+json' }),
  ),
  ...names.map((name) => one('PATCH', 'Patch', name, { body: '{"spec":{"size":13}}', type: merge })),
  ...names.map((name) => one('PATCH', 'Patch', name, { body: '{"spec":', type: merge })),
  ...names.map((name) => one('PATCH', 'Patch', name, { body: '{}', type: 'application/strategic-merge-patch+json' })),
  ...names.map((name, i) => one('PUT', 'Update', name, { body: object(name, { spec: { size: i + 40 } }) })),
  ...names.map((name) => one('PUT', 'Update', name, { body: object(name, { metadata: { name, resourceVersion: '1234567890' } }) })),
  ...names.map((name) => one('PUT', 'Update', name, { body: object('another') })),
  ...names.map((name) =>
    one('PATCH', 'Patch', name, {
      body: '{"spec":{"size":77}}',
      type: merge,
      query: '?dryRun=All',
      request: { options: { dry_run: true } },
    }),
  ),
  ...['none', 'Not.A.Name', 'a_b'].flatMap((name) => [
    one('GET', 'Get', name),
    one('DELETE', 'Delete', name),
    one('PATCH', 'Patch', name, { body: '{}', type: merge }),
    one('PUT', 'Update', name, { body: object(name) }),
  ]),
  ...[
    '{',
    '[]',
    '{"metadata":{}}',
    '{"metadata":{"name":"UPPER"}}',
    '{"metadata":{"name":"x"},"spec":{"size":"big"}}',
    '{"kind":"Gadget","metadata":{"name":"x"}}',
    '{"apiVersion":"v7","metadata":{"name":"x"}}',
    '{"metadata":{"name":"x","namespace":"other"}}',
  ].map((body) => create(body)),
  create('{"metadata":{"name":"x"},"spec":{"shape":"round"}}', '?fieldValidation=Strict', { field_validation: 'Strict' }),
  create('{"metadata":{"name":"warned"},"spec":{"shape":"round"}}'),
  create('{"metadata":{"name":"x"}}', '?fieldValidation=Perhaps', { field_validation: 'Perhaps' }),
  create('{"metadata":{"name":"kept"}}', '', {}, { 'idempotency-key': 'k1' }),
  create('{"metadata":{"name":"kept"}}', '', {}, { 'idempotency-key': 'k1' }),
  list('', {}),
  list('?limit=5', { limit: 5 }),
  list('?labelSelector=tier%3Dfront', { label_selector: 'tier=front' }),
  list('?labelSelector=tier+in', { label_selector: 'tier in' }),
  list('?fieldSelector=metadata.name%3Dw3', { field_selector: 'metadata.name=w3' }),
  list('?fieldSelector=spec.none%3D1', { field_selector: 'spec.none=1' }),
  list('?continue=nonsense', { continue: 'nonsense' }),
  list('?resourceVersion=x', { resource_version: 'x' }),
  one('GET', 'Get', 'w1', { query: '?resourceVersion=99999999999999', request: { resource_version: '99999999999999' } }),
  {
    method: 'GET',
    path: '/apis/test.weft.dev/v1/gadgets',
    rpc: 'List',
    request: { target: { group: 'test.weft.dev', version: 'v1', resource: 'gadgets' } },
  },
  { method: 'GET', path: '/api/v1/namespaces', rpc: 'List', request: { target: { version: 'v1', resource: 'namespaces' } } },
  {
    method: 'POST',
    path: '/apis/test.weft.dev/v1/namespaces/nowhere/widgets',
    body: object('x'),
    rpc: 'Create',
    request: { target: { ...widgets, namespace: 'nowhere' }, json: object('x') },
  },
  ...names.map((name) => one('DELETE', 'Delete', name, { body: '{"preconditions":{"uid":"of-another"}}' })),
  ...names.map((name) => one('DELETE', 'Delete', name)),
  ...names.map((name) => one('DELETE', 'Delete', name)),
];

/** What differs from one system to the next. */
function normal(text: string): unknown {
  return JSON.parse(
    text
      .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, 'uuid')
      .replace(/"(resourceVersion|continue)":"[^"]*"/g, '"$1":"…"')
      .replace(/resource version:? \d+|current: \d+/g, '…')
      .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, 'time'),
  );
}

describe('Over gRPC', () => {
  let system: System;
  let beside: System;
  let door: Door;

  beforeAll(async () => {
    const address = `127.0.0.1:${await freePort()}`;
    system = await startSystem({ config: { grpc: address, readTimeoutMs: 300 } });
    beside = await startSystem({ config: { readTimeoutMs: 300 } });
    door = new Door(address);
  });
  afterAll(async () => {
    door.close();
    await system.stop();
    await beside.stop();
  });

  it(`the answers to ${corpus.length} requests are those of HTTP, objects and errors alike`, async () => {
    const met = new Set<number>();
    for (const [i, { method, path: asked, body, type, headers = {}, rpc, request }] of corpus.entries()) {
      const http = await call(beside.url, method, asked, body, {
        ...(body !== undefined && { 'content-type': type ?? 'application/json' }),
        'user-agent': 'grpc-node-js/1',
        ...headers,
      });
      const answer = await door.send(rpc, request, headers);
      const what = `${i}: ${method} ${asked} ${body ?? ''}`;
      if ('json' in answer) {
        expect([what, http.code < 400, normal(answer.json)]).toEqual([what, true, normal(http.text)]);
        expect([what, answer.warnings.length > 0]).toEqual([what, http.headers.has('warning')]);
        expect([what, answer.repeated_request]).toEqual([what, http.headers.has('idempotency-replayed')]);
      } else {
        met.add(answer.code);
        expect([what, answer.status.code, normal(JSON.stringify(answer.status))]).toEqual([what, http.code, normal(http.text)]);
      }
    }
    expect(corpus.length).toBeGreaterThanOrEqual(200);
    expect(met).toEqual(new Set([codes.INVALID_ARGUMENT, codes.NOT_FOUND, codes.ALREADY_EXISTS, codes.ABORTED, codes.DEADLINE_EXCEEDED]));
  });

  it('a resource is known by any of its names, and one without a name is not taken for all', async () => {
    const made = await door.send('Create', { target: { resource: 'wd', namespace: 'default' }, json: object('short') });
    expect(made).toMatchObject({ json: expect.stringContaining('"name":"short"') });
    expect(await door.send('Get', { target: { resource: 'Widget', namespace: 'default', name: 'short' } })).toMatchObject({
      json: (made as Answer).json,
    });
    for (const rpc of ['Get', 'Update', 'Patch', 'Delete'])
      expect(await door.send(rpc, { target: widgets })).toMatchObject({ code: codes.INVALID_ARGUMENT });
    expect(await door.send('Get', { target: { resource: 'gizmos', name: 'x' } })).toMatchObject({ code: codes.INVALID_ARGUMENT });
    expect(await door.send('Get', {})).toMatchObject({ code: codes.INVALID_ARGUMENT });
  });

  it('a watch gives the state and what changes, and ends when the client goes', async () => {
    const stream = door.watch({ target: { ...widgets, namespace: 'default' }, label_selector: 'watched=yes' });
    const got: string[] = [];
    const reading = (async () => {
      for await (const { type, json } of stream)
        got.push(`${type} ${(JSON.parse(json as string) as { metadata: { name: string } }).metadata.name}`);
    })().catch((error: ServiceError) => error.code);
    const labels = { watched: 'yes' };
    await door.send('Create', { target: widgets, json: JSON.stringify({ metadata: { name: 'seen', labels } }) });
    await until('it is added', () => got.includes('ADDED seen'));
    await door.send('Patch', { target: { ...widgets, name: 'seen' }, type: merge, json: '{"spec":{"size":5}}' });
    await door.send('Delete', { target: { ...widgets, name: 'seen' } });
    await until('it is gone', () => got.length === 3);
    expect(got).toEqual(['ADDED seen', 'MODIFIED seen', 'DELETED seen']);
    expect(system.gateway.openWatches).toBe(1);
    stream.cancel();
    expect(await reading).toBe(codes.CANCELLED);
    await until('the watch has ended', () => system.gateway.openWatches === 0);
  });

  it.each([
    ['?watch=true&labelSelector=tier+in', { label_selector: 'tier in' }],
    ['?watch=true&fieldSelector=spec.none%3D1', { field_selector: 'spec.none=1' }],
    ['?watch=true&resourceVersion=x', { resource_version: 'x' }],
  ])('a watch that makes no sense is refused as over HTTP: %s', async (query, request) => {
    const reading = (async () => {
      for await (const _ of door.watch({ target: widgets, ...request }));
    })();
    const failed = await reading.then(
      () => undefined,
      (error: ServiceError) => failureOf(error),
    );
    const { code, text } = await call(system.url, 'GET', `${path}${query}`);
    expect([failed?.code, failed?.status.code, normal(JSON.stringify(failed?.status))]).toEqual([
      codes.INVALID_ARGUMENT,
      code,
      normal(text),
    ]);
  });

  it('events are those of HTTP, and go on where they were for a subscriber that is killed at any instant', async () => {
    await door.send('Create', { target: widgets, json: object('eventful') });
    for (let size = 20; size < 60; size++)
      await door.send('Patch', { target: { ...widgets, name: 'eventful' }, type: merge, json: `{"spec":{"size":${size}}}` });
    const reader = await openEvents(system.url, 'from=0&follow=false&kind=Widget');
    await reader.until('the end', ({ ended }) => ended === true);
    const got: CloudEvent[] = [];
    let from = '0';
    let caughtUp = false;
    for (let life = 1; !caughtUp; life++) {
      const stream = door.follow({ from, kinds: ['Widget'], until_caught_up: true });
      let left = life * 3;
      for await (const { what, id, json } of stream) {
        if (what === 'CAUGHT_UP') caughtUp = true;
        if (what !== 'EVENT') continue;
        got.push(JSON.parse(json as string));
        from = id as string;
        left -= 1;
        if (left === 0) break;
      }
      stream.cancel();
    }
    expect(got).toEqual(reader.events);
    const batches: (readonly Readonly<Record<string, string>>[])[] = [];
    for await (const { events } of door.follow({ from: '0', kinds: ['Widget'], until_caught_up: true, batched: true }))
      batches.push(events as unknown as readonly Record<string, string>[]);
    expect(batches.flatMap((events) => events.map(({ what }) => what))).toEqual([...got.map(() => 'EVENT'), 'CAUGHT_UP']);
    expect(
      batches
        .flat()
        .slice(0, -1)
        .map(({ json }) => JSON.parse(json as string)),
    ).toEqual(got);
    expect(batches.flat().at(-2)?.['id']).toBe(from);
    expect(batches.length).toBeLessThan(got.length / 4);
    const refused = (async () => {
      for await (const _ of door.follow({ from: `${from.split('-')[0]}-00000000` }));
    })();
    await expect(refused.catch((error: ServiceError) => Promise.reject(failureOf(error)))).rejects.toMatchObject({
      code: codes.OUT_OF_RANGE,
      status: { code: 410, reason: 'Expired' },
    });
    await until('all streams have ended', () => system.gateway.openEventStreams === 0);
  });

  it('what is asked about packets is asked as over HTTP', async () => {
    const packet = { from: 'nic/default/a', to: '10.0.0.9:5432' };
    // There are no Networks in this system, so what each field means shows in what is refused.
    const asked: [rpc: string, request: object, query: string][] = [
      ['Trace', {}, ''],
      ['Trace', { packet: { ...packet, protocol: 'igmp' } }, 'protocol=igmp'],
      ['Trace', { packet: { ...packet, source_port: 70_000 } }, 'sourcePort=70000'],
      ['Trace', { packet: { ...packet, hop_limit: 300 } }, 'hopLimit=300'],
      ['Trace', { packet, at: 'yesterday' }, 'at=yesterday'],
      ['Trace', { packet, reading: 'wished' }, 'reading=wished'],
      ['Blame', { packet: { ...packet, from: 'pod/a' } }, ''],
      ['Blame', { packet, at: 'yesterday' }, 'at=yesterday'],
      ['Blame', { packet, since: 'yesterday' }, 'since=yesterday'],
      ['Blame', { packet, before: 'x' }, 'before=x'],
      ['Blame', { packet, limit: 5_000 }, 'limit=5000'],
    ];
    for (const [rpc, request, query] of asked) {
      const { from = '', to = '' } = (request as { packet?: Partial<typeof packet> }).packet ?? {};
      const { code, json } = await call(system.url, 'GET', `/weft/v1/${rpc.toLowerCase()}?from=${from}&to=${to}&${query}`);
      expect([rpc, request, code]).toEqual([rpc, request, 400]);
      expect(await door.send(rpc, request)).toEqual({ code: codes.INVALID_ARGUMENT, status: json });
    }
  });

  it('where a change has got to is what HTTP says, and what is asked wrongly is refused alike', async () => {
    await door.send('Create', { target: widgets, json: object('arriving') });
    const asked: [request: object, query: string, code: number][] = [
      [{ object: 'widget/default/arriving', goal: 'derived' }, 'object=widget/default/arriving&for=derived', 200],
      [{ object: 'widget' }, 'object=widget', 400],
      [{ position: 'x' }, 'position=x', 400],
      [{ position: '1', correlation: 'x' }, 'position=1&correlation=x', 400],
      [{ correlation: 'x' }, 'correlation=x', 404],
      [{ object: 'widget/default/arriving', goal: 'seen' }, 'object=widget/default/arriving&for=seen', 400],
      [{ object: 'widget/default/arriving', timeout_seconds: 301 }, 'object=widget/default/arriving&timeoutSeconds=301', 400],
    ];
    for (const [request, query, expected] of asked) {
      const answer = await door.send('Convergence', request);
      const { code, json } = await call(system.url, 'GET', `/weft/v1/convergence?${query}`);
      expect([request, code]).toEqual([request, expected]);
      // What is on its way may have got on in between; which change it is stays.
      if (code === 200) expect(JSON.parse((answer as Answer).json)).toMatchObject({ change: (json as JsonObject)['change'] });
      else expect(answer).toMatchObject({ status: json });
    }
    expect(JSON.parse(((await door.send('Convergence', {})) as Answer).json)).toMatchObject({ lastHour: expect.anything() });
  });

  it('history, differences, what was shown and where the log ends are those of HTTP; a range of the log ends where it is to', async () => {
    const target = { ...widgets, name: 'told' };
    await door.send('Create', { target: widgets, json: object('told', { spec: { size: 1 } }) });
    const { position: from, cursor: first } = JSON.parse(((await door.send('Head', {})) as Answer).json) as Record<string, string>;
    for (const size of [2, 3]) await door.send('Patch', { target, type: merge, json: `{"spec":{"size":${size}}}` });
    const overHttp = async (way: string) => (await call(system.url, 'GET', way)).json;
    const overGrpc = async (rpc: string, request: object) => JSON.parse(((await door.send(rpc, request)) as Answer).json);
    expect(await overGrpc('Changes', { target, limit: 2 })).toEqual(await overHttp('/weft/v1/history/widgets/default/told?limit=2'));
    expect((await overGrpc('Changes', { target })).changes).toHaveLength(3);
    expect(await overGrpc('Diff', { target, from })).toMatchObject({ objects: [{ name: 'told' }] });
    expect(await overGrpc('Get', { target, at: from })).toMatchObject({ spec: { size: 1 } });
    expect((await overGrpc('List', { target: widgets, at: from, limit: 0 })).items).toEqual(
      (await overHttp(`${path}?at=${from}`))['items'],
    );
    const head = await overGrpc('Head', {});
    expect(head).toEqual(await overHttp('/weft/v1/log'));
    expect(await door.send('Changes', { target: { ...target, name: 'nobody' } })).toMatchObject({ code: codes.NOT_FOUND });
    expect(await door.send('Diff', { from })).toMatchObject({ code: codes.INVALID_ARGUMENT });
    const reader = await openEvents(system.url, `from=${first}&to=${head.cursor}`);
    await reader.until('the end', ({ ended }) => ended === true);
    const got: string[] = [];
    await door.send('Patch', { target, type: merge, json: '{"spec":{"size":4}}' });
    for await (const { what, json } of door.read({ from: first, to: head.cursor })) if (what === 'EVENT') got.push(json as string);
    expect(got.map((json) => JSON.parse(json))).toEqual(reader.events);
    expect(reader.events.at(-1)?.position).toBe(head.position);
    expect(reader.lastId).toBe(head.cursor);
  });

  it('plans what manifests would change, and applies the plan', async () => {
    const manifest = { apiVersion: 'test.weft.dev/v1', kind: 'Widget', metadata: { name: 'planned' }, spec: { size: 1 } };
    const asked = { json: JSON.stringify({ manifests: [manifest] }) };
    const { json } = (await door.send('Make', asked)) as Answer;
    expect(JSON.parse(json)).toMatchObject({ verdict: 'change', resources: [{ kind: 'Widget', name: 'planned', change: 'created' }] });
    expect(await door.send('Get', { target: { ...widgets, name: 'planned' } })).toMatchObject({ code: codes.NOT_FOUND });
    expect(JSON.parse(((await door.send('Apply', { json })) as Answer).json)).toMatchObject({ commands: [{ outcome: 'done' }] });
    expect(JSON.parse(((await door.send('Make', asked)) as Answer).json)).toMatchObject({ verdict: 'none' });
    expect(await door.send('Apply', { json })).toMatchObject({ status: { code: 409 } });
  });

  it('a place that is taken is told with what to do', async () => {
    const address = door.health.getChannel().getTarget().replace(/^dns:/, '');
    await expect(system.another({ grpc: address })).rejects.toThrow(/WEFT_GRPC/);
  });

  it('health and reflection are there', async () => {
    expect(await door.check()).toEqual({ status: 'SERVING' });
    const reflection = loadPackageDefinition(
      fromJSON(
        protobuf
          .parse(
            `syntax = "proto3"; package grpc.reflection.v1;
           message ServerReflectionRequest { string list_services = 7; }
           message ServiceResponse { string name = 1; }
           message ListServiceResponse { repeated ServiceResponse service = 1; }
           message ServerReflectionResponse { ListServiceResponse list_services_response = 6; }
           service ServerReflection { rpc ServerReflectionInfo(stream ServerReflectionRequest) returns (stream ServerReflectionResponse); }`,
            { keepCase: true },
          )
          .root.toJSON(),
      ),
    ) as unknown as { grpc: { reflection: { v1: { ServerReflection: new (address: string, credentials: unknown) => Stub } } } };
    const stub = new reflection.grpc.reflection.v1.ServerReflection(door.health.getChannel().getTarget(), credentials.createInsecure());
    const asked = stub['ServerReflectionInfo']?.() as unknown as Stream & { write: (request: object) => void; end: () => void };
    asked.write({ list_services: '*' });
    asked.end();
    const listed: unknown[] = [];
    for await (const answer of asked) listed.push(answer);
    stub.close();
    const text = JSON.stringify(listed);
    for (const service of ['weft.v1.Resources', 'weft.v1.Events', 'grpc.health.v1.Health']) expect(text).toContain(service);
  });
});
