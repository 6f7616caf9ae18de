/**
 * Fields of a spec that nobody in this context decides on, each with an event of its own: `MachineImageChanged.v1 {image}`; a field that was removed
 * is absent from the data.
 */
import type { ApiObject, Fact, JsonObject, JsonValue } from '@weft/api';
import { sameJson } from '@weft/api';

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

export function withSpecField(object: ApiObject, field: string, value: JsonValue | undefined): ApiObject {
  const { [field]: _, ...rest } = object.spec ?? {};
  const spec = value === undefined ? rest : { ...object.spec, [field]: value };
  return { ...object, spec };
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

export function withStatus(object: ApiObject, status: JsonObject): ApiObject {
  return { ...object, status: { ...object.status, ...status } };
}

export function withoutStatusField(object: ApiObject, field: string): ApiObject {
  const { [field]: _, ...rest } = object.status ?? {};
  return { ...object, status: rest };
}
