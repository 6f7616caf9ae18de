import type { ApiObject, FieldError } from '@weft/api';

export function namespaceRules(_object: ApiObject, _old?: ApiObject): FieldError[] {
  return [];
}
