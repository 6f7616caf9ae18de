import type { FieldError } from '../status/status.ts';

/** `FieldValueRequired` at `spec.x` is `Required spec.x`. */
export function causeText({ reason, field }: FieldError): string {
  return `${reason.replace('FieldValue', '')} ${field}`;
}
