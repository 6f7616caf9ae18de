/** Rules of a PrefixAllocation (resources 2.9 A-1 to A-U1), and of its status where an outside provider writes it (A-S1 to A-S6). */
import {
  type ApiObject,
  type FieldError,
  forbidden,
  immutable,
  invalid,
  ipFamilyErrors,
  labelSelectorErrors,
  parsePrefix,
  prefixErrors,
  prefixLengthErrors,
  referenceErrors,
  required,
  sameJson,
  specOf,
  statusOf,
} from '@weft/api';
import { answers, requestOf } from '../prefix/range-request.ts';
import type { PrefixAllocationTypes } from './prefix-allocation.types.ts';

type AllocationObject = ApiObject<PrefixAllocationTypes>;

export function prefixAllocationRules(object: AllocationObject, old?: AllocationObject): FieldError[] {
  const errors: FieldError[] = [];
  const spec = specOf(object);
  if (old !== undefined) {
    const before = specOf(old);
    const filled = before.prefixRef === undefined && spec.prefixRef !== undefined ? { ...before, prefixRef: spec.prefixRef } : before;
    if (!sameJson(filled, spec)) errors.push(immutable('spec', filled, spec));
  }
  const { ipFamily, prefix, prefixLength = 0, prefixRef, prefixSelector } = spec;
  ipFamilyErrors(ipFamily, 'spec.ipFamily', errors);
  if (prefix !== undefined) prefixErrors(ipFamily, prefix, 'spec.prefix', errors);
  if (prefixLength !== 0) prefixLengthErrors(ipFamily, prefixLength, 'spec.prefixLength', errors);
  if (prefix !== undefined && prefixLength > 0) errors.push(forbidden('spec.prefixLength', 'must not be given together with prefix'));
  if (prefix === undefined && prefixLength <= 0) errors.push(invalid('spec', spec, 'must specify either prefix or prefixLength'));
  if (prefixRef === undefined && prefixSelector === undefined) {
    errors.push(invalid('spec', spec, 'must specify either prefixRef or prefixSelector'));
  }
  if (prefixRef !== undefined) referenceErrors(prefixRef, 'spec.prefixRef.name', 'must specify the name of the prefix', errors);
  if (prefixSelector !== undefined) labelSelectorErrors(prefixSelector, 'spec.prefixSelector', errors);
  return errors;
}

export function prefixAllocationStatusRules(object: AllocationObject, old: AllocationObject): FieldError[] {
  const errors: FieldError[] = [];
  const { phase, prefix } = statusOf(object);
  const was = statusOf(old).phase;
  if ((was === 'Allocated' || was === 'Failed') && phase !== was) errors.push(forbidden('status.phase', `${was} is final`));
  if (phase === 'Allocated' && prefix === undefined) errors.push(required('status.prefix', 'an allocated request has its range'));
  if (prefix === undefined) return errors;
  const { ipFamily, prefixRef, ...spec } = specOf(object);
  const request = requestOf(spec);
  if (phase !== 'Allocated') errors.push(forbidden('status.prefix', 'must not be given while the request is not allocated'));
  if (ipFamily !== undefined && parsePrefix(prefix)?.family !== ipFamily)
    errors.push(invalid('status.prefix', prefix, `is not of family ${ipFamily}`));
  if (request !== undefined && !answers(prefix, request)) errors.push(forbidden('status.prefix', `is not what is asked for: ${request}`));
  if (prefixRef === undefined) errors.push(forbidden('status.prefix', 'must not be given before spec.prefixRef'));
  return errors;
}
