import { randomUUID } from 'node:crypto';
import type { JsonObject } from '@weft/api';
import { call } from '../testing/requests.ts';
import { type System, startSystem } from '../testing/system.ts';

const widgets = '/apis/test.weft.dev/v1/namespaces/default/widgets';
const merge = { 'content-type': 'application/merge-patch+json' };
const metadataOf = (json: JsonObject) => json['metadata'] as JsonObject;
const tableV1 = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json';

describe('The resource API', () => {
  let system: System;
  let counter = 0;
  const fresh = () => `w${++counter}`;
  const request = (method: string, path: string, body?: unknown, headers?: Record<string, string>) =>
    call(system.url, method, path, body, headers);
  const create = (name: string, more: JsonObject = {}) =>
    request('POST', widgets, { ...more, metadata: { name, ...(more['metadata'] as JsonObject | undefined) } });

  beforeAll(async () => {
    system = await startSystem();
  });
  afterAll(async () => {
    await system.stop();
    expect(system.log.filter((line) => line.startsWith('error'))).toEqual([]);
  });

  describe('create', () => {
    it('answers 201 with the whole object, which a get and a list see at once', async () => {
      const name = fresh();
      const created = await create(name, { spec: { size: 3 } });
      expect(created.code).toBe(201);
      expect(created.json).toMatchObject({
        apiVersion: 'test.weft.dev/v1',
        kind: 'Widget',
        metadata: { name, namespace: 'default', generation: 1 },
        spec: { size: 3 },
      });
      const { uid, resourceVersion, creationTimestamp } = metadataOf(created.json);
      expect(uid).toMatch(/^[0-9a-f-]{36}$/);
      expect(resourceVersion).toMatch(/^[1-9]\d*$/);
      expect(creationTimestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
      expect((await request('GET', `${widgets}/${name}`)).json).toEqual(created.json);
      const { json } = await request('GET', widgets);
      expect(json['items']).toContainEqual(created.json);
      expect(BigInt(metadataOf(json)['resourceVersion'] as string)).toBeGreaterThanOrEqual(BigInt(resourceVersion as string));
    });

    it('reaches an owner of its own process without the bus', async () => {
      const sent: string[] = [];
      const heard = system.platform.bus.subscribe('weft.cmd.>', ({ subject }) => void sent.push(subject));
      await system.platform.bus.flush();
      expect((await create(fresh())).code).toBe(201);
      await system.platform.bus.flush();
      expect(sent).toEqual([]);
      await heard.stop();
    });

    it('makes a name from generateName', async () => {
      const { code, json } = await request('POST', widgets, { metadata: { generateName: 'gen-' } });
      expect([code, metadataOf(json)['name']]).toEqual([201, expect.stringMatching(/^gen-[bcdfghjklmnpqrstvwxz2456789]{5}$/)]);
    });

    it('says AlreadyExists for a name that is taken', async () => {
      const name = fresh();
      await create(name);
      const again = await create(name);
      expect(again.json).toMatchObject({
        code: 409,
        reason: 'AlreadyExists',
        message: `widgets.test.weft.dev "${name}" already exists`,
        details: { name, group: 'test.weft.dev', kind: 'widgets' },
      });
      expect(again.code).toBe(409);
    });

    it.each([
      ['another namespace', { metadata: { name: 'x', namespace: 'other' } }, 400, 'BadRequest', /does not match the namespace sent/],
      ['another kind', { kind: 'Gadget', metadata: { name: 'x' } }, 400, 'BadRequest', /cannot be handled as a Widget/],
      ['another API version', { apiVersion: 'v2', metadata: { name: 'x' } }, 400, 'BadRequest', /does not match the expected API version/],
      ['metadata that is no object', { metadata: 'x' }, 400, 'BadRequest', /metadata must be an object/],
      ['a resourceVersion', { metadata: { name: 'x', resourceVersion: '7' } }, 400, 'BadRequest', /should not be set/],
      ['a value of another type', { metadata: { name: 'x' }, spec: { size: 'large' } }, 400, 'BadRequest', /size/],
      ['a broken rule', { metadata: { name: 'x' }, spec: { size: 13 } }, 422, 'Invalid', /spec\.size: Required value/],
      ['no name', { metadata: {} }, 422, 'Invalid', /metadata\.name: Required value/],
      ['a bad name', { metadata: { name: 'A_b' } }, 422, 'Invalid', /metadata\.name: Invalid value/],
    ])('refuses %s', async (_what, body, code, reason, message) => {
      const answer = await request('POST', widgets, body);
      expect(answer.json).toMatchObject({ kind: 'Status', status: 'Failure', code, reason, message: expect.stringMatching(message) });
      expect(answer.code).toBe(code);
    });

    it('names every cause of an invalid object', async () => {
      const { json } = await create('x', { spec: { size: 13 } });
      expect(json['details']).toEqual({
        name: 'x',
        group: 'test.weft.dev',
        kind: 'Widget',
        causes: [{ reason: 'FieldValueRequired', field: 'spec.size', message: 'Required value: any but 13' }],
      });
    });

    it('refuses a namespace that does not exist, also one that cannot', async () => {
      for (const namespace of ['nowhere', 'a.b', 'A']) {
        const { code, json } = await request('POST', `/apis/test.weft.dev/v1/namespaces/${namespace}/widgets`, { metadata: { name: 'x' } });
        expect([code, json['message']]).toEqual([404, `namespaces "${namespace}" not found`]);
      }
    });

    it('takes unknown fields by fieldValidation', async () => {
      const body = () => ({ metadata: { name: fresh() }, spec: { sise: 3 } });
      const strict = await request('POST', `${widgets}?fieldValidation=Strict`, body());
      expect(strict.json).toMatchObject({
        code: 400,
        message: 'Widget in version "v1" cannot be handled as a Widget: strict decoding error: unknown field "spec.sise"',
      });
      const warned = await request('POST', widgets, body());
      expect([warned.code, warned.json['spec'], warned.headers.get('warning')]).toEqual([201, {}, '299 - "unknown field \\"spec.sise\\""']);
      const ignored = await request('POST', `${widgets}?fieldValidation=Ignore`, body());
      expect([ignored.code, ignored.headers.get('warning')]).toEqual([201, null]);
      expect((await request('POST', `${widgets}?fieldValidation=Perhaps`, body())).code).toBe(422);
      const spec = Object.fromEntries(Array.from({ length: 5_000 }, (_, i) => [`unknown${'n'.repeat(100)}${i}`, 0]));
      const many = await request('POST', widgets, { metadata: { name: fresh() }, spec });
      expect([many.code, many.headers.get('warning')]).toEqual([
        201,
        expect.stringMatching(/^299 - "unknown field .*"more warnings are left out"$/),
      ]);
    });

    it('takes repeated keys by fieldValidation', async () => {
      const json = { 'content-type': 'application/json' };
      const body = () => `{"metadata": {"name": "${fresh()}"}, "spec": {"size": 1, "size": 2}}`;
      const strict = await request('POST', `${widgets}?fieldValidation=Strict`, body(), json);
      expect(strict.json).toMatchObject({
        code: 400,
        message: 'Widget in version "v1" cannot be handled as a Widget: strict decoding error: duplicate field "spec.size"',
      });
      const warned = await request('POST', widgets, body(), json);
      expect([warned.code, warned.json['spec'], warned.headers.get('warning')]).toEqual([
        201,
        { size: 2 },
        '299 - "duplicate field \\"spec.size\\""',
      ]);
      const ignored = await request('POST', `${widgets}?fieldValidation=Ignore`, body(), json);
      expect([ignored.code, ignored.headers.get('warning')]).toEqual([201, null]);
      const name = metadataOf(ignored.json)['name'];
      const path = `${widgets}/${name}`;
      const patch = '{"spec": {"size": 3}, "spec": {"size": 4}}';
      const merge = { 'content-type': 'application/merge-patch+json' };
      const refused = await request('PATCH', `${path}?fieldValidation=Strict`, patch, merge);
      const message = `Widget.test.weft.dev "${name}" is invalid: patch: Invalid value: "": strict decoding error: duplicate field "spec"`;
      expect(refused.json).toMatchObject({ code: 422, message });
      const patched = await request('PATCH', path, patch, merge);
      expect([patched.code, patched.json['spec'], patched.headers.get('warning')]).toEqual([
        200,
        { size: 4 },
        '299 - "duplicate field \\"spec\\""',
      ]);
    });

    it('keeps nothing of a dry run', async () => {
      const name = fresh();
      const dry = await request('POST', `${widgets}?dryRun=All`, { metadata: { name } });
      expect(dry.code).toBe(201);
      expect(metadataOf(dry.json)['uid']).toBeDefined();
      expect(metadataOf(dry.json)['resourceVersion']).toBeUndefined();
      expect((await request('GET', `${widgets}/${name}`)).code).toBe(404);
      expect((await request('POST', `${widgets}?dryRun=Some`, { metadata: { name } })).code).toBe(422);
    });
  });

  describe('a repeat with the same Idempotency-Key', () => {
    it('returns the first outcome', async () => {
      const headers = { 'idempotency-key': randomUUID() };
      const name = fresh();
      const first = await request('POST', widgets, { metadata: { name } }, headers);
      const second = await request('POST', widgets, { metadata: { name } }, headers);
      expect([first.code, second.code]).toEqual([201, 201]);
      expect(second.json).toEqual(first.json);
      expect(second.headers.get('audit-id')).toBe(first.headers.get('audit-id'));
      expect([first, second].map(({ headers }) => headers.get('idempotency-replayed'))).toEqual([null, 'true']);
    });

    it('returns the object that was made under a generated name', async () => {
      const headers = { 'idempotency-key': randomUUID() };
      const make = () => request('POST', widgets, { metadata: { generateName: 'once-' } }, headers);
      const [first, second] = await Promise.all([make(), make()]);
      expect(metadataOf(first.json)['name']).toBe(metadataOf(second.json)['name']);
    });

    it('is another request for another caller', async () => {
      const key = randomUUID();
      const name = fresh();
      const ann = await request('POST', widgets, { metadata: { name } }, { 'idempotency-key': key, 'impersonate-user': 'ann' });
      const bob = await request('POST', widgets, { metadata: { name } }, { 'idempotency-key': key, 'impersonate-user': 'bob' });
      expect([ann.code, bob.code]).toEqual([201, 409]);
    });

    it('is another request for another method: what it asks for is done', async () => {
      const headers = { 'idempotency-key': randomUUID() };
      const name = fresh();
      const { json } = await request('POST', widgets, { metadata: { name } }, headers);
      const labelled = { ...json, metadata: { ...metadataOf(json), labels: { a: 'b' } } };
      const changed = await request('PUT', `${widgets}/${name}`, labelled, headers);
      expect([changed.code, metadataOf(changed.json)['labels']]).toEqual([200, { a: 'b' }]);
      const deleted = await request('DELETE', `${widgets}/${name}`, undefined, headers);
      expect([deleted.code, deleted.headers.get('idempotency-replayed')]).toEqual([200, null]);
      expect((await request('GET', `${widgets}/${name}`)).code).toBe(404);
    });

    it.each(['k'.repeat(256), 'ä', 'a\tb'])('is refused when the key is not 1 to 255 printable characters', async (key) => {
      const { code, json } = await request('POST', widgets, { metadata: { name: 'x' } }, { 'idempotency-key': key });
      expect([code, json['reason']]).toEqual([400, 'BadRequest']);
    });
  });

  it('records whom a caller claims to be, as unverified', async () => {
    const name = fresh();
    await create(name);
    await request(
      'PATCH',
      `${widgets}/${name}`,
      { spec: { size: 1 } },
      { ...merge, 'impersonate-user': 'ann', 'impersonate-group': 'admins' },
    );
    const actors: unknown[] = [];
    for await (const event of system.platform.store.readStream(`Widget-default.${name}`)) actors.push(event.metadata.actor);
    expect(actors[0]).toEqual({ user: 'system:anonymous', groups: ['system:unauthenticated'], verified: false });
    expect(actors.at(-1)).toEqual({ user: 'ann', groups: ['admins'], verified: false });
  });

  describe('update', () => {
    it('replaces the object whose version it names', async () => {
      const name = fresh();
      const { json } = await create(name, { spec: { size: 1, colour: 'red' } });
      const replaced = await request('PUT', `${widgets}/${name}`, { ...json, spec: { size: 2 } });
      expect([replaced.code, replaced.json['spec']]).toEqual([200, { size: 2 }]);
      expect(metadataOf(replaced.json)).toMatchObject({ uid: metadataOf(json)['uid'], generation: 2 });

      const stale = await request('PUT', `${widgets}/${name}`, { ...json, spec: { size: 3 } });
      expect(stale.json).toMatchObject({ code: 409, reason: 'Conflict', message: expect.stringContaining('the object has been modified') });
      const unversioned = await request('PUT', `${widgets}/${name}`, { metadata: { name }, spec: { size: 3 } });
      expect(unversioned.json).toMatchObject({ code: 422, details: { causes: [{ field: 'metadata.resourceVersion' }] } });
      expect((await request('PUT', `${widgets}/${name}`, { ...json, metadata: { ...metadataOf(json), name: 'other' } })).code).toBe(400);
      expect((await request('PUT', `${widgets}/missing`, { metadata: { name: 'missing', resourceVersion: '1' } })).code).toBe(404);
    });

    it('changes nothing when nothing differs: no new version, no event', async () => {
      const name = fresh();
      const { json } = await create(name, { spec: { size: 1 } });
      const head = await system.platform.store.head();
      expect((await request('PUT', `${widgets}/${name}`, json)).json).toEqual(json);
      expect((await request('PATCH', `${widgets}/${name}`, { spec: { size: 1 } }, merge)).json).toEqual(json);
      expect(await system.platform.store.head()).toBe(head);
    });

    it('takes merge and JSON patches', async () => {
      const name = fresh();
      await create(name, { metadata: { labels: { a: '1', b: '2' } }, spec: { size: 1, colour: 'red' } });
      const merged = await request('PATCH', `${widgets}/${name}`, { metadata: { labels: { a: null } }, spec: { size: 2 } }, merge);
      expect(merged.json).toMatchObject({ metadata: { labels: { b: '2' } }, spec: { size: 2, colour: 'red' } });
      const json = { 'content-type': 'application/json-patch+json' };
      const patched = await request('PATCH', `${widgets}/${name}`, [{ op: 'remove', path: '/spec/colour' }], json);
      expect(patched.json['spec']).toEqual({ size: 2 });
      const failing = await request('PATCH', `${widgets}/${name}`, [{ op: 'test', path: '/spec/size', value: 9 }], json);
      expect(failing.json).toMatchObject({ code: 422, message: 'the server rejected our request due to an error in our request' });
      expect((await request('PATCH', `${widgets}/${name}`, { spec: {} }, json)).code).toBe(400);
      expect((await request('PATCH', `${widgets}/${name}`, [1], merge)).code).toBe(400);
      const many = Array.from({ length: 10_001 }, () => ({ op: 'test', path: '/spec/size', value: 2 }));
      expect((await request('PATCH', `${widgets}/${name}`, many, json)).code).toBe(413);
      expect((await request('PATCH', `${widgets}/missing`, {}, merge)).code).toBe(404);
    });

    it('offers strategic merge only where a kind says how its lists merge', async () => {
      const name = fresh();
      await create(name);
      const strategic = { 'content-type': 'application/strategic-merge-patch+json' };
      const refused = await request('PATCH', `${widgets}/${name}`, {}, strategic);
      expect(refused.json).toMatchObject({
        code: 415,
        reason: 'UnsupportedMediaType',
        message:
          'the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml; widgets.test.weft.dev take no strategic merge patch: use kubectl patch --type=merge',
      });
      const taken = await request('PATCH', '/api/v1/namespaces/default', { metadata: { labels: { x: 'y' } } }, strategic);
      expect([taken.code, metadataOf(taken.json)['labels']]).toEqual([200, expect.objectContaining({ x: 'y' })]);
      expect((await request('PATCH', `${widgets}/${name}?force=true`, {}, merge)).json).toMatchObject({
        code: 422,
        details: { causes: [{ field: 'force' }] },
      });
    });

    it('keeps annotations byte by byte', async () => {
      const name = fresh();
      const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': '{"a": 1.0,\n "b":"\\u00e4ä"}\n' };
      await create(name, { metadata: { annotations } });
      expect(metadataOf((await request('GET', `${widgets}/${name}`)).json)['annotations']).toEqual(annotations);
    });
  });

  describe('delete', () => {
    it('ends an object without finalizers and answers with a Status', async () => {
      const name = fresh();
      const { json } = await create(name);
      const deleted = await request('DELETE', `${widgets}/${name}`);
      expect(deleted.json).toMatchObject({
        kind: 'Status',
        apiVersion: 'v1',
        metadata: {},
        status: 'Success',
        details: { name, group: 'test.weft.dev', kind: 'widgets', uid: metadataOf(json)['uid'] },
      });
      expect(deleted.code).toBe(200);
      expect((await request('GET', `${widgets}/${name}`)).code).toBe(404);
      expect((await request('DELETE', `${widgets}/${name}`)).code).toBe(404);
      const again = await create(name);
      expect(metadataOf(again.json)['uid']).not.toBe(metadataOf(json)['uid']);
    });

    it('waits for finalizers', async () => {
      const name = fresh();
      await create(name, { metadata: { finalizers: ['test.weft.dev/hold'] } });
      const deleted = await request('DELETE', `${widgets}/${name}`, { propagationPolicy: 'Background' });
      expect([deleted.code, deleted.json]).toEqual([200, expect.objectContaining({ kind: 'Widget' })]);
      expect(metadataOf(deleted.json)).toMatchObject({ deletionGracePeriodSeconds: 0, generation: 2 });
      expect((await request('DELETE', `${widgets}/${name}`)).json).toEqual(deleted.json);
      const added = await request('PATCH', `${widgets}/${name}`, { metadata: { finalizers: ['test.weft.dev/hold', 'a/b'] } }, merge);
      expect(added.json).toMatchObject({
        code: 422,
        details: { causes: [{ field: 'metadata.finalizers', reason: 'FieldValueForbidden' }] },
      });
      const freed = await request('PATCH', `${widgets}/${name}`, { metadata: { finalizers: null } }, merge);
      expect([freed.code, freed.json['kind']]).toEqual([200, 'Widget']);
      expect((await request('GET', `${widgets}/${name}`)).code).toBe(404);
    });

    it('does not take a namespace with a dot for another namespace and a longer name', async () => {
      await request('POST', '/api/v1/namespaces', { metadata: { name: 'n' } });
      await request('POST', '/apis/test.weft.dev/v1/namespaces/n/widgets', { metadata: { name: 'a.b' } });
      for (const method of ['GET', 'DELETE', 'PATCH']) {
        const answer = await request(
          method,
          '/apis/test.weft.dev/v1/namespaces/n.a/widgets/b',
          method === 'PATCH' ? '{}' : undefined,
          merge,
        );
        expect([method, answer.code]).toEqual([method, 404]);
      }
      expect((await request('GET', '/apis/test.weft.dev/v1/namespaces/n/widgets/a.b')).code).toBe(200);
    });

    it('keeps to preconditions', async () => {
      const name = fresh();
      const { json } = await create(name);
      const wrong = await request('DELETE', `${widgets}/${name}`, { preconditions: { uid: randomUUID() } });
      expect(wrong.json).toMatchObject({ code: 409, reason: 'Conflict', message: expect.stringContaining('the UID in the precondition') });
      const { uid, resourceVersion } = metadataOf(json);
      expect((await request('DELETE', `${widgets}/${name}`, { preconditions: { uid, resourceVersion } })).code).toBe(200);
    });

    it.each([
      ['no body, no type', undefined, {}],
      ['a body without a type', Buffer.from('{"propagationPolicy":"Background"}'), {}],
      ['a type without a body', undefined, { 'content-type': 'application/json' }],
      ['options as clients in Go write them', Buffer.from('{"kind":"DeleteOptions","apiVersion":"v1","gracePeriodSeconds":0}'), {}],
    ])('takes %s', async (_what, body, headers) => {
      const name = fresh();
      await create(name);
      expect((await request('DELETE', `${widgets}/${name}`, body, headers)).code).toBe(200);
    });

    it('refuses options that it does not know and bodies that are not JSON', async () => {
      const name = fresh();
      await create(name);
      expect((await request('DELETE', `${widgets}/${name}?propagationPolicy=Sometimes`)).code).toBe(422);
      const both = await request('DELETE', `${widgets}/${name}?orphanDependents=false`, { propagationPolicy: 'Background' });
      expect([both.code, both.json['message']]).toEqual([
        422,
        expect.stringContaining('orphanDependents and deletionPropagation cannot be both set'),
      ]);
      expect((await request('DELETE', `${widgets}/${name}`, '{"prop', { 'content-type': 'application/json' })).code).toBe(400);
      expect((await request('DELETE', `${widgets}/${name}`, { kind: 'Widget', metadata: { name: 'another' } })).code).toBe(400);
      expect((await request('DELETE', `${widgets}/${name}`, { dryRun: ['All'] })).code).toBe(200);
      expect((await request('GET', `${widgets}/${name}`)).code).toBe(200);
    });

    it('deletes what a selector chooses of a collection', async () => {
      const names = [fresh(), fresh(), fresh()];
      for (const [index, name] of names.entries()) await create(name, { metadata: { labels: { bulk: index < 2 ? 'yes' : 'no' } } });
      const { code, json } = await request('DELETE', `${widgets}?labelSelector=bulk%3Dyes`);
      expect([code, json['kind']]).toEqual([200, 'WidgetList']);
      expect((json['items'] as JsonObject[]).map((item) => metadataOf(item)['name'])).toEqual(names.slice(0, 2));
      const left = await request('GET', `${widgets}?labelSelector=bulk`);
      expect((left.json['items'] as JsonObject[]).map((item) => metadataOf(item)['name'])).toEqual([names[2]]);
      expect((await request('DELETE', '/apis/test.weft.dev/v1/widgets')).code).toBe(405);
    });
  });

  describe('selectors', () => {
    const namesOf = async (question: string) => {
      const { json } = await request('GET', `/apis/test.weft.dev/v1/widgets?${question}`);
      return (json['items'] as JsonObject[]).map((item) => metadataOf(item)['name']);
    };
    beforeAll(async () => {
      await create('sel-1', { metadata: { labels: { sel: 'a' } }, spec: { colour: 'red' } });
      await create('sel-2', { metadata: { labels: { sel: 'b' } } });
    });

    it('choose by labels and fields', async () => {
      expect(await namesOf('labelSelector=sel')).toEqual(['sel-1', 'sel-2']);
      expect(await namesOf('labelSelector=sel+in+(a,c)')).toEqual(['sel-1']);
      expect(await namesOf(`labelSelector=${encodeURIComponent('sel,sel!=a')}`)).toEqual(['sel-2']);
      expect(await namesOf('fieldSelector=metadata.name%3Dsel-2,metadata.namespace%3Ddefault')).toEqual(['sel-2']);
      expect(await namesOf('labelSelector=sel&fieldSelector=spec.colour%3Dred')).toEqual(['sel-1']);
    });

    it('are refused when they cannot be read', async () => {
      expect((await request('GET', `${widgets}?fieldSelector=spec.nothing%3Dx`)).json).toMatchObject({
        code: 400,
        message: 'field label not supported: spec.nothing',
      });
      expect((await request('GET', `${widgets}?labelSelector=a+in+(`)).code).toBe(400);
    });
  });

  describe('what a client asks to see', () => {
    it('is a Table for people', async () => {
      const { json } = await request('GET', `${widgets}/sel-1`, undefined, { accept: tableV1 });
      expect(json).toMatchObject({ kind: 'Table', apiVersion: 'meta.k8s.io/v1', metadata: { resourceVersion: expect.any(String) } });
      expect((json['columnDefinitions'] as JsonObject[]).map(({ name, type, format, priority }) => [name, type, format, priority])).toEqual(
        [
          ['Name', 'string', 'name', 0],
          ['Colour', 'string', '', 0],
          ['Age', 'string', 'date', 0],
        ],
      );
      expect(json['rows']).toEqual([
        {
          cells: ['sel-1', 'red', expect.stringMatching(/^\d+s$/)],
          object: { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: expect.objectContaining({ name: 'sel-1' }) },
        },
      ]);
    });

    it('carries with its rows as much of the object as is asked for', async () => {
      const rowOf = async (include: string) => {
        const { json } = await request('GET', `${widgets}?includeObject=${include}&fieldSelector=metadata.name%3Dsel-1`, undefined, {
          accept: 'application/json;as=Table;v=v1beta1;g=meta.k8s.io',
        });
        expect(json['apiVersion']).toBe('meta.k8s.io/v1beta1');
        return (json['rows'] as JsonObject[])[0] as JsonObject;
      };
      expect((await rowOf('None'))['object']).toBeUndefined();
      expect((await rowOf('Metadata'))['object']).toMatchObject({ kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1beta1' });
      expect((await rowOf('Object'))['object']).toMatchObject({ kind: 'Widget', spec: { colour: 'red' } });
      expect((await request('GET', `${widgets}?includeObject=All`)).code).toBe(400);
    });

    it('is only metadata for collectors', async () => {
      const accept =
        'application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json';
      const { json } = await request('GET', `${widgets}?labelSelector=sel`, undefined, { accept });
      expect(json).toMatchObject({ kind: 'PartialObjectMetadataList', apiVersion: 'meta.k8s.io/v1' });
      const [item] = json['items'] as JsonObject[];
      expect(Object.keys(item as JsonObject).sort()).toEqual(['apiVersion', 'kind', 'metadata']);
    });

    it('is the first of the accepted types that can be served', async () => {
      const kindFor = async (accept: string) => {
        const { code, json } = await request('GET', `${widgets}/sel-1`, undefined, { accept });
        return code === 200 ? json['kind'] : code;
      };
      expect(await kindFor('application/vnd.kubernetes.protobuf,application/json')).toBe('Widget');
      expect(await kindFor('application/json, */*')).toBe('Widget');
      expect(await kindFor('*/*')).toBe('Widget');
      expect(await kindFor('application/json;as=Table;v=v9;g=meta.k8s.io,application/json')).toBe('Widget');
      expect(await kindFor('application/vnd.kubernetes.protobuf')).toBe(406);
      expect(await kindFor('text/html')).toBe(406);
    });

    it('may be YAML, both ways', async () => {
      const name = fresh();
      const yaml = `metadata:\n  name: ${name}\nspec:\n  colour: "yes"\n`;
      const created = await request('POST', widgets, yaml, { 'content-type': 'application/yaml', accept: 'application/yaml' });
      expect([created.code, created.headers.get('content-type')]).toEqual([201, 'application/yaml']);
      expect(created.text).toContain('colour: "yes"');
      expect((await request('POST', widgets, 'a: [', { 'content-type': 'application/yaml' })).code).toBe(400);
    });
  });

  it('serves the status of kinds that have one', async () => {
    const shown = await request('GET', `${widgets}/sel-1/status`);
    expect([shown.code, shown.json['kind']]).toEqual([200, 'Widget']);
    expect((await request('GET', `${widgets}/sel-1/scale`)).code).toBe(404);
    expect((await request('DELETE', `${widgets}/sel-1/status`)).code).toBe(405);
  });

  it('gives headers that proxies and people need', async () => {
    const { headers } = await request('GET', `${widgets}/sel-1`);
    expect(headers.get('cache-control')).toBe('no-cache, private');
    expect(headers.get('audit-id')).toMatch(/^[0-9a-f-]{36}$/);
  });
});
