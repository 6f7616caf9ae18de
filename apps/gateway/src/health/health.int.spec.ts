import { createMemoryHub, subjects } from '@weft/bus';
import { UnavailableError } from '@weft/event-store';
import { until } from '@weft/testing/waiting';
import { call, openWatch } from '../testing/requests.ts';
import { type System, startSystem, withMethods } from '../testing/system.ts';

const json = { accept: 'application/json' };
const widgets = '/apis/test.weft.dev/v1/namespaces/default/widgets';

describe('Health', () => {
  let system: System;
  afterEach(() => system.stop());

  it('is good when store, bus and every service work', async () => {
    system = await startSystem();
    for (const path of ['/livez', '/healthz', '/readyz']) {
      const { code, text } = await call(system.url, 'GET', path);
      expect([path, code, text]).toEqual([path, 200, 'ok']);
      const head = await call(system.url, 'HEAD', path);
      expect([path, head.code, head.headers.get('content-length'), head.text]).toEqual([path, 200, '2', '']);
    }
    expect((await call(system.url, 'GET', '/readyz?verbose')).text).toBe(
      '[+]gateway ok\n[+]event-store ok\n[+]bus ok\n[+]network-svc ok\nready\n',
    );
  });

  it('names what does not work', async () => {
    let ping: () => Promise<void> = async () => {};
    system = await startSystem({
      config: { services: ['network-svc', 'ipam-svc'] },
      gatewayStore: (store) => withMethods(store, { ping: () => ping() }),
    });
    ping = () => Promise.reject(new UnavailableError('the disk is full'));
    const { code, json: answer } = await call(system.url, 'GET', '/readyz', undefined, json);
    expect(code).toBe(503);
    const problems = Object.fromEntries(
      (answer['checks'] as { name: string; problems: string[] }[]).map((check) => [check.name, check.problems]),
    );
    expect(problems).toEqual({
      gateway: [],
      'event-store': ['the disk is full'],
      bus: [],
      'network-svc': [],
      'ipam-svc': [expect.any(String)],
    });
    const text = await call(system.url, 'GET', '/readyz');
    expect([text.code, text.text]).toEqual([503, expect.stringContaining('[-]event-store failed: the disk is full\n')]);
    expect((await call(system.url, 'GET', '/livez')).code).toBe(200);
  });

  it('shows its metrics', async () => {
    system = await startSystem();
    const { code, text, headers } = await call(system.url, 'GET', '/metrics');
    expect([code, headers.get('content-type')]).toEqual([200, expect.stringMatching(/^text\/plain; version=0\.0\.4/)]);
    for (const quantile of ['0.5', '0.99', '0.999', '1']) {
      expect(text).toMatch(new RegExp(`^weft_event_loop_delay_seconds\\{quantile="${quantile}"\\} 0$`, 'm'));
    }
    expect(text).toMatch(/^weft_watches_cut_off 0$/m);
    expect(text).toMatch(/^process_resident_memory_bytes [1-9]\d+$/m);
    const [head] = /^weft_log_head .*$/m.exec(text) as RegExpExecArray;
    expect(head).toBe(`weft_log_head ${await system.platform.store.head()}`);
    expect(text).toContain(`weft_log_read ${system.follower.position}\n`);
  });

  it('counts requests by verb, kind and answer, and times all but watches', async () => {
    system = await startSystem();
    const { url } = system;
    const widgets = '/apis/test.weft.dev/v1/namespaces/default/widgets';
    const merge = { 'content-type': 'application/merge-patch+json' };
    const watch = await openWatch(url, `${widgets}?watch=true`);
    await call(url, 'POST', widgets, { metadata: { name: 'a' } });
    await call(url, 'POST', widgets, { metadata: { name: 'a' } });
    await call(url, 'PATCH', `${widgets}/a`, { spec: { size: 1 } }, merge);
    for (const path of [widgets, widgets, `${widgets}/a`, `${widgets}/none`]) await call(url, 'GET', path);
    const figures = async () => (await call(url, 'GET', '/metrics')).text;
    expect(await figures()).toContain('weft_watches_open{kind="Widget"} 1\n');
    watch.close();
    await until('the watch is over', () => system.gateway.openWatches === 0);
    await call(url, 'DELETE', widgets);
    await until('all are counted', async () => {
      const text = await figures();
      return text.includes('verb="deletecollection"') && text.includes('verb="watch"');
    });
    const counted = [...(await figures()).matchAll(/^weft_http_requests_total\{verb="(\w+)",kind="Widget",code="(\d+)"\} (\d+)$/gm)];
    expect(counted.map(([, verb, code, count]) => `${verb} ${code} ${count}`).sort()).toEqual([
      'create 201 1',
      'create 409 1',
      'deletecollection 200 1',
      'get 200 1',
      'get 404 1',
      'list 200 2',
      'patch 200 1',
      'watch 200 1',
    ]);
    expect(await figures()).toMatch(/^weft_http_request_seconds_count\{verb="list",kind="Widget"\} 2$/m);
    expect(await figures()).not.toMatch(/^weft_http_request_seconds_count\{verb="watch"/m);
  });

  it('says when its event loop stands still too long', async () => {
    system = await startSystem();
    jest.spyOn(system.platform.eventLoop, 'problems').mockReturnValue(['the event loop stands still too long']);
    const { code, text } = await call(system.url, 'GET', '/readyz');
    expect([code, text]).toEqual([503, expect.stringContaining('[-]gateway failed: the event loop stands still too long')]);
  });

  it('tells which replica holds what', async () => {
    const bus = createMemoryHub().connect();
    const replicas = [
      { replica: 'one', partitions: 64, loops: true, rows: false },
      { replica: 'two', partitions: 0, loops: false, rows: true },
      { replica: 'three', partitions: 0, loops: false, rows: false },
    ];
    bus.serve(subjects.health('network-svc'), () => new TextEncoder().encode(JSON.stringify({ problems: [], replicas })));
    system = await startSystem({ bus });
    expect((await call(system.url, 'GET', '/readyz?verbose')).text).toContain(
      '[+]network-svc ok\n   one holds 64 partitions, loops\n   two holds rows\n   three holds nothing\n',
    );
    const { json: answer } = await call(system.url, 'GET', '/readyz', undefined, json);
    expect(answer['checks']).toContainEqual({ name: 'network-svc', problems: [], replicas });
  });

  it('tells of what else runs in its process', async () => {
    let problems: string[] = ['waiting for rows'];
    system = await startSystem({ options: { beside: () => [{ name: 'dataplane-agent', problems }] } });
    const { code, text } = await call(system.url, 'GET', '/readyz');
    expect([code, text]).toEqual([503, expect.stringContaining('[-]dataplane-agent failed: waiting for rows\n')]);
    problems = [];
    expect((await call(system.url, 'GET', '/readyz?verbose')).text).toContain('[+]dataplane-agent ok\n');
  });

  it('shows a dead bus, with which writes end in 503 and reads go on; both heal', async () => {
    const hub = createMemoryHub();
    const bus = hub.connect();
    system = await startSystem({ bus, config: { writeTimeoutMs: 600 } });
    hub.goDown();
    const started = performance.now();
    const write = await call(system.url, 'POST', widgets, { metadata: { name: 'a' } });
    expect(performance.now() - started).toBeLessThan(10_000);
    expect([503, 504]).toContain(write.code);
    expect(write.json).toMatchObject({ kind: 'Status', status: 'Failure' });
    expect((await call(system.url, 'GET', '/readyz', undefined, json)).code).toBe(503);
    expect((await call(system.url, 'GET', `${widgets}/a`)).code).toBe(404);
    hub.comeUp();
    // 409: an answer was late, what it told of is there.
    await until('writes work again', async () =>
      [201, 409].includes((await call(system.url, 'POST', widgets, { metadata: { name: 'a' } })).code),
    );
    await until('ready', async () => (await call(system.url, 'GET', '/readyz')).code === 200);
  });

  it('lets writes end in 503 with Retry-After when their owner is gone', async () => {
    system = await startSystem({ config: { writeTimeoutMs: 300 } });
    await system.stopWriters();
    const { code, json: answer, headers } = await call(system.url, 'POST', widgets, { metadata: { name: 'a' } });
    expect([code, answer['reason'], headers.get('retry-after')]).toEqual([503, 'ServiceUnavailable', '1']);
  });
});
