/**
 * Balancers get addresses and a number of the address book of their Network (ADR 26, 47):
 *
 *   LoadBalancer, its Prefixes ──claim-for-balancers──> BalancerNumbered, -AddressesClaimed ──> balancer-grants[uid]  of this rows are made
 *   it has gone ────────────────release-balancers─────> -AddressesReleased, -NumberReleased ──> balancer-rests[<stream> <rest>]
 *   hosts have applied that ────rest-of-balancers─────> -AddressesRested, -NumberRested
 *
 * A balancer has a row in `balancers.<vni>` as long as it has a number. So each release changes that table at its own position, and a host that reports the
 * table to that position has let go (as ADR 37).
 */
import {
  AnyLoadBalancer,
  addressOfChild,
  type BalancerGrant,
  balancerGrants,
  commandsOf,
  type DomainPart,
  defineLedger,
  exclusiveOfRecords,
  type Ledger,
  type LedgerWriter,
  type Loop,
  type LoopFacts,
  ledgerRef,
  loopOverRecords,
  nameFrom,
  nameText,
  type SeenLoadBalancer,
  specOf,
  uidOf,
  type View,
} from '@weft/api';
import { addressBookOf, networkOfBook } from '../keys.ts';
import { addressHasRested, balancerHasGone } from '../quarantine.ts';
import { type BookTypes, bookName } from './address-book.ts';
import { BALANCER_ADDRESSES_MAX, balancerBookEvents } from './balancer-addresses.ts';
import { nicHolds } from './nic-holds.ts';
import type { Taken } from './taken.ts';

const BOOKS = ['AddressBook'];

const grantsLedger: Ledger = defineLedger(
  balancerGrants,
  ({ append }, records) => {
    const { namespace, network } = networkOfBook(append.stream);
    for (const event of balancerBookEvents.in(append)) {
      const cause = { position: event.position, eventId: event.id };
      const { uid } = event.data;
      switch (event.type) {
        case 'BalancerNumbered.v1': {
          const { balancer: name, number } = event.data;
          records.put(uid, { namespace, network, name, number, ips: [], leaving: [], taken: {}, since: [cause] });
          break;
        }
        case 'BalancerAddressesClaimed.v1': {
          const { ips } = event.data;
          change(uid, records, (grant) => ({
            ...latest(grant, cause),
            ips: [...grant.ips, ...ips],
          }));
          break;
        }
        case 'BalancerAddressesContested.v1': {
          const { taken } = event.data;
          // No row depends on it.
          change(uid, records, (grant) => ({ ...grant, taken }));
          break;
        }
        case 'BalancerAddressesReleased.v1': {
          const { ips } = event.data;
          change(uid, records, (grant) => ({
            ...latest(grant, cause),
            ips: grant.ips.filter((ip) => !ips.includes(ip)),
            leaving: [...grant.leaving, ...ips],
          }));
          break;
        }
        case 'BalancerNumberReleased.v1':
          change(uid, records, ({ number: _, ...grant }) => ({ ...grant, taken: {} }));
          break;
        case 'BalancerAddressesRested.v1': {
          const { ips } = event.data;
          change(uid, records, (grant) => ({ ...grant, leaving: grant.leaving.filter((ip) => !ips.includes(ip)) }));
        }
      }
    }
  },
  BOOKS,
);

function latest(grant: BalancerGrant, cause: BalancerGrant['since'][number]): BalancerGrant {
  return { ...grant, since: [...grant.since.slice(0, 1), cause] };
}

function change(uid: string, records: LedgerWriter<BalancerGrant>, how: (grant: BalancerGrant) => BalancerGrant): void {
  const before = records.get(uid);
  if (before === undefined) return;
  const after = how(before);
  if (after.number === undefined && after.leaving.length === 0) records.delete(uid);
  else records.put(uid, after);
}

/** What rests. `at`: decimal position as of which it is in no rows. With `ips`: addresses; without: the number of a balancer. */
type BalancerRest = Readonly<{ stream: string; rest: number; at: string; ips?: readonly string[] }>;
/** Key: `<stream> <rest>`. */
export const balancerRests = ledgerRef<BalancerRest>('balancer-rests');

const restsLedger: Ledger = defineLedger(
  balancerRests,
  ({ append }, records) => {
    const { stream } = append;
    for (const event of balancerBookEvents.in(append)) {
      const at = event.position.toString();
      switch (event.type) {
        case 'BalancerAddressesReleased.v1':
        case 'BalancerNumberReleased.v1': {
          const { rest } = event.data;
          records.put(`${stream} ${rest}`, { stream, rest, at, ...('ips' in event.data && { ips: event.data.ips }) });
          break;
        }
        case 'BalancerAddressesRested.v1':
        case 'BalancerNumberRested.v1':
          records.delete(`${stream} ${event.data.rest}`);
      }
    }
  },
  BOOKS,
);

export const balancerGrantLedgers: readonly Ledger[] = [grantsLedger, restsLedger];

/** `sources`: of each address its literal; '' for a Prefix. */
type Asking = Readonly<{ uid: string; network: string; sources: readonly string[] }>;

const asking: View<SeenLoadBalancer, Asking> = {
  kind: AnyLoadBalancer,
  name: 'asks-the-address-book',
  facets: () => ['created', 'spec.type', 'spec.ips'],
  of: ({ object }) => {
    const { type, networkRef, ips = [] } = specOf(object);
    const sources = type === 'Public' ? [] : ips.map(({ value = '' }) => value);
    return { uid: object.metadata.uid, network: networkRef?.name ?? '', sources };
  },
};

/** What a balancer should have, as it is named in the book. */
function wantedBy(
  { namespace = '', name }: Readonly<{ namespace?: string; name: string }>,
  { uid, sources }: Asking,
  facts: LoopFacts,
): string[] {
  const wanted = new Set<string>();
  for (const [i, literal] of sources.entries()) {
    if (wanted.size === BALANCER_ADDRESSES_MAX) break;
    const seen = literal === '' ? addressOfChild({ namespace, name: `${name}-${i}` }, uid, facts) : { ip: literal };
    if ('ip' in seen) wanted.add(bookName(seen.ip));
  }
  return [...wanted];
}

/** Whether somebody still has an address, or it rests, as far as is known. */
export function isTaken(
  ip: string,
  { nic, balancer, resting }: Taken,
  { namespace, network }: Readonly<{ namespace: string; network: string }>,
  facts: LoopFacts,
): boolean {
  if (nic !== undefined) return facts.see(nicHolds, { namespace, name: nic }, `${network} ${ip}`) === true;
  if (balancer !== undefined) return balancerHas(ip, balancer.uid, facts) !== undefined;
  return resting !== undefined && !addressHasRested(facts, { namespace, name: network }, resting);
}

/** Whether the balancer of this uid holds an address, or has given it back and hosts may still know it. */
export function balancerHas(ip: string, uid: string, facts: LoopFacts): 'holds' | 'leaves' | undefined {
  const grant = facts.record(balancerGrants, uid);
  if (grant?.ips.includes(ip) === true) return 'holds';
  return grant?.leaving.includes(ip) === true ? 'leaves' : undefined;
}

const claimForBalancers: Loop = {
  name: 'claim-for-balancers',
  context: 'network',
  provider: 'weft',
  over: { kind: AnyLoadBalancer.kind },
  owed: (key, facts) => {
    const balancer = nameFrom(key);
    const { namespace = '', name } = balancer;
    const asks = facts.see(asking, balancer);
    if (asks === undefined || asks.network === '') return [];
    const { uid, network } = asks;
    const wanted = wantedBy(balancer, asks, facts);
    const { number, ips = [], taken = {} } = facts.record(balancerGrants, uid) ?? {};
    const isBlocked = (ip: string) => {
      const by = taken[ip];
      return by !== undefined && isTaken(ip, by, { namespace, network }, facts);
    };
    const isSettled =
      number !== undefined &&
      ips.every((ip) => wanted.includes(ip)) &&
      wanted.every((ip) => ips.includes(ip) || isBlocked(ip)) &&
      Object.keys(taken).every((ip) => wanted.includes(ip));
    const command = commandsOf<BookTypes>(addressBookOf(namespace, network));
    return isSettled ? [] : [command('ClaimForBalancer', { namespace, network, balancer: name, uid, ips: wanted })];
  },
};

const uidOfBalancer = uidOf(AnyLoadBalancer);

const releaseBalancers = loopOverRecords(balancerGrants, {
  name: 'release-balancers',
  context: 'network',
  provider: 'weft',
  owed: ({ namespace, network, name, number }, uid, facts) => {
    if (number === undefined || facts.see(uidOfBalancer, { namespace, name }) === uid) return [];
    return [commandsOf<BookTypes>(addressBookOf(namespace, network))('ReleaseBalancer', { uid })];
  },
});

/** An address rests until the Ready hosts of its Network have applied that it is gone, a number until all have (DESIGN 3). */
const restOfBalancers = loopOverRecords(balancerRests, {
  name: 'rest-of-balancers',
  context: 'network',
  provider: 'weft',
  owed: ({ stream, rest, at, ips }, _key, facts) => {
    const { namespace, network: name } = networkOfBook(stream);
    const hasRested = balancerHasGone(facts, { namespace, name }, at, ips === undefined ? 'all hosts' : 'Ready hosts');
    return hasRested ? [commandsOf<BookTypes>(stream)('RestOfBalancer', { rest })] : [];
  },
});

export const balancerGrantLoops: readonly Loop[] = [claimForBalancers, releaseBalancers, restOfBalancers];

export const balancerGrantExclusives: NonNullable<DomainPart['exclusives']> = [
  exclusiveOfRecords(balancerGrants, 'address of a Network', ({ namespace, network, ips, leaving }) =>
    [...ips, ...leaving].map((ip) => `${nameText({ namespace, name: network })} ${ip}`),
  ),
  exclusiveOfRecords(balancerGrants, 'number of a balancer', ({ namespace, network, number }) =>
    number === undefined ? [] : [`${nameText({ namespace, name: network })} ${number}`],
  ),
];
