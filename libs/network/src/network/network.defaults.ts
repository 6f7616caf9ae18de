import type { ApiObject } from '@weft/api';

/** A Network has no defaults (resources 2.1). */
export function networkDefaults(object: ApiObject): ApiObject {
  return object;
}
