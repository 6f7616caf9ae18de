/**
 * Requests as commands, replies as answers. Decodes and checks what can be said from the request alone; the owner decides (DESIGN 9.6).
 */
import {
  apiVersionOf,
  invalid,
  invalidStatus,
  type JsonObject,
  type KindModule,
  namespaceNotFound,
  type Status,
  type WriteOptions,
} from '@weft/api';
import { badRequest, notFound } from '../http/failures.ts';
import { StatusError } from '../http/status-error.ts';
import type { Target } from './target.ts';

/** The body of a create or update, with what the URL says filled in. Throws 400 where the two disagree. */
export function addressed(body: JsonObject, kind: KindModule, namespace: string | undefined, name?: string): JsonObject {
  const apiVersion = apiVersionOf(kind);
  const { apiVersion: givenVersion = apiVersion, kind: givenKind = kind.kind } = body;
  if (givenVersion !== apiVersion && givenVersion !== '')
    throw badRequest(`the API version in the data (${String(givenVersion)}) does not match the expected API version (${apiVersion})`);
  if (givenKind !== kind.kind && givenKind !== '')
    throw badRequest(`${String(givenKind)} in version "${kind.version}" cannot be handled as a ${kind.kind}`);

  const given = body['metadata'] ?? {};
  if (typeof given !== 'object' || given === null || Array.isArray(given)) throw badRequest('metadata must be an object');
  const metadata: JsonObject = { ...given };
  const { namespace: givenNamespace = '', name: givenName = '' } = metadata;
  if (namespace !== undefined) {
    if (givenNamespace !== '' && givenNamespace !== null && givenNamespace !== namespace)
      throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
    metadata['namespace'] = namespace;
  } else if (givenNamespace !== '' && givenNamespace !== null) {
    throw badRequest(`namespace may not be set: ${kind.plural} do not live in a namespace`);
  }
  if (name !== undefined) {
    if (givenName !== '' && givenName !== null && givenName !== name)
      throw badRequest(`the name of the object (${String(givenName)}) does not match the name on the URL (${name})`);
    metadata['name'] = name;
  }
  return { ...body, apiVersion, kind: kind.kind, metadata };
}

/** The answer to a deletion that ended the object. */
export function deletedStatus(kind: KindModule, object: JsonObject | undefined, name: string): JsonObject {
  const metadata = object?.['metadata'] as { uid?: string } | undefined;
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    details: {
      name,
      ...(kind.group === '' ? {} : { group: kind.group }),
      kind: kind.plural,
      ...(metadata?.uid === undefined ? {} : { uid: metadata.uid }),
    },
  };
}

/** Clients take only so many bytes of headers; upstream stops here, too. */
const WARNING_CHARACTERS_MAX = 4_096;

/** Values of `Warning` headers; what no header may hold is replaced. */
export function warningHeaders(warnings: readonly string[]): string[] {
  const shown: string[] = [];
  let characters = 0;
  for (const text of warnings) {
    characters += text.length;
    if (characters > WARNING_CHARACTERS_MAX) {
      shown.push('more warnings are left out');
      break;
    }
    shown.push(text);
  }
  return shown.map((text) => `299 - "${text.replace(/[^\x20-\x7e]/g, '?').replace(/["\\]/g, '\\$&')}"`);
}

/** What to warn of when keys of the body are repeated; throws what `refuse` says under Strict (http-api 7). */
export function warningsOfRepeated(
  paths: readonly string[],
  { fieldValidation = 'Warn' }: WriteOptions,
  refuse: (why: string) => Status,
): readonly string[] {
  const warnings = paths.map((path) => `duplicate field "${path}"`);
  if (warnings.length > 0 && fieldValidation === 'Strict') throw new StatusError(refuse(`strict decoding error: ${warnings.join(', ')}`));
  return fieldValidation === 'Ignore' ? [] : warnings;
}

export function unusablePatch({ kind, name = '' }: Target, why: string): Status {
  return invalidStatus(kind, name, [invalid('patch', '', why)]);
}

const subdomain = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/;
const label = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;

/** Names that nothing can have are answered here: a namespace with a dot would name another object's stream. */
export function checkNames({ kind, namespace, name }: Target, method: string): void {
  const isNamespace = namespace === undefined || (label.test(namespace) && namespace.length <= 63);
  if (name !== undefined && !(isNamespace && subdomain.test(name) && name.length <= 253)) throw notFound(kind, name);
  if (!isNamespace && method !== 'GET') throw new StatusError(namespaceNotFound(namespace));
}
