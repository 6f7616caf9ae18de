import type { ApiObject, JsonObject } from '@weft/api';
import type { HostSpec } from './host.model.ts';

/** A host carries interfaces and takes new ones unless it says otherwise (resources 2.11). */
export function hostDefaults(object: ApiObject): ApiObject {
  const spec = (object.spec ?? {}) as HostSpec;
  const roles = spec.roles?.length ? spec.roles : ['Compute'];
  if (roles === spec.roles && spec.unschedulable !== undefined) return object;
  return { ...object, spec: { ...(spec as JsonObject), roles, unschedulable: spec.unschedulable ?? false } };
}
