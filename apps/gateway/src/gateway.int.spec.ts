import { connect } from 'node:net';
import type { Reply } from '@weft/api';
import { createGateway } from './gateway.ts';
import { call, openWatch } from './testing/requests.ts';
import { type System, startSystem } from './testing/system.ts';

const widgets = '/apis/test.weft.dev/v1/namespaces/default/widgets';

describe('A gateway', () => {
  let system: System;
  afterEach(() => system.stop());

  it('does not start where it may not or cannot listen', async () => {
    system = await startSystem();
    await expect(createGateway(system.platform, { address: '0.0.0.0', port: 0 })).rejects.toThrow(/WEFT_INSECURE=1/);
    await expect(createGateway(system.platform, { port: Number(new URL(system.url).port) })).rejects.toMatchObject({ code: 'EADDRINUSE' });
    const open = await createGateway(system.platform, { address: '0.0.0.0', port: 0, insecure: true });
    const { port } = new URL(open.url);
    expect((await call(`http://127.0.0.1:${port}`, 'GET', '/livez', undefined, { host: 'gateway:7480' })).code).toBe(200);
    expect((await call(`http://127.0.0.1:${port}`, 'GET', '/livez', undefined, { host: 'evil.example' })).code).toBe(403);
    await open.stop();
  });

  it('finishes what is under way when it stops, and takes nothing new', async () => {
    let answer: (reply: Reply) => void = () => {};
    let asked: () => void = () => {};
    const isAsked = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const commands = {
      send: () =>
        new Promise<Reply>((resolve) => {
          answer = resolve;
          asked();
        }),
    };
    system = await startSystem({ options: { commands } });
    const { url, gateway } = system;
    const watch = await openWatch(url, `${widgets}?watch=true`);
    const silent = connect(Number(new URL(url).port), '127.0.0.1');
    const silentEnded = new Promise<void>((resolve) => silent.on('close', () => resolve()));
    silent.on('error', () => {});
    const write = call(url, 'POST', widgets, { metadata: { name: 'a' } });
    await isAsked;
    const stopped = gateway.stop();
    expect(await watch.untilEnded()).toBe(true);
    await silentEnded;
    await expect(call(url, 'GET', '/livez')).rejects.toThrow();
    const object = { apiVersion: 'test.weft.dev/v1', kind: 'Widget', metadata: { name: 'a', resourceVersion: '9' } };
    answer({ ok: true, code: 201, object, position: '9' });
    expect(await write).toMatchObject({ code: 201, json: object });
    await stopped;
    await gateway.stop();
  });

  it('cuts off what does not end in time', async () => {
    system = await startSystem({ config: { drainMs: 200 }, options: { commands: { send: () => new Promise<Reply>(() => {}) } } });
    const write = call(system.url, 'POST', widgets, { metadata: { name: 'a' } });
    const failed = expect(write).rejects.toThrow();
    await call(system.url, 'GET', '/livez');
    await system.gateway.stop();
    await failed;
  });
});
