/** The log is delivered in whole appends, wherever pages, subscriptions and resumes cut it. */
import type { Append, RecordedEvent } from '@weft/api';
import { until } from '@weft/testing/waiting';
import { all, anEvent, aStream, idsOf, record, severalAppends, sizesOf, someEvents } from './fixtures.ts';
import type { Subject } from './subject.ts';

export function describeWholeAppends(subject: Subject): void {
  describe('appends', () => {
    const SIZES = [1, 300, 2, 1, 700, 5, 1];

    /** Of two streams by turns, some in one call; longer ones than a page of any store. */
    async function written(): Promise<{ after: bigint; streams: readonly [string, string]; sizes: number[] }> {
      const after = await subject.store.head();
      const streams = [aStream(), aStream()] as const;
      const next = [0, 0];
      for (const [i, size] of SIZES.entries()) {
        const which = i % 2;
        const sizes = i === 3 ? [size, 2, 3] : [size];
        await subject.store.append(
          streams[which] as string,
          next[which] === 0 ? 'none' : BigInt((next[which] as number) - 1),
          severalAppends(...sizes),
        );
        next[which] = (next[which] as number) + sizes.reduce((sum, each) => sum + each, 0);
      }
      return { after, streams, sizes: [1, 300, 2, 1, 2, 3, 700, 5, 1] };
    }

    const readAppends = async (from: bigint): Promise<Append[]> => (await all(subject.store.readAppendPages({ from }))).flat();
    const eventsOf = (appends: readonly Append[]): RecordedEvent[] => appends.flatMap(({ events }) => events);
    async function subscribed(options: Parameters<typeof record>[1]): Promise<Append[]> {
      const told = record(subject.store, options);
      await until('caught up', () => told.caughtUp.length === 1);
      await told.subscription.stop();
      return told.appends;
    }
    /** The first append behind a position that a way of reading gives. */
    const ways: readonly [string, (after: bigint, stream: string) => Promise<readonly Append[]>][] = [
      ['a read', (after) => readAppends(after)],
      ['a subscription', (after) => subscribed({ after })],
      ['a subscription to its stream', (after, stream) => subscribed({ after, stream })],
    ];

    it('are whole, of one event or many, of two streams, in a read, to who catches up and to who is live', async () => {
      const live = record(subject.store, { after: await subject.store.head() });
      await until('caught up', () => live.caughtUp.length === 1);
      const { after, streams, sizes } = await written();
      const read = await readAppends(after);
      await until('delivered', () => live.appends.length === sizes.length);
      await live.subscription.stop();
      expect(sizesOf(read)).toEqual(sizes);
      expect(sizesOf(live.appends)).toEqual(sizes);
      expect(sizesOf(await subscribed({ after }))).toEqual(sizes);
      expect(sizesOf(await subscribed({ stream: streams[0] }))).toEqual([1, 2, 700, 1]);
      expect(sizesOf(await subscribed({ stream: streams[1] }))).toEqual([300, 1, 2, 3, 5]);
      expect(eventsOf(read)).toEqual(await all(subject.store.readAll({ from: after })));
      for (const append of read) {
        const last = append.events.at(-1) as RecordedEvent;
        expect(append).toMatchObject({ stream: last.stream, revision: last.revision, position: last.position });
        expect(append.events.every(({ stream }) => stream === append.stream)).toBe(true);
      }
    });

    it.each(ways)('that a position cuts come whole behind it: %s', async (_, behind) => {
      const { streams } = await written();
      const events = await all(subject.store.readStream(streams[0])); // Appends of 1, 2, 700, 1 events.
      const firstBehind = async (index: number) =>
        idsOf([...((await behind((events[index] as RecordedEvent).position, streams[0]))[0]?.events ?? [])]);
      const whole = (from: number, size: number) => idsOf(events.slice(from, from + size));
      expect(await firstBehind(1)).toEqual(whole(1, 2));
      expect(await firstBehind(3)).toEqual(whole(3, 700));
      expect(await firstBehind(701)).toEqual(whole(3, 700));
      expect(await firstBehind(702)).not.toEqual(whole(3, 700));
    });

    it('come whole to who goes on behind the last one that was delivered', async () => {
      const { after, sizes } = await written();
      const got: Append[] = [];
      while (got.length < sizes.length) {
        let subscription: ReturnType<typeof record>['subscription'] | undefined;
        const told = record(subject.store, { after: got.at(-1)?.position ?? after }, () => void subscription?.stop());
        subscription = told.subscription;
        await until('one delivered', () => told.appends.length > 0);
        await subscription.stop();
        got.push(...told.appends);
      }
      expect(sizesOf(got)).toEqual(sizes);
      expect(idsOf(eventsOf(got))).toEqual(idsOf(await all(subject.store.readAll({ from: after }))));
    });

    it('come whole to a slow handler', async () => {
      const after = await subject.store.head();
      const told = record(subject.store, { after }, () => new Promise((resolve) => setImmediate(resolve)));
      await until('caught up', () => told.caughtUp.length === 1);
      const stream = aStream();
      let expected: bigint | 'none' = 'none';
      for (let i = 0; i < 100; i++) expected = (await subject.store.append(stream, expected, severalAppends(1, 99))).revision;
      await until('delivered', () => told.appends.length >= 200);
      await told.subscription.stop();
      expect(sizesOf(told.appends)).toEqual(Array.from({ length: 100 }, () => [1, 99]).flat());
    });

    it('without a rest, or without a beginning, stand as they are and disturb no other', async () => {
      const after = await subject.store.head();
      const live = record(subject.store, { after });
      await until('caught up', () => live.caughtUp.length === 1);
      const broken = aStream();
      await subject.store.append(broken, 'none', [anEvent({ index: 0, count: 3 })]);
      await subject.store.append(aStream(), 'none', someEvents(2));
      await subject.store.append(broken, 0n, [anEvent({ index: 2, count: 3 })]);
      await subject.store.append(broken, 1n, [anEvent({ index: 1, count: 3 }), ...someEvents(2)]);
      await subject.store.append(aStream(), 'none', someEvents(2));
      const sizes = [1, 2, 1, 1, 2, 2];
      await until('delivered', () => live.appends.length === sizes.length);
      await live.subscription.stop();
      expect(sizesOf(live.appends)).toEqual(sizes);
      expect(sizesOf(await subscribed({ after }))).toEqual(sizes);
      expect(sizesOf(await readAppends(after))).toEqual(sizes);
    });
  });
}
