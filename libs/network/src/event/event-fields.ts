/** An event's own fields, which stand beside its metadata. */
import { type ApiObject, type Decoded, decode, type JsonObject } from '@weft/api';
import { EventFields } from './event.model.ts';

export type DecodedEvent = Readonly<{ fields: EventFields; errors: readonly string[] }>;

/** Fields of another shape are left out and listed as errors. */
export function decodeEvent(object: ApiObject): DecodedEvent {
  const into: Decoded = { unknown: [], errors: [], items: 0 };
  const fields: EventFields = decode(EventFields, ownMembers(object), '', into);
  return { fields, errors: into.errors };
}

export function eventFieldsOf(object: ApiObject): EventFields {
  return decodeEvent(object).fields;
}

function ownMembers({ apiVersion: _a, kind: _k, metadata: _m, spec: _s, status: _t, ...fields }: ApiObject): JsonObject {
  return fields as JsonObject;
}
