/** Spec and status of an object as the classes that its kind's model decoded them to; an absent part is empty. */
import type { ApiObject, JsonObject } from '@weft/api';

const NOTHING: JsonObject = Object.freeze({});

export function specOf<Spec extends object>(object: ApiObject): Spec {
  return (object.spec ?? NOTHING) as Spec;
}

export function statusOf<Status extends object>(object: ApiObject): Status {
  return (object.status ?? NOTHING) as Status;
}
