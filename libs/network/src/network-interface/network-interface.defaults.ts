import type { ApiObject } from '@weft/api';

export function networkInterfaceDefaults(object: ApiObject): ApiObject {
  return object;
}
