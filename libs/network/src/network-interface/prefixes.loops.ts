/**
 * An interface takes the addresses and ranges of Prefixes that were made for it, and the ranges that it names itself, or says what it waits for
 * (resources 3.6, 3.13). One that was made from an inline template waits for its own addresses too. Only those that have or want any are looked at.
 *
 *   Prefix Allocated and its own ─> TakeAddresses ─> claimed in the address book ─> in the status
 *                                        └─ another interface has it ─> noted; tried again when that one gives it up
 *   Prefix gone, or another range ─> TakeAddresses ─> given back
 */
import {
  act,
  addressOfChild,
  type ConditionFact,
  conditionOf,
  familyOfIp,
  firstFew,
  isDeleting,
  type Loop,
  type LoopFacts,
  loopOverIndex,
  type NameIn,
  nameFrom,
  type PrefixLack,
  rangeOfChild,
  sameJson,
  specOf,
  type View,
} from '@weft/api';
import { bookName } from '../address-book/address-book.ts';
import { balancerHas, isTaken } from '../address-book/balancer-grants.ts';
import type { Taken } from '../address-book/taken.ts';
import { heldNames, NOTHING, obstacle, PREFIX_CONDITIONS } from './holdings.ts';
import { NetworkInterface, type NicTypes, type Places } from './network-interface.types.ts';

/** Of each item of a list: its literal; '' for a Prefix. */
type Sources = readonly string[];
type Wants = Readonly<{
  uid: string;
  network: string;
  families: readonly string[];
  ips: Sources;
  prefixes: Sources;
  held: readonly string[];
  ofPrefixes: Places;
  ranges: Places;
  contested: Readonly<Record<string, Taken>>;
  /** By type: what is said, as one text. */
  said: Readonly<Record<string, string>>;
}>;

const wantsOfNic: View<NicTypes, Wants> = {
  kind: NetworkInterface,
  name: 'wants-of-prefixes',
  facets: () => ['created', 'deletion', 'spec.ips', 'spec.prefixes', 'addresses', 'prefixes', 'contested', 'conditions'],
  of: (nic) => {
    if (isDeleting(nic)) return undefined;
    const { object, facts } = nic;
    const { networkRef, ipFamilies = [], ips = [], prefixes = [] } = specOf(object);
    const { ofPrefixes = NOTHING, ranges = NOTHING, contested = {} } = facts;
    return {
      uid: object.metadata.uid,
      network: networkRef?.name ?? '',
      families: ipFamilies,
      ips: ips.map(({ value = '' }) => value),
      prefixes: prefixes.map(({ value = '' }) => value),
      held: [...heldNames(specOf(object), facts)],
      ofPrefixes,
      ranges,
      contested,
      said: Object.fromEntries(
        PREFIX_CONDITIONS.flatMap((type) => {
          const condition = conditionOf(object, type);
          return condition === undefined ? [] : [[type, textOf(condition)]];
        }),
      ),
    };
  },
};

const textOf = ({ status, reason, message }: Pick<ConditionFact, 'status' | 'reason' | 'message'>) => `${status} ${reason} ${message}`;

/** What an interface can have, place by place, and why it cannot have the rest. */
class Taking {
  readonly waits: string[] = [];
  readonly #nic: NameIn;
  readonly #wants: Wants;
  readonly #held: ReadonlySet<string>;
  readonly #facts: LoopFacts;

  constructor(nic: NameIn, wants: Wants, facts: LoopFacts) {
    this.#nic = nic;
    this.#wants = wants;
    this.#held = new Set(wants.held);
    this.#facts = facts;
  }

  addresses(lacks: PrefixLack[]): Places {
    const { uid, ips, families } = this.#wants;
    return this.#places(ips, lacks, (literal, place) => {
      if (literal !== '') return this.#obstacle(literal);
      const seen = addressOfChild(this.#child(String(place)), uid, this.#facts);
      if ('reason' in seen || familyOfIp(seen.ip) === families[place]) return seen;
      return {
        reason: 'PrefixOfOtherFamily',
        message: `Prefix "${this.#nic.name}-${place}" has ${seen.ip}, which is not ${families[place]}`,
      };
    });
  }

  ranges(lacks: PrefixLack[]): Places {
    const { uid, prefixes } = this.#wants;
    return this.#places(prefixes, lacks, (literal, place) => {
      if (literal !== '') return { ip: literal };
      const seen = rangeOfChild(this.#child(`pf-${place}`), uid, this.#facts);
      return 'reason' in seen ? seen : { ip: seen.range };
    });
  }

  #places(
    sources: Sources,
    lacks: PrefixLack[],
    sourceOf: (literal: string, place: number) => Readonly<{ ip: string }> | PrefixLack | undefined,
  ): Places {
    const places: Record<string, string> = {};
    for (const [place, literal] of sources.entries()) {
      const source = sourceOf(literal, place);
      if (source === undefined) continue;
      const lack = 'reason' in source ? source : this.#obstacle(source.ip);
      if (lack !== undefined) lacks.push(lack);
      else if ('ip' in source) places[place] = source.ip;
    }
    return places;
  }

  #child(suffix: string): NameIn {
    return { ...this.#nic, name: `${this.#nic.name}-${suffix}` };
  }

  /** Why it cannot have an address or a range that is meant for it, as far as it knows. */
  #obstacle(value: string): PrefixLack | undefined {
    const name = bookName(value);
    const { network, contested } = this.#wants;
    const taken = contested[name];
    if (taken === undefined || this.#held.has(name)) return undefined;
    if (!isTaken(name, taken, { namespace: this.#nic.namespace ?? '', network }, this.#facts)) return undefined;
    this.waits.push(name);
    const { leaves: _, ...by } = taken;
    const leaves = by.balancer !== undefined && balancerHas(name, by.balancer.uid, this.#facts) === 'leaves';
    return obstacle(value, leaves ? { ...by, leaves } : by);
  }
}

function conditionsOf(wants: Wants, ips: Places, missingIps: readonly PrefixLack[], ranges: Places, missingRanges: readonly PrefixLack[]) {
  const conditions: ConditionFact[] = [];
  if (wants.ips.includes('') || missingIps.length > 0)
    conditions.push(allocated('AddressesAllocated', firstFew(Object.values(ips)), missingIps));
  if (wants.prefixes.length > 0) conditions.push(allocated('PrefixesAllocated', firstFew(Object.values(ranges)), missingRanges));
  return conditions;
}

function allocated(type: (typeof PREFIX_CONDITIONS)[number], has: string, [first, ...others]: readonly PrefixLack[]): ConditionFact {
  if (first === undefined) return { type, status: 'True', reason: 'Allocated', message: has };
  const more = others.length === 0 ? '' : `; ${others.length} more ${others.length === 1 ? 'is' : 'are'} missing`;
  return { type, status: 'False', reason: first.reason, message: `${first.message}${more}` };
}

export const takeAddresses: Loop = loopOverIndex(NetworkInterface, 'fromPrefixes', {
  name: 'take-addresses',
  context: 'network',
  provider: 'weft',
  owed: (key, facts) => {
    const nic = nameFrom(key);
    const wants = facts.see(wantsOfNic, nic);
    if (wants === undefined) return [];
    const taking = new Taking(nic, wants, facts);
    const missingIps: PrefixLack[] = [];
    const missingRanges: PrefixLack[] = [];
    const ofPrefixes = taking.addresses(missingIps);
    const ranges = taking.ranges(missingRanges);
    const { waits } = taking;
    const conditions = conditionsOf(wants, ofPrefixes, missingIps, ranges, missingRanges);
    const said = Object.fromEntries(conditions.map((condition) => [condition.type, textOf(condition)]));
    const isSettled =
      sameJson(ofPrefixes, wants.ofPrefixes) &&
      sameJson(ranges, wants.ranges) &&
      sameJson(said, wants.said) &&
      Object.keys(wants.contested).length === new Set(waits).size;
    return isSettled ? [] : [act(NetworkInterface, nic, 'TakeAddresses', { uid: wants.uid, ofPrefixes, ranges, waits, conditions })];
  },
});
