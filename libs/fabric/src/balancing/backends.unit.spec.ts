import { TARGETS_MAX } from '@weft/lb';
import fc from 'fast-check';
import type { TargetRow } from '../rows/rows.ts';
import { backendsOf } from './backends.ts';

const row = (target: string, ...ips: string[]): TargetRow => ({
  balancer: 'b',
  target,
  name: `nic-${target}`,
  ips,
  position: '1',
  because: [],
});
const many = (count: number) => Array.from({ length: count }, (_, i) => row(`${i}`.padStart(5, '0'), `10.0.${i >> 8}.${i & 255}`));

describe('The backends of a balancer', () => {
  it('dual stack: are, in each family, the targets that have an address of it', () => {
    const targets = [row('four', '10.0.0.1'), row('six', 'fd00::2'), row('both', 'fd00::3', '10.0.0.3')];
    expect(backendsOf(targets, 'IPv4')?.addressOf).toEqual(
      new Map([
        ['four', '10.0.0.1'],
        ['both', '10.0.0.3'],
      ]),
    );
    expect(backendsOf(targets, 'IPv6')?.table.targets).toEqual(['both', 'six']);
    expect(backendsOf([row('six', 'fd00::2')], 'IPv4')).toBeUndefined();
    expect(backendsOf([], 'IPv6')).toBeUndefined();
  });

  it('provider R-41: are the first 1,000 by name when there are more, whatever their order', () => {
    const targets = many(TARGETS_MAX + 5);
    fc.assert(
      fc.property(fc.shuffledSubarray(targets, { minLength: targets.length }), (shuffled) => {
        expect(backendsOf(shuffled, 'IPv4')).toEqual(backendsOf(targets.slice(0, TARGETS_MAX), 'IPv4'));
      }),
      { numRuns: 3 },
    );
  });

  it('are the same whatever the order of the rows', () => {
    const targets = many(20);
    expect(backendsOf([...targets].reverse(), 'IPv4')?.table).toEqual(backendsOf(targets, 'IPv4')?.table);
  });
});
