/** Rules of a Host (resources 2.11). The host index checks that no other host has the address. */
import { type ApiObject, duplicate, type FieldError, invalid, notSupported, required, specOf } from '@weft/api';
import { HOST_ROLES } from './host.model.ts';
import type { HostTypes } from './host.types.ts';

export function hostRules(object: ApiObject<HostTypes>, old?: ApiObject<HostTypes>): FieldError[] {
  const errors: FieldError[] = [];
  const { underlay, roles = [] } = specOf(object);
  // One whose address another host has taken has none, and can be changed all the same.
  const hadNone = old !== undefined && specOf(old).underlay?.ip === undefined;
  if (underlay?.ip === undefined) {
    if (!hadNone) errors.push(required('spec.underlay.ip', 'must specify the address of the host in the underlay'));
  } else if (underlay.ip.includes('%')) errors.push(invalid('spec.underlay.ip', underlay.ip, 'must not have a zone'));
  const seen = new Set<string>();
  roles.forEach((role, i) => {
    if (seen.has(role)) errors.push(duplicate(`spec.roles[${i}]`, role));
    else if (!HOST_ROLES.some((known) => known === role)) errors.push(notSupported(`spec.roles[${i}]`, role, HOST_ROLES));
    seen.add(role);
  });
  return errors;
}
