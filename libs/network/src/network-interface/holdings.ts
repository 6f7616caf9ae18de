/**
 * What an interface holds in the address book of its Network: the literals of `spec.ips`, addresses of Prefixes that were made for it, and the ranges of
 * `spec.prefixes`. Literals are claimed by the command that names them, which is refused when somebody else has one. The others come later, by a loop,
 * and wait until they are free; so do the literals of an inline template, since nobody is there to be refused (ADR 30).
 *
 * Two interfaces never hold the same range. One range may lie in another one: the longest that holds an address decides, as with all routes.
 */
import type { ApiObject, ConditionFact, PrefixLack } from '@weft/api';
import { bookName } from '../address-book/address-book.ts';
import type { Taken } from '../address-book/taken.ts';
import type { NetworkInterfaceSpec } from './network-interface.model.ts';
import type { NicTypes, Places } from './network-interface.types.ts';

type Spec = Pick<NetworkInterfaceSpec, 'ips' | 'prefixes'>;
type Has = Readonly<Pick<NicTypes['facts'], 'ofPrefixes' | 'ranges' | 'contested'>>;

export const NOTHING: Places = Object.freeze({});

/** Conditions of what comes from Prefixes, and of ranges. The last one is of older versions, and is removed where it is found. */
export const PREFIX_CONDITIONS = ['AddressesAllocated', 'PrefixesAllocated', 'PrefixesRouted'] as const;
export type PrefixCondition = ConditionFact & Readonly<{ type: (typeof PREFIX_CONDITIONS)[number] }>;

export function usesPrefixes({ ips = [], prefixes = [] }: Spec): boolean {
  return prefixes.length > 0 || ips.some(({ ephemeral }) => ephemeral !== undefined);
}

/** Why an interface does not get an address or a range that it should have. */
export function obstacle(value: string, { nic, balancer, leaves, resting }: Taken): PrefixLack | undefined {
  if (nic !== undefined) return { reason: 'AddressInUse', message: `${value} is held by NetworkInterface "${nic}"` };
  if (balancer !== undefined && leaves !== true)
    return { reason: 'AddressInUse', message: `${value} is held by LoadBalancer "${balancer.name}"` };
  if (resting === undefined && leaves !== true) return undefined;
  return { reason: 'AddressResting', message: `hosts have yet to remove the former holder of ${value}` };
}

/** Literal addresses with their paths. */
export function literalsOf({ spec }: Pick<ApiObject<NicTypes>, 'spec'>): Readonly<{ ips: readonly string[]; fields: readonly string[] }> {
  const ips: string[] = [];
  const fields: string[] = [];
  (spec?.ips ?? []).forEach(({ value }, i) => {
    if (value === undefined) return;
    ips.push(value);
    fields.push(`spec.ips[${i}].value`);
  });
  return { ips, fields };
}

/** Those of `places` that are still filled by a Prefix. */
export function ofPrefixesIn({ ips = [] }: Spec, places: Places): Places {
  return placesWhere(places, (i) => ips[i]?.ephemeral !== undefined && ips[i]?.value === undefined);
}

/** Those of `places` that the spec still asks for: the same literal, or a Prefix. */
export function rangesIn({ prefixes = [] }: Spec, places: Places): Places {
  return placesWhere(places, (i, range) =>
    prefixes[i]?.ephemeral !== undefined ? prefixes[i]?.value === undefined : prefixes[i]?.value === range,
  );
}

export function placesWhere(places: Places, test: (place: number, value: string) => boolean): Places {
  return Object.fromEntries(Object.entries(places).filter(([place, value]) => test(Number(place), value)));
}

/** Addresses in effect, in the order of the spec: what somebody else has is none of them. */
export function ipsOf({ ips = [] }: Spec, { ofPrefixes = NOTHING, contested = NOBODY }: Has): string[] {
  const inEffect: string[] = [];
  for (const [i, { value }] of ips.entries()) {
    const address = value ?? ofPrefixes[i];
    const isContested = contested !== NOBODY && value !== undefined && contested[bookName(value)] !== undefined;
    if (address !== undefined && !isContested) inEffect.push(address);
  }
  return inEffect;
}

/** What others have of what an interface asks for: nothing, nearly always. To look up a name in it is not worth the time. */
export const NOBODY: NonNullable<Has['contested']> = Object.freeze({});

/** The names of all that it holds, each once. */
export function heldNames(spec: Spec, has: Has): ReadonlySet<string> {
  return new Set([...ipsOf(spec, has), ...Object.values(has.ranges ?? NOTHING)].map(bookName));
}
