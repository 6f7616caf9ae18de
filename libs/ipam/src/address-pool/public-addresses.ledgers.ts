/**
 * What requests and pools come to:
 *
 *   PublicAddressesRequested ──> public-address-requests[uid]         what an object wants, until its end
 *   AddressAllocated, -Awaited ─> public-address-grants[<uid> <slot>]  the answer
 *   AddressReleased ───────────> public-address-rests[ip], until AddressRested
 *   AddressPoolDefined ────────> address-pools[pool]                  counts
 *   all of them ───────────────> public-address-waits[all]            whether somebody waits for what has become free
 */
import {
  type Change,
  defineEvents,
  defineLedger,
  familyOfIp,
  grantKey,
  type Ledger,
  type LedgerWriter,
  ledgerRef,
  publicAddressEvents,
  publicAddressGrants,
  type RecordedEvent,
  type WantedAddresses,
} from '@weft/api';
import { capacityOf, rangesOfPool } from './address-ranges.ts';
import { type HeldAddress, type PoolRanges, PUBLIC_ADDRESSES_CATEGORY, publicAddressPoolEvents } from './public-addresses.types.ts';

const POOLS = [PUBLIC_ADDRESSES_CATEGORY];
const requestEvents = defineEvents(publicAddressEvents);

/** `network`: see `PublicAddressesRequested.v1`. */
export type AddressRequest = Readonly<{ kind: string; namespace: string; name: string; network?: string; wanted: WantedAddresses }>;
/** Key: uid of the object. */
export const addressRequests = ledgerRef<AddressRequest>('public-address-requests');

const requestsLedger = defineLedger(addressRequests, ({ append, before, after }, records) => {
  if (after === undefined) return;
  if (before?.status === 'live' && !records.isEmpty && isOther(before.object.metadata.uid, after))
    records.delete(before.object.metadata.uid);
  if (after.status !== 'live') return;
  for (const { data } of requestEvents.in(append)) {
    if (!('wanted' in data)) continue;
    const { kind, namespace = '', name } = after.key;
    const { wanted, network } = data;
    records.put(after.object.metadata.uid, { kind, namespace, name, wanted, ...(network !== undefined && { network }) });
  }
});

function isOther(uid: string, { status, object }: NonNullable<Change['after']>): boolean {
  return status !== 'live' || object.metadata.uid !== uid;
}

const grantsLedger = defineLedger(
  publicAddressGrants,
  ({ append }, records) => {
    for (const event of publicAddressPoolEvents.in(append)) {
      switch (event.type) {
        case 'AddressAllocated.v1':
        case 'AddressAwaited.v1': {
          const { uid, slot, since, pools } = event.data;
          const ip = 'ip' in event.data ? event.data.ip : undefined;
          records.put(grantKey(uid, slot), { since, pools, at: append.position.toString(), ...(ip !== undefined && { ip }) });
          break;
        }
        case 'AddressReleased.v1':
        case 'AddressRequestWithdrawn.v1':
          records.delete(grantKey(event.data.uid, event.data.slot));
      }
    }
  },
  POOLS,
);

/** `at`: position of its release (decimal): by then it is in no row. */
export type AddressRest = HeldAddress & Readonly<{ sinceMs: number; at: string }>;
/** Key: the address. */
export const addressRests = ledgerRef<AddressRest>('public-address-rests');

const restsLedger = defineLedger(
  addressRests,
  ({ append }, records) => {
    for (const event of publicAddressPoolEvents.in(append)) {
      if (event.type === 'AddressReleased.v1')
        records.put(event.data.ip, { ...event.data, sinceMs: timeOf(event), at: event.position.toString() });
      else if (event.type === 'AddressRested.v1') records.delete(event.data.ip);
    }
  },
  POOLS,
);

function timeOf({ metadata }: Pick<RecordedEvent, 'metadata'>): number {
  return Date.parse(metadata.time);
}

export type FamilyCount = Readonly<{ allocated: number; quarantined: number }>;
/** `capacity`: decimal, since a family may have 2^64 addresses. */
export type PoolCount = Readonly<{ capacity: Readonly<{ IPv4: string; IPv6: string }>; IPv4: FamilyCount; IPv6: FamilyCount }>;
/** Key: name of the pool. A record goes when the pool is gone and none of its addresses is held or rests. */
export const addressPoolCounts = ledgerRef<PoolCount>('address-pools');

const countsLedger = defineLedger(
  addressPoolCounts,
  ({ append }, records) => {
    for (const event of publicAddressPoolEvents.in(append)) {
      switch (event.type) {
        case 'AddressPoolDefined.v1':
          records.put(event.data.pool, { ...(records.get(event.data.pool) ?? UNUSED), capacity: capacitiesOf(event.data.now) });
          break;
        case 'AddressPoolRemoved.v1':
          put(event.data.pool, { ...(records.get(event.data.pool) ?? UNUSED), capacity: UNUSED.capacity }, records);
          break;
        case 'AddressAllocated.v1':
          count(event.data, { allocated: 1, quarantined: 0 }, records);
          break;
        case 'AddressReleased.v1':
          count(event.data, { allocated: -1, quarantined: 1 }, records);
          break;
        case 'AddressRested.v1':
          count(event.data, { allocated: 0, quarantined: -1 }, records);
      }
    }
  },
  POOLS,
);

const NONE: FamilyCount = { allocated: 0, quarantined: 0 };
const UNUSED: PoolCount = { capacity: { IPv4: '0', IPv6: '0' }, IPv4: NONE, IPv6: NONE };

function capacitiesOf(ranges: PoolRanges): PoolCount['capacity'] {
  const of = rangesOfPool(ranges);
  return { IPv4: capacityOf(of, 'IPv4').toString(), IPv6: capacityOf(of, 'IPv6').toString() };
}

function count({ pool, ip }: Readonly<{ pool: string; ip: string }>, by: FamilyCount, records: LedgerWriter<PoolCount>): void {
  const before = records.get(pool) ?? UNUSED;
  const family = familyOfIp(ip);
  const { allocated, quarantined } = before[family];
  put(pool, { ...before, [family]: { allocated: allocated + by.allocated, quarantined: quarantined + by.quarantined } }, records);
}

function put(pool: string, counts: PoolCount, records: LedgerWriter<PoolCount>): void {
  const isGone = counts.capacity === UNUSED.capacity && isUnused(counts);
  if (isGone) records.delete(pool);
  else records.put(pool, counts);
}

/** Whether none of its addresses is held or rests. */
export function isUnused({ IPv4, IPv6 }: PoolCount): boolean {
  return IPv4.allocated + IPv4.quarantined + IPv6.allocated + IPv6.quarantined === 0;
}

/** `waiting`: slots without an address. `retry`: something has become free since they were looked at. */
export type AddressWaits = Readonly<{ waiting: number; retry: boolean }>;
/** One record, `all`; none while nobody waits. */
export const addressWaits = ledgerRef<AddressWaits>('public-address-waits');

const waitsLedger: Ledger = defineLedger(
  addressWaits,
  ({ append }, records) => {
    for (const event of publicAddressPoolEvents.in(append)) {
      const { waiting = 0, retry = false } = records.get(ALL) ?? {};
      switch (event.type) {
        case 'AddressAwaited.v1':
          if (event.data.again !== true) records.put(ALL, { waiting: waiting + 1, retry });
          break;
        case 'AddressAllocated.v1':
          if (event.data.waited === true) leave(waiting, retry);
          break;
        case 'AddressRequestWithdrawn.v1':
          leave(waiting, retry);
          break;
        case 'AddressRested.v1':
        case 'AddressPoolDefined.v1':
          if (waiting > 0 && !retry) records.put(ALL, { waiting, retry: true });
          break;
        case 'AddressesExhausted.v1':
          if (retry) records.put(ALL, { waiting, retry: false });
      }
    }

    function leave(waiting: number, retry: boolean): void {
      if (waiting > 1) records.put(ALL, { waiting: waiting - 1, retry });
      else records.delete(ALL);
    }
  },
  POOLS,
);

const ALL = 'all';

export const publicAddressLedgers: readonly Ledger[] = [requestsLedger, grantsLedger, restsLedger, countsLedger, waitsLedger];
