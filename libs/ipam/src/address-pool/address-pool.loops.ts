/** Control loops of AddressPools: they show what has become of their addresses, and stay as long as one is held or rests. */
import { act, type ConditionFact, isDeleting, type Loop, loopOver, ready } from '@weft/api';
import { poolFinalizer, reportFacts } from './address-pool.kind.ts';
import { AddressPool, type AddressPoolTypes } from './address-pool.types.ts';
import { addressPoolCounts, isUnused, type PoolCount } from './public-addresses.ledgers.ts';

type Counts = AddressPoolTypes['actions']['Report']['counts'];
const FAMILIES = [
  ['IPv4', 'ipv4'],
  ['IPv6', 'ipv6'],
] as const;

/** Families of which it has, or had, addresses. */
function countsOf(count: PoolCount): Counts {
  const counts: Counts = {};
  for (const [family, field] of FAMILIES) {
    const { allocated, quarantined } = count[family];
    const capacity = count.capacity[family];
    if (capacity !== '0' || allocated + quarantined > 0) counts[field] = { capacity, allocated, quarantined };
  }
  return counts;
}

function exhausted(count: PoolCount): ConditionFact | undefined {
  const out = FAMILIES.filter(([family]) => {
    const capacity = BigInt(count.capacity[family]);
    return capacity > 0n && capacity <= BigInt(count[family].allocated + count[family].quarantined);
  }).map(([family]) => family);
  if (out.length === 0) return undefined;
  return { type: 'Exhausted', status: 'True', reason: 'AllInUse', message: `all ${out.join(' and ')} addresses are in use or rest` };
}

const reportPools = loopOver(AddressPool, {
  name: 'report-address-pools',
  context: 'ipam',
  owed: (pool, facts) => {
    const count = facts.record(addressPoolCounts, pool.key.name);
    if (count === undefined) return [];
    const conditions: ConditionFact[] = [
      isDeleting(pool)
        ? ready('False', 'Deleting', 'its deletion was asked for; it hands out no more')
        : ready('True', 'Available', 'hands out addresses'),
    ];
    const isOut = exhausted(count);
    if (isOut !== undefined) conditions.push(isOut);
    if (isDeleting(pool) && !isUnused(count)) {
      conditions.push({ type: 'DeletionBlocked', status: 'True', reason: 'InUse', message: 'addresses of it are held, or rest' });
    }
    const payload = { counts: countsOf(count), conditions };
    return reportFacts(pool, payload).length === 0 ? [] : [act(AddressPool, pool.key, 'Report', payload)];
  },
});

/** The finalizer is added again when a client removes it, and removed when nothing of a deleted pool is held or rests. */
const protectPools = loopOver(AddressPool, {
  name: 'protect-address-pools',
  context: 'ipam',
  owed: (pool, facts) => {
    if (!isDeleting(pool)) return poolFinalizer.isOn(pool) ? [] : [act(AddressPool, pool.key, 'Protect', {})];
    if (!poolFinalizer.isOn(pool)) return [];
    const count = facts.record(addressPoolCounts, pool.key.name);
    return count === undefined || isUnused(count) ? [act(AddressPool, pool.key, 'Unprotect', {})] : [];
  },
});

export const addressPoolLoops: readonly Loop[] = [reportPools, protectPools];
