import type { ApiObject, FieldError } from '@weft/api';

export function networkRules(_object: ApiObject, _old?: ApiObject): FieldError[] {
  return [];
}
