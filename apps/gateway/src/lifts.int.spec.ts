import { toEvents } from '@weft/api';
import { createMemoryStore } from '@weft/event-store';
import { call, openWatch, versionAt } from './testing/requests.ts';
import { type System, startSystem } from './testing/system.ts';
import { testDomain } from './testing/test-domain.ts';

const widgets = '/apis/test.weft.dev/v1/namespaces/default/widgets';

describe('Events of an earlier version', () => {
  let system: System;
  afterEach(() => system.stop());

  it('are listed, watched and watched from the past as what they are today', async () => {
    const store = await createMemoryStore({ positionStep: 3 });
    const write = async (expected: bigint | 'none', ...facts: Parameters<typeof toEvents>[0]) => {
      const requestId = `00000000-0000-4000-8000-00000000000${expected === 'none' ? 9 : expected}`;
      const cause = { requestId, actor: { user: 't', verified: true }, correlationId: requestId, causationId: requestId };
      const target = { stream: 'Widget-default.old', expected, now: '2026-01-01T00:00:00.000Z', uid: 'u' };
      return (await store.append(target.stream, expected, toEvents(facts, cause, target))).position;
    };
    const coloured = (color: string) => ({ type: 'WidgetColoured.v1', data: { color } });
    const metadata = { name: 'old', namespace: 'default', uid: 'u', creationTimestamp: '2026-01-01T00:00:00Z' };
    const first = await write('none', { type: 'WidgetCreated.v1', data: { metadata, spec: {} } }, coloured('red'));
    await write(1n, coloured('green'), coloured('blue'));
    const lifts = {
      'WidgetColoured.v1': ({ color }: { color?: unknown }) => ({
        type: 'WidgetFieldSet.v1',
        data: { name: 'colour', value: color as string },
      }),
    };
    system = await startSystem({ store, domains: [{ ...testDomain, lifts }] });
    expect((await call(system.url, 'GET', widgets)).json['items']).toMatchObject([{ metadata: { name: 'old' }, spec: { colour: 'blue' } }]);
    // From the log, since all of it came before this gateway; from the middle of the first append, too.
    for (const [position, types] of [
      [first, ['MODIFIED']],
      [first - 3n, ['ADDED', 'MODIFIED']],
    ] as const) {
      const watch = await openWatch(system.url, `${widgets}?watch=true&resourceVersion=${await versionAt(store, position)}`);
      await watch.until('the past', (events) => events.length >= types.length);
      expect(watch.events.map(({ type }) => type)).toEqual(types);
      expect(watch.events.at(-1)?.object).toMatchObject({ spec: { colour: 'blue' } });
      watch.close();
    }
    const watch = await openWatch(system.url, `${widgets}?watch=true&resourceVersion=${await versionAt(store, await store.head())}`);
    await write(3n, coloured('white'));
    await watch.until('the live one', (events) => events.length > 0);
    expect(watch.events[0]).toMatchObject({ type: 'MODIFIED', object: { spec: { colour: 'white' } } });
    watch.close();
  });
});
