/** Logs of older versions open and mean what they meant (README.md tells how they were made). */
import type { JsonObject } from '@weft/api';
import { type Answers, digest, OldLog, readExpected, readLog, type Stream } from './old-log.ts';

type Expected = Readonly<{
  /** After each append: position, and digests of its object as served, its facts, all rows, all answers about claims. */
  appends: readonly (readonly [position: string, stream: string, object: string, facts: string, rows: string, answers: string])[];
  midway: readonly Readonly<{ position: string; objects: { [stream: string]: JsonObject }; answers: Answers }>[];
  end: Readonly<{
    position: string;
    streams: { [stream: string]: Stream };
    rows: { [table: string]: { [key: string]: JsonObject } };
    answers: Answers;
  }>;
}>;

/**
 * Facts (beside the objects) that versions after the recorded one add to a kind, each with the reason:
 *   Host: ['example'], // because …
 */
const ADDED_FACTS: Readonly<Record<string, readonly string[]>> = {};

describe.each(['v0.1'])('The log of %s', (version) => {
  const log = readLog(version);
  const expected = readExpected<Expected>(version);

  it.each(expected.midway.map(({ position, ...rest }) => [position, rest] as const))(
    'gives objects and claims at position %s',
    (position, then) => {
      const old = new OldLog(log);
      old.goTo(BigInt(position));
      expect(old.objects()).toEqual(then.objects);
      expect(old.answers()).toEqual(then.answers);
    },
  );

  it('gives the same objects, facts, rows and claims after each append', () => {
    const old = new OldLog(log);
    const appends = [...old.appends()].map(([position, stream]) => {
      old.goTo(BigInt(position));
      const { object, facts } = old.streams(stream)[stream] ?? {};
      return [position, stream, digest(object), digest(withoutAdded(stream, facts)), digest(old.rows()), digest(old.answers())];
    });
    expect(appends).toEqual(expected.appends);
  });

  describe('at its end', () => {
    const { position, streams, rows, answers } = expected.end;
    let old: OldLog;
    beforeAll(() => {
      old = new OldLog(log);
      old.goTo(BigInt(position));
    });

    it('gives the objects as they were served', () => {
      const objects = Object.entries(streams).filter(([, { status }]) => status === 'live');
      expect(objects.length).toBeGreaterThan(20);
      expect(old.objects()).toEqual(Object.fromEntries(objects.map(([stream, { object }]) => [stream, object])));
    });

    it('knows which streams have no object', () => {
      const statuses = (of: { [stream: string]: Stream }) =>
        Object.fromEntries(Object.entries(of).map(([stream, { status }]) => [stream, status]));
      expect(statuses(old.streams())).toEqual(statuses(streams));
    });

    it('gives the facts beside the objects', () => {
      const now = Object.entries(old.streams()).map(([stream, { facts }]) => [stream, withoutAdded(stream, facts)]);
      expect(Object.fromEntries(now)).toEqual(Object.fromEntries(Object.entries(streams).map(([stream, { facts }]) => [stream, facts])));
    });

    it('gives the rows of hosts, placements and endpoints', () => {
      expect(Object.keys(rows).map((table) => table.split('.')[0])).toEqual(expect.arrayContaining(['hosts', 'placements', 'endpoints']));
      expect(old.rows()).toEqual(rows);
    });

    it('answers who holds which address, VNI, host index and underlay address, and what is free', () => {
      expect(old.answers()).toEqual(answers);
    });
  });
});

function withoutAdded(stream: string, facts: JsonObject | undefined): JsonObject | undefined {
  const added = ADDED_FACTS[stream.slice(0, stream.indexOf('-'))] ?? [];
  return facts && Object.fromEntries(Object.entries(facts).filter(([name]) => !added.includes(name)));
}
