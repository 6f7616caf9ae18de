/** All kinds, reservation streams and loops, found by the names that requests and the log use. */
import { type TSchema, Type } from '@sinclair/typebox';
import { abandonClaims, openClaimsLedger } from '../claims/open-claims.ts';
import { giveBack, openReleasesLedger } from '../claims/open-releases.ts';
import { commonEvents, createdType, endedType } from '../fold/common-events.ts';
import { NOTHING_RELEASED } from '../kind/define-kind.ts';
import type { Exclusive } from '../kind/exclusive.ts';
import { CONTEXTS, type Context, type DomainModule, type Fact, type KindModule, type Lift, type ReservationModule } from '../kind/kind.ts';
import { defineLedger, type Ledger } from '../kind/ledger.ts';
import type { Loop, Provider } from '../kind/loop.ts';
import { keyOfStream, type ObjectKey } from '../kind/object.ts';
import { partitionOf } from '../kind/partition.ts';
import type { ProjectionOver } from '../kind/projection.ts';
import { categoryOf } from '../log/category.ts';
import { isSystemStream } from '../log/cloud-event.ts';
import { isOurs, type RecordedEvent } from '../log/envelope.ts';
import { cascadesLedger } from '../owners/cascades.ts';
import { OWNER_INDEX, ownersIndex, ownerTexts } from '../owners/owner-index.ts';
import { ownerLoops } from '../owners/owner-loops.ts';
import { matches, mismatches } from '../values/checked.ts';

export type Owner = Readonly<{ context: Context; partition: number }>;

export interface Registry {
  readonly domains: readonly DomainModule[];
  readonly kinds: readonly KindModule[];
  kind(name: string): KindModule | undefined;
  /** Whether some domain reads this kind, and none defines it: then there are no objects of it. */
  isAbsent(kind: string): boolean;
  resource(group: string, version: string, plural: string): KindModule | undefined;
  reservation(category: string): ReservationModule | undefined;
  reservationOf(stream: string): ReservationModule | undefined;
  /** Whether it is the stream of an object, and not a reservation stream (in use or retired) or one of the store's own. */
  holdsObject(stream: string): boolean;
  ownerOfKey(key: ObjectKey): Owner | undefined;
  /** Of a resource's stream or of a reservation stream. */
  ownerOfStream(stream: string): Owner | undefined;
  /** Whose loops run, besides those that always do. */
  readonly provider: Provider;
  /** Of all contexts, or of one; only those that run with this provider. */
  loops(context?: Context): readonly Loop[];
  readonly ledgers: readonly Ledger[];
  readonly exclusives: readonly Exclusive[];
  projections(context: Context): readonly ProjectionOver[];
  /** Whether any event type has a successor. */
  readonly lifts: boolean;
  /** The event in today's types. Called by the store that the platform hands out, and by nobody else. */
  lift(event: RecordedEvent): RecordedEvent;
  /** Categories of reservation streams, in use and retired. */
  readonly categories: readonly string[];
  /** The event types that streams of a kind or category may hold, sorted; none for a retired one. */
  eventTypesOf(category: string): readonly string[];
  /** Of all kinds and categories, each once. */
  readonly eventTypes: readonly string[];
  /** JSON Schema of the data of an event type on a stream; undefined when the type is not declared there. */
  schemaOf(stream: string, type: string): TSchema | undefined;
  /** What is wrong with an event that is about to be written; undefined when it matches its declaration. */
  problemOf(stream: string, fact: Fact): string | undefined;
}

/** Only the metadata is checked here: the kind's model has checked the object before. */
const CREATED = Type.Object({ metadata: Type.Object({ name: Type.String(), uid: Type.String(), creationTimestamp: Type.String() }) });
const ENDED = Type.Object({});

/** More steps than any event type will have versions. */
const LIFTS_MAX = 64;

/** Throws when two modules claim one name. */
export function registry(domains: readonly DomainModule[], { provider = 'weft' }: Readonly<{ provider?: Provider }> = {}): Registry {
  const kinds = new Map<string, KindModule>();
  const resources = new Map<string, KindModule>();
  const reservations = new Map<string, ReservationModule>();
  const retired = new Set(domains.flatMap((domain) => domain.retired ?? []));
  const lifts = new Map<string, Lift>();
  const textOf = ownerTexts(kinds);
  const ownersOf = ownersIndex(textOf);
  for (const domain of domains) {
    for (const declared of domain.kinds) {
      const kind = { ...declared, indexes: { ...declared.indexes, [OWNER_INDEX]: ownersOf } };
      once(kinds, kind.kind, kind, 'kind');
      once(resources, `${kind.group}/${kind.version}/${kind.plural}`, kind, 'resource');
    }
    for (const reservation of domain.reservations) once(reservations, reservation.category, reservation, 'category');
    for (const [type, lift] of Object.entries(domain.lifts ?? {})) once(lifts, type, lift, 'lifted event type');
  }
  for (const category of [...reservations.keys(), ...retired]) {
    if (kinds.has(category)) throw new Error(`category "${category}" is a kind's name as well`);
  }
  for (const category of retired) if (reservations.has(category)) throw new Error(`category "${category}" is retired and in use`);

  const schemaOf = (stream: string, type: string): TSchema | undefined => {
    const module = reservations.get(categoryOf(stream)) ?? kinds.get(categoryOf(stream));
    const own = module?.events?.[type];
    if (own !== undefined || module === undefined) return own;
    if (!('kind' in module)) return type === NOTHING_RELEASED ? ENDED : undefined;
    if (type === createdType(module.kind)) return CREATED;
    if (type === endedType(module.kind)) return ENDED;
    return commonEvents.schemas[type as keyof typeof commonEvents.schemas];
  };
  const eventTypesOf = (category: string): readonly string[] => {
    const kind = kinds.get(category);
    const own = Object.keys((kind ?? reservations.get(category))?.events ?? {});
    if (kind === undefined) return reservations.has(category) ? [...new Set([...own, NOTHING_RELEASED])].sort() : [];
    const common = Object.keys(commonEvents.schemas);
    return [...new Set([createdType(category), endedType(category), ...own, ...Object.keys(kind.evolve), ...common])].sort();
  };
  const ownerOfKey = (key: ObjectKey): Owner | undefined => {
    const kind = kinds.get(key.kind);
    return kind && { context: kind.context, partition: partitionOf(kind.partitionKey(key)) };
  };
  const all = [...kinds.values()];
  const absentKinds = new Set(
    domains.flatMap(({ reads = [] }) => reads.flatMap((read) => ('kind' in read && !kinds.has(read.kind) ? [read.kind] : []))),
  );
  const reservationOf = (stream: string) => reservations.get(categoryOf(stream));
  const claiming = [...reservations.values()];
  /** A loop over a kind of a context that is not here has nothing to be asked about. */
  const isAskable = ({ over }: Loop) => !('kind' in over) || kinds.has(over.kind);
  const runs = (loop: Loop) => loop.provider === undefined || loop.provider === provider;
  const loops = [
    ...domains.flatMap((domain) => [...(domain.loops ?? []).filter(isAskable), ...(domain.loopsOverKinds?.(all) ?? [])].filter(runs)),
    ...ownerLoops(all, textOf),
    ...CONTEXTS.filter((context) => all.some((kind) => kind.context === context)).map((context) =>
      abandonClaims(context, (kind) => kinds.get(kind)?.context),
    ),
    ...CONTEXTS.filter((context) => claiming.some((module) => module.context === context)).map((context) =>
      giveBack(context, reservationOf),
    ),
  ];
  const machinery = [openClaimsLedger(reservationOf), openReleasesLedger(reservationOf), cascadesLedger];
  const kept = [...machinery, ...domains.flatMap((domain) => domain.ledgers ?? [])];
  const ledgers = [...kept, ...emptyLedgers(domains, new Set(kept.map(({ ledger }) => ledger)))];
  return {
    domains,
    provider,
    kinds: all,
    kind: (name) => kinds.get(name),
    isAbsent: (kind) => absentKinds.has(kind),
    resource: (group, version, plural) => resources.get(`${group}/${version}/${plural}`),
    reservation: (category) => reservations.get(category),
    reservationOf,
    holdsObject: (stream) => {
      const category = categoryOf(stream);
      return !isSystemStream(stream) && !reservations.has(category) && !retired.has(category);
    },
    ownerOfKey,
    ownerOfStream: (stream) => {
      const reservation = reservationOf(stream);
      if (reservation !== undefined) return { context: reservation.context, partition: partitionOf(reservation.partitionKey(stream)) };
      const key = keyOfStream(stream);
      return key && ownerOfKey(key);
    },
    loops: (context) => (context === undefined ? loops : loops.filter((loop) => loop.context === context)),
    ledgers,
    exclusives: domains.flatMap(({ exclusives = [] }) => exclusives),
    projections: (context) => domains.flatMap((domain) => (domain.context === context ? (domain.projections ?? []) : [])),
    lifts: lifts.size > 0,
    lift: (event) => {
      if (!isOurs(event)) return event;
      let lifted = event;
      for (let step = 0; step < LIFTS_MAX; step++) {
        const lift = lifts.get(lifted.type);
        if (lift === undefined) return lifted;
        lifted = { ...lifted, ...lift(lifted.data) };
      }
      throw new Error(`event type "${event.type}" is lifted in a circle`);
    },
    categories: [...reservations.keys(), ...retired],
    eventTypesOf,
    get eventTypes() {
      return [...new Set([...kinds.keys(), ...reservations.keys()].flatMap(eventTypesOf))];
    },
    schemaOf,
    problemOf: (stream, { type, data }) => {
      const schema = schemaOf(stream, type);
      if (schema === undefined) return `"${stream}" has no event ${type}`;
      const found = matches(schema, data) ? [] : mismatches(schema, data);
      return found.length === 0 ? undefined : `${type} on "${stream}" is not as its schema says: ${found.join('; ')}`;
    },
  };
}

/** What domains read of contexts that are not here. */
function emptyLedgers(domains: readonly DomainModule[], kept: ReadonlySet<string>): readonly Ledger[] {
  const read = new Set(domains.flatMap(({ reads = [] }) => reads.flatMap((each) => ('ledger' in each ? [each.ledger] : []))));
  return [...read].filter((ledger) => !kept.has(ledger)).map((ledger) => defineLedger({ ledger }, () => {}));
}

function once<V>(map: Map<string, V>, name: string, value: V, what: string): void {
  if (map.has(name)) throw new Error(`${what} "${name}" is defined twice`);
  map.set(name, value);
}
