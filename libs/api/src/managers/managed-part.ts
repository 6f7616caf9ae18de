import type { JsonObject } from '../log/json.ts';

export type Subresource = 'status' | undefined;

/** The fields of the object, or of its status, that managers can own. */
export function managedPart(object: JsonObject, subresource?: Subresource): JsonObject {
  if (subresource === 'status') return object['status'] === undefined ? {} : { status: object['status'] };
  const { status: _, ...part } = object;
  return part;
}
