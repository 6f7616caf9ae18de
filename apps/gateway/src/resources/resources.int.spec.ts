import { call, openWatch } from '../testing/requests.ts';
import { type System, startSystem } from '../testing/system.ts';

const widgets = '/apis/test.weft.dev/v1/namespaces/default/widgets';

describe('The resource API', () => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem();
  });
  afterAll(async () => {
    await system.stop();
  });

  it('creates, shows, lists and watches', async () => {
    const watch = await openWatch(system.url, `${widgets}?watch=true`);
    const created = await call(system.url, 'POST', widgets, { metadata: { name: 'a' }, spec: { size: 3 } });
    expect(created.json).toMatchObject({ apiVersion: 'test.weft.dev/v1', kind: 'Widget', metadata: { name: 'a', namespace: 'default' } });
    expect(created.code).toBe(201);
    const shown = await call(system.url, 'GET', `${widgets}/a`);
    expect(shown.json).toEqual(created.json);
    const list = await call(system.url, 'GET', widgets);
    expect(list.json['items']).toEqual([created.json]);
    await watch.until('ADDED', (events) => events.length > 0);
    expect(watch.events[0]).toEqual({ type: 'ADDED', object: created.json });
    watch.close();
  });
});
