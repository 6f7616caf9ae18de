import fc from 'fast-check';
import { SortedMap } from './sorted-map.ts';

describe('SortedMap', () => {
  /** Many names over few blocks, so that blocks split, join and vanish. */
  const stepsOf = (name: fc.Arbitrary<string>) =>
    fc.oneof(
      { weight: 5, arbitrary: fc.record({ verb: fc.constant('set' as const), name, value: fc.nat(9) }) },
      { weight: 3, arbitrary: fc.record({ verb: fc.constant('delete' as const), name }) },
      { weight: 1, arbitrary: fc.record({ verb: fc.constant('read' as const), name }) },
    );

  function holds(map: SortedMap<number>, model: ReadonlyMap<string, number>, after: string): void {
    const sorted = [...model.keys()].sort();
    expect([...map.names()]).toEqual(sorted);
    expect([...map.values()]).toEqual(sorted.map((key) => model.get(key)));
    expect([...map.names(after)]).toEqual(sorted.filter((key) => key > after));
    expect([...map.entries(after)]).toEqual(sorted.filter((key) => key > after).map((key) => [key, model.get(key)]));
    expect([...map.unordered()].sort()).toEqual([...model.values()].sort());
    expect(map.size).toBe(model.size);
  }

  it('is a map that is read in order, whatever is written between two reads', () => {
    const name = fc.constantFrom('a', 'a-1', 'a.b', 'b', 'b10', 'b2', 'c');
    fc.assert(
      fc.property(fc.array(stepsOf(name), { maxLength: 40 }), (steps) => {
        const map = new SortedMap<number>();
        const model = new Map<string, number>();
        for (const each of steps) {
          if (each.verb === 'read') holds(map, model, each.name);
          else if (each.verb === 'delete') expect(map.delete(each.name)).toBe(model.delete(each.name));
          else {
            map.set(each.name, each.value);
            model.set(each.name, each.value);
          }
          expect(map.get(each.name)).toBe(model.get(each.name));
        }
        holds(map, model, 'a-1');
      }),
    );
  });

  it.each([
    ['in order', (i: number) => i],
    ['backwards', (i: number) => 5_000 - i],
    ['in disorder', (i: number) => (i * 2_654_435_761) % 5_000],
  ])('holds thousands of names that come %s, and lets them go', (_, numberOf) => {
    const nameOf = (i: number) => `n-${String(numberOf(i)).padStart(5, '0')}`;
    const map = new SortedMap<number>();
    const model = new Map<string, number>();
    for (let i = 0; i < 5_000; i++) {
      map.set(nameOf(i), i);
      model.set(nameOf(i), i);
    }
    holds(map, model, 'n-02500');
    for (let i = 0; i < 5_000; i++) {
      if (i % 50 === 0) continue;
      map.delete(nameOf(i));
      model.delete(nameOf(i));
    }
    holds(map, model, 'n-02500');
    for (const name of [...model.keys()]) {
      map.delete(name);
      model.delete(name);
    }
    holds(map, model, '');
    map.set('again', 1);
    expect([...map.names()]).toEqual(['again']);
  });

  it('reads a page after each write without a look at the rest', () => {
    const map = new SortedMap<number>();
    for (let i = 0; i < 200_000; i++) map.set(`n-${i.toString(36).padStart(4, '0')}`, i);
    const startedMs = performance.now();
    for (let i = 0; i < 2_000; i++) {
      map.set(`n-0${i}-new`, i);
      map.delete(`n-${i.toString(36).padStart(4, '0')}`);
      map.names('n-2').next();
    }
    // About 5 ms; a copy of all names at each read would take 10 s.
    expect(performance.now() - startedMs).toBeLessThan(2_000);
  });
});
