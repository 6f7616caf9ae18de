/**
 * What a kind mixes in that needs public addresses (ADR 26): a VirtualIP, a LoadBalancer, a NATGateway.
 *
 *   const addresses = wantsPublicAddresses(VirtualIP, { context: 'ipam', condition: 'Ready', show: (object, held) => … });
 *
 *   events: defineEvents({ ...publicAddressEvents, … }),  payloads: { ...publicAddressPayloads, … },
 *   onCreate: (object) => accepted(addresses.request({ object, facts: {} }, { IPv4: 'IPv4' })),
 *   actions: { ...addresses.actions, … },  evolve: { ...addresses.evolve, … },  facets: { ...addresses.facets, … },
 *   loops: [addresses.loop, …]
 */
import { Type } from '@sinclair/typebox';
import {
  type CommonFact,
  type ConditionFact,
  conditionFacts,
  conditionOf,
  noConditionFacts,
  type TypedFact,
} from '../fold/common-events.ts';
import type { Action, Evolve, Facets, State } from '../kind/define-kind.ts';
import type { LoopFacts } from '../kind/facts.ts';
import type { Context, FactOf, Folded } from '../kind/kind.ts';
import type { KindRef, KindTypes } from '../kind/kind-types.ts';
import { act, type Loop, loopOver } from '../kind/loop.ts';
import type { ApiObject } from '../kind/object.ts';
import type { DataOf } from '../log/event-set.ts';
import { sameJson } from '../values/equal.ts';
import { firstFew } from '../values/first-few.ts';
import { grantKey, type PublicAddressEvents, publicAddressGrants, type WantedAddresses } from './public-addresses.ts';

type Family = 'IPv4' | 'IPv6';

/** For the payloads of the kind. */
export const publicAddressPayloads = {
  /**
   * The pools granted these to the incarnation `uid`. What it does not want any more, or wants since another request, is left out. `lacks`: what is to
   * be said of the slots that have no address.
   */
  AcceptAddresses: Type.Object({
    uid: Type.String(),
    grants: Type.Array(Type.Object({ slot: Type.String(), since: Type.Integer(), ip: Type.String() })),
    lacks: Type.Optional(Type.Object({ reason: Type.String(), message: Type.String() })),
  }),
};
export type PublicAddressActions = DataOf<typeof publicAddressPayloads>;

/** For the facts of the kind. */
export type PublicAddressFacts = {
  /** What it wants; absent: it never wanted any. */
  publicAddresses?: Readonly<{ request: number; network?: string; wanted: WantedAddresses; held: HeldAddresses }>;
};
/** Slot -> address. */
export type HeldAddresses = Readonly<Record<string, string>>;

export type WantsPublicAddresses = KindTypes & { facts: PublicAddressFacts; events: PublicAddressEvents; actions: PublicAddressActions };

type Options<T extends WantsPublicAddresses> = Readonly<{
  context: Context;
  /** Type of the condition that says whether it has all addresses that it wants. Default `AddressesAllocated`. */
  condition?: string;
  /** Writes the addresses that it holds into the status. */
  show: (object: ApiObject<T>, held: HeldAddresses) => ApiObject<T>;
}>;

export type PublicAddressParts<T extends WantsPublicAddresses> = Readonly<{
  /**
   * The facts with which the object wants exactly these slots; none when it does so already. A slot that stays wanted in the same family keeps its address.
   * `network`: see `PublicAddressesRequested.v1`.
   */
  request: (
    before: Readonly<{ object: ApiObject<T>; facts: PublicAddressFacts }>,
    slots: Readonly<Record<string, Family>>,
    network?: string,
  ) => readonly FactOf<T>[];
  actions: Readonly<{ AcceptAddresses: Action<T, T['actions']['AcceptAddresses']> }>;
  evolve: Pick<Evolve<T>, keyof PublicAddressEvents>;
  /** Of the request `wanted`, of an address `publicAddresses`. */
  facets: Pick<Facets<T>, keyof PublicAddressEvents>;
  /** It accepts what is granted, or shows that there is no address and why. */
  loop: Loop;
}>;

export function wantsPublicAddresses<T extends WantsPublicAddresses>(
  kind: KindRef<T>,
  { context, condition: type = 'AddressesAllocated', show }: Options<T>,
): PublicAddressParts<T> {
  const requested = ({ object, facts }: State<T>, { request, network, wanted }: PublicAddressEvents['PublicAddressesRequested.v1']) => {
    const held = heldOf(wanted, facts.publicAddresses ?? NOTHING);
    const publicAddresses = { request, wanted, held, ...(network !== undefined && { network }) };
    return { object: show(object, held), facts: { ...facts, publicAddresses } };
  };
  const taken = ({ object, facts }: State<T>, { slot, ip }: PublicAddressEvents['PublicAddressAccepted.v1']) => {
    const { publicAddresses: before = NOTHING } = facts;
    const held = { ...before.held, [slot]: ip };
    return { object: show(object, held), facts: { ...facts, publicAddresses: { ...before, held } } };
  };
  return {
    request: ({ object, facts: { publicAddresses = NOTHING } }, slots, network) => {
      const request = publicAddresses.request + 1;
      const entries = Object.entries(slots).map(([slot, family]): [string, WantedAddresses[string]] => {
        const before = publicAddresses.wanted[slot];
        return [slot, before?.family === family ? before : { family, since: request }];
      });
      const wanted = Object.fromEntries(entries);
      if (sameJson(wanted, publicAddresses.wanted) && network === publicAddresses.network) return [];
      const asked: TypedFact<PublicAddressEvents> = {
        type: 'PublicAddressesRequested.v1',
        data: { request, wanted, ...(network !== undefined && { network }) },
      };
      const held = heldOf(wanted, publicAddresses);
      const said = entries.length === 0 ? noConditionFacts(object, type) : conditionFacts(object, conditionFor(type, wanted, held));
      return ofKind<T>([asked, ...said]);
    },
    actions: { AcceptAddresses: (before, payload) => ({ outcome: 'accepted', facts: ofKind<T>(acceptedFacts(before, payload, type)) }) },
    evolve: { 'PublicAddressesRequested.v1': requested, 'PublicAddressAccepted.v1': taken },
    facets: { 'PublicAddressesRequested.v1': 'wanted', 'PublicAddressAccepted.v1': 'publicAddresses' },
    loop: loopOver(kind, {
      name: `accept-addresses-${kind.kind}`,
      context,
      provider: 'weft',
      owed: (state, facts) => {
        const answer = answered(state, facts);
        if (answer === undefined) return [];
        const { grants, lacks } = answer;
        const isSaid = sameCondition(conditionOf(state.object, type), lacks);
        if (grants.length === 0 && (lacks === undefined || isSaid)) return [];
        return [act(kind, state.key, 'AcceptAddresses', { uid: state.object.metadata.uid, ...answer })];
      },
    }),
  };
}

const NOTHING: NonNullable<PublicAddressFacts['publicAddresses']> = Object.freeze({ request: 0, wanted: {}, held: {} });

/** Its events and conditions are among the facts of each such kind. */
function ofKind<T extends WantsPublicAddresses>(facts: readonly (TypedFact<PublicAddressEvents> | CommonFact)[]): readonly FactOf<T>[] {
  return facts as readonly FactOf<T>[];
}

/** The addresses of the slots that are still wanted since the same request. */
function heldOf(wanted: WantedAddresses, before: NonNullable<PublicAddressFacts['publicAddresses']>): HeldAddresses {
  return Object.fromEntries(Object.entries(before.held).filter(([slot]) => wanted[slot]?.since === before.wanted[slot]?.since));
}

function missingOf(wanted: WantedAddresses, held: HeldAddresses): readonly string[] {
  return Object.keys(wanted).filter((slot) => held[slot] === undefined);
}

function conditionFor(type: string, wanted: WantedAddresses, held: HeldAddresses): ConditionFact {
  const missing = missingOf(wanted, held);
  if (missing.length === 0) return { type, status: 'True', reason: 'Allocated', message: Object.values(held).join(', ') };
  return { type, status: 'False', reason: 'AddressPending', message: `waits for a public address: ${missing.join(', ')}` };
}

function acceptedFacts<T extends WantsPublicAddresses>(
  { status, object, facts: { publicAddresses = NOTHING } }: Folded<T>,
  { uid, grants, lacks }: PublicAddressActions['AcceptAddresses'],
  type: string,
): readonly (TypedFact<PublicAddressEvents> | CommonFact)[] {
  if (status !== 'live' || object.metadata.uid !== uid) return [];
  const { wanted } = publicAddresses;
  const held: Record<string, string> = { ...publicAddresses.held };
  const facts: TypedFact<PublicAddressEvents>[] = [];
  for (const { slot, since, ip } of grants) {
    if (wanted[slot]?.since !== since || held[slot] !== undefined) continue;
    held[slot] = ip;
    facts.push({ type: 'PublicAddressAccepted.v1', data: { slot, ip } });
  }
  if (Object.keys(wanted).length === 0) return facts;
  const said = conditionFor(type, wanted, held);
  return [...facts, ...conditionFacts(object, said.status === 'False' && lacks !== undefined ? { ...said, ...lacks } : said)];
}

/** What the pools have answered to the slots without an address; undefined when all have one. */
function answered<T extends WantsPublicAddresses>(
  { object, facts: { publicAddresses = NOTHING } }: Folded<T>,
  facts: LoopFacts,
): Omit<PublicAddressActions['AcceptAddresses'], 'uid'> | undefined {
  const { wanted, held } = publicAddresses;
  const missing = missingOf(wanted, held);
  if (missing.length === 0) return undefined;
  const grants: PublicAddressActions['AcceptAddresses']['grants'] = [];
  let lacks: PublicAddressActions['AcceptAddresses']['lacks'];
  for (const slot of missing) {
    const { family, since } = wanted[slot] as WantedAddresses[string];
    const grant = facts.record(publicAddressGrants, grantKey(object.metadata.uid, slot));
    if (grant?.since !== since) continue;
    if (grant.ip !== undefined) grants.push({ slot, since, ip: grant.ip });
    else lacks ??= lackOf(family, slot, grant.pools);
  }
  return { grants, ...(lacks !== undefined && { lacks }) };
}

function lackOf(family: Family, slot: string, pools: readonly string[]): NonNullable<PublicAddressActions['AcceptAddresses']['lacks']> {
  const what = slot === family ? family : `${family} address of ${slot}`;
  if (pools.length === 0) return { reason: 'NoAddressPool', message: `${what}: no AddressPool of this family serves this object` };
  const named = firstFew(pools);
  return { reason: 'AddressPoolExhausted', message: `${what}: all addresses of AddressPool ${named} are in use or rest` };
}

function sameCondition(
  present: Readonly<{ reason: string; message: string }> | undefined,
  lacks: { reason: string; message: string } | undefined,
) {
  return present !== undefined && lacks !== undefined && present.reason === lacks.reason && present.message === lacks.message;
}
