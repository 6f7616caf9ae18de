import type { JsonObject, JsonValue, KindModule } from '@weft/api';
import { LIST_META, metaSchemas, OBJECT_META } from './meta-schemas.ts';

/** `dev.ironcore.networking.v1alpha1.Network`: the group reversed, as upstream names definitions. */
export function definitionName({ group, version, kind }: Pick<KindModule, 'group' | 'version' | 'kind'>): string {
  const domain = group === '' ? 'io.k8s.api.core' : group.split('.').reverse().join('.');
  return `${domain}.${version}.${kind}`;
}

export const listDefinitionName = (kind: KindModule) => `${definitionName(kind)}List`;
export const reference = (name: string): JsonObject => ({ $ref: `#/components/schemas/${name}` });

export function groupVersionKind({ group, version, kind }: Pick<KindModule, 'group' | 'version' | 'kind'>): JsonObject {
  return { group, version, kind };
}

/** Schemas of some kinds, of their lists and of what they refer to, by definition name, as OpenAPI v3 has them. */
export function schemasOf(kinds: readonly KindModule[]): Record<string, JsonObject> {
  const schemas: Record<string, JsonObject> = { ...metaSchemas };
  for (const kind of kinds) {
    schemas[definitionName(kind)] = kindSchema(kind);
    schemas[listDefinitionName(kind)] = {
      type: 'object',
      description: `A list of ${kind.plural}.`,
      required: ['items'],
      properties: {
        apiVersion: { type: 'string', description: 'Group and version.' },
        kind: { type: 'string', description: `${kind.kind}List` },
        metadata: { ...reference(LIST_META), description: 'What every list carries.' },
        items: { type: 'array', items: reference(definitionName(kind)), description: 'The objects, by namespace and name.' },
      },
      'x-kubernetes-group-version-kind': [groupVersionKind({ ...kind, kind: `${kind.kind}List` })],
    };
  }
  return schemas;
}

function kindSchema(kind: KindModule): JsonObject {
  const schema = kind.schema;
  const properties = (schema['properties'] ?? {}) as JsonObject;
  return {
    ...schema,
    type: 'object',
    properties: {
      ...properties,
      apiVersion: { type: 'string', description: 'Group and version of this object.' },
      kind: { type: 'string', description: `${kind.kind}` },
      metadata: { ...reference(OBJECT_META), description: 'What every object carries.' },
    },
    'x-kubernetes-group-version-kind': [groupVersionKind(kind)],
  };
}

/** A v3 schema in the words of v2: other references, and without what v2 does not know. */
export function toV2(schema: JsonObject): JsonObject {
  const converted: JsonObject = {};
  for (const [name, value] of Object.entries(schema)) {
    if (['oneOf', 'anyOf', 'not', 'nullable', 'deprecated', 'writeOnly', 'discriminator'].includes(name)) continue;
    converted[name] = convert(name, value);
  }
  // Beside a reference nothing else counts, and old clients reject it.
  return typeof converted['$ref'] === 'string' ? { $ref: converted['$ref'] } : converted;
}

function convert(name: string, value: JsonValue): JsonValue {
  if (name === '$ref' && typeof value === 'string') return value.replace('#/components/schemas/', '#/definitions/');
  if (value === null || typeof value !== 'object') return value;
  if (name === 'properties') {
    const entries = Object.entries(value as JsonObject).map(([key, each]) => [key, toV2(each as JsonObject)]);
    return Object.fromEntries(entries) as JsonObject;
  }
  if (name === 'allOf' && Array.isArray(value)) return value.map((each) => toV2(each as JsonObject));
  if ((name === 'items' || name === 'additionalProperties') && !Array.isArray(value)) return toV2(value);
  return value;
}
