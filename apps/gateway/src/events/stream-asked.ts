import type { Position } from '@weft/api';
import type { GatewayContext } from '../context.ts';
import { badRequest } from '../http/failures.ts';
import type { Query } from '../http/query.ts';
import { EventFilter } from './event-filter.ts';
import type { Place } from './event-streams.ts';

/** Which stream of events is asked for, over whichever door. `last`: of a subscriber that comes back, which counts before all else. Throws 400, 410, 429, 503. */
export async function streamAsked(
  { events, checkpoints, platform }: GatewayContext,
  query: Query,
  last?: string,
): Promise<Readonly<{ filter: EventFilter; place: Place; until?: Position }>> {
  const share = query.text('share');
  const filter = new EventFilter(
    {
      kinds: listed(query, 'kind'),
      namespaces: listed(query, 'namespace'),
      names: listed(query, 'name'),
      types: listed(query, 'type'),
      labelSelector: query.text('labelSelector') ?? '',
      ...(share !== undefined && { share }),
    },
    platform.registry,
  );
  const checkpoint = query.text('checkpoint');
  const saved = checkpoint === undefined ? undefined : await events.asked(() => checkpoints.read(checkpoint));
  const resumed = last ?? saved?.cursor;
  const from = query.text('from');
  const place = await events.place(resumed ?? from);
  const to = query.text('to');
  if (to === undefined) return { filter, place };
  const until = (await events.place(to, 'to')).position;
  // Whoever comes back may have had all of it.
  if (resumed === undefined && from !== undefined && place.position > until) throw badRequest(`from=${from} lies behind to=${to}`);
  return { filter, place, until };
}

function listed(query: Query, name: string): readonly string[] {
  return query.all(name).flatMap((value) => value.split(',').filter((each) => each !== ''));
}
