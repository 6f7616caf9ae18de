import fc from 'fast-check';
import { ChangeRing } from './change-ring.ts';

describe('ChangeRing', () => {
  it('gives the changes after a position, or says that it no longer has them all', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5 }),
        fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 12 }),
        fc.nat(40),
        (capacity, gaps, asked) => {
          const ring = new ChangeRing(capacity, 3n);
          const positions: bigint[] = [];
          let position = 3n;
          for (const gap of gaps) {
            position += BigInt(gap);
            positions.push(position);
            ring.push({ position, version: `${position}` });
          }
          const from = ring.after(BigInt(asked));
          const wanted = positions.filter((each) => each > BigInt(asked));
          if (from === undefined) {
            expect(asked < 3 || wanted.length > capacity).toBe(true);
            return;
          }
          const got: (bigint | undefined)[] = [];
          for (let number = from; number < ring.next; number += 1) got.push(ring.at(number)?.position);
          expect(got).toEqual(wanted);
        },
      ),
    );
  });

  it('knows no change that was pushed out or is still to come', () => {
    const ring = new ChangeRing(2, 0n);
    for (const position of [1n, 2n, 3n]) ring.push({ position, version: `${position}` });
    expect([ring.first, ring.next, ring.floor]).toEqual([1, 3, 1n]);
    expect([ring.at(0), ring.at(1)?.position, ring.at(3)]).toEqual([undefined, 2n, undefined]);
  });
});
