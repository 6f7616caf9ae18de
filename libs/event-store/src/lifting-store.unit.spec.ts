import type { RecordedEvent } from '@weft/api';
import { until } from '@weft/testing/waiting';
import { liftingStore } from './lifting-store.ts';
import { createMemoryStore } from './memory/memory-store.ts';
import { all, anEvent, aStream, record, someEvents } from './testing/fixtures.ts';

describe('A lifting store', () => {
  const lift = (event: RecordedEvent): RecordedEvent =>
    event.type === 'Old.v1' ? { ...event, type: 'Old.v2', data: { lifted: true } } : event;

  it('gives every event in the type of today, at its own place, in whatever way it is read', async () => {
    const inner = await createMemoryStore({ positionStep: 3 });
    const store = liftingStore(inner, { lifts: true, lift });
    const stream = aStream();
    const live = record(store, { after: await store.head() });
    await store.append(stream, 'none', [...someEvents(2), anEvent({ type: 'Old.v1' })]);
    const written = await all(inner.readStream(stream));
    const lifted = written.map(lift);
    expect(lifted.map(({ type }) => type)).toEqual(['ThingHappened.v1', 'ThingHappened.v1', 'Old.v2']);
    expect(await all(store.readStream(stream))).toEqual(lifted);
    expect(await all(store.readStream(stream, { direction: 'backwards', limit: 1 }))).toEqual(lifted.slice(2));
    expect((await all(store.readAll())).slice(-3)).toEqual(lifted);
    expect((await all(store.readAllPages())).flat().slice(-3)).toEqual(lifted);
    const appends = [
      { stream, events: lifted.slice(0, 2), revision: 1n, position: lifted[1]?.position },
      { stream, events: lifted.slice(2), revision: 2n, position: lifted[2]?.position },
    ];
    expect((await all(store.readAppendPages())).flat().slice(-2)).toEqual(appends);
    await until('delivered', () => live.appends.length === 2);
    expect(live.appends).toEqual(appends);
    expect([store.storeId, await store.head()]).toEqual([inner.storeId, await inner.head()]);
    await store.close();
    expect(() => inner.subscribe({}, { onAppend: () => {} })).toThrow();
  });

  it('is the store itself where nothing is to be lifted', async () => {
    const inner = await createMemoryStore();
    expect(liftingStore(inner, { lifts: false, lift })).toBe(inner);
    await inner.close();
  });
});
