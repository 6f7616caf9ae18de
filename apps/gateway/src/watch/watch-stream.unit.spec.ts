/** Watches of objects that are assembled when they are read, and a reader that is slow. */
import {
  type Append,
  type Change,
  type Folded,
  type KindModule,
  type Members,
  type Position,
  Slices,
  systemClock,
  withMember,
} from '@weft/api';
import type { EventStore } from '@weft/event-store';
import type { Follower } from '@weft/service';
import { mostOfOne, slowClock, VirtualClock } from '@weft/testing/virtual-clock';
import { until } from '@weft/testing/waiting';
import { ResourceView } from '../model/resource-view.ts';
import { choirDomain } from '../testing/choir-kind.ts';
import { Audience } from './audience.ts';
import { PastReaders } from './past-readers.ts';
import type { Sink } from './sink.ts';
import { WatchStream } from './watch-stream.ts';

const choir = choirDomain.kinds.find(({ kind }) => kind === 'Choir') as KindModule;
/** Enough that a watch passes an event on by itself, and waits until it is taken. */
const MANY = 2_000;
const RING = 4;
const LASTS_MS = 60_000;

type Song = Readonly<{ singers: number; song?: string }>;

/** A log of choirs, the view of it, and one reader that takes nothing until it is told to. */
function hall(slices = new Slices(systemClock), write?: (text: string) => void) {
  let give: (change: Change) => void = () => {};
  let head = 0n;
  const changes: Change[] = [];
  const now = new Map<string, Folded>();
  const follower = {
    position: 0n,
    version: '',
    count: () => now.size,
    get: ({ name }: { name: string }) => now.get(name),
    listOrdered: () => [...now.values()].sort((a, b) => (a.key.name < b.key.name ? -1 : 1)),
    consume: ({ onBegin, onChange }: { onBegin: (position: Position) => void; onChange: typeof give }) => {
      onBegin(0n);
      give = onChange;
      return () => {};
    },
  };
  const view = new ResourceView(follower as unknown as Follower);
  view.start([{ kind: 'Choir' }], RING);

  const sing = (name: string, song: Song): void => {
    head += 1n;
    const [before, after] = [now.get(name), choirAt(head, name, song)];
    now.set(name, after);
    const append = {
      stream: `Choir-default/${name}`,
      position: head,
      events: [{ revision: 0n, position: head, id: name }],
    } as unknown as Append;
    const change: Change = { append, after, ...(before !== undefined && { before }) };
    changes.push(change);
    give(change);
  };

  const clock = new VirtualClock();
  const audience = new Audience(view.kind('Choir'), clock);
  const past = new PastReaders(clock);
  const store = {
    async *readAppendPages({ from }: { from: Position }) {
      yield changes.map(({ append }) => append).filter(({ position }) => position > from);
    },
  };
  const createFold = () => ({ apply: (append: Append) => changes.find((each) => each.append === append) as Change });

  const watch = (matches: (folded: Folded) => boolean = () => true, start: 'state' | Position = head) => {
    let text = '';
    let letGo: () => void = () => {};
    const sink: Sink = {
      closed: false,
      write: (more) => {
        text += more.toString();
        write?.(more.toString());
        return write !== undefined;
      },
      drained: () => new Promise((resolve) => (letGo = () => resolve(true))),
      end: () => {},
      destroy: () => {},
      onceClosed: () => {},
    };
    const encoding = { kind: choir, shape: { as: 'object', format: 'json' }, includeObject: 'None', now: clock.now() } as const;
    const source = { view, store: store as unknown as EventStore, createFold, audience, past, clock, slices };
    const times = { durationMs: LASTS_MS, bookmarkEveryMs: LASTS_MS, stallMs: LASTS_MS, earlierMax: LASTS_MS };
    const request = { encoding, matches, start, bookmarks: false, bookmarkInitialEnd: false, ...times };
    const run = new WatchStream(source, request, sink).run();
    return {
      /** Until the watch has sent what it has, and waits. */
      settle: () => clock.advance(1_000),
      takes: () => letGo(),
      /** What it was sent: `MODIFIED alto@3`. */
      async end(): Promise<readonly string[]> {
        for (let left = 2 * RING; left > 0; left -= 1) {
          letGo();
          await clock.advance(1_000);
        }
        await clock.advance(LASTS_MS);
        letGo();
        await run;
        const events = text.split('\n').filter((line) => line !== '');
        return events.map((line) => {
          const { type, object } = JSON.parse(line);
          return `${type} ${object.metadata.name}@${object.metadata.resourceVersion}`;
        });
      },
    };
  };
  return { sing, watch, past };
}

function choirAt(position: Position, name: string, { singers, song = '' }: Song): Folded {
  const metadata = { name, namespace: 'default', uid: name, resourceVersion: `${position}`, creationTimestamp: '2026-01-01T00:00:00Z' };
  let members: Members<true> = {};
  for (let number = 0; number < singers; number += 1) members = withMember(members, `singer-${number}`, true);
  return {
    key: { kind: 'Choir', namespace: 'default', name },
    status: 'live',
    object: { apiVersion: 'test.weft.dev/v1', kind: 'Choir', metadata, song, voices: [] },
    facts: { singers: members },
    revision: 0n,
    position,
    facets: {},
    requests: [],
  } as unknown as Folded;
}

describe('Many watches', () => {
  it('share the event loop with everything else when a change wakes them all', async () => {
    const clock = slowClock(0);
    const turns: number[] = [];
    const { sing, watch } = hall(new Slices(clock), () => {
      clock.pass(2);
      turns.push(clock.turns());
    });
    const readers = Array.from({ length: 40 }, () => watch());
    sing('alto', { singers: 1 });
    await until('all are told', async () => {
      await readers[0]?.settle();
      return turns.length === 40;
    });
    expect(mostOfOne(turns)).toBeLessThanOrEqual(4);
    for (const reader of readers) await reader.end();
  });

  it('begin with the state in slices', async () => {
    const clock = slowClock();
    const turns: number[] = [];
    const { sing, watch } = hall(new Slices(clock));
    for (let i = 0; i < 40; i++) sing(`n${i}`, { singers: 1 });
    const matches = () => turns.push(clock.turns()) > 0;
    const reader = watch(matches, 'state');
    await until('all are looked at', () => turns.length === 40);
    expect(mostOfOne(turns)).toBeLessThanOrEqual(4);
    expect(await reader.end()).toHaveLength(40);
  });
});

describe('Watches that have fallen behind', () => {
  it('read the log again and miss nothing, in line where they are many', async () => {
    const { sing, watch } = hall();
    for (let number = 0; number < 3 * RING; number += 1) sing(`n${number}`, { singers: 1 });
    const readers = Array.from({ length: 20 }, () => watch(() => true, 0n));
    for (const reader of readers) expect(await reader.end()).toHaveLength(3 * RING);
  });

  it('are told to list again when others read all the time, and those that are not behind are not', async () => {
    const { sing, watch, past } = hall();
    for (let reader = 0; reader < 8; reader += 1) await past.enter();
    for (let number = 0; number < 3 * RING; number += 1) sing(`n${number}`, { singers: 1 });
    const [behind, present] = [watch(() => true, 0n), watch()];
    sing('alto', { singers: 1 });
    expect(await present.end()).toEqual([`ADDED alto@${3 * RING + 1}`]);
    expect(await behind.end()).toEqual(['ERROR undefined@undefined']);
  });
});

describe('A watch of objects that are assembled', () => {
  it('sends the state that came while the reader was slow to take the one before', async () => {
    const { sing, watch } = hall();
    sing('alto', { singers: MANY });
    const reader = watch();
    sing('alto', { singers: MANY, song: 'one' });
    await reader.settle();
    sing('alto', { singers: MANY, song: 'two' });
    expect(await reader.end()).toEqual(['MODIFIED alto@2', 'MODIFIED alto@3']);
  });

  it('says that an object no longer matches, when the change that made it so was passed over and the next left the ring', async () => {
    const { sing, watch } = hall();
    sing('alto', { singers: 1, song: 'ours' });
    sing('bass', { singers: MANY, song: 'ours' });
    const reader = watch(({ object }) => object['song'] === 'ours');
    sing('alto', { singers: 1, song: 'theirs' });
    sing('bass', { singers: MANY, song: 'ours' });
    sing('alto', { singers: 2, song: 'theirs' });
    await reader.settle();
    for (let more = 0; more < RING; more += 1) sing('bass', { singers: 1, song: 'ours' });
    const events = await reader.end();
    expect(events).toContain('DELETED alto@5');
    expect(events.at(-1)).toBe('MODIFIED bass@9');
  });
});
