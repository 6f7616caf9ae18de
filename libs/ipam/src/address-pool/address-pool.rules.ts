/** Rules of an AddressPool (resources 2.11). That it overlaps with no other pool, and keeps what is held, is decided by `public-addresses.ts`. */
import {
  type ApiObject,
  type FieldError,
  type IpPrefix,
  invalid,
  labelSelectorErrors,
  parsePrefix,
  rangeOf,
  rangesOverlap,
  required,
  specOf,
} from '@weft/api';
import type { AddressPoolTypes } from './address-pool.types.ts';
import { overlapAmong, rangeOfText } from './address-ranges.ts';

/**
 * Addresses that no single host can have (RFC 6890; multicast: RFC 5771, RFC 4291), or that are not for others. Those of 240.0.0.0/4, reserved as they are,
 * kernels forward; private ranges and those of documentation are a pool's as any other.
 */
const NOT_PUBLIC = (
  [
    ['0.0.0.0/8', 'stands for "this network" (RFC 6890)'],
    ['127.0.0.0/8', 'is for loopback (RFC 6890)'],
    ['169.254.0.0/16', 'is link-local (RFC 6890)'],
    ['224.0.0.0/4', 'is for multicast (RFC 5771)'],
    ['255.255.255.255/32', 'is the limited broadcast address (RFC 6890)'],
    ['::/128', 'is the unspecified address (RFC 6890)'],
    ['::1/128', 'is the loopback address (RFC 6890)'],
    ['::ffff:0:0/96', 'is for IPv4-mapped addresses, which are never sent (RFC 6890)'],
    ['fe80::/10', 'is link-local (RFC 6890)'],
    ['ff00::/8', 'is for multicast (RFC 4291)'],
  ] as const
).map(([prefix, is]) => ({ range: rangeOfText(prefix), problem: `must not overlap ${prefix}, which ${is}` }));

/** Prefixes that the pool has already are not asked about again: older versions took any. */
export function addressPoolRules(object: ApiObject<AddressPoolTypes>, old?: ApiObject<AddressPoolTypes>): FieldError[] {
  const errors: FieldError[] = [];
  const { prefixes = [], excludes = [], networkSelector } = specOf(object);
  const has = new Set(old && specOf(old).prefixes);
  if (prefixes.length === 0) errors.push(required('spec.prefixes', 'a pool has one prefix at least'));
  const bad = [
    ...prefixErrors(prefixes, 'spec.prefixes', (prefix, text) => (has.has(text) ? undefined : publicProblem(prefix))),
    ...prefixErrors(excludes, 'spec.excludes'),
  ];
  errors.push(...bad);
  const overlap = bad.length > 0 ? undefined : overlapAmong(prefixes);
  if (overlap !== undefined) {
    const [later, earlier] = overlap;
    errors.push(invalid(`spec.prefixes[${later}]`, prefixes[later], `overlaps with ${prefixes[earlier]}`));
  }
  if (networkSelector !== undefined) labelSelectorErrors(networkSelector, 'spec.networkSelector', errors);
  return errors;
}

function publicProblem(prefix: IpPrefix): string | undefined {
  const range = rangeOf(prefix);
  return NOT_PUBLIC.find((each) => rangesOverlap(each.range, range))?.problem;
}

function prefixErrors(
  prefixes: readonly string[],
  path: string,
  problemOf: (prefix: IpPrefix, text: string) => string | undefined = () => undefined,
): readonly FieldError[] {
  return prefixes.flatMap((text, i) => {
    const prefix = parsePrefix(text);
    const problem = prefix === undefined ? 'must be a prefix' : problemOf(prefix, text);
    return problem === undefined ? [] : [invalid(`${path}[${i}]`, text, problem)];
  });
}
