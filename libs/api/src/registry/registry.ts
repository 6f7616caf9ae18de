/** All kinds, reservation streams and reactions, found by the names that requests and the log use. */
import type { Context, DomainModule, KindModule, Lift, Reaction, ReservationModule, Watch } from '../kind/kind.ts';
import { keyOfStream, type ObjectKey } from '../kind/object.ts';
import { partitionOf } from '../kind/partition.ts';
import type { RecordedEvent } from '../log/envelope.ts';

export type Owner = Readonly<{ context: Context; partition: number }>;

export interface Registry {
  readonly domains: readonly DomainModule[];
  readonly kinds: readonly KindModule[];
  kind(name: string): KindModule | undefined;
  resource(group: string, version: string, plural: string): KindModule | undefined;
  reservation(category: string): ReservationModule | undefined;
  reservationOf(stream: string): ReservationModule | undefined;
  ownerOfKey(key: ObjectKey): Owner | undefined;
  /** Of a resource's stream or of a reservation stream. */
  ownerOfStream(stream: string): Owner | undefined;
  reactions(context: Context): readonly Reaction[];
  watches(context: Context): readonly Watch[];
  /** Whether any event type has a successor. */
  readonly lifts: boolean;
  /** The event in today's types. Called by the store that the platform hands out, and by nobody else. */
  lift(event: RecordedEvent): RecordedEvent;
}

/** More steps than any event type will have versions. */
const LIFTS_MAX = 64;

/** Streams that belong to no kind and no domain: the store's own identity (DESIGN 9.1). */
export function isSystemStream(stream: string): boolean {
  return stream.startsWith('Store-') || stream.startsWith('$');
}

export function categoryOf(stream: string): string {
  return stream.slice(0, Math.max(0, stream.indexOf('-')));
}

/** Throws when two modules claim one name. */
export function registry(domains: readonly DomainModule[]): Registry {
  const kinds = new Map<string, KindModule>();
  const resources = new Map<string, KindModule>();
  const reservations = new Map<string, ReservationModule>();
  const lifts = new Map<string, Lift>();
  for (const domain of domains) {
    for (const kind of domain.kinds) {
      once(kinds, kind.kind, kind, 'kind');
      once(resources, `${kind.group}/${kind.version}/${kind.plural}`, kind, 'resource');
    }
    for (const reservation of domain.reservations) once(reservations, reservation.category, reservation, 'category');
    for (const [type, lift] of Object.entries(domain.lifts ?? {})) once(lifts, type, lift, 'lifted event type');
  }
  for (const category of reservations.keys()) if (kinds.has(category)) throw new Error(`category "${category}" is a kind's name as well`);

  const ownerOfKey = (key: ObjectKey): Owner | undefined => {
    const kind = kinds.get(key.kind);
    return kind && { context: kind.context, partition: partitionOf(kind.partitionKey(key)) };
  };
  const all = [...kinds.values()];
  const reactions = domains.flatMap((domain) => [...domain.reactions, ...(domain.reactionsToKinds?.(all) ?? [])]);
  const reservationOf = (stream: string) => reservations.get(categoryOf(stream));
  return {
    domains,
    kinds: all,
    kind: (name) => kinds.get(name),
    resource: (group, version, plural) => resources.get(`${group}/${version}/${plural}`),
    reservation: (category) => reservations.get(category),
    reservationOf,
    ownerOfKey,
    ownerOfStream: (stream) => {
      const reservation = reservationOf(stream);
      if (reservation !== undefined) return { context: reservation.context, partition: partitionOf(reservation.partitionKey(stream)) };
      const key = keyOfStream(stream);
      return key && ownerOfKey(key);
    },
    reactions: (context) => reactions.filter((reaction) => reaction.context === context),
    watches: (context) => domains.flatMap((domain) => (domain.watches ?? []).filter((watch) => watch.context === context)),
    lifts: lifts.size > 0,
    lift: (event) => {
      let lifted = event;
      for (let step = 0; step < LIFTS_MAX; step++) {
        const lift = lifts.get(lifted.type);
        if (lift === undefined) return lifted;
        lifted = { ...lifted, ...lift(lifted.data) };
      }
      throw new Error(`event type "${event.type}" is lifted in a circle`);
    },
  };
}

function once<V>(map: Map<string, V>, name: string, value: V, what: string): void {
  if (map.has(name)) throw new Error(`${what} "${name}" is defined twice`);
  map.set(name, value);
}
