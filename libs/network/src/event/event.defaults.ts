import type { ApiObject } from '@weft/api';

export function eventDefaults(object: ApiObject): ApiObject {
  return object;
}
