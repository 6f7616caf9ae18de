import type { ApiObject, FieldError } from '@weft/api';

export function networkInterfaceRules(_object: ApiObject, _old?: ApiObject): FieldError[] {
  return [];
}
