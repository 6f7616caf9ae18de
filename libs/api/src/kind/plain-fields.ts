/**
 * Fields of a spec that nobody in this context decides on, each with an event of its own: `MachineImageChanged.v1 {image}`; a field that was removed
 * is absent from the data.
 */
import type { JsonObject } from '../log/json.ts';
import { sameJson } from '../values/equal.ts';
import type { Fact } from './kind.ts';
import type { ApiObject } from './object.ts';
import { withSpecField } from './object-part.ts';

/** Spec field -> event type. */
export type PlainFields = Readonly<Record<string, string>>;

export function plainFieldFacts(fields: PlainFields, before: ApiObject, after: ApiObject): Fact[] {
  const facts: Fact[] = [];
  for (const field in fields) {
    const value = after.spec?.[field];
    if (sameJson(before.spec?.[field], value)) continue;
    facts.push({ type: fields[field] as string, data: value === undefined ? {} : { [field]: value } });
  }
  return facts;
}

type State = { object: ApiObject; facts: JsonObject };

export function plainFieldEvolve(fields: PlainFields): Record<string, (state: State, data: JsonObject) => State> {
  return Object.fromEntries(
    Object.entries(fields).map(([field, type]) => [
      type,
      ({ object, facts }: State, data: JsonObject) => ({ object: withSpecField(object, field, data[field]), facts }),
    ]),
  );
}
