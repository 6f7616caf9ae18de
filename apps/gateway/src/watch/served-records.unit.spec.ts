/** Kinds whose objects are records of ledgers: what a view makes of them, and watches. */
import {
  type Append,
  type Change,
  type Folded,
  type KindModule,
  type Position,
  type RecordedEvent,
  resourceVersionOf,
  Slices,
  systemClock,
} from '@weft/api';
import type { EventStore } from '@weft/event-store';
import { networkDomain } from '@weft/network';
import type { Follower } from '@weft/service';
import { VirtualClock } from '@weft/testing/virtual-clock';
import { ResourceView } from '../model/resource-view.ts';
import { Audience } from './audience.ts';
import { PastReaders } from './past-readers.ts';
import { WatchStream } from './watch-stream.ts';

const kind = networkDomain.kinds.find(({ kind: name }) => name === 'Event') as KindModule;
const RING = 2;

const eventAt = (position: Position) => ({ position, id: 'event', metadata: {} }) as unknown as RecordedEvent;
const versionAt = (position: Position) => resourceVersionOf(eventAt(position));

const told = (name: string, position: Position): Folded => {
  const metadata = { name, namespace: 'ns', uid: name, resourceVersion: versionAt(position), creationTimestamp: '2026-01-01T00:00:00Z' };
  const object = { apiVersion: 'v1', kind: 'Event', metadata };
  const key = { kind: 'Event', namespace: 'ns', name };
  return { key, status: 'live', object, facts: {}, revision: 'none', position, facets: {}, requests: [] };
};

/** A log that makes records; `first` is there when the view begins. */
function given(first: Folded) {
  const records = new Map<string, unknown>([['ns/first', first]]);
  let give: (change: Change) => void = () => {};
  const follower = {
    position: first.position,
    version: versionAt(first.position),
    records: () => records,
    consume: ({ onBegin, onChange }: { onBegin: (position: Position) => void; onChange: typeof give }) => {
      onBegin(first.position);
      give = onChange;
      return () => {};
    },
  };
  const view = new ResourceView(follower as unknown as Follower);
  view.start([kind], RING);
  let head = first.position;
  const append = (...changes: NonNullable<Change['records']>): void => {
    head += 1n;
    give({ append: { stream: 'NetworkInterface-ns.x', position: head, events: [eventAt(head)] } as unknown as Append, records: changes });
  };
  const watch = async (start: 'state' | Position): Promise<string[]> => {
    let text = '';
    const clock = new VirtualClock();
    const stream = new WatchStream(
      {
        store: {} as EventStore,
        view,
        createFold: () => ({}) as never,
        audience: new Audience(view.kind('Event'), clock),
        past: new PastReaders(clock),
        clock,
        slices: new Slices(systemClock),
      },
      {
        encoding: { kind, shape: { as: 'object', format: 'json' }, includeObject: 'None', now: clock.now() },
        matches: () => true,
        start,
        bookmarkInitialEnd: false,
        bookmarks: false,
        durationMs: 1_000,
        bookmarkEveryMs: 1_000,
        stallMs: 1_000,
        earlierMax: 1_000,
      },
      {
        closed: false,
        write: (more) => {
          text += more;
          return true;
        },
        drained: async () => true,
        end: () => {},
        destroy: () => {},
        onceClosed: () => {},
      },
    );
    const run = stream.run();
    await clock.advance(2_000);
    await run;
    return text
      .trim()
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => {
        const { type, object } = JSON.parse(line) as { type: string; object: { metadata: { name?: string }; code?: number } };
        return `${type} ${object.metadata.name ?? object.code}`;
      });
  };
  return { view, append, watch };
}

const [ledger, other] = ['event-warnings', 'elsewhere'];
const one = told('one', 11n);

describe('Objects that are records of ledgers', () => {
  it('are there from the beginning, and follow the records', async () => {
    const { view, append, watch } = given(told('first', 10n));
    append(
      { ledger, key: 'ns/one', before: undefined, after: one },
      { ledger: other, key: 'ns/two', before: undefined, after: told('two', 11n) },
    );
    expect(
      view
        .kind('Event')
        .snapshot()
        .map(({ key }) => key.name),
    ).toEqual(['first', 'one']);
    expect(await watch('state')).toEqual(['ADDED first', 'ADDED one']);
    expect(await watch(10n)).toEqual(['ADDED one']);
  });

  it('have changed once when an append deletes and puts them again', async () => {
    const { append, watch } = given(told('first', 10n));
    append({ ledger, key: 'ns/one', before: undefined, after: one });
    append({ ledger, key: 'ns/one', before: one, after: undefined }, { ledger, key: 'ns/one', before: undefined, after: told('one', 12n) });
    expect(await watch(11n)).toEqual(['MODIFIED one']);
    // One that comes and goes in one append was never there.
    append({ ledger, key: 'ns/two', before: undefined, after: one }, { ledger, key: 'ns/two', before: one, after: undefined });
    expect(await watch(12n)).toEqual([]);
    append({ ledger, key: 'ns/one', before: one, after: undefined });
    expect(await watch(12n)).toEqual(['DELETED one']);
  });

  it('are listed again by a watch that begins before what the gateway remembers: the log holds none', async () => {
    const { append, watch } = given(told('first', 10n));
    for (let i = 0; i <= RING; i++) append({ ledger, key: `ns/n${i}`, before: undefined, after: told(`n${i}`, 11n + BigInt(i)) });
    expect(await watch(10n)).toEqual(['ERROR 410']);
    expect(await watch(11n)).toEqual(['ADDED n1', 'ADDED n2']);
  });
});
