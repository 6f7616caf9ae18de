/**
 * What a deletion does to the objects that the deleted one owns (http-api 12), as the finalizers on it say:
 *
 *   Background   none: the object goes, and what it owned is collected (`collect-garbage.ts`)
 *   Foreground   `foregroundDeletion`: what it owns goes first; it waits for those that block it
 *   Orphan       `orphan`: what it owns loses its reference to it, and stays
 *
 * A record for each object that is being deleted with one of these finalizers.
 */
import type { CommonFact } from '../fold/common-events.ts';
import { finalizersChanged } from '../fold/common-events.ts';
import type { Change } from '../kind/kind.ts';
import { defineLedger, type Ledger, ledgerRef } from '../kind/ledger.ts';
import { isDeleting, nameText } from '../kind/loop.ts';
import type { ObjectKey, ObjectMeta } from '../kind/object.ts';
import type { Owner } from './owner-index.ts';

export const FOREGROUND = 'foregroundDeletion';
export const ORPHAN = 'orphan';

export type Cascade = Owner & Readonly<{ finalizer: typeof FOREGROUND | typeof ORPHAN }>;

export const cascades = ledgerRef<Cascade>('cascades');

/** The key of a record. */
export function cascadeKey(key: ObjectKey): string {
  return `${key.kind} ${nameText(key)}`;
}

/** When an object has both finalizers, what it owns is let go first. */
export function cascadeOf({ finalizers = [] }: Pick<ObjectMeta, 'finalizers'>): Cascade['finalizer'] | undefined {
  if (finalizers.includes(ORPHAN)) return ORPHAN;
  return finalizers.includes(FOREGROUND) ? FOREGROUND : undefined;
}

export const cascadesLedger: Ledger = defineLedger(cascades, ({ before, after }: Change, records) => {
  const state = after ?? before;
  if (state === undefined) return;
  const finalizer = after?.status === 'live' && isDeleting(after) ? cascadeOf(after.object.metadata) : undefined;
  if (finalizer === undefined) {
    if (!records.isEmpty) records.delete(cascadeKey(state.key));
    return;
  }
  const key = cascadeKey(state.key);
  const { uid } = state.object.metadata;
  const known = records.get(key);
  if (known?.uid !== uid || known.finalizer !== finalizer) records.put(key, { ...state.key, uid, finalizer });
});

/** The facts by which a deletion with this policy leaves the finalizer that says so, and only that one; without a policy what a client set stays. */
export function cascadeFacts({ finalizers = [] }: Pick<ObjectMeta, 'finalizers'>, policy: string | undefined): readonly CommonFact[] {
  if (policy === undefined) return [];
  const wanted = policy === 'Foreground' ? [FOREGROUND] : policy === 'Orphan' ? [ORPHAN] : [];
  const others = finalizers.filter((each) => each !== FOREGROUND && each !== ORPHAN);
  const is = [...others, ...wanted];
  const same = is.length === finalizers.length && is.every((each) => finalizers.includes(each));
  return same ? [] : [finalizersChanged(is)];
}
