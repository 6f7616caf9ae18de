/** Figures of the pools, on logs that the test writes. */
import { type Figure, figureFactsOf } from '@weft/api';
import { WrittenLog } from '@weft/testing';
import { addressPoolFigures } from './address-pool/address-pool.figures.ts';
import { PUBLIC_ADDRESSES } from './address-pool/public-addresses.types.ts';
import { ipamDomain } from './ipam.domain.ts';
import { prefixAllocationFigures } from './prefix-allocation/prefix-allocation.figures.ts';
import { vniFigures } from './vni-pool/vni-pool.figures.ts';

/** By name and labels, those that are not 0. */
function read(figures: readonly Figure[], { fold }: WrittenLog): Record<string, number> {
  const facts = figureFactsOf(fold);
  const all = figures.flatMap((figure) =>
    [...figure.read(facts)].map(({ labels, value }) => [[figure.name, ...Object.values(labels)].join(' '), value] as const),
  );
  return Object.fromEntries(all.filter(([, value]) => value !== 0));
}

describe('Figures of pools', () => {
  it('show how many numbers Networks have, and how many rest', () => {
    const log = new WrittenLog([ipamDomain]);
    const pool = (type: string, data: object) => log.write('VniPool-.default', [{ type: `${type}.v1`, data: data as never }]);
    const shown = () => read(vniFigures(200, 209), log);
    expect(shown()).toEqual({ weft_vni_pool_capacity: 10 });
    for (const vni of [200, 201, 202]) pool('VniAllocated', { namespace: 'ns', network: `n${vni}`, uid: `u${vni}`, vni });
    expect(shown()).toEqual({ weft_vni_pool_capacity: 10, weft_vni_pool_allocated: 3 });
    pool('VniReleased', { uid: 'u200', vni: 200, at: '5' });
    expect(shown()).toEqual({ weft_vni_pool_capacity: 10, weft_vni_pool_allocated: 2, weft_vni_pool_resting: 1 });
    pool('VniRested', { vni: 200 });
    expect(shown()).toEqual({ weft_vni_pool_capacity: 10, weft_vni_pool_allocated: 2 });
    pool('VniAllocated', { namespace: 'ns', network: 'again', uid: 'u1', vni: 200 });
    expect(shown()).toEqual({ weft_vni_pool_capacity: 10, weft_vni_pool_allocated: 3 });
  });

  it('show what each pool of public addresses has, gave and lets rest, by family, and who waits', () => {
    const log = new WrittenLog([ipamDomain]);
    const pools = (type: string, data: object) => log.write(PUBLIC_ADDRESSES, [{ type: `${type}.v1`, data: data as never }]);
    const asked = { kind: 'VirtualIP', namespace: 'ns', name: 'v', slot: 'ip', since: 1, family: 'IPv4', pools: ['edge'] };
    pools('AddressPoolDefined', {
      pool: 'edge',
      request: 'r',
      now: { prefixes: ['192.0.2.0/29', '2001:db8::/64'], excludes: ['192.0.2.0/32'] },
    });
    const capacity = { 'weft_address_pool_capacity edge IPv4': 7, 'weft_address_pool_capacity edge IPv6': 2 ** 64 };
    expect(read(addressPoolFigures, log)).toEqual(capacity);
    for (const n of [1, 2]) pools('AddressAllocated', { ...asked, uid: `u${n}`, pool: 'edge', ip: `192.0.2.${n}` });
    pools('AddressReleased', { uid: 'u1', slot: 'ip', since: 1, pool: 'edge', ip: '192.0.2.1' });
    pools('AddressAwaited', { ...asked, uid: 'u3' });
    expect(read(addressPoolFigures, log)).toEqual({
      ...capacity,
      'weft_address_pool_allocated edge IPv4': 1,
      'weft_address_pool_resting edge IPv4': 1,
      weft_public_addresses_awaited: 1,
    });
    pools('AddressRequestWithdrawn', { uid: 'u3', slot: 'ip', since: 1 });
    expect(read(addressPoolFigures, log)).not.toHaveProperty('weft_public_addresses_awaited');
  });

  it('show requests for ranges that wait, by the reason that they show', () => {
    const log = new WrittenLog([ipamDomain]);
    const allocation = (name: string) => ({ kind: 'PrefixAllocation', namespace: 'ns', name });
    for (const name of ['a', 'b', 'c']) log.create(allocation(name));
    for (const name of ['a', 'b']) {
      const data = { type: 'Ready', status: 'False', reason: 'NoSuitablePrefix', message: '' };
      log.happen(allocation(name), { type: 'ConditionChanged.v1', data });
    }
    expect(read(prefixAllocationFigures, log)).toEqual({
      'weft_prefix_allocations_waiting NoSuitablePrefix': 2,
      'weft_prefix_allocations_waiting AllocationPending': 1,
    });
    log.happen(allocation('c'), { type: 'PrefixAllocationFailed.v1', data: {} });
    expect(read(prefixAllocationFigures, log)).toEqual({ 'weft_prefix_allocations_waiting NoSuitablePrefix': 2 });
    log.end(allocation('a'));
    expect(read(prefixAllocationFigures, log)).toMatchObject({ 'weft_prefix_allocations_waiting NoSuitablePrefix': 1 });
  });
});
