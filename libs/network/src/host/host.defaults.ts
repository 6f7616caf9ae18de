import type { ApiObject } from '@weft/api';

export function hostDefaults(object: ApiObject): ApiObject {
  return object;
}
