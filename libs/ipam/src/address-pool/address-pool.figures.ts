import type { Figure, Sample } from '@weft/api';
import { addressPoolCounts, addressWaits, type PoolCount } from './public-addresses.ledgers.ts';

const FAMILIES = ['IPv4', 'IPv6'] as const;

const ofPools = (name: string, help: string, value: (count: PoolCount, family: (typeof FAMILIES)[number]) => number): Figure => ({
  name,
  help,
  labels: ['pool', 'family'],
  *read({ records }): Iterable<Sample> {
    for (const [pool, count] of records(addressPoolCounts)) {
      for (const family of FAMILIES) yield { labels: { pool, family }, value: value(count, family) };
    }
  },
});

export const addressPoolFigures: readonly Figure[] = [
  ofPools('weft_address_pool_capacity', 'Public addresses that the pool may give', ({ capacity }, family) => Number(capacity[family])),
  ofPools('weft_address_pool_allocated', 'Public addresses of the pool that somebody has', (count, family) => count[family].allocated),
  ofPools(
    'weft_address_pool_resting',
    'Public addresses of the pool that were given back and rest',
    (count, family) => count[family].quarantined,
  ),
  {
    name: 'weft_public_addresses_awaited',
    help: 'Public addresses that were asked for and that no pool can give',
    labels: [],
    *read({ records }): Iterable<Sample> {
      let value = 0;
      for (const { waiting } of records(addressWaits).values()) value += waiting;
      yield { labels: {}, value };
    },
  },
];
