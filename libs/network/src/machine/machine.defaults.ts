import type { ApiObject } from '@weft/api';

export function machineDefaults(object: ApiObject): ApiObject {
  return object;
}
