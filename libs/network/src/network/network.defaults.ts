import type { ApiObject } from '@weft/api';

export function networkDefaults(object: ApiObject): ApiObject {
  return object;
}
