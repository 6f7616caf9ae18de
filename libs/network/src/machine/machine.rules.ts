import type { ApiObject, FieldError } from '@weft/api';

export function machineRules(_object: ApiObject, _old?: ApiObject): FieldError[] {
  return [];
}
