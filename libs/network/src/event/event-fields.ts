/** An event's own fields: what is beside its metadata. */
import type { ApiObject, JsonObject } from '@weft/api';
import type { EventFields } from './event.model.ts';

export function eventFieldsOf(object: ApiObject): EventFields {
  return ownMembers(object) as EventFields;
}

export function ownMembers({ apiVersion: _a, kind: _k, metadata: _m, spec: _s, status: _t, ...fields }: ApiObject): JsonObject {
  return fields as JsonObject;
}
