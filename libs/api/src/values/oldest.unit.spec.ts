import fc from 'fast-check';
import { Oldest } from './oldest.ts';

describe('The oldest entry of a map', () => {
  it('is taken first, also where keys come again', () => {
    fc.assert(
      fc.property(fc.array(fc.option(fc.nat(10)), { maxLength: 200 }), (steps) => {
        const map = new Map<number, number>();
        const oldest = new Oldest(map);
        for (const [at, key] of steps.entries()) {
          if (key !== null) map.set(key, at);
          else {
            const [first] = map.values();
            const before = map.size;
            expect(oldest.take()).toBe(first);
            expect(map.size).toBe(Math.max(0, before - 1));
          }
        }
      }),
    );
  });

  it('is found without passing those that went', () => {
    let passed = 0;
    class Counted extends Map<number, number> {
      override *keys(): MapIterator<number> {
        for (const key of super.keys()) {
          passed++;
          yield key;
        }
      }
    }
    const map = new Counted();
    const oldest = new Oldest(map);
    for (let i = 0; i < 20_000; i++) {
      map.set(i, i);
      if (map.size > 1_000) expect(oldest.take()).toBe(i - 1_000);
    }
    expect(passed).toBe(19_000);
  });
});
