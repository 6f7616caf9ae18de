/** Reading streams and the log, both ways, and finding positions. */
import { randomUUID } from 'node:crypto';
import type { JsonObject, NewEvent, RecordedEvent } from '@weft/api';
import fc from 'fast-check';
import { InvalidArgumentError } from '../errors.ts';
import type { EventStore } from '../port.ts';
import { all, anEvent, appended, aStream, faultOf, someEvents } from './fixtures.ts';
import type { Subject } from './subject.ts';

export function describeReading(subject: Subject): void {
  describe('readStream', () => {
    it('reads a missing stream as empty, both ways (E-16)', async () => {
      expect(await all(subject.store.readStream(aStream()))).toEqual([]);
      expect(await all(subject.store.readStream(aStream(), { direction: 'backwards' }))).toEqual([]);
    });

    it('reads both ways from a revision, inclusive, up to a limit (E-16)', async () => {
      const stream = aStream();
      await appended(subject.store, stream, 'none', 3);
      await appended(subject.store, stream, 2n, 1);
      await appended(subject.store, stream, 3n, 4);
      const revisions = async (options: Parameters<EventStore['readStream']>[1]) =>
        (await all(subject.store.readStream(stream, options))).map(({ revision }) => Number(revision));
      expect(await revisions({})).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
      expect(await revisions({ from: 2n })).toEqual([2, 3, 4, 5, 6, 7]);
      expect(await revisions({ from: 5n, limit: 2 })).toEqual([5, 6]);
      expect(await revisions({ direction: 'backwards' })).toEqual([7, 6, 5, 4, 3, 2, 1, 0]);
      expect(await revisions({ direction: 'backwards', from: 5n })).toEqual([5, 4, 3, 2, 1, 0]);
      expect(await revisions({ direction: 'backwards', limit: 1 })).toEqual([7]);
      expect(await revisions({ direction: 'backwards', from: 0n })).toEqual([0]);
    });

    it('from past the end is empty forwards and begins at the end backwards (E-16)', async () => {
      const stream = aStream();
      await appended(subject.store, stream, 'none', 2);
      expect(await all(subject.store.readStream(stream, { from: 2n }))).toEqual([]);
      expect((await all(subject.store.readStream(stream, { from: 9n, direction: 'backwards' }))).map(({ revision }) => revision)).toEqual([
        1n,
        0n,
      ]);
    });

    it.each([0, -1, 1.5])('refuses a limit of %s (E-16)', async (limit) => {
      expect(await faultOf(all(subject.store.readStream(aStream(), { limit })))).toBeInstanceOf(InvalidArgumentError);
      expect(await faultOf(all(subject.store.readAll({ limit })))).toBeInstanceOf(InvalidArgumentError);
    });

    it('may be left before its end', async () => {
      const stream = aStream();
      await appended(subject.store, stream, 'none', 3);
      for await (const { revision } of subject.store.readStream(stream)) if (revision === 1n) break;
      expect(await all(subject.store.readStream(stream))).toHaveLength(3);
    });

    it('reads what was appended as it was written, with stream, revision and position (E-20)', async () => {
      const stream = aStream();
      const event: NewEvent = {
        id: randomUUID(),
        type: 'ThingNamed.v1',
        data: {
          text: 'ü \u{1f9f5} "quoted" \\ \n \u0000 \u2028',
          numbers: [0, -1, 1.5, 1e300, 9007199254740991, 4294967296, -2147483649],
          nothing: null,
          yes: true,
          empty: { list: [], object: {} },
          deep: { a: { b: { c: [{ d: 1 }, { d: 2 }, { e: null }] } } },
          '': 'an empty key',
          'a.b/c': 'a key with signs',
        },
        metadata: {
          uid: randomUUID(),
          actor: { user: 'jane', groups: ['ops', 'dev'], verified: false },
          onBehalfOf: { user: 'joe', verified: true },
          requestId: randomUUID(),
          $correlationId: randomUUID(),
          $causationId: randomUUID(),
          time: '2026-11-25T03:04:05.678Z',
          append: { index: 0, count: 1 },
          traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
          command: { verb: 'patch', patchType: 'json', patch: [{ op: 'replace', path: '/spec/a~1b', value: [null, 1.5, 'ü'] }] },
          releases: [{ stream: 'Book-a.b', command: { type: 'Release', ips: ['10.0.0.1'] } }],
        },
      };
      const { position } = await subject.store.append(stream, 'none', [event]);
      const [read] = await all(subject.store.readStream(stream));
      expect(read).toStrictEqual({ ...event, stream, revision: 0n, position });
      expect((await all(subject.store.readAll({ direction: 'backwards', from: position, limit: 1 })))[0]).toStrictEqual(read);
    });

    it('reads any JSON as it was written (E-20)', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue({ maxDepth: 3 })), { minLength: 1, maxLength: 20 }),
          async (values) => {
            const stream = aStream();
            const events = values.map((data) =>
              anEvent({ data: JSON.parse(JSON.stringify(data).replaceAll('__proto__', 'proto')) as JsonObject }),
            );
            await subject.store.append(stream, 'none', events);
            expect((await all(subject.store.readStream(stream))).map(({ data }) => data)).toEqual(events.map(({ data }) => data));
          },
        ),
        { numRuns: 25 },
      );
    });
  });

  describe('readAll', () => {
    /** Three events of this test, and whatever others append between them. */
    async function three(): Promise<{ stream: string; events: RecordedEvent[] }> {
      const stream = aStream();
      await appended(subject.store, stream, 'none', 1);
      await appended(subject.store, aStream(), 'none', 2);
      await appended(subject.store, stream, 0n, 2);
      return { stream, events: await all(subject.store.readStream(stream)) };
    }
    const positionsOf = (events: readonly RecordedEvent[]) => events.map(({ position }) => position);

    it('begins behind the given position forwards, at it backwards (E-17)', async () => {
      const { events } = await three();
      const [first, second, third] = positionsOf(events) as [bigint, bigint, bigint];
      expect(positionsOf(await all(subject.store.readAll({ from: first })))).not.toContain(first);
      expect(positionsOf(await all(subject.store.readAll({ from: second, limit: 1 })))).toEqual([third]);
      expect(positionsOf(await all(subject.store.readAll({ direction: 'backwards', from: second, limit: 1 })))).toEqual([second]);
      expect(positionsOf(await all(subject.store.readAll({ direction: 'backwards', from: third, limit: 2 })))).toEqual([third, second]);
      expect(positionsOf(await all(subject.store.readAll({ direction: 'backwards', limit: 1 })))).toEqual([third]);
    });

    it("takes a position that is no event's (E-17)", async () => {
      const { events } = await three();
      const [first, , third] = positionsOf(events) as [bigint, bigint, bigint];
      const around = await all(subject.store.readAll({ from: first - 1n }));
      expect(positionsOf(around).slice(-5)).toEqual([first, ...positionsOf(await all(subject.store.readAll({ from: first })))]);
      expect(positionsOf(await all(subject.store.readAll({ direction: 'backwards', from: third + 1n, limit: 1 })))).toEqual([third]);
      expect(positionsOf(await all(subject.store.readAll({ direction: 'backwards', from: third - 1n, limit: 1 })))).toEqual([
        (events[1] as RecordedEvent).position,
      ]);
    });

    it('is empty from past the end, and begins at the end backwards (E-17)', async () => {
      const { events } = await three();
      const head = await subject.store.head();
      expect(await all(subject.store.readAll({ from: head }))).toEqual([]);
      expect(await all(subject.store.readAll({ from: head + 1_000_000n }))).toEqual([]);
      expect(positionsOf(await all(subject.store.readAll({ direction: 'backwards', from: head + 1_000_000n, limit: 1 })))).toEqual([
        events[2]?.position,
      ]);
      expect(await all(subject.store.readAll({ direction: 'backwards', from: 0n }))).toEqual([]);
    });

    it("reads the same both ways, in the order of positions, without the system's own events (E-18)", async () => {
      await three();
      const forwards = await all(subject.store.readAll());
      const backwards = await all(subject.store.readAll({ direction: 'backwards' }));
      expect(positionsOf(backwards)).toEqual(positionsOf(forwards).reverse());
      expect(positionsOf(forwards)).toEqual([...positionsOf(forwards)].sort((a, b) => (a < b ? -1 : 1)));
      expect(forwards.filter(({ type, stream }) => type.startsWith('$') || stream.startsWith('$'))).toEqual([]);
    });

    it('gives pages that hold the same events, none of them empty', async () => {
      const { events } = await three();
      const pages = await all(subject.store.readAllPages());
      expect(pages.every((page) => page.length > 0)).toBe(true);
      expect(positionsOf(pages.flat())).toEqual(positionsOf(await all(subject.store.readAll())));
      const firstThree = await all(subject.store.readAllPages({ from: (events[0] as RecordedEvent).position - 1n, limit: 3 }));
      expect(firstThree.flat()).toHaveLength(3);
      expect((await all(subject.store.readAllPages({ direction: 'backwards', limit: 5 }))).flat()).toHaveLength(5);
    });

    it('sees an append as soon as it was acknowledged, as does a stream read (E-19)', async () => {
      const stream = aStream();
      for (let i = 0; i < 50; i++) {
        const { position } = await subject.store.append(stream, i === 0 ? 'none' : BigInt(i - 1), someEvents(1));
        expect((await all(subject.store.readStream(stream, { direction: 'backwards', limit: 1 })))[0]?.revision).toBe(BigInt(i));
        expect((await all(subject.store.readAll({ direction: 'backwards', from: position, limit: 1 })))[0]?.position).toBe(position);
      }
    });

    (subject.canOpenAgain ? it : it.skip)('sees what was acknowledged by another opening of the store (E-19)', async () => {
      const other = await subject.openAgain();
      const stream = aStream();
      for (let i = 0; i < 20; i++) {
        const [writer, reader] = i % 2 === 0 ? [subject.store, other] : [other, subject.store];
        await writer.append(stream, i === 0 ? 'none' : BigInt(i - 1), someEvents(1));
        expect(await all(reader.readStream(stream))).toHaveLength(i + 1);
      }
    });
  });

  describe('positions', () => {
    it('head is the position of the last event', async () => {
      const { position } = await subject.store.append(aStream(), 'none', someEvents(2));
      expect(await subject.store.head()).toBe(position);
    });

    it('floor is the largest event position at or below the given one (E-17)', async () => {
      const stream = aStream();
      await appended(subject.store, stream, 'none', 3);
      const [first, second, third] = (await all(subject.store.readStream(stream))).map(({ position }) => position) as [
        bigint,
        bigint,
        bigint,
      ];
      expect(await subject.store.floor(second)).toBe(second);
      expect(await subject.store.floor(second - 1n)).toBe(first);
      expect(await subject.store.floor(third + 1n)).toBe(third);
      expect(await subject.store.floor(third + 1_000_000n)).toBe(third);
      expect(await subject.store.floor(0n)).toBe(0n);
      expect(await faultOf(subject.store.floor(-1n))).toBeInstanceOf(InvalidArgumentError);
    });

    it('positionAt is the last event up to which no time lies behind the given one', async () => {
      // Times only grow here, whatever other tests wrote before.
      const base = Math.max(...(await all(subject.store.readAll())).map(({ metadata }) => Date.parse(metadata.time))) + 60_000;
      const at = (seconds: number) => new Date(base + seconds * 1_000);
      const stream = aStream();
      const times = [0, 10, 5, 20, 20, 15, 30]; // One clock runs five seconds behind.
      const positions: bigint[] = [];
      const before = await subject.store.head();
      for (const [i, time] of times.entries()) {
        positions.push(
          (await subject.store.append(stream, i === 0 ? 'none' : BigInt(i - 1), [anEvent({ time: at(time).toISOString() })])).position,
        );
      }
      expect(await subject.store.positionAt(at(-1))).toBe(before);
      expect(await subject.store.positionAt(at(0))).toBe(positions[0]);
      expect(await subject.store.positionAt(at(7))).toBe(positions[0]); // The event of second 5 stands behind that of second 10.
      expect(await subject.store.positionAt(at(10))).toBe(positions[2]);
      expect(await subject.store.positionAt(at(19.999))).toBe(positions[2]);
      expect(await subject.store.positionAt(at(20))).toBe(positions[5]);
      expect(await subject.store.positionAt(at(99))).toBe(positions[6]);
      expect(await subject.store.positionAt(new Date(0))).toBe(0n);
      expect(await faultOf(subject.store.positionAt(new Date('never')))).toBeInstanceOf(InvalidArgumentError);
    });
  });
}
