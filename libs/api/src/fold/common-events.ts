/**
 * Events that every kind shares: the parts of an object nobody decides on (labels, annotations, finalizers, owner references), its conditions,
 * its generation and its deletion. Each carries the whole new value of its part.
 */
import type { Fact } from '../kind/kind.ts';
import type { ApiObject, Condition, ObjectMeta, OwnerReference } from '../kind/object.ts';
import type { EventMetadata } from '../log/envelope.ts';
import type { JsonObject } from '../log/json.ts';

/** The condition without the time, which is that of the event. */
export type ConditionFact = Readonly<Omit<Condition, 'lastTransitionTime'>>;

export const createdType = (kind: string) => `${kind}Created.v1`;
export const endedType = (kind: string) => `${kind}Ended.v1`;

const fact = (type: string, data: JsonObject): Fact => ({ type, data });

export const labelsChanged = (labels: Readonly<Record<string, string>>) => fact('LabelsChanged.v1', { labels: { ...labels } });
export const annotationsChanged = (annotations: Readonly<Record<string, string>>) =>
  fact('AnnotationsChanged.v1', { annotations: { ...annotations } });
export const finalizersChanged = (finalizers: readonly string[]) => fact('FinalizersChanged.v1', { finalizers: [...finalizers] });
export const ownerReferencesChanged = (ownerReferences: readonly OwnerReference[]) =>
  fact('OwnerReferencesChanged.v1', { ownerReferences: ownerReferences as unknown as JsonObject[] });
export const generationChanged = (generation: number) => fact('GenerationChanged.v1', { generation });
/** `at` in whole seconds. */
export const deletionRequested = (at: string) => fact('DeletionRequested.v1', { at });
export const conditionChanged = (condition: ConditionFact) => fact('ConditionChanged.v1', { ...condition });
export const conditionRemoved = (type: string) => fact('ConditionRemoved.v1', { type });
/** An outside provider's word (resources 3.13); the whole status. */
export const statusReplaced = (status: JsonObject | undefined) => fact('StatusReplaced.v1', status === undefined ? {} : { status });
/** On the object's own stream: a request's claims are about to be given back since its own append never came (DESIGN 9.5). */
export const claimAbandoned = (data: JsonObject & { requestId: string }) => fact('ClaimAbandoned.v1', data);

/** RFC 3339 in whole seconds, as Kubernetes has it. */
export function wholeSeconds(time: string): string {
  return time.length > 20 ? `${time.slice(0, 19)}Z` : time;
}

export function conditionsOf(object: ApiObject): readonly Condition[] {
  return (object.status?.['conditions'] as Condition[] | undefined) ?? [];
}

export function conditionOf(object: ApiObject, type: string): Condition | undefined {
  return conditionsOf(object).find((condition) => condition.type === type);
}

/** The facts that bring a condition about: none when it is so already. */
export function conditionFacts(object: ApiObject, condition: ConditionFact): readonly Fact[] {
  const present = conditionOf(object, condition.type);
  const same =
    present !== undefined &&
    present.status === condition.status &&
    present.reason === condition.reason &&
    present.message === condition.message &&
    present.observedGeneration === condition.observedGeneration;
  return same ? [] : [conditionChanged(condition)];
}

export function noConditionFacts(object: ApiObject, type: string): readonly Fact[] {
  return conditionOf(object, type) === undefined ? [] : [conditionRemoved(type)];
}

/** A copy of the object with the condition set; its transition time moves only with its status. */
export function withCondition(object: ApiObject, condition: ConditionFact, time: string): ApiObject {
  const conditions = conditionsOf(object);
  const at = conditions.findIndex(({ type }) => type === condition.type);
  const before = conditions[at];
  const now = wholeSeconds(time);
  const { type, status, reason, message, observedGeneration } = condition;
  const next: Condition = {
    type,
    status,
    reason,
    message,
    lastTransitionTime: before?.status === status ? before.lastTransitionTime : now,
    ...(observedGeneration !== undefined && { observedGeneration }),
  };
  const changed = at < 0 ? [...conditions, next] : conditions.with(at, next);
  return { ...object, status: { ...object.status, conditions: changed as unknown as JsonObject[] } };
}

type Evolve = (object: ApiObject, data: JsonObject, metadata: EventMetadata) => ApiObject;

function withMetadata(object: ApiObject, key: keyof ObjectMeta, value: unknown): ApiObject {
  const metadata = { ...object.metadata } as Record<string, unknown>;
  const empty = value === undefined || (typeof value === 'object' && value !== null && Object.keys(value).length === 0);
  if (empty) delete metadata[key];
  else metadata[key] = value;
  return { ...object, metadata: metadata as unknown as ObjectMeta };
}

/** The fold of the common events on live objects; creation, end and ClaimAbandoned are the machinery's own. */
export const commonEvolve: Readonly<Record<string, Readonly<{ facet: string; evolve: Evolve }>>> = {
  'LabelsChanged.v1': { facet: 'labels', evolve: (object, data) => withMetadata(object, 'labels', data['labels']) },
  'AnnotationsChanged.v1': { facet: 'annotations', evolve: (object, data) => withMetadata(object, 'annotations', data['annotations']) },
  'FinalizersChanged.v1': { facet: 'finalizers', evolve: (object, data) => withMetadata(object, 'finalizers', data['finalizers']) },
  'OwnerReferencesChanged.v1': {
    facet: 'ownerReferences',
    evolve: (object, data) => withMetadata(object, 'ownerReferences', data['ownerReferences']),
  },
  'GenerationChanged.v1': { facet: 'generation', evolve: (object, data) => withMetadata(object, 'generation', data['generation']) },
  'DeletionRequested.v1': {
    facet: 'deletion',
    evolve: (object, data) => ({
      ...object,
      metadata: { ...object.metadata, deletionTimestamp: data['at'] as string, deletionGracePeriodSeconds: 0 },
    }),
  },
  'ConditionChanged.v1': {
    facet: 'conditions',
    evolve: (object, data, { time }) => withCondition(object, data as unknown as ConditionFact, time),
  },
  'ConditionRemoved.v1': {
    facet: 'conditions',
    evolve: (object, data) => {
      const conditions = conditionsOf(object).filter(({ type }) => type !== data['type']);
      const { conditions: _, ...rest } = object.status ?? {};
      return { ...object, status: conditions.length === 0 ? rest : { ...rest, conditions: conditions as unknown as JsonObject[] } };
    },
  },
  'StatusReplaced.v1': {
    facet: 'status',
    evolve: (object, data) => {
      const { status: _, ...rest } = object;
      return (data['status'] === undefined ? rest : { ...rest, status: data['status'] }) as ApiObject;
    },
  },
};
