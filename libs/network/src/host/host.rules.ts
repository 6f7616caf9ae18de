import type { ApiObject, FieldError } from '@weft/api';

export function hostRules(_object: ApiObject, _old?: ApiObject): FieldError[] {
  return [];
}
