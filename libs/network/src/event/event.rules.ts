import type { ApiObject, FieldError } from '@weft/api';

export function eventRules(_object: ApiObject, _old?: ApiObject): FieldError[] {
  return [];
}
