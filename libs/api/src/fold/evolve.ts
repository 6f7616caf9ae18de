/**
 * The fold of one stream: state after an event. Never refuses a fact, never reads a clock; copies no deeper than an event changes, so states
 * before and after share the rest.
 */
import type { Folded, KindModule, RecentRequest } from '../kind/kind.ts';
import type { ApiObject, ObjectKey, ObjectMeta } from '../kind/object.ts';
import type { Because, RecordedEvent } from '../log/envelope.ts';
import type { JsonObject } from '../log/json.ts';
import type { Registry } from '../registry/registry.ts';
import { commonEvolve, createdType, endedType } from './common-events.ts';

/** An event that nothing here knows: a fault of the code that reads (an older version than the writer's), shown and never skipped. */
export class UnknownEventError extends Error {
  readonly code = 'UnknownEvent';
  readonly stream: string;
  readonly eventType: string;
  constructor(event: Pick<RecordedEvent, 'stream' | 'type' | 'revision'>, why: string) {
    super(`stream "${event.stream}" revision ${event.revision}: event type "${event.type}" cannot be folded: ${why}`);
    this.stream = event.stream;
    this.eventType = event.type;
  }
}

/** At least all requests of this age are remembered: twice the time for which a gateway repeats one. */
const REQUESTS_MS = 180_000;
const REQUESTS_MIN = 16;
const REQUESTS_MAX = 1_024;

const NO_REQUESTS: readonly RecentRequest[] = [];

/** A stream that was never written. */
export function absent(registry: Registry, key: ObjectKey): Folded {
  const kind = registry.kind(key.kind);
  if (kind === undefined) throw new Error(`no domain has a kind "${key.kind}"`);
  return {
    key,
    status: 'absent',
    object: {
      apiVersion: apiVersionOf(kind),
      kind: kind.kind,
      metadata: { name: key.name, uid: '', resourceVersion: '', creationTimestamp: '' },
    },
    facts: kind.initialFacts,
    revision: 'none',
    position: 0n,
    facets: {},
    requests: NO_REQUESTS,
  };
}

/** `v1`, `networking.ironcore.dev/v1alpha1`. */
export function apiVersionOf({ group, version }: Readonly<{ group: string; version: string }>): string {
  return group === '' ? version : `${group}/${version}`;
}

export type AdvanceOptions = Readonly<{
  /** Remember request ids: writers need them, read models do not. */
  requests: boolean;
}>;

/** State after the event. The event must be the next of that stream. Throws UnknownEventError. */
export function advance(registry: Registry, state: Folded, event: RecordedEvent, options: AdvanceOptions): Folded {
  const kind = registry.kind(state.key.kind) as KindModule;
  const { type, data } = registry.lift(event.type, event.data);
  let { status, facets } = state;
  let object: ApiObject = state.object;
  let facts: JsonObject = state.facts;
  let abandoned: string | undefined;
  const common = commonEvolve[type];
  if (common !== undefined) {
    object = common.evolve(object, data, event.metadata);
    const more = kind.evolve[type];
    if (more !== undefined) ({ object, facts } = more({ object, facts }, data, event.metadata));
    facets = { ...facets, [common.facet]: becauseOf(event) };
  } else if (type === createdType(kind.kind)) {
    status = 'live';
    ({ object, facts } = created(kind, data));
    const more = kind.evolve[type];
    if (more !== undefined) ({ object, facts } = more({ object, facts }, data, event.metadata));
    facets = { created: becauseOf(event) };
  } else if (type === endedType(kind.kind)) {
    status = 'absent';
    facets = {};
  } else if (type === 'ClaimAbandoned.v1') {
    abandoned = data['requestId'] as string;
  } else {
    const evolve = kind.evolve[type];
    if (evolve === undefined) throw new UnknownEventError(event, `kind ${kind.kind} does not know it`);
    ({ object, facts } = evolve({ object, facts }, data, event.metadata));
    const facet = kind.facetOf(type, data);
    if (facet !== undefined) facets = { ...facets, [facet]: becauseOf(event) };
  }
  const metadata: ObjectMeta = { ...object.metadata, resourceVersion: event.position.toString() };
  if (object === state.object) object = { ...object, metadata };
  else object.metadata = metadata; // Fresh: nobody else holds it yet.
  return {
    key: state.key,
    status,
    object,
    facts,
    revision: event.revision,
    position: event.position,
    facets,
    requests: options.requests ? remember(state.requests, event, abandoned) : state.requests,
  };
}

/** The whole stream, or the rest of one. */
export function foldStream(registry: Registry, key: ObjectKey, events: Iterable<RecordedEvent>, from?: Folded): Folded {
  let state = from ?? absent(registry, key);
  for (const event of events) state = advance(registry, state, event, { requests: true });
  return state;
}

function created(kind: KindModule, { metadata, ...rest }: JsonObject): { object: ApiObject; facts: JsonObject } {
  const object = { apiVersion: apiVersionOf(kind), kind: kind.kind, metadata, ...rest } as unknown as ApiObject;
  return { object, facts: kind.initialFacts };
}

function becauseOf({ position, stream, revision, id }: RecordedEvent): Because {
  return { position, stream, revision, eventId: id };
}

function remember(requests: readonly RecentRequest[], event: RecordedEvent, abandoned: string | undefined): readonly RecentRequest[] {
  const { position, revision } = event;
  const { requestId, time } = event.metadata;
  const last = requests.at(-1);
  // The events of one append follow each other: one entry, with the last one's place.
  const kept = last?.requestId === requestId && last.abandoned === undefined ? requests.slice(0, -1) : [...requests];
  kept.push({ requestId, revision, position, time });
  if (abandoned !== undefined) kept.push({ requestId: abandoned, revision, position, time, abandoned: true });
  let drop = Math.max(0, kept.length - REQUESTS_MAX);
  if (kept.length > REQUESTS_MIN) {
    const oldest = new Date(Date.parse(time) - REQUESTS_MS).toISOString();
    while (kept.length - drop > REQUESTS_MIN && (kept[drop] as RecentRequest).time < oldest) drop++;
  }
  return drop === 0 ? kept : kept.slice(drop);
}
