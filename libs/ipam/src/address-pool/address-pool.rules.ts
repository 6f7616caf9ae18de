/** Rules of an AddressPool (resources 2.11). That it overlaps with no other pool, and keeps what is held, is decided by `public-addresses.ts`. */
import { type ApiObject, type FieldError, invalid, labelSelectorErrors, parsePrefix, required, specOf } from '@weft/api';
import type { AddressPoolTypes } from './address-pool.types.ts';
import { overlapAmong } from './address-ranges.ts';

export function addressPoolRules(object: ApiObject<AddressPoolTypes>): FieldError[] {
  const errors: FieldError[] = [];
  const { prefixes = [], excludes = [], networkSelector } = specOf(object);
  if (prefixes.length === 0) errors.push(required('spec.prefixes', 'a pool has one prefix at least'));
  const bad = [...prefixErrors(prefixes, 'spec.prefixes'), ...prefixErrors(excludes, 'spec.excludes')];
  errors.push(...bad);
  const overlap = bad.length > 0 ? undefined : overlapAmong(prefixes);
  if (overlap !== undefined) {
    const [later, earlier] = overlap;
    errors.push(invalid(`spec.prefixes[${later}]`, prefixes[later], `overlaps with ${prefixes[earlier]}`));
  }
  if (networkSelector !== undefined) labelSelectorErrors(networkSelector, 'spec.networkSelector', errors);
  return errors;
}

function prefixErrors(prefixes: readonly string[], path: string): readonly FieldError[] {
  return prefixes.flatMap((text, i) => (parsePrefix(text) === undefined ? [invalid(`${path}[${i}]`, text, 'must be a prefix')] : []));
}
