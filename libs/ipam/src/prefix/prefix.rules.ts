/** Rules of a Prefix (resources 2.8 P-1 to P-U1), and of its status where an outside provider writes it (P-S1 to P-S7). */
import {
  type ApiObject,
  type FieldError,
  forbidden,
  holdsRange,
  type IpRange,
  immutable,
  invalid,
  parsePrefix,
  prefixSpecErrors,
  rangeOf,
  rangesOverlap,
  required,
  sameJson,
  specOf,
  statusOf,
} from '@weft/api';
import type { PrefixTypes } from './prefix.types.ts';

type PrefixObject = ApiObject<PrefixTypes>;

export function prefixRules(object: PrefixObject, old?: PrefixObject): FieldError[] {
  const errors: FieldError[] = [];
  const spec = specOf(object);
  if (old !== undefined) {
    const before = withFilled(specOf(old), spec);
    if (!sameJson(before, spec)) errors.push(immutable('spec', before, spec));
  }
  prefixSpecErrors(spec, 'spec', errors);
  return errors;
}

/** The old spec with those values of the new one that may be filled in (P-U1). */
function withFilled(old: PrefixTypes['spec'], { prefix, prefixLength = 0, parentRef }: PrefixTypes['spec']): PrefixTypes['spec'] {
  const isChild = old.parentRef !== undefined || old.parentSelector !== undefined;
  return {
    ...old,
    ...(old.prefix === undefined && prefix !== undefined && { prefix }),
    ...((old.prefixLength ?? 0) === 0 && prefixLength !== 0 && { prefixLength }),
    ...(isChild && old.parentRef === undefined && parentRef !== undefined && { parentRef }),
  };
}

export function prefixStatusRules(object: PrefixObject, old: PrefixObject): FieldError[] {
  const errors: FieldError[] = [];
  const { phase, used = [] } = statusOf(object);
  const { prefix, parentRef, parentSelector } = specOf(object);
  const was = statusOf(old).phase;
  if (was === 'Allocated' && phase !== 'Allocated') errors.push(forbidden('status.phase', 'an allocated prefix stays so'));
  if (phase !== 'Allocated') {
    if (used.length > 0) errors.push(invalid('status.used', used, 'must be empty while the prefix is not allocated'));
    return errors;
  }
  if (was !== 'Allocated') {
    if (prefix === undefined) errors.push(required('spec.prefix', 'an allocated prefix has its range'));
    if (parentSelector !== undefined && parentRef === undefined)
      errors.push(required('spec.parentRef', 'an allocated child has its parent'));
  }
  usedErrors(used, prefix, errors);
  return errors;
}

function usedErrors(used: readonly string[], prefix: string | undefined, errors: FieldError[]): void {
  const ranges = used.map(rangeOfPrefix);
  ranges.forEach((range, i) => {
    if (range === undefined) errors.push(invalid(`status.used[${i}]`, used[i], 'must be a prefix'));
  });
  const known = ranges.filter((range) => range !== undefined);
  if (new Set(known.map(({ family }) => family)).size > 1) errors.push(invalid('status.used', used, 'must be of one family'));
  if (['IPv4', 'IPv6'].some((family) => overlap(known.filter((range) => range.family === family)))) {
    errors.push(invalid('status.used', used, 'ranges must not overlap'));
  }
  const whole = rangeOfPrefix(prefix ?? '');
  if (whole === undefined) return;
  ranges.forEach((range, i) => {
    if (range !== undefined && !holdsRange(whole, range)) errors.push(forbidden(`status.used[${i}]`, `is not in ${prefix}`));
  });
}

/** Undefined when the text is no prefix. */
function rangeOfPrefix(text: string): IpRange | undefined {
  const parsed = parsePrefix(text);
  return parsed && rangeOf(parsed);
}

/** Of ranges in the order of their first addresses, one that overlaps another overlaps the one before it. */
function overlap(ranges: readonly IpRange[]): boolean {
  const sorted = [...ranges].sort((a, b) => (a.first < b.first ? -1 : 1));
  return sorted.some((range, i) => {
    const before = sorted[i - 1];
    return before !== undefined && rangesOverlap(before, range);
  });
}
