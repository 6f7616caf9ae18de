/** Kubernetes `Status`: every refusal and fault that a caller sees (http-api section 13). */
import type { JsonValue } from '../log/json.ts';

export type CauseReason =
  | 'FieldValueRequired'
  | 'FieldValueInvalid'
  | 'FieldValueNotSupported'
  | 'FieldValueDuplicate'
  | 'FieldValueForbidden'
  | 'FieldValueTooLong'
  | 'FieldValueTooMany'
  | 'FieldValueTypeInvalid'
  | 'FieldManagerConflict'
  | 'NamespaceTerminating'
  | 'ResourceVersionTooLarge'
  | 'UnexpectedServerResponse';

/** One violated rule. `field` is a path as `spec.ips[0].value`; `message` is kind text, bad value and detail. */
export type FieldError = Readonly<{ reason: CauseReason; field: string; message: string }>;

export type StatusReason =
  | 'BadRequest'
  | 'Unauthorized'
  | 'Forbidden'
  | 'NotFound'
  | 'MethodNotAllowed'
  | 'NotAcceptable'
  | 'AlreadyExists'
  | 'Conflict'
  | 'Expired'
  | 'RequestEntityTooLarge'
  | 'UnsupportedMediaType'
  | 'Invalid'
  | 'TooManyRequests'
  | 'InternalError'
  | 'ServerTimeout'
  | 'ServiceUnavailable'
  | 'Timeout';

export type Status = Readonly<{
  kind: 'Status';
  apiVersion: 'v1';
  metadata: Readonly<Record<string, JsonValue>>;
  status: 'Success' | 'Failure';
  message?: string;
  reason?: StatusReason;
  code: number;
  details?: Readonly<{
    name?: string;
    group?: string;
    kind?: string;
    uid?: string;
    causes?: readonly FieldError[];
    retryAfterSeconds?: number;
  }>;
}>;
