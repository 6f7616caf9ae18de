import { type Append, type Change, registry, systemClock } from '@weft/api';
import type { Follower } from '@weft/service';
import { testDomain } from '../testing/test-domain.ts';
import { EventFilter } from './event-filter.ts';
import { EventTail } from './event-tail.ts';

const kinds = registry([testDomain]);
const metadata = {
  actor: { user: 'eve', verified: false },
  requestId: 'r',
  $correlationId: 'r',
  $causationId: 'r',
  time: '2026-11-29T10:00:00.000Z',
  append: { index: 0, count: 1 },
};
const append = (position: bigint): Append => {
  const event = {
    id: `e${position}`,
    type: 'LabelsChanged.v1',
    data: { labels: {} },
    stream: 'Widget-default.a',
    revision: position,
    position,
    metadata,
  };
  return { stream: event.stream, revision: position, position, events: [event] };
};
const filterOf = (kind: string) => new EventFilter({ kinds: [kind], namespaces: [], names: [], types: [], labelSelector: '' }, kinds);

describe('The newest appends of the log', () => {
  let take: (change: Change) => void;
  let tail: EventTail;
  beforeEach(() => {
    const follower: Pick<Follower, 'version' | 'consume'> = {
      version: '100000000',
      consume: ({ onBegin, onChange }) => {
        onBegin?.(undefined as never);
        take = onChange as typeof take;
        return () => {};
      },
    };
    tail = new EventTail({ follower: follower as Follower, clock: systemClock, capacity: 200, storeId: 's' });
    tail.start(() => {});
    for (let i = 2n; i <= 101n; i++) take({ append: append(i) });
  });

  it('are bytes that subscribers share, also those who came out of step', () => {
    const widgets = filterOf('widgets');
    const [fast, slow] = [tail.block(0, widgets), tail.block(7, widgets)];
    expect([fast?.to, slow?.to]).toEqual([64, 64]);
    expect(tail.block(64, widgets)).toBe(tail.block(64, filterOf('widget')));
    expect(tail.block(0, widgets)).toBe(fast);
    expect(tail.block(64, widgets)).toMatchObject({ to: 100, last: { position: 101n } });
    const events = (bytes: Uint8Array | undefined) =>
      Buffer.from(bytes ?? [])
        .toString()
        .match(/"id":"e\d+"/g);
    expect(events(fast?.bytes)).toHaveLength(64);
    expect(events(slow?.bytes)).toEqual(events(fast?.bytes)?.slice(7));
    expect(tail.block(0, filterOf('namespaces'))?.bytes).toHaveLength(0);
  });

  it('are not given once they are pushed out', () => {
    for (let i = 102n; i <= 260n; i++) take({ append: append(i) });
    expect(tail.block(3, filterOf('widgets'))).toBeUndefined();
    expect(tail.after(2n)).toBeUndefined();
  });
});
