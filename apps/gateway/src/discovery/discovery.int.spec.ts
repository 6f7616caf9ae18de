import type { JsonObject } from '@weft/api';
import { call } from '../testing/requests.ts';
import { type System, startSystem } from '../testing/system.ts';

describe('Discovery', () => {
  let system: System;
  const get = (path: string, accept?: string) => call(system.url, 'GET', path, undefined, accept === undefined ? {} : { accept });
  beforeAll(async () => {
    system = await startSystem();
  });
  afterAll(() => system.stop());

  it('lists groups and resources', async () => {
    expect((await get('/api')).json).toMatchObject({ kind: 'APIVersions', versions: ['v1'] });
    const version = { groupVersion: 'test.weft.dev/v1', version: 'v1' };
    expect((await get('/apis')).json).toEqual({
      kind: 'APIGroupList',
      apiVersion: 'v1',
      groups: [{ name: 'test.weft.dev', versions: [version], preferredVersion: version }],
    });
    expect((await get('/apis/test.weft.dev/')).json).toMatchObject({ kind: 'APIGroup', apiVersion: 'v1', name: 'test.weft.dev' });
    expect((await get('/apis/test.weft.dev/v1?timeout=32s')).json).toEqual({
      kind: 'APIResourceList',
      apiVersion: 'v1',
      groupVersion: 'test.weft.dev/v1',
      resources: [
        {
          name: 'widgets',
          singularName: 'widget',
          namespaced: true,
          kind: 'Widget',
          verbs: ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'],
          shortNames: ['wd'],
          categories: ['weft', 'all'],
        },
        { name: 'widgets/status', singularName: '', namespaced: true, kind: 'Widget', verbs: ['get', 'patch', 'update'] },
      ],
    });
    expect((await get('/api/v1')).json['resources']).toContainEqual(expect.objectContaining({ name: 'namespaces', namespaced: false }));
    expect((await get('/version')).json).toMatchObject({ major: '1', minor: '30' });
  });

  it('names where the server answers', async () => {
    expect((await get('/')).json['paths']).toEqual([
      '/api',
      '/apis',
      '/api/v1',
      '/apis/test.weft.dev/v1',
      '/asyncapi.json',
      '/healthz',
      '/livez',
      '/metrics',
      '/openapi/v2',
      '/openapi/v3',
      '/readyz',
      '/version',
      '/weft/v1/blame',
      '/weft/v1/checkpoints',
      '/weft/v1/convergence',
      '/weft/v1/diff',
      '/weft/v1/events',
      '/weft/v1/groups',
      '/weft/v1/history',
      '/weft/v1/hosts',
      '/weft/v1/log',
      '/weft/v1/loops',
      '/weft/v1/plan',
      '/weft/v1/plan/apply',
      '/weft/v1/staged',
      '/weft/v1/trace',
      '/weft/v1/weft.proto',
    ]);
  });

  it('comes in one piece for newer clients', async () => {
    const asked = (version: string) => `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`;
    const both = `${asked('v2')},${asked('v2beta1')},application/json`;
    const core = await get('/api', both);
    expect(core.headers.get('content-type')).toContain(asked('v2'));
    expect(JSON.parse(core.text)).toMatchObject({ kind: 'APIGroupDiscoveryList', items: [{ metadata: { name: '' } }] });
    const groups = await get('/apis', `${asked('v2beta1')},application/json`);
    expect(groups.headers.get('content-type')).toContain(asked('v2beta1'));
    const [group] = JSON.parse(groups.text).items;
    expect(group.versions[0].resources[0]).toMatchObject({
      resource: 'widgets',
      scope: 'Namespaced',
      responseKind: { group: 'test.weft.dev', version: 'v1', kind: 'Widget' },
      subresources: [{ subresource: 'status' }],
    });
    expect((await get('/apis', `application/json,${asked('v2')}`)).json['kind']).toBe('APIGroupList');
  });

  describe('OpenAPI', () => {
    const gvk = { group: 'test.weft.dev', version: 'v1', kind: 'Widget' };

    it('v3 is complete and may be kept under its hash', async () => {
      const { paths } = (await get('/openapi/v3')).json as { paths: Record<string, { serverRelativeURL: string }> };
      expect(Object.keys(paths).sort()).toEqual(['api/v1', 'apis/test.weft.dev/v1']);
      const url = paths['apis/test.weft.dev/v1']?.serverRelativeURL as string;
      const { json, headers } = await get(url);
      expect(headers.get('cache-control')).toContain('immutable');
      expect((await get(url.split('?')[0] as string)).headers.get('cache-control')).toBe('no-cache, private');
      const patch = (json['paths'] as Record<string, JsonObject>)['/apis/test.weft.dev/v1/namespaces/{namespace}/widgets/{name}']?.[
        'patch'
      ] as JsonObject;
      expect(patch['x-kubernetes-group-version-kind']).toEqual(gvk);
      const parameters = (patch['parameters'] as JsonObject[]).map(({ name }) => name);
      expect(parameters).toEqual(expect.arrayContaining(['dryRun', 'fieldManager', 'fieldValidation', 'force']));
      expect(Object.keys((patch['requestBody'] as { content: object }).content)).toEqual([
        'application/json-patch+json',
        'application/merge-patch+json',
        'application/apply-patch+yaml',
      ]);
      const { schemas } = json['components'] as { schemas: Record<string, JsonObject> };
      expect(schemas['dev.weft.test.v1.Widget']).toMatchObject({
        'x-kubernetes-group-version-kind': [gvk],
        properties: { spec: { type: 'object' } },
      });
      // Clients are told how lists merge in the words by which the server merges them (http-api 11).
      expect(schemas['io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta']).toMatchObject({
        properties: { finalizers: { 'x-kubernetes-list-type': 'set' }, ownerReferences: { 'x-kubernetes-list-map-keys': ['uid'] } },
      });
      expect((await get('/openapi/v3/apis/none/v1')).code).toBe(404);
    });

    it('holds no reference that leads nowhere, in v3 and v2', async () => {
      for (const path of ['/openapi/v3/apis/test.weft.dev/v1', '/openapi/v3/api/v1', '/openapi/v2']) {
        const document = (await get(path)).json;
        const known = Object.keys((document['definitions'] ?? (document['components'] as JsonObject)['schemas']) as JsonObject);
        const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map(([, target]) => target?.split('/').at(-1));
        expect(references.length).toBeGreaterThan(0);
        expect(references.filter((name) => !known.includes(name as string))).toEqual([]);
      }
    });

    it('v2 is JSON for people and protobuf for kubectl', async () => {
      const json = await get('/openapi/v2');
      expect(json.json).toMatchObject({
        swagger: '2.0',
        definitions: { 'dev.weft.test.v1.Widget': { 'x-kubernetes-group-version-kind': [gvk] } },
      });
      const protobuf = await get('/openapi/v2', 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf');
      expect(protobuf.headers.get('content-type')).toBe('application/com.github.proto-openapi.spec.v2.v1.0+protobuf');
      expect(protobuf.text).toContain('dev.weft.test.v1.Widget');
    });
  });

  describe('reviews', () => {
    it('allow everything, and say who asks', async () => {
      const access = await call(system.url, 'POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', {
        spec: { resourceAttributes: { verb: 'get' } },
      });
      expect([access.code, access.json]).toEqual([
        201,
        expect.objectContaining({ kind: 'SelfSubjectAccessReview', status: expect.objectContaining({ allowed: true }) }),
      ]);
      const subject = await call(
        system.url,
        'POST',
        '/apis/authentication.k8s.io/v1/selfsubjectreviews',
        {},
        { 'impersonate-user': 'ann' },
      );
      expect(subject.json['status']).toEqual({ userInfo: { username: 'ann', groups: [] } });
      expect((await call(system.url, 'POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', { kind: 'Other' })).code).toBe(400);
    });
  });
});
