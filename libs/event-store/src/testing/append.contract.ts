/** Appending: all or nothing at an exact revision, and a repeat distinguished from a conflict. */
import { randomUUID } from 'node:crypto';
import type { JsonObject, NewEvent } from '@weft/api';
import { InvalidArgumentError, TooLargeError, WrongRevisionError } from '../errors.ts';
import { APPEND_BYTES_MAX, type ExpectedRevision } from '../port.ts';
import { all, anEvent, appended, aStream, faultOf, idsOf, sized, someEvents } from './fixtures.ts';
import type { Subject } from './subject.ts';

export function describeAppends(subject: Subject): void {
  describe('append', () => {
    it('answers with revision and position of the last event of the append (E-4)', async () => {
      const stream = aStream();
      const first = await subject.store.append(stream, 'none', someEvents(3));
      const second = await subject.store.append(stream, 2n, someEvents(2));
      const read = await all(subject.store.readStream(stream));
      expect(first).toMatchObject({ revision: 2n, position: read[2]?.position, repeated: false });
      expect(second).toMatchObject({ revision: 4n, position: read[4]?.position, repeated: false });
      // Where the store can tell.
      expect([undefined, read[0]?.position]).toContain(first.firstPosition);
      expect([undefined, read[3]?.position]).toContain(second.firstPosition);
      expect(read.map(({ revision }) => revision)).toEqual([0n, 1n, 2n, 3n, 4n]);
    });

    it('gives each event of one append a position of its own, ever increasing (E-4)', async () => {
      const stream = aStream();
      await subject.store.append(stream, 'none', someEvents(40));
      const positions = (await all(subject.store.readStream(stream))).map(({ position }) => position);
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
      if (count > 0) await appended(subject.store, stream, 'none', count);
      const fault = await faultOf(subject.store.append(stream, expected, someEvents(1)));
      expect(fault).toBeInstanceOf(WrongRevisionError);
      expect(fault).toMatchObject({ code: 'WrongRevision', retry: 'no', stream, expected, actual });
      expect(await all(subject.store.readStream(stream))).toHaveLength(count);
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
      expect(await subject.store.append(stream, 'none', events)).toMatchObject({ revision: 4_999n, repeated: false });
      const read = await all(subject.store.readStream(stream));
      expect(idsOf(read)).toEqual(idsOf(events));
      expect(idsOf(await all(subject.store.readStream(stream, { direction: 'backwards' })))).toEqual(idsOf(events).reverse());
      expect((await subject.store.append(stream, 'none', events)).repeated).toBe(true);
    });

    it('refuses more than 1 MiB as too large, naming the limit, and writes nothing (E-6)', async () => {
      const stream = aStream();
      const events = sized(APPEND_BYTES_MAX + 1);
      const fault = await faultOf(subject.store.append(stream, 'none', events));
      expect(fault).toBeInstanceOf(TooLargeError);
      expect(fault).toMatchObject({ code: 'TooLarge', retry: 'no', stream, bytes: APPEND_BYTES_MAX + 1, limitBytes: APPEND_BYTES_MAX });
      expect(await all(subject.store.readStream(stream))).toEqual([]);
    });

    it('takes an append of exactly 1 MiB (E-6)', async () => {
      const stream = aStream();
      const events = sized(APPEND_BYTES_MAX);
      await subject.store.append(stream, 'none', events);
      expect((await all(subject.store.readStream(stream)))[0]?.data).toEqual(events[0]?.data);
    });

    it('refuses an append of no events (E-7)', async () => {
      expect(await faultOf(subject.store.append(aStream(), 'none', []))).toBeInstanceOf(InvalidArgumentError);
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
      const events = await appended(subject.store, stream, 'none', 2);
      expect(await all(subject.store.readStream(stream))).toMatchObject(events.map(({ id }) => ({ id, stream })));
      expect((await faultOf(subject.store.append(stream, 'none', someEvents(1)))).code).toBe('WrongRevision');
    });

    it.each(['', '$streams', '\ud800'])('refuses %j as a stream name (E-9)', async (stream) => {
      expect(await faultOf(subject.store.append(stream, 'none', someEvents(1)))).toBeInstanceOf(InvalidArgumentError);
      expect(await faultOf(all(subject.store.readStream(stream)))).toBeInstanceOf(InvalidArgumentError);
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
      expect(await faultOf(subject.store.append(stream, 'none', [anEvent(), { ...anEvent(), ...wrong }]))).toBeInstanceOf(
        InvalidArgumentError,
      );
      expect(await all(subject.store.readStream(stream))).toEqual([]);
    });

    it.each(['any', -1n, 1, undefined])('refuses the expectation %s: exact or none, never any (E-14)', async (expected) => {
      expect(await faultOf(subject.store.append(aStream(), expected as ExpectedRevision, someEvents(1)))).toBeInstanceOf(
        InvalidArgumentError,
      );
    });

    it('lets a refused append disturb no other (E-33)', async () => {
      const [good, bad] = [aStream(), aStream()];
      const results = await Promise.allSettled([
        subject.store.append(good, 'none', someEvents(1)),
        subject.store.append(bad, 5n, someEvents(1)),
        subject.store.append(bad, 'none', sized(APPEND_BYTES_MAX + 1)),
        subject.store.append('$bad', 'none', someEvents(1)),
        subject.store.append(good, 0n, someEvents(1)),
      ]);
      expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'rejected', 'fulfilled']);
    });
  });

  describe('append without waiting for replies', () => {
    it('judges consecutive exact revisions of one stream in the order of the calls', async () => {
      const stream = aStream();
      const events = someEvents(200);
      const results = await Promise.all(events.map((event, i) => subject.store.append(stream, i === 0 ? 'none' : BigInt(i - 1), [event])));
      expect(results.map(({ revision }) => revision)).toEqual(events.map((_, i) => BigInt(i)));
      expect(idsOf(await all(subject.store.readStream(stream)))).toEqual(idsOf(events));
    });

    it('refuses what follows a refused one, and writes none of it', async () => {
      const stream = aStream();
      await appended(subject.store, stream, 'none', 1);
      const outcomes = await Promise.allSettled([
        subject.store.append(stream, 0n, someEvents(1)),
        subject.store.append(stream, 0n, someEvents(1)), // Another writer's.
        subject.store.append(stream, 2n, someEvents(1)),
        subject.store.append(stream, 3n, someEvents(1)),
        subject.store.append(stream, 1n, someEvents(1)),
      ]);
      expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'rejected', 'fulfilled']);
      expect(await all(subject.store.readStream(stream))).toHaveLength(3);
    });

    it('lets one of many racing writers win each revision', async () => {
      const stream = aStream();
      const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => subject.store.append(stream, 'none', someEvents(2))));
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      expect(await all(subject.store.readStream(stream))).toHaveLength(2);
    });
  });

  describe('repeat', () => {
    it.each<['none' | bigint]>([['none'], [1n]])(
      'with the same ids and the expectation %s answers as the first time and writes nothing (E-10)',
      async (expected) => {
        const stream = aStream();
        if (expected !== 'none') await appended(subject.store, stream, 'none', 2);
        const events = someEvents(2);
        const first = await subject.store.append(stream, expected, events);
        await subject.store.append(stream, first.revision, someEvents(3));
        const again = await subject.store.append(stream, expected, events);
        expect(again).toEqual({ revision: first.revision, position: first.position, repeated: true });
        expect(await all(subject.store.readStream(stream))).toHaveLength(expected === 'none' ? 5 : 7);
      },
    );

    it('is told by ids alone: other data changes nothing (E-10)', async () => {
      const stream = aStream();
      const event = anEvent({ data: { said: 'first' } });
      await subject.store.append(stream, 'none', [event]);
      expect(await subject.store.append(stream, 'none', [{ ...event, data: { said: 'later' } }])).toMatchObject({
        revision: 0n,
        repeated: true,
      });
      expect((await all(subject.store.readStream(stream)))[0]?.data).toEqual({ said: 'first' });
    });

    it('is recognised while the first is still under way (E-10)', async () => {
      const stream = aStream();
      const events = someEvents(2);
      const results = await Promise.all([subject.store.append(stream, 'none', events), subject.store.append(stream, 'none', events)]);
      expect(results.map(({ repeated }) => repeated)).toEqual([false, true]);
      expect(results[0]?.position).toBe(results[1]?.position);
      expect(await all(subject.store.readStream(stream))).toHaveLength(2);
    });

    (subject.canOpenAgain ? it : it.skip)('is recognised by whoever opens the store again (E-10)', async () => {
      const stream = aStream();
      const events = someEvents(3);
      const first = await subject.store.append(stream, 'none', events);
      await subject.store.append(stream, 2n, someEvents(1));
      expect(await (await subject.openAgain()).append(stream, 'none', events)).toEqual({
        revision: first.revision,
        position: first.position,
        repeated: true,
      });
    });

    it('of a prefix of the earlier append is one too (E-11)', async () => {
      const stream = aStream();
      const events = await appended(subject.store, stream, 'none', 4);
      const read = await all(subject.store.readStream(stream));
      expect(await subject.store.append(stream, 'none', events.slice(0, 2))).toEqual({
        revision: 1n,
        position: read[1]?.position,
        repeated: true,
      });
    });

    it('of its tail at the matching revision is one too (E-11)', async () => {
      const stream = aStream();
      const events = await appended(subject.store, stream, 'none', 4);
      const read = await all(subject.store.readStream(stream));
      expect(await subject.store.append(stream, 1n, events.slice(2))).toEqual({
        revision: 3n,
        position: read[3]?.position,
        repeated: true,
      });
    });

    it('of its tail at another revision is a conflict (E-11)', async () => {
      const stream = aStream();
      const events = await appended(subject.store, stream, 'none', 4);
      expect((await faultOf(subject.store.append(stream, 0n, events.slice(2)))).code).toBe('WrongRevision');
    });

    it.each<[string, (old: NewEvent[]) => NewEvent[]]>([
      ['the old ones first', (old) => [...old, anEvent()]],
      ['the new one first', (old) => [anEvent(), ...old]],
      ['the new one between', ([first, second]) => [first as NewEvent, anEvent(), second as NewEvent]],
      ['a new one in place of an old one', ([first]) => [first as NewEvent, anEvent()]],
      ['another order', ([first, second]) => [second as NewEvent, first as NewEvent]],
    ])('with some ids old and some new, %s, is a conflict (E-12)', async (_, mix) => {
      const stream = aStream();
      const old = await appended(subject.store, stream, 'none', 2);
      const fault = await faultOf(subject.store.append(stream, 'none', mix(old)));
      expect(fault).toMatchObject({ code: 'WrongRevision', expected: 'none', actual: 1n });
      expect(await all(subject.store.readStream(stream))).toHaveLength(2);
    });

    it('at the current revision is no repeat: it is written, and not told as one (E-13; ids are derived from the expectation so that it cannot happen)', async () => {
      const stream = aStream();
      const events = await appended(subject.store, stream, 'none', 1);
      expect(await subject.store.append(stream, 0n, events)).toMatchObject({ revision: 1n, repeated: false });
    });

    it('of ids in another stream, or twice in one append, is no repeat (E-15)', async () => {
      const events = await appended(subject.store, aStream(), 'none', 2);
      expect(await subject.store.append(aStream(), 'none', events)).toMatchObject({ revision: 1n, repeated: false });
      const twin = anEvent();
      expect(await subject.store.append(aStream(), 'none', [twin, twin])).toMatchObject({ revision: 1n, repeated: false });
    });
  });
}
