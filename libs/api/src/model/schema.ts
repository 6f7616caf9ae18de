/** OpenAPI v3 schemas from the models, the same source as the decoding. */
import type { KindModule, ModelClass } from '../kind/kind.ts';
import type { JsonObject } from '../log/json.ts';
import { type FieldRecord, fieldsOf, isAtomic } from './fields.ts';
import { ObjectMetaModel } from './object-meta.ts';

/** Deeper than any model is nested; a model that holds itself ends here as a free-form object. */
const DEPTH_MAX = 12;

/** Schema of a whole object: apiVersion, kind, metadata, and spec, status or other fields where the kind has them. */
export function objectSchema(
  kind: Pick<KindModule, 'group' | 'version' | 'kind'>,
  description: string,
  model: NonNullable<KindModule['model']>,
): JsonObject {
  const part = (which: ModelClass | undefined, text: string): JsonObject | undefined =>
    which && { ...modelSchema(which, DEPTH_MAX), description: text };
  const spec = part(model.spec, `What is wanted of the ${kind.kind}.`);
  const status = part(model.status, `What is so, as last observed.`);
  return {
    type: 'object',
    description,
    properties: {
      apiVersion: { type: 'string', description: 'Group and version of this representation.' },
      kind: { type: 'string', description: 'Kind of the object.' },
      metadata: { ...modelSchema(ObjectMetaModel, DEPTH_MAX), description: 'Standard object metadata.' },
      ...(spec && { spec }),
      ...(status && { status }),
      ...(model.fields && fieldSchemas(model.fields, DEPTH_MAX)),
    },
    'x-kubernetes-group-version-kind': [{ group: kind.group, version: kind.version, kind: kind.kind }],
  };
}

export function modelSchema(model: ModelClass, depth: number): JsonObject {
  return { type: 'object', properties: fieldSchemas(model, depth), ...(isAtomic(model) && { 'x-kubernetes-map-type': 'atomic' }) };
}

function fieldSchemas(model: ModelClass, depth: number): JsonObject {
  return Object.fromEntries(fieldsOf(model).map((field) => [field.name, fieldSchema(field, depth)]));
}

function fieldSchema(field: FieldRecord, depth: number): JsonObject {
  const { description } = field;
  if (!field.list) return { ...valueSchema(field, depth), description };
  return {
    type: 'array',
    items: valueSchema(field, depth),
    description,
    ...(field.mergeKey === undefined
      ? { 'x-kubernetes-list-type': field.isSet === true ? 'set' : 'atomic' }
      : { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': [field.mergeKey] }),
  };
}

function valueSchema(field: FieldRecord, depth: number): JsonObject {
  switch (field.kind) {
    case 'text':
      return { type: 'string', ...(field.values && { enum: [...field.values] }) };
    case 'int':
      return { type: 'integer', format: field.max === undefined || field.max <= 2147483647 ? 'int32' : 'int64' };
    case 'flag':
      return { type: 'boolean' };
    case 'time':
      return { type: 'string', format: 'date-time' };
    case 'ip':
      return { type: 'string', format: 'ip' };
    case 'prefix':
      return { type: 'string', format: 'cidr' };
    case 'map':
      return { type: 'object', additionalProperties: { type: 'string' } };
    case 'free':
      return { type: 'object' };
    case 'object':
      return depth === 0 || field.model === undefined ? { type: 'object' } : modelSchema(field.model(), depth - 1);
  }
}
