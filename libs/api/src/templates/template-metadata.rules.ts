/** Metadata of a template that becomes an object's of its own: labels and annotations only (resources 1.4). */
import { annotationsErrors, labelsErrors } from '../decide/metadata.ts';
import type { ObjectMetaModel } from '../model/object-meta.ts';
import { forbidden } from '../status/field-errors.ts';
import type { FieldError } from '../status/status.ts';

/** In the order of Kubernetes' ObjectMeta, in which upstream reports them. */
const SET_BY_OTHERS = [
  'name',
  'generateName',
  'namespace',
  'selfLink',
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'ownerReferences',
  'finalizers',
  'managedFields',
] as const satisfies readonly (keyof ObjectMetaModel)[];

/** The rest of the metadata is ignored. */
export function templateLabelsErrors({ labels, annotations }: ObjectMetaModel, path: string, errors: FieldError[]): void {
  if (labels !== undefined) errors.push(...labelsErrors(labels, `${path}.labels`));
  if (annotations !== undefined) errors.push(...annotationsErrors(annotations, `${path}.annotations`));
}

/** `what` names the child in the detail: `an ephemeral prefix`. */
export function templateMetadataErrors(metadata: ObjectMetaModel, path: string, what: string, errors: FieldError[]): void {
  templateLabelsErrors(metadata, path, errors);
  for (const field of SET_BY_OTHERS) {
    if (metadata[field] !== undefined) errors.push(forbidden(`${path}.${field}`, `cannot be set for ${what}`));
  }
}
