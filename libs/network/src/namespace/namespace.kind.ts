/** Namespace, core v1 (http-api 15): Terminating while it is emptied, gone when nothing is left in it. */
import {
  type ApiObject,
  accepted,
  conditionFacts,
  type Fact,
  forbiddenStatus,
  type JsonValue,
  type KindModule,
  noConditionFacts,
  objectSchema,
  type PlainFields,
  plainFieldEvolve,
  plainFieldFacts,
  ready,
  specOf,
  withCondition,
  withSpecField,
  withStatus,
} from '@weft/api';
import { namespaceColumns } from './namespace.columns.ts';
import { EMPTYING_FINALIZER, namespaceDefaults } from './namespace.defaults.ts';
import { type NamespaceSpec, namespaceModel } from './namespace.model.ts';
import { namespaceRules } from './namespace.rules.ts';

const names = { group: '', version: 'v1', kind: 'Namespace' } as const;
export const CONTENT_REMAINING = 'NamespaceContentRemaining';
const PLAIN: PlainFields = { finalizers: 'NamespaceFinalizersChanged.v1' };

const finalizersOf = (object: ApiObject): readonly string[] => specOf<NamespaceSpec>(object).finalizers ?? [];

const FINALIZERS_NAMED_MAX = 5;

/** An object may have thousands of them, a condition may not. */
export function finalizersText(finalizers: readonly string[]): string {
  const named = finalizers.slice(0, FINALIZERS_NAMED_MAX).join(', ');
  return `finalizers ${named}${finalizers.length > FINALIZERS_NAMED_MAX ? ' and others' : ''}`;
}

/** Defaults put the finalizer on whatever a client sends; on a namespace that was emptied nobody would take it off again. */
function onceEmptied(before: ApiObject, after: ApiObject): ApiObject {
  if (before.metadata.deletionTimestamp === undefined || finalizersOf(before).includes(EMPTYING_FINALIZER)) return after;
  const finalizers = finalizersOf(after).filter((finalizer) => finalizer !== EMPTYING_FINALIZER);
  return withSpecField(after, 'finalizers', finalizers.length === 0 ? undefined : finalizers);
}

export const namespaceKind: KindModule = {
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
  selectableFields: (object) => ({ 'status.phase': (object.status?.['phase'] as string | undefined) ?? '' }),
  onChange: (before, after) => accepted(plainFieldFacts(PLAIN, before.object, onceEmptied(before.object, after))),
  onDelete: ({ key: { name } }) =>
    name === 'default' ? forbiddenStatus({ ...names, plural: 'namespaces' }, name, 'this namespace may not be deleted') : undefined,
  holdsDeletion: (object) => finalizersOf(object).length > 0,
  actions: {
    /** Nothing is left in it. */
    Finalize: (before) => {
      const finalizers = finalizersOf(before.object);
      if (before.status !== 'live' || before.object.metadata.deletionTimestamp === undefined) return accepted([]);
      if (!finalizers.includes(EMPTYING_FINALIZER)) return accepted([]);
      const rest = finalizers.filter((finalizer) => finalizer !== EMPTYING_FINALIZER);
      const changed: Fact = { type: 'NamespaceFinalizersChanged.v1', data: rest.length === 0 ? {} : { finalizers: rest as JsonValue[] } };
      const others = [...rest, ...(before.object.metadata.finalizers ?? [])];
      if (others.length === 0) return accepted([changed]);
      const message = `waits for ${finalizersText(others)}`;
      const condition = { type: 'NamespaceFinalizersRemaining', status: 'True', reason: 'SomeFinalizersRemain', message } as const;
      return accepted([changed, ...noConditionFacts(before.object, CONTENT_REMAINING), ...conditionFacts(before.object, condition)]);
    },
    /** {message}: what is still in it. */
    ReportRemaining: (before, { message }) => {
      if (before.status !== 'live' || before.object.metadata.deletionTimestamp === undefined) return accepted([]);
      const condition = {
        type: CONTENT_REMAINING,
        status: 'True',
        reason: 'SomeResourcesRemain',
        message: message as string,
      } as const;
      return accepted(conditionFacts(before.object, condition));
    },
  },
  evolve: {
    ...plainFieldEvolve(PLAIN),
    'NamespaceCreated.v1': ({ object, facts }, _data, { time }) => ({
      object: withCondition(withStatus(object, { phase: 'Active' }), ready('True', 'Active', 'takes new objects'), time),
      facts,
    }),
    'DeletionRequested.v1': ({ object, facts }, _data, { time }) => ({
      object: withCondition(withStatus(object, { phase: 'Terminating' }), ready('False', 'Terminating', 'takes nothing new'), time),
      facts,
    }),
  },
  initialFacts: {},
  facetOf: () => undefined,
};
