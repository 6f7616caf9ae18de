import type { JsonObject, JsonValue } from '../log/json.ts';
import type { FieldSet } from '../managers/field-set.ts';
import type { KindTypes, UntypedKind } from './kind-types.ts';

export type OwnerReference = {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
};

/** Who manages some fields of an object (http-api 11.1). `fieldsV1` is a set of fields, never an empty one. */
export type ManagedFields = {
  manager: string;
  operation: 'Apply' | 'Update';
  apiVersion: string;
  time?: string;
  fieldsType: 'FieldsV1';
  fieldsV1: FieldSet;
  subresource?: 'status';
};

/** Kubernetes object metadata. Times are RFC 3339 in whole seconds. */
export type ObjectMeta = {
  name: string;
  namespace?: string;
  generateName?: string;
  uid: string;
  /** Position of the last event that changed the object, as a decimal string. */
  resourceVersion: string;
  generation?: number;
  creationTimestamp: string;
  deletionTimestamp?: string;
  deletionGracePeriodSeconds?: number;
  labels?: { [key: string]: string };
  annotations?: { [key: string]: string };
  finalizers?: string[];
  ownerReferences?: OwnerReference[];
  /** Absent while the fields belong to whoever created the object (`Folded.createdBy`). */
  managedFields?: readonly ManagedFields[];
};

type Parts = Pick<KindTypes, 'spec' | 'status'>;

/** Named, so that the compiler finds the kind's types where it is given an object. */
interface TypedObject<T extends Parts> {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
  spec?: T['spec'];
  status?: T['status'];
}

const PARTS: ReadonlySet<string> = new Set(['apiVersion', 'kind', 'metadata', 'spec', 'status']);

/** Names of the fields beside identity, metadata, spec and status: kinds without that split have such fields. */
export function fieldsBesideParts(object: object): string[] {
  return Object.keys(object).filter((field) => !PARTS.has(field));
}

/** Objects and their metadata are JSON, which their optional fields hide from the compiler. */
export function asJson(value: ApiObject | Omit<ObjectMeta, 'resourceVersion'>): JsonObject {
  return value as unknown as JsonObject;
}

/** A resource as it is served. Kinds without a spec have other fields beside their metadata: those of `fields`, if the kind names them. */
export type ApiObject<T extends Parts = UntypedKind> = TypedObject<T> &
  (string extends keyof T['spec'] ? { [key: string]: JsonValue | ObjectMeta | undefined } : unknown) &
  (T extends { fields: infer F extends object } ? F : unknown);

export type Condition = {
  type: string;
  status: 'True' | 'False' | 'Unknown';
  reason: string;
  message: string;
  lastTransitionTime: string;
  observedGeneration?: number;
};

/** Names one resource. `namespace` is absent for cluster-scoped kinds. */
export type ObjectKey = Readonly<{ kind: string; namespace?: string; name: string }>;

/** The key that was asked about last, and its stream: a command asks about its own several times, and a text that is shared is hashed once. */
let lastKey: ObjectKey | undefined;
let lastStream = '';

/** `<Kind>-<namespace>.<name>`; a namespace holds no dot, so the first dot separates the two (DESIGN 3). Cluster-scoped: `Host-.<name>`. */
export function streamOf(key: ObjectKey): string {
  if (key !== lastKey) {
    lastStream = `${key.kind}-${key.namespace ?? ''}.${key.name}`;
    lastKey = key;
  }
  return lastStream;
}

/** Those of the stream before: keys of one kind and namespace share their texts. */
let lastKind = '';
let lastNamespace = '';

/** Inverse of `streamOf`; undefined for a name of another shape. */
export function keyOfStream(stream: string): ObjectKey | undefined {
  const dash = stream.indexOf('-');
  const dot = stream.indexOf('.', dash);
  if (dash <= 0 || dot < 0) return undefined;
  if (lastKind.length !== dash || !stream.startsWith(lastKind)) lastKind = stream.slice(0, dash);
  const name = stream.slice(dot + 1);
  const length = dot - dash - 1;
  if (length === 0) return { kind: lastKind, name };
  if (lastNamespace.length !== length || !stream.startsWith(lastNamespace, dash + 1)) lastNamespace = stream.slice(dash + 1, dot);
  return { kind: lastKind, namespace: lastNamespace, name };
}
