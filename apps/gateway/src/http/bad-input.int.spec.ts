import { connect } from 'node:net';
import { call } from '../testing/requests.ts';
import { type System, startSystem } from '../testing/system.ts';

const widgets = '/apis/test.weft.dev/v1/namespaces/default/widgets';
const json = { 'content-type': 'application/json' };

describe('The gateway, given bad input,', () => {
  let system: System;
  let headBefore: bigint;
  const request = (method: string, path: string, body?: unknown, headers?: Record<string, string>) =>
    call(system.url, method, path, body, headers);

  /** Sends bytes as they are and reads until the server closes. */
  const raw = (text: string | Buffer): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = connect(Number(new URL(system.url).port), '127.0.0.1');
      let answer = '';
      socket.on('data', (chunk) => (answer += chunk));
      socket.on('close', () => resolve(answer));
      socket.on('error', reject);
      socket.setTimeout(5_000, () => socket.destroy(new Error(`no end of the answer: ${answer}`)));
      socket.write(text);
    });
  const statusOf = (answer: string) => JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4));

  beforeAll(async () => {
    system = await startSystem();
    headBefore = await system.platform.store.head();
  });
  afterAll(async () => {
    // Nothing of all this changed anything.
    expect(await system.platform.store.head()).toBe(headBefore);
    expect(system.log.filter((line) => line.startsWith('error'))).toEqual([]);
    await system.stop();
  });

  it.each([
    ['half a JSON body', '{"metadata": {"name": "a"', 400, 'BadRequest'],
    ['an empty body', '', 400, 'BadRequest'],
    ['a body that is no object', '[]', 400, 'BadRequest'],
    ['bytes that are not UTF-8', Buffer.from([0x22, 0xff, 0x22]), 400, 'BadRequest'],
    ['a key that would be a prototype', '{"metadata": {"name": "a"}, "__proto__": {"x": 1}}', 400, 'BadRequest'],
    ['such a key, spelt with escapes', '{"metadata": {"name": "a"}, "\\u005f_proto__": {"x": 1}}', 400, 'BadRequest'],
    ['half a surrogate pair', '{"metadata": {"name": "a", "annotations": {"a": "\\ud800"}}}', 400, 'BadRequest'],
    ['half a surrogate pair in a key', '{"metadata": {"name": "a", "annotations": {"\\udc00": ""}}}', 400, 'BadRequest'],
    ['a body nested too deeply', '['.repeat(50_000), 400, 'BadRequest'],
    ['a body of 10 MiB', Buffer.alloc(10 * 1024 * 1024, 0x20), 413, 'RequestEntityTooLarge'],
    ['a body just above the limit', Buffer.alloc(3 * 1024 * 1024 + 1, 0x20), 413, 'RequestEntityTooLarge'],
  ])('answers %s with a Status', async (_what, body, code, reason) => {
    const answer = await request('POST', widgets, body, json);
    expect(answer.json).toMatchObject({ kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason });
    expect(answer.code).toBe(code);
  });

  it('refuses an object that is larger than the log takes', async () => {
    const answer = await request('POST', widgets, { metadata: { name: 'big' }, spec: { colour: 'x'.repeat(2_000_000) } });
    expect(answer.json).toMatchObject({ kind: 'Status', code: 413, reason: 'RequestEntityTooLarge' });
  });

  it.each(['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'nonsense', 'application/cbor'])(
    'takes no body of type %s',
    async (type) => {
      const answer = await request('POST', widgets, '{"metadata":{"name":"a"}}', { 'content-type': type });
      expect(answer.json).toMatchObject({ kind: 'Status', code: 415, reason: 'UnsupportedMediaType' });
    },
  );

  it('takes a body without a type from a program, not from a browser', async () => {
    const body = '{"metadata":{"name":""}}';
    const post = (more = '') =>
      raw(`POST ${widgets} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${more}Content-Length: ${body.length}\r\n\r\n${body}`);
    expect(statusOf(await post())).toMatchObject({ kind: 'Status', code: 422 });
    for (const header of ['Sec-Fetch-Site: none', 'Origin: http://localhost', 'Referer: http://localhost/']) {
      expect(statusOf(await post(`${header}\r\n`))).toMatchObject({ kind: 'Status', code: 415 });
    }
  });

  it.each([
    ['GET', '/nothing', 404],
    ['GET', '/apis/none.example', 404],
    ['GET', '/apis/none.example/v1', 404],
    ['GET', '/apis/none.example/v1/things', 404],
    ['GET', '/apis/test.weft.dev/v1/gadgets', 404],
    ['GET', '/apis/test.weft.dev/v1//widgets', 404],
    ['GET', '/apis//v1/widgets', 404],
    ['GET', '/api/v1/namespaces/default/widgets', 404],
    ['GET', '/api/v1/namespaces/default/namespaces', 404],
    ['GET', '/api/v1/namespaces/default/resourcequotas', 404],
    ['GET', `${widgets}/a/b/c`, 404],
    ['GET', '/swagger-2.0.0.pb-v1', 404],
    ['GET', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', 404],
    ['POST', '/apis/authentication.k8s.io/v1beta1/selfsubjectreviews', 404],
    ['POST', '/apis/test.weft.dev/v2', 404],
    ['POST', '/apis/test.weft.dev/v1/widgets', 405],
    ['PUT', widgets, 405],
    ['PATCH', widgets, 405],
    ['POST', `${widgets}/a`, 405],
    ['OPTIONS', widgets, 405],
    ['GET', `${widgets}/a%2Fb`, 404],
    ['GET', `${widgets}/${'a'.repeat(300)}`, 404],
  ])('answers %s %s with a Status of %d', async (method, path, code) => {
    const body = method === 'GET' ? undefined : { metadata: {} };
    const answer = await request(method, path, body);
    expect(answer.json).toMatchObject({ kind: 'Status', status: 'Failure', code, reason: code === 404 ? 'NotFound' : 'MethodNotAllowed' });
    expect(answer.code).toBe(code);
  });

  it.each([
    ['HEAD', widgets, 'GET, POST, DELETE'],
    ['OPTIONS', widgets, 'GET, POST, DELETE'],
    ['OPTIONS', '/apis/test.weft.dev/v1/widgets', 'GET'],
    ['HEAD', `${widgets}/a`, 'GET, PUT, PATCH, DELETE'],
    ['POST', '/api', 'GET'],
    ['POST', '/api/v1', 'GET'],
    ['OPTIONS', '/apis/test.weft.dev', 'GET'],
    ['DELETE', '/apis/test.weft.dev/v1/', 'GET'],
    ['OPTIONS', '/version', 'GET'],
    ['DELETE', '/readyz', 'GET'],
    ['GET', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', 'POST'],
  ])('answers %s %s with 405 and the methods that it takes', async (method, path, allowed) => {
    const { code, headers, json } = await request(method, path);
    expect([code, headers.get('allow')]).toEqual([405, allowed]);
    if (method !== 'HEAD') expect(json).toMatchObject({ kind: 'Status', reason: 'MethodNotAllowed', code: 405 });
  });

  it.each(['/api', '/apis', '/version', '/openapi/v2', '/openapi/v3', '/readyz'])(
    'answers HEAD of the document %s without a body',
    async (path) => {
      const { code, text } = await request('HEAD', path);
      expect([code, text]).toEqual([200, '']);
    },
  );

  it('names what was not found', async () => {
    expect((await request('GET', `${widgets}/nope`)).json).toEqual({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: 'widgets.test.weft.dev "nope" not found',
      reason: 'NotFound',
      details: { name: 'nope', group: 'test.weft.dev', kind: 'widgets' },
      code: 404,
    });
    expect((await request('GET', '/nothing')).json['message']).toBe('the server could not find the requested resource');
  });

  it.each([
    ['convergence?foo=1', 'there is no parameter "foo": position, correlation, object, for, timeoutSeconds'],
    ['diff/widgets?from=1&too=2', 'there is no parameter "too": from, to'],
    ['history/widget/default/a?limt=1', 'there is no parameter "limt": limit, before'],
    ['log?at=1', 'there is no parameter "at" here'],
    ['loops?key=a', 'there is no parameter "key" here'],
    ['staged?name=a', 'there is no parameter "name": policy, namespace'],
    ['trace?form=a', 'there is no parameter "form": from, to, protocol, '],
    ['blame?when=a', 'there is no parameter "when": from, to, protocol, '],
    ['events?follow=maybe', 'follow="maybe" is neither true nor false'],
  ])('refuses GET /weft/v1/%s, and says what there is', async (path, why) => {
    const { code, json: status } = await request('GET', `/weft/v1/${path}`);
    expect([code, status['message']]).toEqual([400, expect.stringContaining(why)]);
  });

  it('refuses a field and a parameter that a question by POST does not have', async () => {
    const asked = { from: '10.0.0.1', to: '10.0.0.2' };
    expect((await request('POST', '/weft/v1/trace', { ...asked, hoplimit: 1 })).json['message']).toContain(
      'there is no field "hoplimit": from,',
    );
    expect((await request('POST', '/weft/v1/blame?why=true', asked)).json['message']).toBe('there is no parameter "why" here');
  });

  it.each([
    ['resourceVersion=abc', 400],
    ['limit=many', 400],
    ['watch=true&timeoutSeconds=soon', 400],
    ['sendInitialEvents=true', 422],
    ['resourceVersionMatch=Exact', 422],
    ['resourceVersion=5&resourceVersionMatch=Perhaps', 422],
    ['watch=true&sendInitialEvents=true', 422],
    ['watch=true&resourceVersionMatch=NotOlderThan', 422],
    ['watch=true&sendInitialEvents=true&resourceVersionMatch=Exact', 422],
    ['continue=xyz', 400],
  ])('refuses a list with %s', async (question, code) => {
    const answer = await request('GET', `${widgets}?${question}`);
    expect(answer.json).toMatchObject({ kind: 'Status', code });
  });

  it.each(['/%', `${widgets}/%E0%A4%A`, `${widgets}/%zz`])('answers the malformed path %s with 400', async (path) => {
    const answer = await raw(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
    expect(statusOf(answer)).toMatchObject({ kind: 'Status', code: 400, reason: 'BadRequest' });
  });

  it.each([
    ['something that is not HTTP', 'hello\r\n\r\n', 400],
    ['an unknown method', 'BREW /api HTTP/1.1\r\nHost: localhost\r\n\r\n', 400],
    ['headers that are too long', `GET /api HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(100_000)}\r\n\r\n`, 431],
  ])('answers %s with a Status', async (_what, text, code) => {
    expect(statusOf(await raw(text))).toMatchObject({ kind: 'Status', status: 'Failure', code });
  });

  describe('from elsewhere,', () => {
    const withHost = async (host: string, more = '') =>
      Number((await raw(`GET /api/v1 HTTP/1.1\r\nHost: ${host}\r\n${more}Connection: close\r\n\r\n`)).split(' ')[1]);

    it('serves loopback names only', async () => {
      for (const host of ['localhost', 'LOCALHOST:7480', '127.0.0.1', '127.0.0.1:1', '[::1]:7480'])
        expect([host, await withHost(host)]).toEqual([host, 200]);
      for (const host of ['evil.example', '192.0.2.7', 'localhost.evil.example', '127.0.0.1.evil.example', 'x@localhost']) {
        expect([host, await withHost(host)]).toEqual([host, 403]);
      }
    });

    it('refuses a foreign origin', async () => {
      expect(await withHost('localhost:1', 'Origin: http://localhost:1\r\n')).toBe(200);
      for (const origin of ['http://evil.example', 'null', 'https://localhost:1', 'http://localhost:2']) {
        expect([origin, await withHost('localhost:1', `Origin: ${origin}\r\n`)]).toEqual([origin, 403]);
      }
      const answer = await request('POST', widgets, { metadata: { name: 'x' } }, { origin: 'http://evil.example' });
      expect(answer.json).toMatchObject({ kind: 'Status', code: 403, reason: 'Forbidden' });
    });

    it('refuses impersonation that it cannot record', async () => {
      expect((await request('GET', widgets, undefined, { 'impersonate-uid': 'x' })).code).toBe(403);
      expect((await request('GET', widgets, undefined, { 'impersonate-user': 'a', 'impersonate-extra-scope': 'x' })).code).toBe(403);
      expect((await request('GET', widgets, undefined, { 'impersonate-group': 'x' })).code).toBe(400);
    });
  });

  it('answers while a client is in the middle of a body that never ends', async () => {
    const socket = connect(Number(new URL(system.url).port), '127.0.0.1');
    socket.on('error', () => {});
    socket.write(`POST ${widgets} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"metadata"`);
    expect((await request('GET', widgets)).code).toBe(200);
    socket.destroy();
    expect((await request('GET', widgets)).code).toBe(200);
  });
});
