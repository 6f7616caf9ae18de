/**
 * What every event store keeps to. E-numbers are those of `docs/eventstoredb.md` in this package.
 * Each test has its own streams, so a store may already hold other events, and several runs may share one server.
 */
import { randomUUID } from 'node:crypto';
import type { JsonObject, NewEvent, RecordedEvent } from '@weft/api';
import { until } from '@weft/testing/waiting';
import fc from 'fast-check';
import { appendBytes } from '../append.rules.ts';
import { ClosedError, InvalidArgumentError, type StoreError, TooLargeError, WrongRevisionError } from '../errors.ts';
import { APPEND_BYTES_MAX, type EventStore, type ExpectedRevision } from '../port.ts';
import { STORE_CREATED, STORE_STREAM } from '../store-identity.ts';
import { all, anEvent, aStream, idsOf, record, someEvents } from './fixtures.ts';

export type ContractHarness = Readonly<{
  /** Called once, before the tests. */
  open(): Promise<EventStore>;
  /** The same store opened once more, as another process would; absent where there is no such thing. */
  openAgain?(): Promise<EventStore>;
  /** Called once, behind the tests; the store is closed by then. */
  remove?(): Promise<void>;
}>;

export function describeEventStoreContract(name: string, harness: ContractHarness): void {
  describe(`${name} keeps the event store contract`, () => {
    let store: EventStore;
    const opened: EventStore[] = [];

    beforeAll(async () => {
      store = await harness.open();
    });
    afterEach(async () => {
      for (const other of opened.splice(0)) await other.close();
    });
    afterAll(async () => {
      await store?.close();
      await harness.remove?.();
    });

    async function openAgain(): Promise<EventStore> {
      if (harness.openAgain === undefined) throw new Error('this store cannot be opened again');
      const other = await harness.openAgain();
      opened.push(other);
      return other;
    }

    async function appended(stream: string, expected: ExpectedRevision, count: number): Promise<NewEvent[]> {
      const events = someEvents(count);
      await store.append(stream, expected, events);
      return events;
    }

    const faultOf = async (work: Promise<unknown>): Promise<StoreError> =>
      work.then(
        () => {
          throw new Error('it was accepted');
        },
        (error) => error as StoreError,
      );

    describe('identity', () => {
      it('is the id in the first event of the store stream', async () => {
        const [first] = await all(store.readStream(STORE_STREAM));
        expect(first?.type).toBe(STORE_CREATED);
        expect(first?.data).toEqual({ id: store.storeId });
        expect(store.storeId).toMatch(/^[0-9a-f-]{36}$/);
      });

      (harness.openAgain ? it : it.skip)('is the same for whoever opens the store again', async () => {
        expect((await openAgain()).storeId).toBe(store.storeId);
      });
    });

    describe('append', () => {
      it('answers with revision and position of the last event of the append (E-4)', async () => {
        const stream = aStream();
        const first = await store.append(stream, 'none', someEvents(3));
        const second = await store.append(stream, 2n, someEvents(2));
        const read = await all(store.readStream(stream));
        expect(first).toEqual({ revision: 2n, position: read[2]?.position, repeated: false });
        expect(second).toEqual({ revision: 4n, position: read[4]?.position, repeated: false });
        expect(read.map(({ revision }) => revision)).toEqual([0n, 1n, 2n, 3n, 4n]);
      });

      it('gives each event of one append a position of its own, ever increasing (E-4)', async () => {
        const stream = aStream();
        await store.append(stream, 'none', someEvents(40));
        const positions = (await all(store.readStream(stream))).map(({ position }) => position);
        expect(positions).toEqual([...new Set(positions)].sort((a, b) => (a < b ? -1 : 1)));
        expect(positions).toHaveLength(40);
      });

      it.each<[string, number, ExpectedRevision, ExpectedRevision]>([
        ['an older revision', 3, 0n, 2n],
        ['a newer revision', 3, 7n, 2n],
        ['none, of a stream that has events', 3, 'none', 2n],
        ['a revision, of a stream that has none', 0, 0n, 'none'],
      ])('refuses %s with both revisions and writes nothing (E-5)', async (_, count, expected, actual) => {
        const stream = aStream();
        if (count > 0) await appended(stream, 'none', count);
        const fault = await faultOf(store.append(stream, expected, someEvents(1)));
        expect(fault).toBeInstanceOf(WrongRevisionError);
        expect(fault).toMatchObject({ code: 'WrongRevision', retry: 'no', stream, expected, actual });
        expect(await all(store.readStream(stream))).toHaveLength(count);
      });

      it('takes thousands of small events at once, all of them, in order (E-6)', async () => {
        const stream = aStream();
        const lean: NewEvent['metadata'] = {
          actor: { user: '', verified: true },
          requestId: '',
          $correlationId: '',
          $causationId: '',
          time: '2026-11-01T00:00:00.000Z',
          append: { index: 0, count: 1 },
        };
        const events = Array.from({ length: 5_000 }, (_, n) => ({ id: randomUUID(), type: 'T.v1', data: { n }, metadata: lean }));
        expect(await store.append(stream, 'none', events)).toMatchObject({ revision: 4_999n, repeated: false });
        const read = await all(store.readStream(stream));
        expect(idsOf(read)).toEqual(idsOf(events));
        expect(idsOf(await all(store.readStream(stream, { direction: 'backwards' })))).toEqual(idsOf(events).reverse());
        expect((await store.append(stream, 'none', events)).repeated).toBe(true);
      });

      it('refuses more than 1 MiB as too large, naming the limit, and writes nothing (E-6)', async () => {
        const stream = aStream();
        const events = sized(APPEND_BYTES_MAX + 1);
        const fault = await faultOf(store.append(stream, 'none', events));
        expect(fault).toBeInstanceOf(TooLargeError);
        expect(fault).toMatchObject({ code: 'TooLarge', retry: 'no', stream, bytes: APPEND_BYTES_MAX + 1, limitBytes: APPEND_BYTES_MAX });
        expect(await all(store.readStream(stream))).toEqual([]);
      });

      it('takes an append of exactly 1 MiB (E-6)', async () => {
        const stream = aStream();
        const events = sized(APPEND_BYTES_MAX);
        await store.append(stream, 'none', events);
        expect((await all(store.readStream(stream)))[0]?.data).toEqual(events[0]?.data);
      });

      it('refuses an append of no events (E-7)', async () => {
        expect(await faultOf(store.append(aStream(), 'none', []))).toBeInstanceOf(InvalidArgumentError);
      });

      it.each([
        'with spaces',
        'Stra\u00dfe-\u00fc.\u{1f9f5}',
        'a/b:c?d=e',
        'x'.repeat(1_000),
        '\u00fc'.repeat(1_000),
        'no dash',
        '-',
        'Thing-.cluster',
      ])('takes stream names of any text (E-9): %s', async (text) => {
        const stream = `${text}${randomUUID()}`;
        const events = await appended(stream, 'none', 2);
        expect(await all(store.readStream(stream))).toMatchObject(events.map(({ id }) => ({ id, stream })));
        expect((await faultOf(store.append(stream, 'none', someEvents(1)))).code).toBe('WrongRevision');
      });

      it.each(['', '$streams', '\ud800'])('refuses %j as a stream name (E-9)', async (stream) => {
        expect(await faultOf(store.append(stream, 'none', someEvents(1)))).toBeInstanceOf(InvalidArgumentError);
        expect(await faultOf(all(store.readStream(stream)))).toBeInstanceOf(InvalidArgumentError);
      });

      it.each<[string, Partial<NewEvent>]>([
        ['an id that is no UUID', { id: 'seven' }],
        ['a type that begins with $', { type: '$metadata' }],
        ['an empty type', { type: '' }],
        ['undefined in its data', { data: { gone: undefined } as unknown as JsonObject }],
        ['a number that JSON has not', { data: { n: Number.NaN } }],
        ['a bigint in its data', { data: { n: 1n } as unknown as JsonObject }],
        ['text that UTF-8 cannot carry', { data: { text: '\ud800' } }],
        ['the key "__proto__"', { data: JSON.parse('{"labels":{"__proto__":"x"}}') as JsonObject }],
        ['no time', { metadata: { ...anEvent().metadata, time: 'soon' } }],
      ])('refuses an event with %s', async (_, wrong) => {
        const stream = aStream();
        expect(await faultOf(store.append(stream, 'none', [anEvent(), { ...anEvent(), ...wrong }]))).toBeInstanceOf(InvalidArgumentError);
        expect(await all(store.readStream(stream))).toEqual([]);
      });

      it.each(['any', -1n, 1, undefined])('refuses the expectation %s: exact or none, never any (E-14)', async (expected) => {
        expect(await faultOf(store.append(aStream(), expected as ExpectedRevision, someEvents(1)))).toBeInstanceOf(InvalidArgumentError);
      });

      it('lets a refused append disturb no other (E-33)', async () => {
        const [good, bad] = [aStream(), aStream()];
        const results = await Promise.allSettled([
          store.append(good, 'none', someEvents(1)),
          store.append(bad, 5n, someEvents(1)),
          store.append(bad, 'none', sized(APPEND_BYTES_MAX + 1)),
          store.append('$bad', 'none', someEvents(1)),
          store.append(good, 0n, someEvents(1)),
        ]);
        expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'rejected', 'fulfilled']);
      });
    });

    describe('append without waiting for replies', () => {
      it('judges consecutive exact revisions of one stream in the order of the calls', async () => {
        const stream = aStream();
        const events = someEvents(200);
        const results = await Promise.all(events.map((event, i) => store.append(stream, i === 0 ? 'none' : BigInt(i - 1), [event])));
        expect(results.map(({ revision }) => revision)).toEqual(events.map((_, i) => BigInt(i)));
        expect(idsOf(await all(store.readStream(stream)))).toEqual(idsOf(events));
      });

      it('refuses what follows a refused one, and writes none of it', async () => {
        const stream = aStream();
        await appended(stream, 'none', 1);
        const outcomes = await Promise.allSettled([
          store.append(stream, 0n, someEvents(1)),
          store.append(stream, 0n, someEvents(1)), // Another writer's.
          store.append(stream, 2n, someEvents(1)),
          store.append(stream, 3n, someEvents(1)),
          store.append(stream, 1n, someEvents(1)),
        ]);
        expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'rejected', 'fulfilled']);
        expect(await all(store.readStream(stream))).toHaveLength(3);
      });

      it('lets one of many racing writers win each revision', async () => {
        const stream = aStream();
        const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => store.append(stream, 'none', someEvents(2))));
        expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
        expect(await all(store.readStream(stream))).toHaveLength(2);
      });
    });

    describe('repeat', () => {
      it.each<['none' | bigint]>([['none'], [1n]])(
        'with the same ids and the expectation %s answers as the first time and writes nothing (E-10)',
        async (expected) => {
          const stream = aStream();
          if (expected !== 'none') await appended(stream, 'none', 2);
          const events = someEvents(2);
          const first = await store.append(stream, expected, events);
          await store.append(stream, first.revision, someEvents(3));
          const again = await store.append(stream, expected, events);
          expect(again).toEqual({ ...first, repeated: true });
          expect(await all(store.readStream(stream))).toHaveLength(expected === 'none' ? 5 : 7);
        },
      );

      it('is told by ids alone: other data changes nothing (E-10)', async () => {
        const stream = aStream();
        const event = anEvent({ data: { said: 'first' } });
        await store.append(stream, 'none', [event]);
        expect(await store.append(stream, 'none', [{ ...event, data: { said: 'later' } }])).toMatchObject({ revision: 0n, repeated: true });
        expect((await all(store.readStream(stream)))[0]?.data).toEqual({ said: 'first' });
      });

      it('is recognised while the first is still under way (E-10)', async () => {
        const stream = aStream();
        const events = someEvents(2);
        const results = await Promise.all([store.append(stream, 'none', events), store.append(stream, 'none', events)]);
        expect(results.map(({ repeated }) => repeated)).toEqual([false, true]);
        expect(results[0]?.position).toBe(results[1]?.position);
        expect(await all(store.readStream(stream))).toHaveLength(2);
      });

      (harness.openAgain ? it : it.skip)('is recognised by whoever opens the store again (E-10)', async () => {
        const stream = aStream();
        const events = someEvents(3);
        const first = await store.append(stream, 'none', events);
        await store.append(stream, 2n, someEvents(1));
        expect(await (await openAgain()).append(stream, 'none', events)).toEqual({ ...first, repeated: true });
      });

      it('of a prefix of the earlier append is one too (E-11)', async () => {
        const stream = aStream();
        const events = await appended(stream, 'none', 4);
        const read = await all(store.readStream(stream));
        expect(await store.append(stream, 'none', events.slice(0, 2))).toEqual({
          revision: 1n,
          position: read[1]?.position,
          repeated: true,
        });
      });

      it('of its tail at the matching revision is one too (E-11)', async () => {
        const stream = aStream();
        const events = await appended(stream, 'none', 4);
        const read = await all(store.readStream(stream));
        expect(await store.append(stream, 1n, events.slice(2))).toEqual({ revision: 3n, position: read[3]?.position, repeated: true });
      });

      it('of its tail at another revision is a conflict (E-11)', async () => {
        const stream = aStream();
        const events = await appended(stream, 'none', 4);
        expect((await faultOf(store.append(stream, 0n, events.slice(2)))).code).toBe('WrongRevision');
      });

      it.each<[string, (old: NewEvent[]) => NewEvent[]]>([
        ['the old ones first', (old) => [...old, anEvent()]],
        ['the new one first', (old) => [anEvent(), ...old]],
        ['the new one between', ([first, second]) => [first as NewEvent, anEvent(), second as NewEvent]],
        ['a new one in place of an old one', ([first]) => [first as NewEvent, anEvent()]],
        ['another order', ([first, second]) => [second as NewEvent, first as NewEvent]],
      ])('with some ids old and some new, %s, is a conflict (E-12)', async (_, mix) => {
        const stream = aStream();
        const old = await appended(stream, 'none', 2);
        const fault = await faultOf(store.append(stream, 'none', mix(old)));
        expect(fault).toMatchObject({ code: 'WrongRevision', expected: 'none', actual: 1n });
        expect(await all(store.readStream(stream))).toHaveLength(2);
      });

      it('at the current revision is no repeat: it is written, and not told as one (E-13; ids are derived from the expectation so that it cannot happen)', async () => {
        const stream = aStream();
        const events = await appended(stream, 'none', 1);
        expect(await store.append(stream, 0n, events)).toMatchObject({ revision: 1n, repeated: false });
      });

      it('of ids in another stream, or twice in one append, is no repeat (E-15)', async () => {
        const events = await appended(aStream(), 'none', 2);
        expect(await store.append(aStream(), 'none', events)).toMatchObject({ revision: 1n, repeated: false });
        const twin = anEvent();
        expect(await store.append(aStream(), 'none', [twin, twin])).toMatchObject({ revision: 1n, repeated: false });
      });
    });

    describe('readStream', () => {
      it('reads a missing stream as empty, both ways (E-16)', async () => {
        expect(await all(store.readStream(aStream()))).toEqual([]);
        expect(await all(store.readStream(aStream(), { direction: 'backwards' }))).toEqual([]);
      });

      it('reads both ways from a revision, inclusive, up to a limit (E-16)', async () => {
        const stream = aStream();
        await appended(stream, 'none', 3);
        await appended(stream, 2n, 1);
        await appended(stream, 3n, 4);
        const revisions = async (options: Parameters<EventStore['readStream']>[1]) =>
          (await all(store.readStream(stream, options))).map(({ revision }) => Number(revision));
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
        await appended(stream, 'none', 2);
        expect(await all(store.readStream(stream, { from: 2n }))).toEqual([]);
        expect((await all(store.readStream(stream, { from: 9n, direction: 'backwards' }))).map(({ revision }) => revision)).toEqual([
          1n,
          0n,
        ]);
      });

      it.each([0, -1, 1.5])('refuses a limit of %s (E-16)', async (limit) => {
        expect(await faultOf(all(store.readStream(aStream(), { limit })))).toBeInstanceOf(InvalidArgumentError);
        expect(await faultOf(all(store.readAll({ limit })))).toBeInstanceOf(InvalidArgumentError);
      });

      it('may be left before its end', async () => {
        const stream = aStream();
        await appended(stream, 'none', 3);
        for await (const { revision } of store.readStream(stream)) if (revision === 1n) break;
        expect(await all(store.readStream(stream))).toHaveLength(3);
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
          },
        };
        const { position } = await store.append(stream, 'none', [event]);
        const [read] = await all(store.readStream(stream));
        expect(read).toStrictEqual({ ...event, stream, revision: 0n, position });
        expect((await all(store.readAll({ direction: 'backwards', from: position, limit: 1 })))[0]).toStrictEqual(read);
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
              await store.append(stream, 'none', events);
              expect((await all(store.readStream(stream))).map(({ data }) => data)).toEqual(events.map(({ data }) => data));
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
        await appended(stream, 'none', 1);
        await appended(aStream(), 'none', 2);
        await appended(stream, 0n, 2);
        return { stream, events: await all(store.readStream(stream)) };
      }
      const positionsOf = (events: readonly RecordedEvent[]) => events.map(({ position }) => position);

      it('begins behind the given position forwards, at it backwards (E-17)', async () => {
        const { events } = await three();
        const [first, second, third] = positionsOf(events) as [bigint, bigint, bigint];
        expect(positionsOf(await all(store.readAll({ from: first })))).not.toContain(first);
        expect(positionsOf(await all(store.readAll({ from: second, limit: 1 })))).toEqual([third]);
        expect(positionsOf(await all(store.readAll({ direction: 'backwards', from: second, limit: 1 })))).toEqual([second]);
        expect(positionsOf(await all(store.readAll({ direction: 'backwards', from: third, limit: 2 })))).toEqual([third, second]);
        expect(positionsOf(await all(store.readAll({ direction: 'backwards', limit: 1 })))).toEqual([third]);
      });

      it("takes a position that is no event's (E-17)", async () => {
        const { events } = await three();
        const [first, , third] = positionsOf(events) as [bigint, bigint, bigint];
        const around = await all(store.readAll({ from: first - 1n }));
        expect(positionsOf(around).slice(-5)).toEqual([first, ...positionsOf(await all(store.readAll({ from: first })))]);
        expect(positionsOf(await all(store.readAll({ direction: 'backwards', from: third + 1n, limit: 1 })))).toEqual([third]);
        expect(positionsOf(await all(store.readAll({ direction: 'backwards', from: third - 1n, limit: 1 })))).toEqual([
          (events[1] as RecordedEvent).position,
        ]);
      });

      it('is empty from past the end, and begins at the end backwards (E-17)', async () => {
        const { events } = await three();
        const head = await store.head();
        expect(await all(store.readAll({ from: head }))).toEqual([]);
        expect(await all(store.readAll({ from: head + 1_000_000n }))).toEqual([]);
        expect(positionsOf(await all(store.readAll({ direction: 'backwards', from: head + 1_000_000n, limit: 1 })))).toEqual([
          events[2]?.position,
        ]);
        expect(await all(store.readAll({ direction: 'backwards', from: 0n }))).toEqual([]);
      });

      it("reads the same both ways, in the order of positions, without the system's own events (E-18)", async () => {
        await three();
        const forwards = await all(store.readAll());
        const backwards = await all(store.readAll({ direction: 'backwards' }));
        expect(positionsOf(backwards)).toEqual(positionsOf(forwards).reverse());
        expect(positionsOf(forwards)).toEqual([...positionsOf(forwards)].sort((a, b) => (a < b ? -1 : 1)));
        expect(forwards.filter(({ type, stream }) => type.startsWith('$') || stream.startsWith('$'))).toEqual([]);
      });

      it('gives pages that hold the same events, none of them empty', async () => {
        const { events } = await three();
        const pages = await all(store.readAllPages());
        expect(pages.every((page) => page.length > 0)).toBe(true);
        expect(positionsOf(pages.flat())).toEqual(positionsOf(await all(store.readAll())));
        const firstThree = await all(store.readAllPages({ from: (events[0] as RecordedEvent).position - 1n, limit: 3 }));
        expect(firstThree.flat()).toHaveLength(3);
        expect((await all(store.readAllPages({ direction: 'backwards', limit: 5 }))).flat()).toHaveLength(5);
      });

      it('sees an append as soon as it was acknowledged, as does a stream read (E-19)', async () => {
        const stream = aStream();
        for (let i = 0; i < 50; i++) {
          const { position } = await store.append(stream, i === 0 ? 'none' : BigInt(i - 1), someEvents(1));
          expect((await all(store.readStream(stream, { direction: 'backwards', limit: 1 })))[0]?.revision).toBe(BigInt(i));
          expect((await all(store.readAll({ direction: 'backwards', from: position, limit: 1 })))[0]?.position).toBe(position);
        }
      });

      (harness.openAgain ? it : it.skip)('sees what was acknowledged by another opening of the store (E-19)', async () => {
        const other = await openAgain();
        const stream = aStream();
        for (let i = 0; i < 20; i++) {
          const [writer, reader] = i % 2 === 0 ? [store, other] : [other, store];
          await writer.append(stream, i === 0 ? 'none' : BigInt(i - 1), someEvents(1));
          expect(await all(reader.readStream(stream))).toHaveLength(i + 1);
        }
      });
    });

    describe('positions', () => {
      it('head is the position of the last event', async () => {
        const { position } = await store.append(aStream(), 'none', someEvents(2));
        expect(await store.head()).toBe(position);
      });

      it('floor is the largest event position at or below the given one (E-17)', async () => {
        const stream = aStream();
        await appended(stream, 'none', 3);
        const [first, second, third] = (await all(store.readStream(stream))).map(({ position }) => position) as [bigint, bigint, bigint];
        expect(await store.floor(second)).toBe(second);
        expect(await store.floor(second - 1n)).toBe(first);
        expect(await store.floor(third + 1n)).toBe(third);
        expect(await store.floor(third + 1_000_000n)).toBe(third);
        expect(await store.floor(0n)).toBe(0n);
        expect(await faultOf(store.floor(-1n))).toBeInstanceOf(InvalidArgumentError);
      });

      it('positionAt is the last event up to which no time lies behind the given one', async () => {
        // Times only grow here, whatever other tests wrote before.
        const base = Math.max(...(await all(store.readAll())).map(({ metadata }) => Date.parse(metadata.time))) + 60_000;
        const at = (seconds: number) => new Date(base + seconds * 1_000);
        const stream = aStream();
        const times = [0, 10, 5, 20, 20, 15, 30]; // One clock runs five seconds behind.
        const positions: bigint[] = [];
        const before = await store.head();
        for (const [i, time] of times.entries()) {
          positions.push(
            (await store.append(stream, i === 0 ? 'none' : BigInt(i - 1), [anEvent({ time: at(time).toISOString() })])).position,
          );
        }
        expect(await store.positionAt(at(-1))).toBe(before);
        expect(await store.positionAt(at(0))).toBe(positions[0]);
        expect(await store.positionAt(at(7))).toBe(positions[0]); // The event of second 5 stands behind that of second 10.
        expect(await store.positionAt(at(10))).toBe(positions[2]);
        expect(await store.positionAt(at(19.999))).toBe(positions[2]);
        expect(await store.positionAt(at(20))).toBe(positions[5]);
        expect(await store.positionAt(at(99))).toBe(positions[6]);
        expect(await store.positionAt(new Date(0))).toBe(0n);
        expect(await faultOf(store.positionAt(new Date('never')))).toBeInstanceOf(InvalidArgumentError);
      });
    });

    describe('subscription', () => {
      it('delivers what comes after its position, tells that it caught up, then what is appended (E-21)', async () => {
        const stream = aStream();
        await appended(stream, 'none', 3);
        const [first] = await all(store.readStream(stream));
        const told = record(store, { after: (first as RecordedEvent).position });
        await until('caught up', () => told.caughtUp.length === 1);
        expect(told.events.map(({ revision }) => revision)).toEqual([1n, 2n]);
        expect(told.caughtUp).toEqual([told.events[1]?.position]);
        const { position } = await store.append(stream, 2n, someEvents(2));
        await until('delivered', () => told.events.at(-1)?.position === position);
        await told.subscription.stop();
        expect(told.events).toEqual((await all(store.readStream(stream))).slice(1));
        expect(told.caughtUp).toHaveLength(1);
        expect(told.ended).toEqual([]);
      });

      it('begins at the first event when no position is given', async () => {
        await appended(aStream(), 'none', 2);
        const everything = await all(store.readAll());
        const told = record(store, {});
        await until('caught up', () => told.caughtUp.length === 1);
        await told.subscription.stop();
        expect(told.events.slice(0, everything.length)).toEqual(everything);
      });

      it("begins behind a position that is no event's, and behind the end (E-21)", async () => {
        const stream = aStream();
        await appended(stream, 'none', 2);
        const [, second] = (await all(store.readStream(stream))).map(({ position }) => position) as [bigint, bigint];
        const within = record(store, { after: second - 1n });
        await until('caught up', () => within.caughtUp.length === 1);
        await within.subscription.stop();
        expect(within.events.map(({ position }) => position)).toEqual([second]);
      });

      it('to one stream delivers that stream alone, from the position of one of its events (E-22)', async () => {
        const [mine, others] = [aStream(), aStream()];
        await appended(mine, 'none', 2);
        await appended(others, 'none', 2);
        await appended(mine, 1n, 2);
        const [, second] = await all(store.readStream(mine));
        const told = record(store, { stream: mine, after: (second as RecordedEvent).position });
        const whole = record(store, { stream: mine });
        await until('caught up', () => told.caughtUp.length === 1 && whole.caughtUp.length === 1);
        await appended(others, 1n, 1);
        await appended(mine, 3n, 1);
        await until('delivered', () => told.events.length === 3 && whole.events.length === 5);
        await Promise.all([told.subscription.stop(), whole.subscription.stop()]);
        expect(told.events.map(({ stream, revision }) => [stream, revision])).toEqual([2n, 3n, 4n].map((revision) => [mine, revision]));
        expect(whole.events.map(({ revision }) => revision)).toEqual([0n, 1n, 2n, 3n, 4n]);
      });

      it('to a stream that has no events yet waits for them', async () => {
        const stream = aStream();
        const told = record(store, { stream });
        await until('caught up', () => told.caughtUp.length === 1);
        await appended(stream, 'none', 2);
        await until('delivered', () => told.events.length === 2);
        await told.subscription.stop();
      });

      it('delivers what 128 writers append at once, in order, complete, none twice (E-24)', async () => {
        const run = aStream();
        const after = await store.head();
        const told = record(store, { after });
        await Promise.all(
          Array.from({ length: 128 }, async (_, writer) => {
            for (let i = 0; i < 16; i++) await store.append(`${run}.${writer}`, i === 0 ? 'none' : BigInt(i - 1), someEvents(1));
          }),
        );
        await until('delivered', () => told.events.length >= 128 * 16, 20_000);
        await told.subscription.stop();
        const positions = told.events.map(({ position }) => position);
        expect(positions).toEqual((await all(store.readAll({ from: after }))).map(({ position }) => position));
        expect(new Set(positions).size).toBe(128 * 16);
      });

      it('resumes from the last position it delivered, without loss or doubles (E-24)', async () => {
        const stream = aStream();
        const first = record(store, { after: await store.head() });
        await appended(stream, 'none', 10);
        await until('some delivered', () => first.events.length >= 3);
        await first.subscription.stop();
        const seen = first.events.length;
        await appended(stream, 9n, 10);
        const second = record(store, { after: (first.events.at(-1) as RecordedEvent).position });
        await until('delivered', () => first.events.length + second.events.length >= 20);
        await second.subscription.stop();
        expect(first.events).toHaveLength(seen);
        expect(idsOf([...first.events, ...second.events])).toEqual(idsOf(await all(store.readStream(stream))));
      });

      it('waits for a slow handler and still delivers everything once, in order (E-25)', async () => {
        const stream = aStream();
        let running = 0;
        let overlapped = false;
        const told = record(store, { after: await store.head() }, async () => {
          overlapped ||= ++running > 1;
          await new Promise((resolve) => setImmediate(resolve));
          running--;
        });
        await until('caught up', () => told.caughtUp.length === 1);
        let expected: ExpectedRevision = 'none';
        for (let i = 0; i < 40; i++) expected = (await store.append(stream, expected, someEvents(100))).revision;
        await until('delivered', () => told.events.length >= 4_000, 20_000);
        await told.subscription.stop();
        expect(overlapped).toBe(false);
        expect(told.events.map(({ revision }) => Number(revision))).toEqual(Array.from({ length: 4_000 }, (_, i) => i));
        expect(told.ended).toEqual([]);
      });

      it('runs no handler before subscribe has returned, and none after stop has resolved', async () => {
        await appended(aStream(), 'none', 1);
        let calls = 0;
        const subscription = store.subscribe({}, { onEvent: () => void calls++ });
        expect(calls).toBe(0);
        await until('delivered', () => calls > 0);
        await subscription.stop();
        await subscription.stop();
        const before = calls;
        await appended(aStream(), 'none', 1);
        await store.ping();
        expect(calls).toBe(before);
      });

      it('stop waits for the handler that runs', async () => {
        let [entered, left] = [false, false];
        let release = () => {};
        const held = new Promise<void>((resolve) => {
          release = resolve;
        });
        const told = record(store, { after: await store.head() }, async () => {
          entered = true;
          await held;
          left = true;
        });
        await appended(aStream(), 'none', 2);
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
        const after = await store.head();
        const told = record(store, { after }, poison);
        const other = record(store, { after });
        await appended(aStream(), 'none', 3);
        await until('ended', () => told.ended.length === 1);
        await until('other delivered', () => other.events.length === 3);
        await Promise.all([told.subscription.stop(), other.subscription.stop()]);
        expect(told.ended.map(({ message }) => message)).toEqual(['poison']);
        expect(told.events).toHaveLength(1);
        expect(other.ended).toEqual([]);
      });

      (harness.openAgain ? it : it.skip)('delivers what another opening of the store appends, in order with its own', async () => {
        const other = await openAgain();
        const [mine, theirs] = [aStream(), aStream()];
        const told = record(store, { after: await store.head() });
        await until('caught up', () => told.caughtUp.length === 1);
        await Promise.all([
          (async () => {
            for (let i = 0; i < 100; i++) await store.append(mine, i === 0 ? 'none' : BigInt(i - 1), someEvents(1));
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

    describe('close', () => {
      (harness.openAgain ? it : it.skip)(
        'refuses every call afterwards with a closed error, and ends subscriptions with one (E-2)',
        async () => {
          const other = await openAgain();
          const told = record(other, { after: await other.head() });
          await until('caught up', () => told.caughtUp.length === 1);
          await other.ping();
          const last = other.append(aStream(), 'none', someEvents(1));
          await other.close();
          await other.close();
          expect(await last).toMatchObject({ revision: 0n }); // Accepted before, so answered.
          await told.subscription.stop();
          expect(told.ended.map((error) => (error as StoreError).code)).toEqual(['Closed']);
          const calls = [
            other.append(aStream(), 'none', someEvents(1)),
            all(other.readStream(aStream())),
            all(other.readAll()),
            all(other.readAllPages()),
            other.head(),
            other.floor(1n),
            other.positionAt(new Date()),
            other.ping(),
          ];
          for (const call of calls) expect(await faultOf(call)).toBeInstanceOf(ClosedError);
          expect(() => other.subscribe({}, { onEvent: () => {} })).toThrow(ClosedError);
          await store.ping();
        },
      );
    });
  });
}

/** One event whose append has exactly this size. */
function sized(bytes: number): NewEvent[] {
  const event = anEvent({ data: { fill: '' } });
  return [{ ...event, data: { fill: 'x'.repeat(bytes - appendBytes([event])) } }];
}
