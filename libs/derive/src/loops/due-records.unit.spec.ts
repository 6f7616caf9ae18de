import { NEVER } from '@weft/api';
import fc from 'fast-check';
import { DueRecords } from './due-records.ts';

type Record = Readonly<{ at: number }>;
// Only records of this type are put into the map below.
const atOf = (record: unknown) => (record as Record).at;

describe('records that are looked at from a time on', () => {
  const step = fc.oneof(
    fc.record({ key: fc.constantFrom('a', 'b', 'c'), at: fc.option(fc.oneof(fc.integer({ min: 0, max: 5_000 }), fc.constant(NEVER))) }),
    fc.record({ passTo: fc.integer({ min: 0, max: 6_000 }) }),
  );

  it('given random records, settlements and time, then it has those that are there and were due at some time, and reports each change once', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const records = new Map<string, Record>();
        const source = new DueRecords('due', records, atOf);
        const reported = new Map<string, Record>();
        source.attach((key, before, after) => {
          expect(before).toBe(reported.get(key));
          expect(source.get(key)).toBe(after);
          if (after === undefined) reported.delete(key);
          else reported.set(key, after as Record);
        });
        const due = new Set<string>();
        let now = -1;
        const look = () => {
          for (const key of due) if (!records.has(key)) due.delete(key);
          for (const [key, { at }] of records) if (at <= now) due.add(key);
        };
        for (const each of steps) {
          if ('passTo' in each) {
            now = Math.max(now, each.passTo);
            source.passTo(each.passTo);
          } else {
            const before = records.get(each.key);
            const after = each.at === null ? undefined : { at: each.at };
            if (after === undefined) records.delete(each.key);
            else records.set(each.key, after);
            source.changed(each.key, before, after);
          }
          look();
          expect([...source.keys()].sort()).toEqual([...due].sort());
          expect([...reported].sort()).toEqual([...due].map((key) => [key, records.get(key)]).sort());
          expect(source.size).toBe(due.size);
        }
      }),
    );
  });

  it('given records that were there before, when their time comes, then they are due', () => {
    const source = new DueRecords('due', new Map([['a', { at: 10 }]]), atOf);
    source.passTo(9);
    expect([...source.keys()]).toEqual([]);
    source.passTo(10);
    expect([...source.keys()]).toEqual(['a']);
  });
});
