/** Namespace, core v1 (http-api 15): Terminating while it is emptied, gone when nothing is left in it. */
import {
  type ApiObject,
  accepted,
  type ConditionFact,
  conditionFacts,
  defineKind,
  type FactOf,
  forbiddenStatus,
  isDeleting,
  noConditionFacts,
  objectSchema,
  plainFieldEvolve,
  plainFieldFacts,
  plainFields,
  ready,
  specOf,
  withCondition,
  withSpecField,
  withStatus,
} from '@weft/api';
import { namespaceColumns } from './namespace.columns.ts';
import { EMPTYING_FINALIZER, namespaceDefaults } from './namespace.defaults.ts';
import { namespaceModel } from './namespace.model.ts';
import { namespaceRules } from './namespace.rules.ts';
import { Namespace, type NamespaceTypes, namespaceEvents, namespacePayloads } from './namespace.types.ts';

type NamespaceObject = ApiObject<NamespaceTypes>;
type NamespaceFact = FactOf<NamespaceTypes>;

const names = { group: '', version: 'v1', kind: 'Namespace' } as const;
const PLAIN = plainFields<NamespaceTypes>()({ finalizers: 'NamespaceFinalizersChanged.v1' });

const finalizersOf = (object: NamespaceObject): readonly string[] => specOf(object).finalizers ?? [];

const FINALIZERS_NAMED_MAX = 5;

/** Names only some: an object may have thousands of finalizers, too many for a condition. */
export function finalizersText(finalizers: readonly string[]): string {
  const named = finalizers.slice(0, FINALIZERS_NAMED_MAX).join(', ');
  return `finalizers ${named}${finalizers.length > FINALIZERS_NAMED_MAX ? ' and others' : ''}`;
}

/** Whether it is being deleted, and still holds objects. */
export function isBeingEmptied(namespace: Readonly<{ object: NamespaceObject }>): boolean {
  return isDeleting(namespace) && finalizersOf(namespace.object).includes(EMPTYING_FINALIZER);
}

export function contentRemaining(message: string): ConditionFact {
  return { type: 'NamespaceContentRemaining', status: 'True', reason: 'SomeResourcesRemain', message };
}

function finalizersRemaining(finalizers: readonly string[]): ConditionFact {
  const message = `waits for ${finalizersText(finalizers)}`;
  return { type: 'NamespaceFinalizersRemaining', status: 'True', reason: 'SomeFinalizersRemain', message };
}

/** Removes the finalizer that defaults add to whatever a client sends: from a namespace that was emptied, nobody would remove it again. */
function onceEmptied(before: NamespaceObject, after: NamespaceObject): NamespaceObject {
  if (!isDeleting({ object: before }) || finalizersOf(before).includes(EMPTYING_FINALIZER)) return after;
  const finalizers = finalizersOf(after).filter((finalizer) => finalizer !== EMPTYING_FINALIZER);
  return withSpecField(after, 'finalizers', finalizers.length === 0 ? undefined : finalizers);
}

export const namespaceKind = defineKind(Namespace, {
  ...names,
  plural: 'namespaces',
  singular: 'namespace',
  shortNames: ['ns'],
  namespaced: false,
  nameRule: 'label',
  context: 'network',
  partitionKey: () => 'Namespace',
  hasStatus: true,
  tracksGeneration: false,
  replacedBlindly: true,
  columns: namespaceColumns,
  schema: objectSchema(names, 'A scope for names.', namespaceModel),
  model: namespaceModel,
  strategicMerge: {
    'metadata.finalizers': '',
    'metadata.ownerReferences': 'uid',
    'status.conditions': 'type',
  },
  defaults: namespaceDefaults,
  rules: namespaceRules,
  selectableFields: (object) => ({ 'status.phase': object.status?.phase ?? '' }),
  indexes: {},
  events: namespaceEvents,
  payloads: namespacePayloads,
  onChange: (before, after) => accepted(plainFieldFacts(PLAIN, before.object, onceEmptied(before.object, after))),
  onDelete: ({ key: { name } }) =>
    name === 'default' ? forbiddenStatus({ ...names, plural: 'namespaces' }, name, 'this namespace may not be deleted') : undefined,
  holdsDeletion: (object) => finalizersOf(object).length > 0,
  actions: {
    Finalize: (before) => {
      if (before.status !== 'live' || !isBeingEmptied(before)) return accepted([]);
      const { object } = before;
      const rest = finalizersOf(object).filter((finalizer) => finalizer !== EMPTYING_FINALIZER);
      const changed: NamespaceFact = { type: 'NamespaceFinalizersChanged.v1', data: rest.length === 0 ? {} : { finalizers: rest } };
      const others = [...rest, ...(object.metadata.finalizers ?? [])];
      if (others.length === 0) return accepted([changed]);
      const remains = conditionFacts(object, finalizersRemaining(others));
      return accepted([changed, ...noConditionFacts(object, contentRemaining('').type), ...remains]);
    },
    ReportRemaining: (before, { message }) => {
      if (before.status !== 'live' || !isBeingEmptied(before)) return accepted([]);
      return accepted(conditionFacts(before.object, contentRemaining(message)));
    },
  },
  evolve: plainFieldEvolve(PLAIN),
  onCreated: ({ object, facts }, { time }) => ({
    object: withCondition(withStatus(object, { phase: 'Active' }), ready('True', 'Active', 'takes new objects'), time),
    facts,
  }),
  onDeletionRequested: ({ object, facts }, { time }) => ({
    object: withCondition(withStatus(object, { phase: 'Terminating' }), ready('False', 'Terminating', 'takes nothing new'), time),
    facts,
  }),
  initialFacts: {},
  facets: { 'NamespaceFinalizersChanged.v1': undefined },
});
