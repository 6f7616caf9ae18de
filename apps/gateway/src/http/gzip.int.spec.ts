import { request as httpRequest } from 'node:http';
import { gunzipSync, gzipSync } from 'node:zlib';
import { call } from '../testing/requests.ts';
import { type System, startSystem } from '../testing/system.ts';
import { takesGzip } from './gzip.ts';

const widgets = '/apis/test.weft.dev/v1/namespaces/default/widgets';
const json = { 'content-type': 'application/json' };

describe('takesGzip', () => {
  it.each(['gzip', 'deflate, gzip', 'GZIP;q=0.5', 'x-gzip', 'br;q=1.0, gzip;q=0.8, *;q=0.1'])('takes it from "%s"', (header) => {
    expect(takesGzip(header)).toBe(true);
  });

  it.each([undefined, '', 'identity', 'deflate', 'gzip;q=0', 'gzip; q=0.00', 'gzipped'])('does not from "%s"', (header) => {
    expect(takesGzip(header)).toBe(false);
  });
});

describe('The gateway, where bodies are packed,', () => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem();
  });
  afterAll(() => system.stop());

  it('takes a body in gzip', async () => {
    const body = gzipSync(JSON.stringify({ metadata: { name: 'packed' }, spec: { size: 3 } }));
    const answer = await call(system.url, 'POST', widgets, body, { ...json, 'content-encoding': 'gzip' });
    expect([answer.code, answer.json['spec']]).toEqual([201, { size: 3 }]);
  });

  it.each([
    ['what is not gzip', Buffer.from('{}'), 'gzip', 400],
    ['gzip that ends too early', gzipSync('{"metadata": {"name": "a"}}').subarray(0, 20), 'gzip', 400],
    ['what is too large unpacked', gzipSync(Buffer.alloc(3 * 1024 * 1024 + 1, 0x20)), 'gzip', 413],
    ['another encoding', Buffer.from('{}'), 'br', 415],
  ])('refuses %s', async (_what, body, encoding, code) => {
    const answer = await call(system.url, 'POST', widgets, body, { ...json, 'content-encoding': encoding });
    expect(answer.json).toMatchObject({ kind: 'Status', code });
  });

  it('packs a long list for who takes it, and only for those', async () => {
    const colour = 'c'.repeat(100_000);
    for (const name of ['long-a', 'long-b', 'long-c']) {
      await call(system.url, 'POST', widgets, { metadata: { name }, spec: { colour } });
    }
    const plain = await rawGet(system.url, widgets, {});
    expect([plain.encoding, plain.vary]).toEqual([undefined, 'accept-encoding']);
    const packed = await rawGet(system.url, widgets, { 'accept-encoding': 'gzip' });
    expect(packed.encoding).toBe('gzip');
    expect(packed.body.length).toBeLessThan(plain.body.length / 10);
    expect(JSON.parse(gunzipSync(packed.body).toString()).items).toEqual(JSON.parse(plain.body.toString()).items);
    expect((await rawGet(system.url, `${widgets}/long-a`, { 'accept-encoding': 'gzip' })).encoding).toBeUndefined();
  });

  it('packs one large object', async () => {
    const spec = { colour: 'c'.repeat(200_000) };
    await call(system.url, 'POST', widgets, { metadata: { name: 'large' }, spec });
    const { encoding, body } = await rawGet(system.url, `${widgets}/large`, { 'accept-encoding': 'gzip' });
    expect([encoding, JSON.parse(gunzipSync(body).toString()).spec]).toEqual(['gzip', spec]);
  });
});

type RawAnswer = Readonly<{ encoding: string | undefined; vary: string | undefined; body: Buffer }>;

function rawGet(url: string, path: string, headers: Record<string, string>): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    httpRequest(url + path, { headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () =>
        resolve({ encoding: response.headers['content-encoding'], vary: response.headers.vary, body: Buffer.concat(chunks) }),
      );
    })
      .on('error', reject)
      .end();
  });
}
