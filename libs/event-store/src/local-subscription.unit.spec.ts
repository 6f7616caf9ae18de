import { until } from '@weft/testing/waiting';
import { createMemoryStore } from './memory/memory-store.ts';
import { anEvent, aStream, record, sizesOf } from './testing/fixtures.ts';

describe('A subscription to a log of this process', () => {
  it('waits at the end of the log for no rest of an append, since none can come', async () => {
    const store = await createMemoryStore();
    const live = record(store, { after: await store.head() });
    await until('caught up', () => live.caughtUp.length === 1);
    const { position } = await store.append(aStream(), 'none', [anEvent(), anEvent({ index: 0, count: 3 })]);
    const late = record(store, { after: position - 2n });
    await until('caught up', () => late.caughtUp.length === 1 && live.appends.length === 2);
    expect([sizesOf(live.appends), sizesOf(late.appends), late.caughtUp]).toEqual([[1, 1], [1, 1], [position]]);
    await store.close();
  });
});
