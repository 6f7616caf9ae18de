import { type ApiObject, specOf } from '@weft/api';
import type { HostTypes } from './host.types.ts';

/** A host carries interfaces and takes new ones unless it says otherwise (resources 2.11). */
export function hostDefaults(object: ApiObject<HostTypes>): ApiObject<HostTypes> {
  const spec = specOf(object);
  const roles = spec.roles?.length ? spec.roles : ['Compute'];
  if (roles === spec.roles && spec.unschedulable !== undefined) return object;
  return { ...object, spec: { ...spec, roles, unschedulable: spec.unschedulable ?? false } };
}
