import type { ApiObject } from '@weft/api';

export function namespaceDefaults(object: ApiObject): ApiObject {
  return object;
}
