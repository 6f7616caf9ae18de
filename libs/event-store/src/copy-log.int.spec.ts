import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RecordedEvent } from '@weft/api';
import { copyLog, openCopy } from './copy-log.ts';
import { createMemoryStore } from './memory/memory-store.ts';
import { nameSameLog, openEventStore } from './open.ts';
import type { EventStore } from './port.ts';
import { severalAppends } from './testing/fixtures.ts';

/** Twenty appends of one to three events to three streams, in turns. */
async function written(store: EventStore): Promise<void> {
  const revisions = new Map<string, bigint>();
  for (let i = 0; i < 20; i++) {
    const stream = `Thing-ns.${'abc'[(i * i) % 3]}`;
    const { revision } = await store.append(stream, revisions.get(stream) ?? 'none', severalAppends(1 + (i % 3)));
    revisions.set(stream, revision);
  }
}

async function eventsOf(store: EventStore): Promise<RecordedEvent[]> {
  const events: RecordedEvent[] = [];
  for await (const event of store.readAll()) events.push(event);
  return events;
}

describe('A copy of a log', () => {
  let directory: string;
  const open: EventStore[] = [];
  const opened = async (store: EventStore | Promise<EventStore>) => {
    open.push(await store);
    return store;
  };
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'weft-copy-'));
  });
  afterEach(async () => {
    for (const store of open.splice(0)) await store.close();
    rmSync(directory, { recursive: true, force: true });
  });

  it.each([1, 64])('holds the same events, appends and identity, in the same order (%d in flight)', async (inFlight) => {
    const from = await opened(openEventStore(`embedded:${directory}/from`));
    await written(from);
    const to = await opened(openCopy(`embedded:${directory}/to`, { url: `embedded:${directory}/from`, store: from }));
    const report = await copyLog(from, to, { inFlight });
    const events = await eventsOf(from);
    expect(report).toEqual({ events: events.length, foreign: 0, head: await from.head() });
    expect(to.storeId).toBe(from.storeId);
    // Of the same kind of store also at the same positions.
    expect(await eventsOf(to)).toEqual(events);
    const appends = async (store: EventStore) => {
      const sizes: number[] = [];
      for await (const page of store.readAppendPages()) sizes.push(...page.map(({ events: each }) => each.length));
      return sizes;
    };
    expect(await appends(to)).toEqual(await appends(from));
  });

  it('goes on where it was interrupted, and has what came since', async () => {
    const from = await opened(createMemoryStore());
    await written(from);
    const to = await opened(openCopy(`embedded:${directory}/to`, { url: 'memory:', store: from }));
    let calls = 0;
    const failing = new Proxy(to, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== 'function') return value;
        return name === 'append' && ++calls > 8 ? () => Promise.reject(new Error('the disk is full')) : value.bind(target);
      },
    });
    await expect(copyLog(from, failing)).rejects.toThrow('the disk is full');
    await from.append('Thing-ns.d', 'none', severalAppends(2));
    expect(await copyLog(from, to)).not.toHaveProperty('difference');
    expect((await eventsOf(to)).map(({ id }) => id)).toEqual((await eventsOf(from)).map(({ id }) => id));
  });

  it('is not made into another log', async () => {
    const from = await opened(createMemoryStore());
    const to = await opened(createMemoryStore());
    await expect(copyLog(from, to)).rejects.toThrow(/the target holds another log/);
  });

  it('is refused onto the log itself, by whatever path, before anything is written', async () => {
    const url = `embedded:${directory}/from`;
    const from = await opened(openEventStore(url));
    await written(from);
    symlinkSync(`${directory}/from`, `${directory}/link`);
    const before = readFileSync(`${directory}/from/events.mdb`);
    for (const same of [url, `lmdb:${directory}/x/../from/`, `embedded:${directory}/link`]) {
      await expect(openCopy(same, { url, store: from })).rejects.toThrow(/ are the same log, .*: name another store, an empty one/);
    }
    expect(readFileSync(`${directory}/from/events.mdb`).equals(before)).toBe(true);
  });

  it.each([
    ['esdb://db:2113?tls=false', 'kurrentdb://admin:secret@DB/', true],
    ['esdb://one,two:2114', 'esdb+discover://two:2114,three', true],
    ['esdb://db:2113', 'esdb://db:2114', false],
    ['esdb://db:2113', 'embedded:/db', false],
    ['embedded:/nowhere', 'embedded:/nowhere', false],
    ['memory:', 'memory:', false],
  ])('knows whether %s and %s are one log', (one, other, same) => {
    expect([nameSameLog(one, other), nameSameLog(other, one)]).toEqual([same, same]);
  });

  it('says what differs: more events, an event that is another one, one that is missing', async () => {
    const from = await opened(createMemoryStore());
    await written(from);
    const to = await opened(openCopy(`embedded:${directory}/to`, { url: 'memory:', store: from }));
    await copyLog(from, to);
    await to.append('Thing-ns.z', 'none', severalAppends(1));
    expect((await copyLog(from, to)).difference).toMatch(/goes on behind the end of the log: .* of stream "Thing-ns\.z"/);
    const events = await eventsOf(from);
    const showing = (shown: readonly RecordedEvent[]) =>
      new Proxy(to, {
        get: (target, name) => {
          if (name === 'readAll')
            return async function* () {
              yield* shown;
            };
          const value: unknown = Reflect.get(target, name, target);
          return typeof value === 'function' ? value.bind(target) : value;
        },
      });
    const [first, second, ...rest] = events as [RecordedEvent, RecordedEvent, ...RecordedEvent[]];
    expect((await copyLog(from, showing(events.slice(0, -1)))).difference).toMatch(/ends after \d+ events/);
    expect((await copyLog(from, showing([second, first, ...rest]))).difference).toMatch(/^event 1 is .*, in the copy /);
    const changed = { ...second, data: { other: true } };
    expect((await copyLog(from, showing([first, changed, ...rest]))).difference).toMatch(/^event 2 is /);
    expect(await copyLog(from, showing(events))).not.toHaveProperty('difference');
  });

  it('leaves out what others wrote', async () => {
    const from = await opened(createMemoryStore());
    const [foreign] = severalAppends(1);
    await from.append('order-17', 'none', [{ ...foreign!, metadata: { time: '2026-01-01T00:00:00Z' } as never }]);
    await written(from);
    const to = await opened(openCopy(`embedded:${directory}/to`, { url: 'memory:', store: from }));
    expect(await copyLog(from, to)).toMatchObject({ foreign: 1 });
    expect((await eventsOf(to)).some(({ stream }) => stream === 'order-17')).toBe(false);
  });
});
