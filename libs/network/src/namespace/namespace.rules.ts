/** Rules of a Namespace: those of its finalizers. */
import { type ApiObject, type FieldError, invalid, qualifiedNameProblems, specOf } from '@weft/api';
import { EMPTYING_FINALIZER } from './namespace.defaults.ts';
import type { NamespaceTypes } from './namespace.types.ts';

const PATH = 'spec.finalizers';

export function namespaceRules(object: ApiObject<NamespaceTypes>): FieldError[] {
  const errors: FieldError[] = [];
  for (const finalizer of specOf(object).finalizers ?? []) {
    if (finalizer === EMPTYING_FINALIZER) continue;
    for (const problem of qualifiedNameProblems(finalizer)) errors.push(invalid(PATH, finalizer, problem));
    if (!finalizer.includes('/'))
      errors.push(invalid(PATH, finalizer, 'name is neither a standard finalizer name nor is it fully qualified'));
  }
  return errors;
}
