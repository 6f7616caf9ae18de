/** What Weft itself wrote of an object, beside its status: its creator does not manage that, and no apply takes it away. */
import type { Folded, KindModule } from '../kind/kind.ts';
import { type ApiObject, asJson } from '../kind/object.ts';
import { differenceOf, type FieldSet, isEmptySet, NO_FIELDS, unionOf } from './field-set.ts';
import { managedPart } from './managed-part.ts';
import { mergePlanOf } from './merge-plan.ts';
import { differenceBetween } from './structure.ts';

/** The set after an event. O(parts) unless it changes something beside the status, which most events of loops and agents do not. */
export function unmanagedAfter(kind: KindModule, before: Folded, object: ApiObject, byWeft: boolean): FieldSet | undefined {
  const { unmanaged } = before;
  if ((!byWeft && unmanaged === undefined) || !differsBesideStatus(before.object, object)) return unmanaged;
  const { changed } = differenceBetween(managedPart(asJson(before.object)), managedPart(asJson(object)), mergePlanOf(kind));
  const known = unmanaged ?? NO_FIELDS;
  const set = byWeft ? unionOf(known, changed) : differenceOf(known, changed);
  return isEmptySet(set) ? undefined : set;
}

/** By reference: states share what an event leaves as it is. */
function differsBesideStatus(before: ApiObject, after: ApiObject): boolean {
  for (const part in after) if (part !== 'metadata' && part !== 'status' && before[part] !== after[part]) return true;
  for (const part in before) if (after[part] === undefined && part !== 'status') return true;
  const [was, is] = [before.metadata, after.metadata];
  return (
    was.labels !== is.labels ||
    was.annotations !== is.annotations ||
    was.finalizers !== is.finalizers ||
    was.ownerReferences !== is.ownerReferences
  );
}
