import type { Figure, FigureFacts, Sample } from '@weft/api';
import { vniRests, vniStock } from './vni-pool.ledgers.ts';
import { VNI_MAX, VNI_MIN } from './vni-pool.types.ts';

const one = (name: string, help: string, read: (facts: FigureFacts) => number): Figure => ({
  name,
  help,
  labels: [],
  read: (facts): Sample[] => [{ labels: {}, value: read(facts) }],
});

/** `min`, `max`: the range of the pool, smaller in tests. */
export function vniFigures(min = VNI_MIN, max = VNI_MAX): readonly Figure[] {
  return [
    one('weft_vni_pool_capacity', 'Numbers that Networks may have', () => max - min + 1),
    one('weft_vni_pool_allocated', 'Numbers that Networks have', ({ records }) => {
      let held = 0;
      for (const stock of records(vniStock).values()) held += stock.held;
      return held;
    }),
    one('weft_vni_pool_resting', 'Numbers that were given back and rest', ({ records }) => records(vniRests).size),
  ];
}
