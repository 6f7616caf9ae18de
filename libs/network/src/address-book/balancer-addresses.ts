/**
 * What LoadBalancers have of the address book of their Network: addresses, and a number of 16 bits within it, by which packets tell through which balancer
 * they came (linux-dataplane 4.8).
 *
 *   wanted ──ClaimForBalancer──> held ──ClaimForBalancer without it, ReleaseBalancer──> leaving ──RestOfBalancer──> free
 *
 * Nobody is there to be refused when a loop asks, so a balancer gets what is free, and the rest is noted with its holder (ADR 30). An address stays with the
 * balancer until hosts have applied that it is gone. The lowest number that was never used is given first, then the one that has rested longest.
 */
import { Type } from '@sinclair/typebox';
import { accepted, type DataOf, type Decision, defineEvents, rejected, sameJson, serverTimeout } from '@weft/api';
import { append, dropOldest, emptyQueue, oldest, type Queue } from './queue.ts';
import { Taken } from './taken.ts';

/** 0 on a packet means that it came through no balancer. */
export const BALANCER_NUMBER_MAX = 0xffff;
/** Addresses of one balancer. */
export const BALANCER_ADDRESSES_MAX = 64;

type AddressOfBalancer = Readonly<{ name: string; uid: string; leaves?: true }>;
type HeldByBalancer = Readonly<{ name: string; number: number; ips: readonly string[]; taken: Readonly<Record<string, Taken>> }>;

export type BalancersOfBook = {
  /** uid -> what the balancer has. */
  readonly holders: Map<string, HeldByBalancer>;
  readonly addresses: Map<string, AddressOfBalancer>;
  /** This number and all above it were never used. */
  next: number;
  /** Numbers that have rested, in this order. */
  readonly rested: Queue<number>;
  /** How many rests began. */
  rests: number;
  /** What rests, by the number of its rest. */
  readonly resting: Map<number, Readonly<{ uid: string; ips?: readonly string[]; number?: number }>>;
};

export function noBalancers(): BalancersOfBook {
  return { holders: new Map(), addresses: new Map(), next: 1, rested: emptyQueue(), rests: 0, resting: new Map() };
}

const BalancerNumber = Type.Integer({ minimum: 1, maximum: BALANCER_NUMBER_MAX });
const Rest = Type.Integer({ minimum: 1 });
const Ips = Type.Array(Type.String());
const uid = Type.String();

export const balancerBookEvents = defineEvents({
  'BalancerNumbered.v1': Type.Object({ balancer: Type.String(), uid, number: BalancerNumber }),
  'BalancerAddressesClaimed.v1': Type.Object({ balancer: Type.String(), uid, ips: Ips }),
  /** All that it should have and somebody else has; empty: nothing any more. */
  'BalancerAddressesContested.v1': Type.Object({ uid, taken: Type.Record(Type.String(), Taken) }),
  /** They are not the balancer's from here on, and rest. */
  'BalancerAddressesReleased.v1': Type.Object({ uid, ips: Ips, rest: Rest }),
  'BalancerNumberReleased.v1': Type.Object({ uid, number: BalancerNumber, rest: Rest }),
  'BalancerAddressesRested.v1': Type.Object({ uid, ips: Ips, rest: Rest }),
  'BalancerNumberRested.v1': Type.Object({ uid, number: BalancerNumber, rest: Rest }),
});
type Events = DataOf<typeof balancerBookEvents>;
type BalancerFact = { [E in keyof Events]: Readonly<{ type: E; data: Events[E] }> }[keyof Events];

export const balancerBookCommands = {
  /** The balancer should have exactly these addresses, and a number. */
  ClaimForBalancer: Type.Object({
    namespace: Type.String(),
    network: Type.String(),
    balancer: Type.String(),
    uid,
    ips: Type.Array(Type.String(), { maxItems: BALANCER_ADDRESSES_MAX }),
  }),
  /** The balancer has gone. */
  ReleaseBalancer: Type.Object({ uid }),
  /** Hosts do not know any more what is in this rest. */
  RestOfBalancer: Type.Object({ rest: Rest }),
};
type Commands = DataOf<typeof balancerBookCommands>;

const BALANCERS = { group: 'networking.ironcore.dev', kind: 'LoadBalancer', plural: 'loadbalancers' } as const;

/** `takenBy`: who else has an address. `numberMax`: smaller in tests. */
export function claimedForBalancer(
  { network, balancer, uid: who, ips }: Commands['ClaimForBalancer'],
  state: BalancersOfBook,
  takenBy: (ip: string) => Taken | undefined,
  numberMax: number,
): Decision<BalancerFact> {
  const present = state.holders.get(who);
  const facts: BalancerFact[] = [];
  if (present === undefined) {
    const number = state.next <= numberMax ? state.next : oldest(state.rested);
    const why = `all ${numberMax} numbers for balancers of Network "${network}" are in use or rest`;
    if (number === undefined) return rejected(serverTimeout(BALANCERS, 'update', why));
    facts.push({ type: 'BalancerNumbered.v1', data: { balancer, uid: who, number } });
  }
  const { ips: had = [], taken: before = NONE } = present ?? {};
  const gone = had.filter((ip) => !ips.includes(ip));
  if (gone.length > 0) facts.push({ type: 'BalancerAddressesReleased.v1', data: { uid: who, ips: gone, rest: state.rests + 1 } });
  const taken: Record<string, Taken> = {};
  const free: string[] = [];
  for (const ip of new Set(ips)) {
    if (had.includes(ip)) continue;
    const other = balancerWith(state, ip) ?? takenBy(ip);
    if (other === undefined) free.push(ip);
    else taken[ip] = other;
  }
  if (free.length > 0) facts.push({ type: 'BalancerAddressesClaimed.v1', data: { balancer, uid: who, ips: free } });
  if (!sameJson(taken, before)) facts.push({ type: 'BalancerAddressesContested.v1', data: { uid: who, taken } });
  return accepted(facts);
}

const NONE: HeldByBalancer['taken'] = Object.freeze({});

export function balancerReleased({ uid: who }: Commands['ReleaseBalancer'], state: BalancersOfBook): Decision<BalancerFact> {
  const present = state.holders.get(who);
  if (present === undefined) return accepted([]);
  const { ips, number } = present;
  const rest = state.rests + 1;
  const addresses: BalancerFact[] =
    ips.length === 0 ? [] : [{ type: 'BalancerAddressesReleased.v1', data: { uid: who, ips: [...ips], rest } }];
  return accepted([...addresses, { type: 'BalancerNumberReleased.v1', data: { uid: who, number, rest: rest + addresses.length } }]);
}

export function balancerRested({ rest }: Commands['RestOfBalancer'], state: BalancersOfBook): Decision<BalancerFact> {
  const { uid: who = '', ips, number } = state.resting.get(rest) ?? {};
  if (number !== undefined) return accepted([{ type: 'BalancerNumberRested.v1', data: { uid: who, number, rest } }]);
  return accepted(ips === undefined ? [] : [{ type: 'BalancerAddressesRested.v1', data: { uid: who, ips: [...ips], rest } }]);
}

/** The balancer that has an address, or has given it back while hosts may still know it. */
export function balancerWith({ addresses }: BalancersOfBook, ip: string): Taken | undefined {
  const holder = addresses.get(ip);
  if (holder === undefined) return undefined;
  const { name, uid: who, leaves } = holder;
  return { balancer: { name, uid: who }, ...(leaves && { leaves }) };
}

/** Whether a balancer has given this address back, and hosts may still know it. */
export function isLeaving({ addresses }: BalancersOfBook, ip: string): boolean {
  return addresses.get(ip)?.leaves === true;
}

type BookState = { readonly balancers: BalancersOfBook };

export const balancerBookEvolve: { readonly [E in keyof Events]: (state: BookState, data: Events[E]) => void } = {
  'BalancerNumbered.v1': ({ balancers }, { balancer, uid: who, number }) => {
    balancers.holders.set(who, { name: balancer, number, ips: [], taken: NONE });
    if (number >= balancers.next) balancers.next = number + 1;
    else dropOldest(balancers.rested);
  },
  'BalancerAddressesClaimed.v1': ({ balancers }, { balancer, uid: who, ips }) => {
    for (const ip of ips) balancers.addresses.set(ip, { name: balancer, uid: who });
    change(balancers, who, (held) => ({ ...held, ips: [...held.ips, ...ips] }));
  },
  'BalancerAddressesContested.v1': ({ balancers }, { uid: who, taken }) => change(balancers, who, (held) => ({ ...held, taken })),
  'BalancerAddressesReleased.v1': ({ balancers }, { uid: who, ips, rest }) => {
    for (const ip of ips) {
      const holder = balancers.addresses.get(ip);
      if (holder !== undefined) balancers.addresses.set(ip, { ...holder, leaves: true });
    }
    balancers.resting.set(rest, { uid: who, ips });
    balancers.rests = rest;
    change(balancers, who, (held) => ({ ...held, ips: held.ips.filter((ip) => !ips.includes(ip)) }));
  },
  'BalancerNumberReleased.v1': ({ balancers }, { uid: who, number, rest }) => {
    balancers.holders.delete(who);
    balancers.resting.set(rest, { uid: who, number });
    balancers.rests = rest;
  },
  'BalancerAddressesRested.v1': ({ balancers }, { ips, rest }) => {
    for (const ip of ips) balancers.addresses.delete(ip);
    balancers.resting.delete(rest);
  },
  'BalancerNumberRested.v1': ({ balancers }, { number, rest }) => {
    append(balancers.rested, number);
    balancers.resting.delete(rest);
  },
};

function change(balancers: BalancersOfBook, who: string, how: (held: HeldByBalancer) => HeldByBalancer): void {
  const held = balancers.holders.get(who);
  if (held !== undefined) balancers.holders.set(who, how(held));
}
