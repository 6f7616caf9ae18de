import fc from 'fast-check';
import { type AddressSpace, bestFit, FREE, givenBack, isFree, rangeOf, rangeText, without } from './address-space.ts';

/** The same by other means: each address of a pool of 2^bits addresses by itself. */
class Addresses {
  readonly #bits: number;
  readonly #used: boolean[];

  constructor(bits: number) {
    this.#bits = bits;
    this.#used = new Array<boolean>(2 ** bits).fill(false);
  }

  set(at: number, bits: number, used: boolean): void {
    this.#used.fill(used, at, at + 2 ** bits);
  }

  isFree(at: number, bits: number): boolean {
    return !this.#used.slice(at, at + 2 ** bits).includes(true);
  }

  /** The first address of the lowest of the smallest aligned free blocks that hold 2^bits addresses. */
  bestFit(bits: number): number | undefined {
    for (let size = bits; size <= this.#bits; size++) {
      for (let at = 0; at < this.#used.length; at += 2 ** size) {
        const isWhole = size === this.#bits || !this.isFree(at - (at % 2 ** (size + 1)), size + 1);
        if (isWhole && this.isFree(at, size)) return at;
      }
    }
    return undefined;
  }
}

const families = [
  { family: 'IPv4', pool: '10.0.0.64/26', text: (at: number) => `10.0.0.${64 + at}`, length: 26 },
  { family: 'IPv6', pool: '2001:db8::40/122', text: (at: number) => `2001:db8::${(64 + at).toString(16)}`, length: 122 },
];

describe.each(families)('The addresses of a range ($family)', ({ pool: poolText, text, length }) => {
  const pool = rangeOf(poolText);
  const BITS = 6;

  it('are given out and back as a list of single addresses would do, and old states stay as they were', () => {
    const step = fc.record({ bits: fc.nat(BITS), at: fc.nat(63), how: fc.constantFrom('fit', 'literal', 'back', 'back') });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const model = new Addresses(BITS);
        const taken: { at: number; bits: number; range: string }[] = [];
        let space: AddressSpace = FREE;
        for (const { bits, at, how } of steps) {
          const before = JSON.stringify(space);
          const start: AddressSpace = space;
          if (how === 'back') {
            const [given] = taken.splice(at % Math.max(1, taken.length), 1);
            if (given === undefined) continue;
            model.set(given.at, given.bits, false);
            space = givenBack(space, pool, rangeOf(given.range));
          } else {
            const expected = how === 'fit' ? model.bestFit(bits) : at - (at % 2 ** bits);
            const found = bestFit(space, pool, length + BITS - bits);
            if (how === 'fit')
              expect(found && rangeText(found)).toBe(expected === undefined ? undefined : `${text(expected)}/${length + BITS - bits}`);
            if (expected === undefined) continue;
            const range = `${text(expected)}/${length + BITS - bits}`;
            expect(isFree(space, pool, rangeOf(range))).toBe(model.isFree(expected, bits));
            if (!model.isFree(expected, bits)) continue;
            model.set(expected, bits, true);
            taken.push({ at: expected, bits, range });
            space = without(space, pool, rangeOf(range));
          }
          expect(JSON.stringify(start)).toBe(before);
        }
        for (const { range } of taken) space = givenBack(space, pool, rangeOf(range));
        expect(space).toBe(FREE);
      }),
    );
  });

  it('have no room for what is larger', () => {
    expect(bestFit(FREE, pool, length - 1)).toBeUndefined();
    expect(bestFit(FREE, pool, length)).toEqual({ bytes: expect.anything(), length });
  });
});

describe('The whole of a family', () => {
  it.each([
    ['0.0.0.0/0', 32, '0.0.0.0/32'],
    ['::/0', 128, '::/128'],
  ])('%s', (text, length, first) => {
    const pool = rangeOf(text);
    const found = bestFit(FREE, pool, length);
    expect(found && rangeText(found)).toBe(first);
    const rest = without(FREE, pool, rangeOf(first));
    expect(isFree(rest, pool, rangeOf(first))).toBe(false);
    expect(givenBack(rest, pool, rangeOf(first))).toBe(FREE);
  });

  it('resources 1.3: host bits of a pool do not count', () => {
    const found = bestFit(FREE, rangeOf('10.0.0.7/24'), 28);
    expect(found && rangeText(found)).toBe('10.0.0.0/28');
  });
});
