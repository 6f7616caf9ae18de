/** @kubernetes/client-node as its users write it (http-api 17). */
import {
  CoreV1Api,
  CustomObjectsApi,
  type Informer,
  KubeConfig,
  type KubernetesObject,
  KubernetesObjectApi,
  makeInformer,
  PatchStrategy,
  Watch,
} from '@kubernetes/client-node';
import { until } from '@weft/testing/waiting';
import { call } from './testing/requests.ts';
import { type System, startSystem } from './testing/system.ts';

type Widget = KubernetesObject & { spec?: { size?: number; colour?: string } };
const group = { group: 'test.weft.dev', version: 'v1', plural: 'widgets', namespace: 'default' };
const path = '/apis/test.weft.dev/v1/namespaces/default/widgets';
const widgetOf = (name: string, spec: Widget['spec'] = {}) => ({
  apiVersion: 'test.weft.dev/v1',
  kind: 'Widget',
  metadata: { name, namespace: 'default' },
  spec,
});

describe('client-node', () => {
  let system: System;
  let config: KubeConfig;
  const start = async (ringCapacity: number, watchDistanceMax: number, watchMs = 60_000) => {
    system = await startSystem({ config: { ringCapacity, watchDistanceMax, watchMs } });
    config = new KubeConfig();
    config.loadFromOptions({
      clusters: [{ name: 'weft', server: system.url, skipTLSVerify: true }],
      users: [{ name: 'me', token: 'not looked at' }],
      contexts: [{ name: 'weft', cluster: 'weft', user: 'me' }],
      currentContext: 'weft',
    });
  };
  afterEach(async () => {
    expect(system.log.filter((line) => line.startsWith('error'))).toEqual([]);
    await system.stop();
  });

  it('creates, reads, patches, replaces and deletes objects of any kind', async () => {
    await start(100, 1_000);
    const objects = KubernetesObjectApi.makeApiClient(config);
    const created = (await objects.create(widgetOf('a', { size: 1 }))) as Widget;
    expect(created.metadata?.uid).toBeDefined();
    const patched = (await objects.patch(
      widgetOf('a', { colour: 'red' }),
      undefined,
      undefined,
      undefined,
      undefined,
      PatchStrategy.MergePatch,
    )) as Widget;
    expect(patched.spec).toEqual({ size: 1, colour: 'red' });
    await objects.replace({ ...patched, spec: { size: 2 } } as Widget);
    expect(((await objects.read(widgetOf('a') as never)) as Widget).spec).toEqual({ size: 2 });
    expect((await objects.list('test.weft.dev/v1', 'Widget', 'default')).items).toHaveLength(1);
    await objects.delete(widgetOf('a'));
    await expect(objects.read(widgetOf('a') as never)).rejects.toMatchObject({ code: 404 });

    const custom = config.makeApiClient(CustomObjectsApi);
    await custom.createNamespacedCustomObject({ ...group, body: widgetOf('b') });
    const list = (await custom.listNamespacedCustomObject(group)) as { items: Widget[] };
    expect(list.items.map((item) => item.metadata?.name)).toEqual(['b']);
    await custom.deleteNamespacedCustomObject({ ...group, name: 'b' });
    const core = config.makeApiClient(CoreV1Api);
    await core.createNamespace({ body: { metadata: { name: 'team' } } });
    expect((await core.listNamespace()).items.map((item) => item.metadata?.name)).toEqual(['default', 'team']);
    await core.deleteNamespace({ name: 'team' });
  });

  it('watches from the start', async () => {
    await start(100, 1_000);
    await call(system.url, 'POST', path, widgetOf('a'));
    const seen: string[] = [];
    let ended = false;
    const request = await new Watch(config).watch(
      path,
      {},
      (phase, object) => seen.push(`${phase} ${object.metadata.name}`),
      () => {
        ended = true;
      },
    );
    await until('the first', () => seen.length === 1);
    await call(system.url, 'DELETE', `${path}/a`);
    await until('the second', () => seen.length === 2);
    expect(seen).toEqual(['ADDED a', 'DELETED a']);
    request.abort();
    await until('the end', () => ended);
  });

  describe('’s informer', () => {
    let informer: Informer<Widget> & { list: () => readonly Widget[] };
    let errors: unknown[];
    let lists: number;
    const begin = async () => {
      errors = [];
      lists = 0;
      const custom = config.makeApiClient(CustomObjectsApi);
      informer = makeInformer(config, path, async () => {
        lists += 1;
        return (await custom.listNamespacedCustomObject(group)) as never;
      }) as never;
      // Its own `stop` ends a watch with an AbortError.
      informer.on('error', (error: Error) => {
        if (error.name !== 'AbortError') errors.push(error);
      });
      await informer.start();
    };
    const names = () =>
      informer
        .list()
        .map((item) => item.metadata?.name)
        .sort();
    afterEach(async () => {
      await informer.stop();
    });

    it('holds what the server holds', async () => {
      await start(100, 1_000);
      await call(system.url, 'POST', path, widgetOf('a'));
      await begin();
      expect(names()).toEqual(['a']);
      await call(system.url, 'POST', path, widgetOf('b', { size: 1 }));
      await call(system.url, 'PATCH', `${path}/b`, '{"spec":{"size":2}}', { 'content-type': 'application/merge-patch+json' });
      await call(system.url, 'DELETE', `${path}/a`);
      await until('the same', () => names().join() === 'b' && informer.list()[0]?.spec?.size === 2);
      expect([errors, lists]).toEqual([[], 1]);
    });

    it('goes on after each clean end of its watch, without another list', async () => {
      await start(100, 1_000, 50);
      await begin();
      for (let index = 0; index < 10; index += 1) {
        await call(system.url, 'POST', path, widgetOf(`w${index}`));
        await until(`object ${index}`, () => names().length === index + 1);
        await until('the watch ends and begins', () => system.gateway.openWatches === 0);
      }
      expect([errors, lists]).toEqual([[], 1]);
    });

    it('lists again when it was away too long', async () => {
      await start(4, 30);
      await begin();
      await call(system.url, 'POST', path, widgetOf('a'));
      await until('a', () => names().join() === 'a');
      await informer.stop();
      for (let index = 0; index < 40; index += 1) await call(system.url, 'POST', path, widgetOf(`w${index}`));
      await informer.start();
      await until('all', () => names().length === 41);
      await call(system.url, 'DELETE', `${path}/a`);
      await until('without a', () => names().length === 40);
      expect(errors).toEqual([]);
      expect(lists).toBeLessThanOrEqual(3);
    });
  });
});
