/** Following the log or one stream: from a position, in order, complete, none twice. */
import type { RecordedEvent } from '@weft/api';
import { until } from '@weft/testing/waiting';
import type { ExpectedRevision } from '../port.ts';
import { all, appended, aStream, idsOf, record, severalAppends, someEvents } from './fixtures.ts';
import type { Subject } from './subject.ts';

export function describeSubscriptions(subject: Subject): void {
  describe('subscription', () => {
    it('delivers what comes after its position, tells that it caught up, then what is appended (E-21)', async () => {
      const stream = aStream();
      await appended(subject.store, stream, 'none', 1);
      await appended(subject.store, stream, 0n, 2);
      const [first] = await all(subject.store.readStream(stream));
      const told = record(subject.store, { after: (first as RecordedEvent).position });
      await until('caught up', () => told.caughtUp.length === 1);
      expect(told.events.map(({ revision }) => revision)).toEqual([1n, 2n]);
      expect(told.caughtUp).toEqual([told.events[1]?.position]);
      const { position } = await subject.store.append(stream, 2n, someEvents(2));
      await until('delivered', () => told.events.at(-1)?.position === position);
      await told.subscription.stop();
      expect(told.events).toEqual((await all(subject.store.readStream(stream))).slice(1));
      expect(told.caughtUp).toHaveLength(1);
      expect(told.ended).toEqual([]);
    });

    it('begins at the first event when no position is given', async () => {
      await appended(subject.store, aStream(), 'none', 2);
      const everything = await all(subject.store.readAll());
      const told = record(subject.store, {});
      await until('caught up', () => told.caughtUp.length === 1);
      await told.subscription.stop();
      expect(told.events.slice(0, everything.length)).toEqual(everything);
    });

    it("begins behind a position that is no event's, and behind the end (E-21)", async () => {
      const stream = aStream();
      await appended(subject.store, stream, 'none', 1);
      await appended(subject.store, stream, 0n, 1);
      const [, second] = (await all(subject.store.readStream(stream))).map(({ position }) => position) as [bigint, bigint];
      const within = record(subject.store, { after: second - 1n });
      await until('caught up', () => within.caughtUp.length === 1);
      await within.subscription.stop();
      expect(within.events.map(({ position }) => position)).toEqual([second]);
    });

    it('to one stream delivers that stream alone, from the position of one of its events (E-22)', async () => {
      const [mine, others] = [aStream(), aStream()];
      await appended(subject.store, mine, 'none', 2);
      await appended(subject.store, others, 'none', 2);
      await appended(subject.store, mine, 1n, 2);
      const [, second] = await all(subject.store.readStream(mine));
      const told = record(subject.store, { stream: mine, after: (second as RecordedEvent).position });
      const whole = record(subject.store, { stream: mine });
      await until('caught up', () => told.caughtUp.length === 1 && whole.caughtUp.length === 1);
      await appended(subject.store, others, 1n, 1);
      await appended(subject.store, mine, 3n, 1);
      await until('delivered', () => told.events.length === 3 && whole.events.length === 5);
      await Promise.all([told.subscription.stop(), whole.subscription.stop()]);
      expect(told.events.map(({ stream, revision }) => [stream, revision])).toEqual([2n, 3n, 4n].map((revision) => [mine, revision]));
      expect(whole.events.map(({ revision }) => revision)).toEqual([0n, 1n, 2n, 3n, 4n]);
    });

    it('to a stream that has no events yet waits for them', async () => {
      const stream = aStream();
      const told = record(subject.store, { stream });
      await until('caught up', () => told.caughtUp.length === 1);
      await appended(subject.store, stream, 'none', 2);
      await until('delivered', () => told.events.length === 2);
      await told.subscription.stop();
    });

    it('delivers what 128 writers append at once, in order, complete, none twice (E-24)', async () => {
      const run = aStream();
      const after = await subject.store.head();
      const told = record(subject.store, { after });
      await Promise.all(
        Array.from({ length: 128 }, async (_, writer) => {
          for (let i = 0; i < 8; i++) await subject.store.append(`${run}.${writer}`, i === 0 ? 'none' : BigInt(2 * i - 1), someEvents(2));
        }),
      );
      await until('delivered', () => told.events.length >= 128 * 16);
      await told.subscription.stop();
      const positions = told.events.map(({ position }) => position);
      expect(positions).toEqual((await all(subject.store.readAll({ from: after }))).map(({ position }) => position));
      expect(new Set(positions).size).toBe(128 * 16);
      expect(told.appends.every(({ events }) => events.length === 2)).toBe(true);
    });

    it('resumes from the last position it delivered, without loss or doubles (E-24)', async () => {
      const stream = aStream();
      const first = record(subject.store, { after: await subject.store.head() });
      await subject.store.append(stream, 'none', severalAppends(3, 1, 4, 2));
      await until('some delivered', () => first.events.length >= 3);
      await first.subscription.stop();
      const seen = first.events.length;
      await appended(subject.store, stream, 9n, 10);
      const second = record(subject.store, { after: (first.events.at(-1) as RecordedEvent).position });
      await until('delivered', () => first.events.length + second.events.length >= 20);
      await second.subscription.stop();
      expect(first.events).toHaveLength(seen);
      expect(idsOf([...first.events, ...second.events])).toEqual(idsOf(await all(subject.store.readStream(stream))));
    });

    it('waits for a slow handler and still delivers everything once, in order (E-25)', async () => {
      const stream = aStream();
      let running = 0;
      let overlapped = false;
      const told = record(subject.store, { after: await subject.store.head() }, async () => {
        overlapped ||= ++running > 1;
        await new Promise((resolve) => setImmediate(resolve));
        running--;
      });
      await until('caught up', () => told.caughtUp.length === 1);
      let expected: ExpectedRevision = 'none';
      for (let i = 0; i < 40; i++)
        expected = (await subject.store.append(stream, expected, severalAppends(...new Array<number>(100).fill(1)))).revision;
      await until('delivered', () => told.events.length >= 4_000);
      await told.subscription.stop();
      expect(overlapped).toBe(false);
      expect(told.events.map(({ revision }) => Number(revision))).toEqual(Array.from({ length: 4_000 }, (_, i) => i));
      expect(told.ended).toEqual([]);
    });

    it('runs no handler before subscribe has returned, and none after stop has resolved', async () => {
      await appended(subject.store, aStream(), 'none', 1);
      let calls = 0;
      const subscription = subject.store.subscribe({}, { onAppend: () => void calls++ });
      expect(calls).toBe(0);
      await until('delivered', () => calls > 0);
      await subscription.stop();
      await subscription.stop();
      const before = calls;
      await appended(subject.store, aStream(), 'none', 1);
      await subject.store.ping();
      expect(calls).toBe(before);
    });

    it('stop waits for the handler that runs', async () => {
      let [entered, left] = [false, false];
      let release = () => {};
      const held = new Promise<void>((resolve) => {
        release = resolve;
      });
      const told = record(subject.store, { after: await subject.store.head() }, async () => {
        entered = true;
        await held;
        left = true;
      });
      await subject.store.append(aStream(), 'none', severalAppends(1, 1));
      await until('handler entered', () => entered);
      const stopped = told.subscription.stop().then(() => left);
      release();
      expect(await stopped).toBe(true);
      expect(told.events).toHaveLength(1);
    });

    it.each([
      [
        'throws',
        () => {
          throw new Error('poison');
        },
      ],
      ['rejects', () => Promise.reject(new Error('poison'))],
    ])('ends when its handler %s, says why, and disturbs no other', async (_, poison) => {
      const after = await subject.store.head();
      const told = record(subject.store, { after }, poison);
      const other = record(subject.store, { after });
      await subject.store.append(aStream(), 'none', severalAppends(1, 1, 1));
      await until('ended', () => told.ended.length === 1);
      await until('other delivered', () => other.events.length === 3);
      await Promise.all([told.subscription.stop(), other.subscription.stop()]);
      expect(told.ended.map(({ message }) => message)).toEqual(['poison']);
      expect(told.events).toHaveLength(1);
      expect(other.ended).toEqual([]);
    });

    (subject.canOpenAgain ? it : it.skip)('delivers what another opening of the store appends, in order with its own', async () => {
      const other = await subject.openAgain();
      const [mine, theirs] = [aStream(), aStream()];
      const told = record(subject.store, { after: await subject.store.head() });
      await until('caught up', () => told.caughtUp.length === 1);
      await Promise.all([
        (async () => {
          for (let i = 0; i < 100; i++) await subject.store.append(mine, i === 0 ? 'none' : BigInt(i - 1), someEvents(1));
        })(),
        (async () => {
          for (let i = 0; i < 100; i++) await other.append(theirs, i === 0 ? 'none' : BigInt(i - 1), someEvents(1));
        })(),
      ]);
      await until('delivered', () => told.events.length >= 200);
      await told.subscription.stop();
      const positions = told.events.map(({ position }) => position);
      expect(positions).toEqual([...new Set(positions)].sort((a, b) => (a < b ? -1 : 1)));
      expect(told.events).toHaveLength(200);
    });
  });
}
