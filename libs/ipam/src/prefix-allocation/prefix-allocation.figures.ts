import { conditionOf, type Figure, type Sample } from '@weft/api';
import { PrefixAllocation } from './prefix-allocation.types.ts';

export const prefixAllocationFigures: readonly Figure[] = [
  {
    name: 'weft_prefix_allocations_waiting',
    help: 'Requests for ranges that no Prefix has answered, by the reason that they show',
    labels: ['reason'],
    /** O(those that wait). */
    *read(facts): Iterable<Sample> {
      const counts = new Map<string, number>();
      for (const { object } of facts.by(PrefixAllocation, 'waiting', 'yes')) {
        const reason = conditionOf(object, 'Ready')?.reason ?? '';
        counts.set(reason, (counts.get(reason) ?? 0) + 1);
      }
      for (const [reason, value] of counts) yield { labels: { reason }, value };
    },
  },
];
