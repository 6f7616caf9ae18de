/** Adds a finalizer, so that every namespace is emptied before it ends, and a label with its name, for selection (http-api 15). */
import { type ApiObject, specOf, statusOf } from '@weft/api';
import type { NamespaceTypes } from './namespace.types.ts';

export const EMPTYING_FINALIZER = 'kubernetes';
const NAME_LABEL = 'kubernetes.io/metadata.name';

/** A name is generated only after the defaults, so its label is added then. */
export function namespaceDefaults(object: ApiObject<NamespaceTypes>): ApiObject<NamespaceTypes> {
  const { metadata } = object;
  const { finalizers = [] } = specOf(object);
  const { phase = '' } = statusOf(object);
  const named = metadata.name === '' || metadata.labels?.[NAME_LABEL] === metadata.name;
  if (named && finalizers.includes(EMPTYING_FINALIZER) && phase !== '') return object;
  return {
    ...object,
    metadata: named ? metadata : { ...metadata, labels: { ...metadata.labels, [NAME_LABEL]: metadata.name } },
    spec: { ...object.spec, finalizers: finalizers.includes(EMPTYING_FINALIZER) ? finalizers : [...finalizers, EMPTYING_FINALIZER] },
    status: { ...object.status, phase: phase || 'Active' },
  };
}
