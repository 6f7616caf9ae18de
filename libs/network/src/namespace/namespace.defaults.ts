/** Every namespace is emptied before it goes, and can be selected by its name (http-api 15). */
import type { ApiObject } from '@weft/api';
import type { NamespaceSpec, NamespaceStatus } from './namespace.model.ts';

export const EMPTYING_FINALIZER = 'kubernetes';
export const NAME_LABEL = 'kubernetes.io/metadata.name';

/** A generated name comes after the defaults, so its label does too. */
export function namespaceDefaults(object: ApiObject): ApiObject {
  const { metadata } = object;
  const finalizers = (object.spec as NamespaceSpec | undefined)?.finalizers ?? [];
  const phase = (object.status as NamespaceStatus | undefined)?.phase ?? '';
  const named = metadata.name === '' || metadata.labels?.[NAME_LABEL] === metadata.name;
  if (named && finalizers.includes(EMPTYING_FINALIZER) && phase !== '') return object;
  return {
    ...object,
    metadata: named ? metadata : { ...metadata, labels: { ...metadata.labels, [NAME_LABEL]: metadata.name } },
    spec: { ...object.spec, finalizers: finalizers.includes(EMPTYING_FINALIZER) ? finalizers : [...finalizers, EMPTYING_FINALIZER] },
    status: { ...object.status, phase: phase || 'Active' },
  };
}
