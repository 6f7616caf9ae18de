/** Every refusal that an owner gives, in upstream's wording (http-api 13). */
import type { KindModule } from '../kind/kind.ts';
import type { ManagedFields } from '../kind/object.ts';
import { CAUSES_MAX, firstOf, shortened } from './bounded.ts';
import type { CauseReason, FieldError, Status, StatusReason } from './status.ts';

/** Enough of a kind to name it in a message. */
export type KindName = Pick<KindModule, 'group' | 'kind' | 'plural'>;
type Details = NonNullable<Status['details']>;

export function failure(code: number, reason: StatusReason, message: string, details?: Details): Status {
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, ...(details && { details }), code };
}

/** `networks.networking.ironcore.dev`; a core kind has no group to show. */
function resourceText({ group, plural }: KindName): string {
  return group === '' ? plural : `${plural}.${group}`;
}

function detailsOf({ group, plural }: KindName, name: string): Details {
  return { ...(name !== '' && { name }), ...(group !== '' && { group }), kind: plural };
}

export function badRequest(message: string): Status {
  return failure(400, 'BadRequest', message);
}

export function otherName(sent: string, name: string): Status {
  return badRequest(`the name of the object (${sent}) does not match the name on the URL (${name})`);
}

/** The object of the request could not be decoded. `apiVersion` without the group, as upstream words it. */
export function undecodable({ kind, version }: Pick<KindModule, 'kind' | 'version'>, why: string): Status {
  return badRequest(`${kind} in version "${version}" cannot be handled as a ${kind}: ${why}`);
}

export function forbiddenStatus(kind: KindName, name: string, why: string, causes?: readonly FieldError[]): Status {
  const details = { ...detailsOf(kind, name), ...(causes && { causes }) };
  return failure(403, 'Forbidden', `${resourceText(kind)} "${name}" is forbidden: ${why}`, details);
}

export function notFound(kind: KindName, name: string): Status {
  return failure(404, 'NotFound', `${resourceText(kind)} "${name}" not found`, detailsOf(kind, name));
}

export function alreadyExists(kind: KindName, name: string): Status {
  return failure(409, 'AlreadyExists', `${resourceText(kind)} "${name}" already exists`, detailsOf(kind, name));
}

const OBJECT_MODIFIED = 'the object has been modified; please apply your changes to the latest version and try again';

export function conflict(kind: KindName, name: string, why: string = OBJECT_MODIFIED): Status {
  return failure(409, 'Conflict', `Operation cannot be fulfilled on ${resourceText(kind)} "${name}": ${why}`, detailsOf(kind, name));
}

/** An apply that would change what others manage; kubectl prints what to do about it. */
export function applyConflict(conflicts: readonly Readonly<{ manager: ManagedFields; paths: readonly string[] }>[]): Status {
  const causes = conflicts.flatMap(({ manager, paths }) =>
    paths.map((field): FieldError => ({ reason: 'FieldManagerConflict', field, message: `conflict with ${managerText(manager)}` })),
  );
  const [only] = conflicts;
  const text =
    causes.length === 1 && only !== undefined
      ? `1 conflict: conflict with ${managerText(only.manager)}: ${only.paths[0]}`
      : `${causes.length} conflicts: ${conflicts.map(({ manager, paths }) => [`conflicts with ${managerText(manager)}:`, ...firstOf(paths.map((path) => `- ${path}`))].join('\n')).join('\n')}`;
  return failure(409, 'Conflict', `Apply failed with ${text}`, { causes: causes.slice(0, CAUSES_MAX) });
}

function managerText({ manager, operation, apiVersion, subresource }: ManagedFields): string {
  const through = subresource === undefined ? '' : ` with subresource "${subresource}"`;
  return `${JSON.stringify(manager)}${through}${operation === 'Update' ? ` using ${apiVersion}` : ''}`;
}

/** Causes in the order found; the message names each once. */
export function invalidStatus(kind: Pick<KindName, 'group' | 'kind'>, name: string, causes: readonly FieldError[]): Status {
  const parts = [...new Set(causes.map(({ field, message }) => `${field}: ${message}`))];
  const list = firstOf(parts).join(', ');
  const text = parts.length === 1 ? list : `[${list}]`;
  const subject = kind.group === '' ? kind.kind : `${kind.kind}.${kind.group}`;
  const details: Details = {
    name: shortened(name),
    ...(kind.group !== '' && { group: kind.group }),
    kind: kind.kind,
    causes: causes.slice(0, CAUSES_MAX).map((cause) => ({ ...cause, field: shortened(cause.field), message: shortened(cause.message) })),
  };
  return failure(422, 'Invalid', `${subject} "${shortened(name)}" is invalid: ${text}`, details);
}

/** A patch that cannot be applied to what is there: kubectl prints "The request is invalid". */
export function unappliable(why: string): Status {
  const causes: FieldError[] = [{ reason: 'FieldValueInvalid', field: 'patch', message: why }];
  return failure(422, 'Invalid', 'the server rejected our request due to an error in our request', { causes });
}

export function requestTooLarge(message: string): Status {
  return failure(413, 'RequestEntityTooLarge', message);
}

export function unsupportedMediaType(accepted: readonly string[]): Status {
  const list = accepted.join(', ');
  return failure(415, 'UnsupportedMediaType', `the body of the request was in an unknown format - accepted media types include: ${list}`);
}

/** A strategic merge patch, which `kubectl patch` sends unless it is told otherwise, for a kind that says nothing of how its lists merge. */
export function noStrategicMerge(kind: KindName, accepted: readonly string[]): Status {
  const { message = '', ...status } = unsupportedMediaType(accepted);
  return { ...status, message: `${message}; ${resourceText(kind)} take no strategic merge patch: use kubectl patch --type=merge` };
}

export function methodNotAllowed(): Status {
  return failure(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource');
}

/** Of a kind whose objects follow from others. */
export function derivedOnly(kind: KindName): Status {
  const { message = '', ...status } = methodNotAllowed();
  return { ...status, message: `${message}: ${resourceText(kind)} are made from other objects, which are what to change` };
}

export function namespaceNotFound(namespace: string): Status {
  return failure(404, 'NotFound', `namespaces "${namespace}" not found`, { name: namespace, kind: 'namespaces' });
}

export function namespaceTerminating(kind: KindName, name: string, namespace: string): Status {
  const message = `namespace ${namespace} is being terminated`;
  const why = `unable to create new content in namespace ${namespace} because it is being terminated`;
  return forbiddenStatus(kind, name, why, [{ reason: 'NamespaceTerminating', field: 'metadata.namespace', message }]);
}

/** The command cannot be carried out now, for a reason outside of it. Nothing was done. */
export function serverTimeout(kind: KindName, verb: string, why: string): Status {
  const message = `The ${verb} operation against ${resourceText(kind)} could not be completed at this time, please try again: ${why}`;
  return failure(500, 'ServerTimeout', message, { ...detailsOf(kind, ''), retryAfterSeconds: 1 });
}

export function success(kind: KindName, name: string, uid: string): Status {
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details: { ...detailsOf(kind, name), uid }, code: 200 };
}

/** Certainly nothing was done. */
export function serviceUnavailable(why: string): Status {
  return failure(503, 'ServiceUnavailable', `the server is currently unable to handle the request: ${why}`, { retryAfterSeconds: 1 });
}

export function internalError(why: string): Status {
  const cause = { reason: 'UnexpectedServerResponse' satisfies CauseReason, field: '', message: why } as const;
  return failure(500, 'InternalError', `Internal error occurred: ${why}`, { causes: [cause] });
}

/** What was done is not known. */
export function timedOut(why: string): Status {
  return failure(504, 'Timeout', `Timeout: ${why}`);
}

export function unknownKind(name: string): Status {
  return failure(404, 'NotFound', `the server could not find the requested resource: nothing owns ${name}`);
}
