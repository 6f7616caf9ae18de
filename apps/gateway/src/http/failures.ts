/** The failures that the HTTP layer itself finds (http-api 13). What an owner refuses arrives as a finished Status. */
import {
  type FieldError,
  failure,
  invalidStatus,
  methodNotAllowed as methodNotAllowedStatus,
  notFound as notFoundStatus,
  requestTooLarge,
  type Status,
  type StatusReason,
  unsupportedMediaType as unsupportedMediaTypeStatus,
} from '@weft/api';
import { StatusError } from './status-error.ts';

export { failure };

type Details = NonNullable<Status['details']>;

const raised = (code: number, reason: StatusReason, message: string, details?: Details, headers?: Record<string, string>) =>
  new StatusError(failure(code, reason, message, details), headers);

export const badRequest = (message: string) => raised(400, 'BadRequest', message);
export const forbidden = (message: string) => raised(403, 'Forbidden', message);
export const noSuchRoute = () => raised(404, 'NotFound', 'the server could not find the requested resource', {});
/** `allowed`: the methods that the path takes, as RFC 9110 wants them named. */
export const methodNotAllowed = (allowed: readonly string[]) => new StatusError(methodNotAllowedStatus(), { allow: allowed.join(', ') });
export const notAcceptable = (types: readonly string[]) =>
  raised(406, 'NotAcceptable', `only the following media types are accepted: ${types.join(', ')}`);
export const expired = (message: string) => raised(410, 'Expired', message);
export const tooLarge = (limitBytes: number) => new StatusError(requestTooLarge(`Request entity too large: limit is ${limitBytes}`));
export const unsupportedMediaType = (types: readonly string[]) => new StatusError(unsupportedMediaTypeStatus(types));
export const unsupportedEncoding = (encoding: string) =>
  raised(415, 'UnsupportedMediaType', `the body of the request has the content encoding "${encoding}"; only gzip is accepted`);
export const internalError = (text: string) =>
  raised(500, 'InternalError', `Internal error occurred: ${text}`, {
    causes: [{ reason: 'UnexpectedServerResponse', field: '', message: text }],
  });
export const unknownChange = (what: string) =>
  raised(
    404,
    'NotFound',
    `no such change: ${what}: name a position of the log, an object that there was, or a correlation that this gateway has seen`,
    {},
  );
export const conflict = (message: string) => raised(409, 'Conflict', message);
export const checkpointNotFound = (name: string) =>
  raised(404, 'NotFound', `checkpoint "${name}" not found`, { name, kind: 'checkpoints' });
export const groupNotFound = (name: string) => raised(404, 'NotFound', `group "${name}" not found`, { name, kind: 'groups' });
export const tooManyRequests = (message: string) =>
  raised(429, 'TooManyRequests', message, { retryAfterSeconds: 1 }, { 'retry-after': '1' });
export const unavailable = (message: string) =>
  raised(503, 'ServiceUnavailable', message, { retryAfterSeconds: 1 }, { 'retry-after': '1' });
export const timeout = (message: string, causes?: readonly FieldError[]) =>
  raised(504, 'Timeout', message, { ...(causes === undefined ? {} : { causes }), retryAfterSeconds: 1 });

/** `when`: where it was looked for, where that is not now. */
export const notFound = (kind: Parameters<typeof notFoundStatus>[0], name: string, when?: string) => {
  const status = notFoundStatus(kind, name);
  return new StatusError(when === undefined ? status : { ...status, message: `${status.message} ${when}` });
};

/** A bad option of a request: 422 with one cause per field. `kind` is the options type: `ListOptions`, `CreateOptions`, … */
export const invalidOptions = (kind: string, causes: readonly FieldError[]) =>
  new StatusError(invalidStatus({ group: 'meta.k8s.io', kind }, '', causes));
