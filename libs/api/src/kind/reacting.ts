/** What reactions share. */
import type { JsonObject } from '../log/json.ts';
import type { Change, Draft, EventChange, Folded } from './kind.ts';
import type { ObjectKey } from './object.ts';

export function act(key: ObjectKey, action: string, payload: JsonObject = {}): Draft {
  return { target: 'object', key, action, payload };
}

/** The events of a change, one by one. */
export function* eventsOf(change: Change): Iterable<EventChange> {
  for (const event of change.append.events) yield { ...change, event };
}

export function liveOnly(state: Folded | undefined): Folded | undefined {
  return state?.status === 'live' ? state : undefined;
}

export function isDeleting(state: Folded): boolean {
  return state.object.metadata.deletionTimestamp !== undefined;
}
