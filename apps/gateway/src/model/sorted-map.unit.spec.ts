import fc from 'fast-check';
import { SortedMap } from './sorted-map.ts';

describe('SortedMap', () => {
  it('is a map that is read in order, whatever is written between two reads', () => {
    const name = fc.constantFrom('a', 'a-1', 'a.b', 'b', 'b10', 'b2', 'c');
    const step = fc.oneof(
      fc.record({ verb: fc.constant('set' as const), name, value: fc.nat(9) }),
      fc.record({ verb: fc.constant('delete' as const), name }),
      fc.record({ verb: fc.constant('read' as const) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const map = new SortedMap<number>();
        const model = new Map<string, number>();
        const same = () => {
          expect([...map.names()]).toEqual([...model.keys()].sort());
          expect([...map.values()]).toEqual([...model.keys()].sort().map((key) => model.get(key)));
          expect(map.size).toBe(model.size);
        };
        for (const each of steps) {
          if (each.verb === 'read') same();
          else if (each.verb === 'delete') {
            map.delete(each.name);
            model.delete(each.name);
          } else {
            map.set(each.name, each.value);
            model.set(each.name, each.value);
          }
        }
        same();
      }),
    );
  });
});
