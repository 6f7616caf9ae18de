/** Operations of every kind, as OpenAPI v3 has them. Clients look for the kinds here, and for the parameters that a patch takes (http-api 4.3). */
import { apiVersionOf, type JsonObject, type KindModule } from '@weft/api';
import { patchTypesOf } from '../resources/catalog.ts';
import { DELETE_OPTIONS, STATUS } from './meta-schemas.ts';
import { definitionName, groupVersionKind, listDefinitionName, reference } from './schemas.ts';

const query = (name: string, type: string, description: string): JsonObject => ({ name, in: 'query', description, schema: { type } });
const inPath = (name: string, description: string): JsonObject => ({
  name,
  in: 'path',
  required: true,
  description,
  schema: { type: 'string' },
});

const writeParameters = [
  query('dryRun', 'string', 'All: do everything but persist the change.'),
  query('fieldManager', 'string', 'Who makes the change.'),
  query('fieldValidation', 'string', 'What to do about unknown and repeated fields: Ignore, Warn or Strict.'),
];
const patchParameters = [...writeParameters, query('force', 'boolean', 'For apply patches: take fields over from others.')];
const deleteParameters = [
  query('dryRun', 'string', 'All: do everything but the deletion.'),
  query('propagationPolicy', 'string', 'What becomes of dependents.'),
];
const at = query('at', 'string', 'What was shown at a position of the log, or at a time (RFC 3339).');
const listParameters = [
  query('labelSelector', 'string', 'Only objects whose labels match.'),
  query('fieldSelector', 'string', 'Only objects whose fields match.'),
  query('limit', 'integer', 'Objects on one page.'),
  query('continue', 'string', 'Asks for the next page.'),
  query('resourceVersion', 'string', 'What the answer must reflect at least; of a watch, where it starts.'),
  query('resourceVersionMatch', 'string', 'NotOlderThan or Exact.'),
  query('watch', 'boolean', 'Stream changes.'),
  query('allowWatchBookmarks', 'boolean', 'Tell now and then how far the watch has come.'),
  query('sendInitialEvents', 'boolean', 'Begin the watch with what there is.'),
  query('timeoutSeconds', 'integer', 'When to end the watch.'),
  at,
];

export function pathsOf(kinds: readonly KindModule[]): Record<string, JsonObject> {
  const paths: Record<string, JsonObject> = {};
  for (const kind of kinds) {
    const root = kind.group === '' ? `/api/${kind.version}` : `/apis/${apiVersionOf(kind)}`;
    const collection = kind.namespaced ? `${root}/namespaces/{namespace}/${kind.plural}` : `${root}/${kind.plural}`;
    const scope = kind.namespaced ? [inPath('namespace', 'The namespace.')] : [];
    const list = operation(kind, 'list', listParameters, { 200: answer('OK', listDefinitionName(kind)) });
    paths[collection] = {
      parameters: scope,
      get: list,
      post: operation(kind, 'post', writeParameters, { 201: answer('Created', definitionName(kind)) }, body(kind)),
      delete: operation(kind, 'deletecollection', [...deleteParameters, ...listParameters.slice(0, 2)], {
        200: answer('OK', listDefinitionName(kind)),
      }),
    };
    if (kind.namespaced) paths[`${root}/${kind.plural}`] = { get: list };
    const ok = { 200: answer('OK', definitionName(kind)) };
    const one = (subresource: boolean): JsonObject => ({
      parameters: [...scope, inPath('name', 'The name.')],
      get: operation(kind, 'get', [at], ok),
      put: operation(kind, 'put', writeParameters, ok, body(kind)),
      patch: operation(kind, 'patch', patchParameters, ok, patchBody(kind)),
      ...(subresource
        ? {}
        : { delete: operation(kind, 'delete', deleteParameters, { 200: answer('OK', STATUS) }, jsonBody(DELETE_OPTIONS, false)) }),
    });
    paths[`${collection}/{name}`] = one(false);
    if (kind.hasStatus) paths[`${collection}/{name}/status`] = one(true);
  }
  return paths;
}

function operation(
  kind: KindModule,
  action: string,
  parameters: JsonObject[],
  responses: JsonObject,
  requestBody?: JsonObject,
): JsonObject {
  return {
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': groupVersionKind(kind),
    parameters,
    ...(requestBody === undefined ? {} : { requestBody }),
    responses,
  };
}

const answer = (description: string, schema: string): JsonObject => ({
  description,
  content: { 'application/json': { schema: reference(schema) } },
});

const body = (kind: KindModule) => jsonBody(definitionName(kind), true);

function jsonBody(schema: string, required: boolean): JsonObject {
  return { required, content: { 'application/json': { schema: reference(schema) } } };
}

function patchBody(kind: KindModule): JsonObject {
  return { required: true, content: Object.fromEntries(patchTypesOf(kind).map((type) => [type, { schema: { type: 'object' } }])) };
}
