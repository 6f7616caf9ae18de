/** What differs between two states of an object, field by field, for people and for other programs. */
import type { JsonObject, JsonValue } from '../log/json.ts';
import { isObject } from '../patch/merge-patch.ts';
import { sameJson } from './equal.ts';

/** `field`: `spec.size`, `status.conditions[Available].status`, `spec.ips[1]`. Absent `before`: it was not there; absent `after`: it is gone. */
export type Difference = Readonly<{ field: string; before?: JsonValue; after?: JsonValue }>;

type Value = JsonValue | undefined;

/** By which field entries of a list are the same entry; else by their place. */
const NAMING_FIELDS = ['name', 'type', 'uid'];

/** In the order of the fields. Entries of lists that come or go, lists of plain values, and what has another form than before, are given as a whole. */
export function differences(before: Value, after: Value): readonly Difference[] {
  return [...between('', before, after)];
}

function* between(field: string, before: Value, after: Value): Generator<Difference> {
  if (before === after || (before !== undefined && after !== undefined && sameJson(before, after))) return;
  const [old = {}, now = {}] = [before, after];
  if (isObject(old) && isObject(now) && Object.keys(old).length + Object.keys(now).length > 0) {
    for (const name of namesIn(old, now)) yield* between(field === '' ? name : `${field}.${name}`, own(old, name), own(now, name));
  } else if (isObjects(before) && isObjects(after)) {
    const [left, right] = entries(before, after);
    for (const name of namesIn(left, right)) {
      const [entry, was, is] = [`${field}[${name}]`, own(left, name), own(right, name)];
      if (was !== undefined && is !== undefined) yield* between(entry, was, is);
      else yield difference(entry, was, is);
    }
  } else yield difference(field, before, after);
}

function difference(field: string, before: Value, after: Value): Difference {
  return { field, ...(before !== undefined && { before }), ...(after !== undefined && { after }) };
}

/** A label may be called `constructor`. */
function own(object: JsonObject, name: string): Value {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

function namesIn(...objects: readonly JsonObject[]): readonly string[] {
  return [...new Set(objects.flatMap((each) => Object.keys(each)))];
}

function entries(before: readonly JsonObject[], after: readonly JsonObject[]): [JsonObject, JsonObject] {
  const naming = NAMING_FIELDS.find((field) => [before, after].every((list) => isNamedBy(field, list)));
  const named = (list: readonly JsonObject[]) =>
    Object.fromEntries(list.map((entry, at) => [naming === undefined ? String(at) : String(entry[naming]), entry]));
  return [named(before), named(after)];
}

function isNamedBy(field: string, list: readonly JsonObject[]): boolean {
  return list.every((entry) => typeof entry[field] === 'string') && new Set(list.map((entry) => entry[field])).size === list.length;
}

function isObjects(value: Value): value is JsonObject[] {
  return Array.isArray(value) && value.every(isObject);
}
