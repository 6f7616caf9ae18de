/**
 * The fold of one stream: state after an event. Never refuses a fact, never reads a clock; copies no deeper than an event changes, so states
 * before and after share the rest.
 */
import type { Folded, KindModule, RecentRequest } from '../kind/kind.ts';
import type { ApiObject, ObjectKey } from '../kind/object.ts';
import { type Append, type Because, type EventMetadata, isOurs, isWeft, type RecordedEvent } from '../log/envelope.ts';
import type { JsonObject } from '../log/json.ts';
import { resourceVersionOf } from '../log/resource-version.ts';
import { unmanagedAfter } from '../managers/unmanaged.ts';
import type { Registry } from '../registry/registry.ts';
import { withFields } from '../values/with-fields.ts';
import { commonEvolve, createdType, endedType } from './common-events.ts';

/** This code does not know the event, perhaps because the writer's version is newer. */
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
      apiVersion: planOf(kind).apiVersion,
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
  /** Whether to remember request ids: writers need them, read models do not. */
  requests: boolean;
}>;

type State = { object: ApiObject; facts: JsonObject };
type Step = Readonly<{
  becomes?: Folded['status'];
  evolve?: (state: State, data: JsonObject, metadata: EventMetadata) => State;
  facet: (data: JsonObject) => string | readonly string[] | undefined;
  /** The event begins or ends an incarnation: facets from before are dropped. */
  resets?: true;
}>;

/** What each event type does to an object of a kind. `apiVersion`: one text for all its objects. */
type Plan = Readonly<{ apiVersion: string; steps: ReadonlyMap<string, Step> }>;

const plans = new WeakMap<KindModule, Plan>();

function planOf(kind: KindModule): Plan {
  let plan = plans.get(kind);
  if (plan === undefined) plans.set(kind, (plan = makePlan(kind)));
  return plan;
}

function makePlan(kind: KindModule): Plan {
  const apiVersion = apiVersionOf(kind);
  const steps = new Map<string, Step>();
  const nothing = () => undefined;
  for (const [type, evolve] of Object.entries(kind.evolve)) steps.set(type, { evolve, facet: (data) => kind.facetOf(type, data) });
  for (const [type, common] of Object.entries(commonEvolve)) {
    const more = kind.evolve[type];
    steps.set(type, {
      evolve: ({ object, facts }, data, metadata) => {
        const after = { object: common.evolve(object, data, metadata), facts };
        return more === undefined ? after : more(after, data, metadata);
      },
      facet: () => common.facet,
    });
  }
  const type = createdType(kind.kind);
  const more = kind.evolve[type];
  steps.set(type, {
    becomes: 'live',
    evolve: (_state, data, metadata) => {
      const born = created(kind, apiVersion, data);
      return more === undefined ? born : more(born, data, metadata);
    },
    facet: () => 'created',
    resets: true,
  });
  steps.set(endedType(kind.kind), { becomes: 'absent', facet: nothing, resets: true });
  steps.set('ClaimAbandoned.v1', { facet: nothing });
  return { apiVersion, steps };
}

const NO_FACETS: Folded['facets'] = {};

/** State after the event, which must be the next of that stream and of today's types. Throws UnknownEventError. */
export function advance(registry: Registry, before: Folded, event: RecordedEvent, options: AdvanceOptions): Folded {
  const kind = registry.kind(before.key.kind) as KindModule;
  const { type, data, metadata, position } = event;
  const step = planOf(kind).steps.get(type);
  if (step === undefined) throw new UnknownEventError(event, `kind ${kind.kind} does not know it`);
  let { object, facts } = before;
  if (step.evolve !== undefined) ({ object, facts } = step.evolve({ object, facts }, data, metadata));
  const facets = withFacets(step.resets === true ? NO_FACETS : before.facets, step.facet(data), event);
  const versioned = withFields(object.metadata, { resourceVersion: resourceVersionOf(event) });
  if (object === before.object) object = withFields(object, { metadata: versioned });
  else object.metadata = versioned; // `evolve` has just made this object: nobody else holds it yet.
  const createdBy = step.resets === true ? creatorOf(event) : before.createdBy;
  const unmanaged = step.resets === true ? undefined : unmanagedAfter(kind, before, object, isWeft(metadata.actor));
  // What is in the log was checked when it was written, here and below.
  const after: { -readonly [F in keyof Folded]: Folded[F] } = {
    key: before.key,
    status: step.becomes ?? before.status,
    object,
    facts,
    revision: event.revision,
    position,
    facets,
    requests: options.requests ? remember(before.requests, event, abandonedBy(event)) : before.requests,
  };
  if (createdBy !== undefined) after.createdBy = createdBy;
  if (unmanaged !== undefined) after.unmanaged = unmanaged;
  return after;
}

/** The manager that was asked for last. Many objects share one: each would hold a text of its own otherwise. */
let manager = '';

/** The field manager of the command that began an incarnation. */
function creatorOf({ metadata }: RecordedEvent): string | undefined {
  const { command } = metadata;
  const name = command !== undefined && 'options' in command ? command.options?.fieldManager : undefined;
  if (name !== undefined && name !== manager) manager = name;
  return name === undefined ? undefined : manager;
}

/** Tells who reads an object that it is `unreadable`, and why. Nobody can store this annotation, since nobody can write such an object. */
export const UNREADABLE_ANNOTATION = 'fabric.weft.dev/unreadable';

/**
 * The same for events that were read: one that cannot be folded makes the state `unreadable` and stops nothing else (DESIGN 10.23, 10.33). Beginning and
 * end of an incarnation are taken all the same, since they rest on nothing before.
 */
export function follow(registry: Registry, before: Folded, event: RecordedEvent, options: AdvanceOptions): Folded {
  const { unreadable } = before;
  const kind = registry.kind(before.key.kind) as KindModule;
  if (unreadable !== undefined && planOf(kind).steps.get(event.type)?.resets !== true)
    return withoutFolding(before, event, unreadable, options);
  if (!isOurs(event))
    return withoutFolding(before, event, `${placeOf(event)} was not written by Weft (event type "${event.type}")`, options);
  try {
    return advance(registry, unreadable === undefined ? before : readable(before), event, options);
  } catch (error) {
    return withoutFolding(before, event, `${placeOf(event)} is ${whyNot(event, error)}`, options);
  }
}

function readable({ unreadable: _, ...state }: Folded): Folded {
  return state;
}

function placeOf({ revision }: RecordedEvent): string {
  return `revision ${revision} of its stream`;
}

function whyNot({ type }: RecordedEvent, error: unknown): string {
  if (error instanceof UnknownEventError) return `of a type that this version does not know: "${type}"`;
  return `damaged: ${(error as Error).message}`;
}

/** The request was carried out all the same, which a repeat of it is told. */
function withoutFolding(before: Folded, event: RecordedEvent, why: string, options: AdvanceOptions): Folded {
  const { revision, position } = event;
  const { metadata } = before.object;
  const annotations = { ...metadata.annotations, [UNREADABLE_ANNOTATION]: why };
  const object = { ...before.object, metadata: { ...metadata, annotations, resourceVersion: resourceVersionOf(event) } };
  const requests = options.requests && isOurs(event) ? remember(before.requests, event, abandonedBy(event)) : before.requests;
  return { ...before, object, revision, position, requests, unreadable: why };
}

/** The state after a whole append: nothing of one that holds an event which cannot be folded. */
export function followAppend(registry: Registry, before: Folded, { events }: Append, options: AdvanceOptions): Folded {
  let after = before;
  for (const event of events) after = follow(registry, after, event, options);
  if (after.unreadable === undefined || before.unreadable !== undefined) return after;
  return withoutFolding({ ...before, requests: after.requests }, events.at(-1) as RecordedEvent, after.unreadable, { requests: false });
}

/** The state after all events of a stream, or after those that follow the state `from`. */
export function foldStream(registry: Registry, key: ObjectKey, events: Iterable<RecordedEvent>, from?: Folded): Folded {
  let state = from ?? absent(registry, key);
  for (const event of events) state = advance(registry, state, event, { requests: true });
  return state;
}

function created(kind: KindModule, apiVersion: string, data: JsonObject): State {
  if (typeof data?.['metadata'] !== 'object') throw new Error('it begins an object without metadata');
  const object = { apiVersion, kind: kind.kind, ...data } as unknown as ApiObject;
  return { object, facts: kind.initialFacts };
}

function withFacets(facets: Folded['facets'], changed: ReturnType<Step['facet']>, event: RecordedEvent): Folded['facets'] {
  if (changed === undefined) return facets;
  const because = becauseOf(event);
  const after: { [facet: string]: Because } = withFields(facets, {});
  if (typeof changed === 'string') after[changed] = because;
  else for (const facet of changed) after[facet] = because;
  return after;
}

function becauseOf({ position, stream, revision, id }: RecordedEvent): Because {
  return { position, stream, revision, eventId: id };
}

function abandonedBy({ type, data }: RecordedEvent): string | undefined {
  return type === 'ClaimAbandoned.v1' ? (data['requestId'] as string) : undefined;
}

function remember(requests: readonly RecentRequest[], event: RecordedEvent, abandoned: string | undefined): readonly RecentRequest[] {
  const { position, revision } = event;
  const { requestId, time } = event.metadata;
  const last = requests.at(-1);
  // The events of one append share an entry, which has the place of the last one.
  const before = last?.requestId === requestId && last.abandoned === undefined ? requests.slice(0, -1) : requests;
  // Not `push`, which keeps room for 16 more.
  const own = before.concat({ requestId, revision, position, time });
  const kept = abandoned === undefined ? own : own.concat({ requestId: abandoned, revision, position, time, abandoned: true });
  let drop = Math.max(0, kept.length - REQUESTS_MAX);
  if (kept.length > REQUESTS_MIN) {
    const oldest = new Date(Date.parse(time) - REQUESTS_MS).toISOString();
    while (kept.length - drop > REQUESTS_MIN && (kept[drop] as RecentRequest).time < oldest) drop++;
  }
  return drop === 0 ? kept : kept.slice(drop);
}
