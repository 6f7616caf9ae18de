/** Rules of a VirtualIP (resources 2.3 V-1 to V-5, V-U1). */
import { type ApiObject, type FieldError, immutable, specOf, virtualIpSpecErrors } from '@weft/api';
import type { VirtualIpTypes } from './virtual-ip.types.ts';

export function virtualIpRules(object: ApiObject<VirtualIpTypes>, old?: ApiObject<VirtualIpTypes>): FieldError[] {
  const errors: FieldError[] = [];
  const spec = specOf(object);
  const before = old === undefined ? spec : specOf(old);
  // The error has the path of the whole spec, as upstream.
  if (before.type !== spec.type || before.ipFamily !== spec.ipFamily) {
    errors.push(immutable('spec', { type: before.type, ipFamily: before.ipFamily }, { type: spec.type, ipFamily: spec.ipFamily }));
  }
  virtualIpSpecErrors(spec, 'spec', errors);
  return errors;
}
