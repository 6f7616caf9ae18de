/** Spec and status of an object as the classes that its kind's model decoded them to; an absent part is empty. */
import type { JsonObject, JsonValue } from '../log/json.ts';
import type { ApiObject } from './object.ts';

const NOTHING: JsonObject = Object.freeze({});

export function specOf<Spec extends object>(object: ApiObject): Spec {
  return (object.spec ?? NOTHING) as Spec;
}

export function statusOf<Status extends object>(object: ApiObject): Status {
  return (object.status ?? NOTHING) as Status;
}

export function withSpecField(object: ApiObject, field: string, value: JsonValue | undefined): ApiObject {
  const { [field]: _, ...rest } = object.spec ?? {};
  const spec = value === undefined ? rest : { ...object.spec, [field]: value };
  return { ...object, spec };
}

export function withStatus(object: ApiObject, status: JsonObject): ApiObject {
  return { ...object, status: { ...object.status, ...status } };
}

export function withoutStatusField(object: ApiObject, field: string): ApiObject {
  const { [field]: _, ...rest } = object.status ?? {};
  return { ...object, status: rest };
}
