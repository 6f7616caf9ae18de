/** Decodes a request's JSON to an object of a kind: shape, canonical values, defaults; unknown fields by `fieldValidation`. */

import type { WriteOptions } from '../command/command.ts';
import { apiVersionOf } from '../fold/evolve.ts';
import type { KindModule } from '../kind/kind.ts';
import { type ApiObject, fieldsBesideParts, type ObjectMeta } from '../kind/object.ts';
import type { JsonObject, JsonValue } from '../log/json.ts';
import { type Decoded, decode } from '../model/decode.ts';
import { ObjectMetaModel } from '../model/object-meta.ts';
import { isObject } from '../patch/merge-patch.ts';
import { firstOf } from '../status/bounded.ts';
import { invalid } from '../status/field-errors.ts';
import type { Status } from '../status/status.ts';
import { badRequest, invalidStatus, undecodable } from '../status/statuses.ts';

export type DecodeResult =
  | Readonly<{ ok: true; object: ApiObject; sent: Readonly<Partial<ObjectMeta>>; warnings: readonly string[] }>
  | Readonly<{ ok: false; status: Status }>;

export type DecodeOptions = Readonly<{
  fieldValidation?: WriteOptions['fieldValidation'];
  /** How an unknown field is refused under Strict: as an undecodable body (400) for POST and PUT, as an invalid one (422) for PATCH (http-api 7). */
  unknownIs: 'undecodable' | 'invalid';
  /** A generated name, for an object that has none. */
  name?: string;
}>;

/** `value` is not changed. Name and namespace stay as they were sent. */
export function decodeObject(kind: KindModule, value: JsonValue | undefined, options: DecodeOptions): DecodeResult {
  const decoded = decodeSent(kind, value, options);
  return decoded.ok ? { ...decoded, object: kind.defaults(decoded.object) } : decoded;
}

/** The same without defaults: what the client itself says. */
export function decodeSent(kind: KindModule, value: JsonValue | undefined, options: DecodeOptions): DecodeResult {
  const { fieldValidation = 'Warn', unknownIs, name = '' } = options;
  const refuse = (status: Status): DecodeResult => ({ ok: false, status });
  if (!isObject(value)) return refuse(undecodable(kind, 'the body is not an object'));
  const { apiVersion, kind: named, metadata, spec, status } = value;
  const others = fieldsBesideParts(value);
  const expected = apiVersionOf(kind);
  if (apiVersion !== undefined && apiVersion !== expected) {
    return refuse(badRequest(`the API version in the data (${textOf(apiVersion)}) does not match the expected API version (${expected})`));
  }
  if (named !== undefined && named !== kind.kind) {
    return refuse(badRequest(`the kind in the data (${textOf(named)}) does not match the expected kind (${kind.kind})`));
  }
  const into: Decoded = { unknown: [], errors: [], items: 0 };
  const object: ApiObject = { apiVersion: expected, kind: kind.kind, metadata: EMPTY_META };
  const part = (path: string, raw: JsonValue | undefined, model: Parameters<typeof decode>[0] | undefined): JsonObject | undefined => {
    if (raw === undefined || raw === null) return undefined;
    if (!isObject(raw)) {
      into.errors.push(`${path}: cannot decode ${Array.isArray(raw) ? 'a list' : `a ${typeof raw}`} as an object`);
      return undefined;
    }
    return model === undefined ? raw : decode(model, raw, path, into);
  };
  const sent = (part('metadata', metadata, ObjectMetaModel) ?? {}) as Partial<ObjectMeta>;
  const { model } = kind;
  const cleanSpec = part('spec', spec, model?.spec);
  if (cleanSpec !== undefined && (model === undefined || model.spec !== undefined)) object.spec = cleanSpec;
  else if (cleanSpec !== undefined) into.unknown.push('spec');
  const cleanStatus = part('status', status, model?.status);
  if (cleanStatus !== undefined && (model === undefined || model.status !== undefined)) object.status = cleanStatus;
  else if (cleanStatus !== undefined) into.unknown.push('status');
  if (model === undefined) for (const field of others) object[field] = value[field] as JsonValue;
  else if (model.fields === undefined) for (const field of others) into.unknown.push(field);
  else if (others.length > 0) Object.assign(object, decode(model.fields, picked(value, others), '', into));
  if (into.errors.length > 0) return refuse(undecodable(kind, firstOf(into.errors).join('; ')));
  const warnings = firstOf(into.unknown.map((path) => `unknown field "${path}"`));
  if (warnings.length > 0 && fieldValidation === 'Strict') {
    const why = `strict decoding error: ${warnings.join(', ')}`;
    if (unknownIs === 'undecodable') return refuse(undecodable(kind, why));
    return refuse(invalidStatus(kind, sent.name ?? name, [invalid('patch', '', why)]));
  }
  object.metadata = cleanMeta(sent, name);
  return { ok: true, object, sent, warnings: fieldValidation === 'Ignore' ? [] : warnings };
}

function picked(value: JsonObject, fields: readonly string[]): JsonObject {
  return Object.fromEntries(fields.map((field) => [field, value[field] as JsonValue]));
}

const EMPTY_META: ObjectMeta = { name: '', uid: '', resourceVersion: '', creationTimestamp: '' };

/** Only what a client may write; empty maps and lists count as absent. */
function cleanMeta(sent: Partial<ObjectMeta>, fallback: string): ObjectMeta {
  const { name = fallback, generateName, namespace, labels, annotations, finalizers, ownerReferences } = sent;
  const clean: Partial<ObjectMeta> = { name };
  if (generateName !== undefined) clean.generateName = generateName;
  if (namespace !== undefined) clean.namespace = namespace;
  clean.uid = '';
  clean.resourceVersion = '';
  clean.creationTimestamp = '';
  if (labels !== undefined && hasKeys(labels)) clean.labels = labels;
  if (annotations !== undefined && hasKeys(annotations)) clean.annotations = annotations;
  if (finalizers !== undefined) clean.finalizers = [...new Set(finalizers)];
  if (ownerReferences !== undefined) clean.ownerReferences = ownerReferences;
  return clean as ObjectMeta;
}

function hasKeys(map: object): boolean {
  for (const _ in map) return true;
  return false;
}

function textOf(value: JsonValue): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
