/** How long Events are served: an hour by the log's time since they were seen last, at most so many, and no longer than their namespace. */
import type { Change, Folded, LedgerWriter, Position } from '@weft/api';
import { namespaceKey } from '../keys.ts';

export const AGE_MS_MAX = 3_600_000;

const NAMESPACE = namespaceKey('').kind;

/** Deletes what is old by the time of the change, and all of a namespace that ends with it. The oldest is first: whatever is seen again moves to the end. */
export function forgetOld({ append, before, after }: Change, records: LedgerWriter<Folded>, seenAt: (state: Folded) => string): void {
  if (records.isEmpty) return;
  const now = append.events[0].metadata.time;
  for (let place = records.oldest; place !== undefined; place = records.oldest) {
    const seen = seenAt(records.get(place) as Folded);
    // Within one hour of the day nothing is an hour old. The text tells that for less than reading two times, which would be done for each append.
    if (seen.slice(0, 13) === now.slice(0, 13) || Date.parse(seen) > Date.parse(now) - AGE_MS_MAX) break;
    records.delete(place);
  }
  const isNamespace = before?.status === 'live' && before.key.kind === NAMESPACE;
  if (isNamespace && after?.status !== 'live') {
    for (const place of [...records.keys()]) if (place.startsWith(`${before.key.name}/`)) records.delete(place);
  }
}

export function keepNewest(records: LedgerWriter<Folded>, max: number): void {
  while (records.size > max && records.oldest !== undefined) records.delete(records.oldest);
}

const [NO_FACTS, NO_FACETS, NO_REQUESTS] = [{}, {}, []];

/** An Event as a state that is served. */
export function stateOfEvent(
  at: Readonly<{ namespace: string; name: string }>,
  position: Position,
  object: Folded['object'],
  facts: Folded['facts'] = NO_FACTS,
): Folded {
  const key = { kind: 'Event', ...at };
  return { key, status: 'live', object, facts, revision: 'none', position, facets: NO_FACETS, requests: NO_REQUESTS };
}
