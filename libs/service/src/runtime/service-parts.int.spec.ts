import { createMemoryHub, decodeJsonObject, type MemoryHub, subjects } from '@weft/bus';
import { createMemoryStore, type EventStore } from '@weft/event-store';
import { until } from '@weft/testing/waiting';
import { quietLog } from '../testing/runtime.ts';
import { thingDomain } from '../testing/things.ts';
import { createContextRuntime } from './context-runtime.ts';
import { createPlatform } from './platform.ts';
import { serviceParts } from './service-parts.ts';

describe('The health of a service with two replicas', () => {
  let hub: MemoryHub;
  let store: EventStore;
  const ends: (() => Promise<void>)[] = [];
  beforeEach(async () => {
    hub = createMemoryHub();
    store = await createMemoryStore();
  });
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });

  /** With parts that work, and a follower that has not begun to read the log. */
  async function start(replica: string) {
    const platform = createPlatform({ store, bus: hub.connect(), log: quietLog(), domains: [thingDomain()], replica });
    const runtime = createContextRuntime(platform, { context: 'network' });
    const parts = serviceParts('network-svc', platform, runtime);
    for (const part of parts) await part.start();
    ends.push(async () => {
      for (const part of [...parts].reverse()) await part.stop();
      await platform.follower.stop();
    });
    return { follower: platform.follower };
  }
  async function health() {
    const answer = await hub.connect().request(subjects.health('network-svc'), new Uint8Array(), { timeoutMs: 1_000 });
    return decodeJsonObject(answer, 'health');
  }

  it('is not changed by one that reads the log while the other does all of the work, and tells who holds what', async () => {
    await start('reads'); // It answers first.
    expect((await health())['problems']).toContain('the log is being read (at 0)');
    const works = await start('works');
    await works.follower.start();
    await until('the service works', async () => ((await health())['problems'] as string[]).length === 0);
    expect((await health())['replicas']).toEqual([
      { replica: 'reads', partitions: 0, loops: false, rows: false },
      { replica: 'works', partitions: 64, loops: true, rows: true },
    ]);
    await ends.pop()?.();
    await until('it says what is missing', async () => ((await health())['problems'] as string[]).length > 0);
  });
});
