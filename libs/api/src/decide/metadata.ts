/** Rules and facts of object metadata, the same for every kind (resources 1.2, http-api 6). */
import { annotationsChanged, finalizersChanged, labelsChanged, ownerReferencesChanged } from '../fold/common-events.ts';
import { PARTS_ANNOTATION } from '../kind/assembly.ts';
import type { Fact, KindModule } from '../kind/kind.ts';
import type { ApiObject, ObjectMeta, OwnerReference } from '../kind/object.ts';
import { forbidden, invalid, required, tooLong } from '../status/field-errors.ts';
import type { FieldError } from '../status/status.ts';
import { sameJson } from '../values/equal.ts';
import { labelProblems, labelValueProblems, qualifiedNameProblems, subdomainProblems } from '../values/names.ts';

const ANNOTATION_BYTES_MAX = 256 * 1024;
const GENERATED_PREFIX_MAX = 58;
const GENERATED_ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';

/** Standard finalizers that need no domain. */
const STANDARD_FINALIZERS = ['kubernetes', 'orphan', 'foregroundDeletion'];

/** `uuid` derives from the request, so that a repeat gives the same name. */
export function generatedName(prefix: string, uuid: string): string {
  let number = BigInt(`0x${uuid.replaceAll('-', '').slice(16)}`);
  let suffix = '';
  for (let i = 0; i < 5; i++) {
    suffix += GENERATED_ALPHABET[Number(number % BigInt(GENERATED_ALPHABET.length))];
    number /= BigInt(GENERATED_ALPHABET.length);
  }
  return prefix.slice(0, GENERATED_PREFIX_MAX) + suffix;
}

export function nameProblems(kind: Pick<KindModule, 'nameRule'>, name: string): readonly string[] {
  return kind.nameRule === 'label' ? labelProblems(name) : subdomainProblems(name);
}

/** The rules of a creation, which an update runs as well. */
export function metadataErrors(kind: KindModule, { metadata }: ApiObject): FieldError[] {
  const errors: FieldError[] = [];
  const { name, generateName, namespace } = metadata;
  if (generateName !== undefined) {
    const masked = generateName.endsWith('-') ? `${generateName.slice(0, -1)}a` : generateName;
    for (const problem of nameProblems(kind, masked)) errors.push(invalid('metadata.generateName', generateName, problem));
  }
  if (name === '') errors.push(required('metadata.name', 'name or generateName is required'));
  else for (const problem of nameProblems(kind, name)) errors.push(invalid('metadata.name', name, problem));
  if (kind.namespaced) {
    if (namespace === undefined || namespace === '') errors.push(required('metadata.namespace'));
    else for (const problem of labelProblems(namespace)) errors.push(invalid('metadata.namespace', namespace, problem));
  } else if (namespace !== undefined) errors.push(forbidden('metadata.namespace', 'not allowed on this type'));
  // Not `push(...)`: there may be more errors than a call takes arguments.
  return [
    ...errors,
    ...labelsErrors(metadata.labels ?? {}, 'metadata.labels'),
    ...annotationsErrors(metadata.annotations ?? {}, 'metadata.annotations'),
    ...partErrors(kind, metadata.annotations ?? {}),
    ...finalizersErrors(metadata.finalizers ?? []),
    ...ownerReferencesErrors(metadata.ownerReferences ?? []),
  ];
}

/** One part of an object is not the object: a replacement by it would drop the others (ADR 27). */
function partErrors({ assembly }: KindModule, annotations: Readonly<Record<string, string>>): FieldError[] {
  if (assembly === undefined || !Object.hasOwn(annotations, PARTS_ANNOTATION)) return [];
  const why = `${PARTS_ANNOTATION} marks one part of an object that is served in parts; change the object by a patch`;
  return [forbidden('metadata.annotations', why)];
}

export function labelsErrors(labels: Readonly<Record<string, string>>, path: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const key in labels) {
    for (const problem of qualifiedNameProblems(key)) errors.push(invalid(path, key, problem));
    const value = labels[key] as string;
    for (const problem of labelValueProblems(value)) errors.push(invalid(path, value, problem));
  }
  return errors;
}

export function annotationsErrors(annotations: Readonly<Record<string, string>>, path: string): FieldError[] {
  const errors: FieldError[] = [];
  let bytes = 0;
  for (const key in annotations) {
    for (const problem of qualifiedNameProblems(key.toLowerCase())) errors.push(invalid(path, key, problem));
    bytes += Buffer.byteLength(key) + Buffer.byteLength(annotations[key] as string);
  }
  if (bytes > ANNOTATION_BYTES_MAX) errors.push(tooLong(path, ANNOTATION_BYTES_MAX));
  return errors;
}

function finalizersErrors(finalizers: readonly string[]): FieldError[] {
  const errors: FieldError[] = [];
  for (let i = 0; i < finalizers.length; i++) {
    const finalizer = finalizers[i] as string;
    for (const problem of qualifiedNameProblems(finalizer)) errors.push(invalid('metadata.finalizers', finalizer, problem));
    if (!finalizer.includes('/') && !STANDARD_FINALIZERS.includes(finalizer)) {
      const detail = 'name is neither a standard finalizer name nor is it fully qualified';
      errors.push(invalid(`metadata.finalizers[${i}]`, finalizer, detail));
    }
  }
  return errors;
}

function ownerReferencesErrors(references: readonly OwnerReference[]): FieldError[] {
  const errors: FieldError[] = [];
  const controllers: OwnerReference[] = [];
  references.forEach((reference, i) => {
    const path = `metadata.ownerReferences[${i}]`;
    for (const field of ['apiVersion', 'kind', 'name', 'uid'] as const) {
      if ((reference[field] ?? '') === '') errors.push(invalid(`${path}.${field}`, reference[field] ?? '', 'must not be empty'));
    }
    if (reference.controller === true) controllers.push(reference);
  });
  if (controllers.length > 1) {
    const [first, second] = controllers as [OwnerReference, OwnerReference];
    const detail = `Only one reference can have Controller set to true. Found "true" in references for ${first.kind}/${first.name} and ${second.kind}/${second.name}`;
    errors.push(invalid('metadata.ownerReferences', references, detail));
  }
  return errors;
}

/** Rules of an update beyond those of a creation. `sent` is the metadata as the client gave it. */
export function metadataUpdateErrors(before: ObjectMeta, sent: Readonly<Partial<ObjectMeta>>): FieldError[] {
  const errors: FieldError[] = [];
  if (sent.creationTimestamp !== undefined && !sameSecond(sent.creationTimestamp, before.creationTimestamp)) {
    errors.push(invalid('metadata.creationTimestamp', sent.creationTimestamp, 'field is immutable'));
  }
  if (before.deletionTimestamp !== undefined) {
    const added = (sent.finalizers ?? []).filter((finalizer) => !before.finalizers?.includes(finalizer));
    if (added.length > 0) {
      const detail = `no new finalizers can be added if the object is being deleted, found new finalizers ${JSON.stringify(added)}`;
      errors.push(forbidden('metadata.finalizers', detail));
    }
  }
  return errors;
}

function sameSecond(a: string, b: string): boolean {
  return Math.floor(Date.parse(a) / 1000) === Math.floor(Date.parse(b) / 1000);
}

/** Facts for the parts of metadata that a client may change. */
export function metadataFacts(before: ObjectMeta, after: ObjectMeta): Fact[] {
  const facts: Fact[] = [];
  if (!sameJson(before.labels ?? {}, after.labels ?? {})) facts.push(labelsChanged(after.labels ?? {}));
  if (!sameJson(before.annotations ?? {}, after.annotations ?? {})) facts.push(annotationsChanged(after.annotations ?? {}));
  if (!sameJson(before.ownerReferences ?? [], after.ownerReferences ?? [])) facts.push(ownerReferencesChanged(after.ownerReferences ?? []));
  if (!sameJson(before.finalizers ?? [], after.finalizers ?? [])) facts.push(finalizersChanged(after.finalizers ?? []));
  return facts;
}
