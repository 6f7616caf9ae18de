/** What reactions share. */
import type { JsonObject } from '../log/json.ts';
import type { Change, Draft, FactsView, Folded } from './kind.ts';
import { type ObjectKey, streamOf } from './object.ts';

export function act(key: ObjectKey, action: string, payload: JsonObject = {}): Draft {
  return { target: 'object', key, action, payload };
}

/**
 * The newest state known of an object. The view shows an append only once it is complete, so in the middle of one the change itself knows more about
 * its own object.
 */
export function newest(change: Change, facts: FactsView, key: ObjectKey): Folded | undefined {
  const seen = facts.get(key);
  const { after } = change;
  if (after === undefined || streamOf(after.key) !== streamOf(key)) return seen;
  return seen === undefined || seen.revision === 'none' || seen.revision < change.event.revision ? after : seen;
}

export function liveOnly(state: Folded | undefined): Folded | undefined {
  return state?.status === 'live' ? state : undefined;
}

export function isDeleting(state: Folded): boolean {
  return state.object.metadata.deletionTimestamp !== undefined;
}
