import fc from 'fast-check';
import { Oldest } from './oldest.ts';

describe('The oldest key of a map', () => {
  it('is the first that is still there, whatever comes and goes', () => {
    const step = fc.oneof(fc.constant('come' as const), fc.constant('drop oldest' as const), fc.nat(30));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const map = new Map<number, true>();
        const oldest = new Oldest(map);
        let next = 0;
        for (const each of steps) {
          if (each === 'come') map.set(next++, true);
          else if (each === 'drop oldest') map.delete(oldest.key ?? -1);
          else map.delete(each);
          expect(oldest.key).toBe([...map.keys()][0]);
        }
      }),
    );
  });

  it('is found without passing those that went', () => {
    const map = new Map<number, true>();
    let passed = 0;
    const counted = {
      get size() {
        return map.size;
      },
      has: (key: number) => map.has(key),
      *keys() {
        for (const key of map.keys()) {
          passed++;
          yield key;
        }
      },
    } as unknown as ReadonlyMap<number, true>;
    const oldest = new Oldest(counted);
    for (let i = 0; i < 20_000; i++) {
      map.set(i, true);
      if (map.size > 1_000) map.delete(oldest.key as number);
    }
    expect(oldest.key).toBe(19_000);
    expect(passed).toBeLessThan(20_001);
  });
});
