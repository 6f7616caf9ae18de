import fc from 'fast-check';
import { Alarms } from './alarms.ts';

describe('Alarms', () => {
  it('are due in order, whichever of them were removed', () => {
    const moments = fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 60 });
    fc.assert(
      fc.property(moments, moments, (set, removed) => {
        const alarms = new Alarms<number>();
        for (const at of set) alarms.alarmAt(at);
        for (const at of removed) {
          const alarm = alarms.find(at);
          if (alarm !== undefined) alarms.remove(alarm);
        }
        const left = [...new Set(set)].filter((at) => !removed.includes(at)).sort((a, b) => a - b);
        for (const at of left) {
          expect(alarms.next).toBe(at);
          alarms.advanceTo(at);
        }
        expect([alarms.next, alarms.size]).toEqual([undefined, 0]);
      }),
      { numRuns: 300 },
    );
  });
});
