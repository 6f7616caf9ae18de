/**
 * Events that every kind shares: the parts of an object that no kind decides on (labels, annotations, finalizers, owner references), its conditions,
 * its generation and its deletion. Each carries the whole new value of its part.
 */
import { Type } from '@sinclair/typebox';
import type { Claim } from '../kind/kind.ts';
import type { ApiObject, Condition, ManagedFields, ObjectMeta, OwnerReference } from '../kind/object.ts';
import type { EventMetadata } from '../log/envelope.ts';
import { type DataOf, defineEvents } from '../log/event-set.ts';
import type { JsonObject } from '../log/json.ts';
import { isEmptySet } from '../managers/field-set.ts';
import { isSameManager } from '../managers/manager-id.ts';
import { withFields } from '../values/with-fields.ts';

/** A condition without its time, which is that of the event. */
export type ConditionFact = Readonly<Omit<Condition, 'lastTransitionTime'>>;

/** Bound of what is shared: a log of others may have any number of kinds. */
const SHARED_TYPES_MAX = 256;

/** All events of a type share one text. */
const typeEndingIn = (ending: string) => {
  const shared = new Map<string, string>();
  return (kind: string): string => {
    const known = shared.get(kind);
    if (known !== undefined) return known;
    const type = `${kind}${ending}`;
    if (shared.size < SHARED_TYPES_MAX) shared.set(kind, type);
    return type;
  };
};
export const createdType = typeEndingIn('Created.v1');
export const endedType = typeEndingIn('Ended.v1');

const Texts = Type.Record(Type.String(), Type.String());
const AnyObject = Type.Unsafe<JsonObject>({ type: 'object' });

export const commonEvents = defineEvents({
  'LabelsChanged.v1': Type.Object({ labels: Texts }),
  'AnnotationsChanged.v1': Type.Object({ annotations: Texts }),
  'FinalizersChanged.v1': Type.Object({ finalizers: Type.Array(Type.String()) }),
  'OwnerReferencesChanged.v1': Type.Object({ ownerReferences: Type.Array(Type.Unsafe<OwnerReference>({ type: 'object' })) }),
  /** The entries that are other than before; one without fields is gone. */
  'FieldManagersChanged.v1': Type.Object({ managers: Type.Array(Type.Unsafe<ManagedFields>({ type: 'object' })) }),
  'GenerationChanged.v1': Type.Object({ generation: Type.Integer() }),
  /** In whole seconds. */
  'DeletionRequested.v1': Type.Object({ at: Type.String() }),
  'ConditionChanged.v1': Type.Object({
    type: Type.String(),
    status: Type.Union([Type.Literal('True'), Type.Literal('False'), Type.Literal('Unknown')]),
    reason: Type.String(),
    message: Type.String(),
    observedGeneration: Type.Optional(Type.Integer()),
  }),
  'ConditionRemoved.v1': Type.Object({ type: Type.String() }),
  /** By an outside provider (resources 3.13); the whole status. */
  'StatusReplaced.v1': Type.Object({ status: Type.Optional(AnyObject) }),
  /** On the object's own stream: a request's claims are about to be given back since its own append never came (DESIGN 9.5). */
  'ClaimAbandoned.v1': Type.Object({
    requestId: Type.String(),
    releases: Type.Array(
      Type.Object({ stream: Type.String(), command: Type.Unsafe<JsonObject & { type: string }>({ type: 'object', required: ['type'] }) }),
    ),
  }),
});
export type CommonEvents = DataOf<typeof commonEvents>;
export type TypedFact<Events> = { [E in keyof Events & string]: Readonly<{ type: E; data: Events[E] }> }[keyof Events & string];
export type CommonFact = TypedFact<CommonEvents>;

const common = <E extends keyof CommonEvents>(type: E, data: CommonEvents[E]): Readonly<{ type: E; data: CommonEvents[E] }> => ({
  type,
  data,
});

export const labelsChanged = (labels: Readonly<Record<string, string>>) => common('LabelsChanged.v1', { labels: { ...labels } });
export const annotationsChanged = (annotations: Readonly<Record<string, string>>) =>
  common('AnnotationsChanged.v1', { annotations: { ...annotations } });
export const finalizersChanged = (finalizers: readonly string[]) => common('FinalizersChanged.v1', { finalizers: [...finalizers] });
export const ownerReferencesChanged = (ownerReferences: readonly OwnerReference[]) =>
  common('OwnerReferencesChanged.v1', { ownerReferences: [...ownerReferences] });
export const fieldManagersChanged = (managers: readonly ManagedFields[]) => common('FieldManagersChanged.v1', { managers: [...managers] });
export const generationChanged = (generation: number) => common('GenerationChanged.v1', { generation });
export const deletionRequested = (at: string) => common('DeletionRequested.v1', { at });
export const conditionChanged = (condition: ConditionFact) => common('ConditionChanged.v1', { ...condition });
const conditionRemoved = (type: string) => common('ConditionRemoved.v1', { type });
export const statusReplaced = (status: JsonObject | undefined) => common('StatusReplaced.v1', status === undefined ? {} : { status });
export const claimAbandoned = (requestId: string, releases: readonly Claim[]) =>
  common('ClaimAbandoned.v1', { requestId, releases: [...releases] });

/** The first fact of an incarnation. The machinery makes it of a request to create; an action may begin an object with it too. */
export type CreatedFact<Spec = object> = Readonly<{
  type: `${string}Created.v1`;
  data: Readonly<{ metadata: Readonly<Pick<ObjectMeta, 'name' | 'uid' | 'creationTimestamp'>>; spec?: Spec }>;
}>;

export function created<Spec>({ kind }: Readonly<{ kind: string }>, data: CreatedFact<Spec>['data']): CreatedFact<Spec> {
  return { type: `${kind}Created.v1`, data };
}

/** The second that was asked for last. Objects have several times, and many share one: each would hold a text of its own otherwise, and the longer one behind it. */
let second = '';

/** RFC 3339 in whole seconds, as Kubernetes has it. */
export function wholeSeconds(time: string): string {
  if (time.length <= 20) return time;
  const text = `${time.slice(0, 19)}Z`;
  if (text !== second) second = Buffer.from(text).toString();
  return second;
}

type WithStatus = Readonly<{ status?: object }>;

/** The cast is safe: only the fold of the condition events writes conditions, with all their fields. */
function conditionsOf({ status }: WithStatus): readonly Condition[] {
  return (status as { conditions?: Condition[] } | undefined)?.conditions ?? [];
}

export function conditionOf(object: WithStatus, type: string): Condition | undefined {
  return conditionsOf(object).find((condition) => condition.type === type);
}

/** The facts that set a condition: none when the object has it already. */
export function conditionFacts(object: WithStatus, condition: ConditionFact): readonly CommonFact[] {
  const present = conditionOf(object, condition.type);
  const same =
    present !== undefined &&
    present.status === condition.status &&
    present.reason === condition.reason &&
    present.message === condition.message &&
    present.observedGeneration === condition.observedGeneration;
  return same ? [] : [conditionChanged(condition)];
}

export function noConditionFacts(object: WithStatus, type: string): readonly CommonFact[] {
  return conditionOf(object, type) === undefined ? [] : [conditionRemoved(type)];
}

/** The facts that set `conditions` and remove the others of `types`. */
export function onlyConditionFacts(
  object: WithStatus,
  types: readonly string[],
  conditions: readonly ConditionFact[],
): readonly CommonFact[] {
  const others = types.filter((type) => conditions.every((each) => each.type !== type));
  return [
    ...conditions.flatMap((condition) => conditionFacts(object, condition)),
    ...others.flatMap((type) => noConditionFacts(object, type)),
  ];
}

/** A copy of the object with the condition set; its transition time moves only with its status. */
export function withCondition<O extends WithStatus>(object: O, condition: ConditionFact, time: string): O {
  const present = conditionsOf(object);
  const at = present.findIndex(({ type }) => type === condition.type);
  const before = present[at];
  const now = wholeSeconds(time);
  const { type, status, reason, message, observedGeneration } = condition;
  const lastTransitionTime = before?.status === status ? before.lastTransitionTime : now;
  const next: Condition = { type, status, reason, message, lastTransitionTime };
  if (observedGeneration !== undefined) next.observedGeneration = observedGeneration;
  const conditions = at < 0 ? present.concat(next) : present.with(at, next);
  return withFields(object, { status: withFields(object.status ?? {}, { conditions }) });
}

/** Parts that are absent when they are empty. */
type MetaPart = 'labels' | 'annotations' | 'finalizers' | 'ownerReferences' | 'generation';

function withMetadata<P extends MetaPart>(object: ApiObject, part: P, value: ObjectMeta[P]): ApiObject {
  const metadata: ObjectMeta = withFields(object.metadata, {});
  const empty = value === undefined || (typeof value === 'object' && Object.keys(value).length === 0);
  if (empty) delete metadata[part];
  else metadata[part] = value;
  return withFields(object, { metadata });
}

function withEntries(before: readonly ManagedFields[], changes: readonly ManagedFields[]): readonly ManagedFields[] {
  const kept = before.filter((entry) => changes.every((change) => !isSameManager(change, entry)));
  return [...kept, ...changes.filter(({ fieldsV1 }) => !isEmptySet(fieldsV1))];
}

type CommonStep<Data> = Readonly<{ facet: string; evolve(object: ApiObject, data: Data, metadata: EventMetadata): ApiObject }>;

/** The fold of the common events on live objects; creation, end and ClaimAbandoned are the machinery's own. */
const evolveByType: { readonly [E in Exclude<keyof CommonEvents, 'ClaimAbandoned.v1'>]: CommonStep<CommonEvents[E]> } = {
  'LabelsChanged.v1': { facet: 'labels', evolve: (object, { labels }) => withMetadata(object, 'labels', labels) },
  'AnnotationsChanged.v1': { facet: 'annotations', evolve: (object, { annotations }) => withMetadata(object, 'annotations', annotations) },
  'FinalizersChanged.v1': { facet: 'finalizers', evolve: (object, { finalizers }) => withMetadata(object, 'finalizers', finalizers) },
  'OwnerReferencesChanged.v1': {
    facet: 'ownerReferences',
    evolve: (object, { ownerReferences }) => withMetadata(object, 'ownerReferences', ownerReferences),
  },
  'FieldManagersChanged.v1': {
    facet: 'managers',
    evolve: (object, { managers }) => {
      const managedFields = withEntries(object.metadata.managedFields ?? [], managers);
      return withFields(object, { metadata: withFields(object.metadata, { managedFields }) });
    },
  },
  'GenerationChanged.v1': { facet: 'generation', evolve: (object, { generation }) => withMetadata(object, 'generation', generation) },
  'DeletionRequested.v1': {
    facet: 'deletion',
    evolve: (object, { at }) => {
      const metadata = withFields(object.metadata, { deletionTimestamp: at, deletionGracePeriodSeconds: 0 });
      return withFields(object, { metadata });
    },
  },
  'ConditionChanged.v1': { facet: 'conditions', evolve: (object, condition, { time }) => withCondition(object, condition, time) },
  'ConditionRemoved.v1': {
    facet: 'conditions',
    evolve: (object, removed) => {
      const conditions = conditionsOf(object).filter(({ type }) => type !== removed.type);
      const { conditions: _, ...rest } = object.status ?? {};
      return withFields(object, { status: conditions.length === 0 ? rest : withFields(rest, { conditions }) });
    },
  },
  'StatusReplaced.v1': {
    facet: 'status',
    evolve: (object, { status }) => {
      const { status: _, ...rest } = object;
      return status === undefined ? rest : withFields(rest, { status });
    },
  },
};

/** Erased: data in the log was checked when it was written, and lifted when it was read. */
export const commonEvolve: Readonly<Record<string, CommonStep<JsonObject>>> = evolveByType;
