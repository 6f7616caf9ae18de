import type { Folded } from './kind.ts';

/** Whether the state is the living object of this uid, and not another one of the same name. */
export function isIncarnation(
  state: Pick<Folded, 'status'> & Readonly<{ object: Readonly<{ metadata: Readonly<{ uid: string }> }> }>,
  uid: string,
): boolean {
  return state.status === 'live' && state.object.metadata.uid === uid;
}
