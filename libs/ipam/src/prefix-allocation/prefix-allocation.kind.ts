/**
 * PrefixAllocation: one request for a part of a Prefix (resources 2.9, 3.12). The Prefix decides, on its own stream; what it gave is accepted here.
 *
 *   Pending ─> Schedule, if a selector chooses its Prefix ─> the Prefix gives a range ─> Accept ─> Allocated
 *                                                        └─> it never can ─> Fail ─> Failed
 */
import {
  type ApiObject,
  accepted,
  conditionFacts,
  defineKind,
  type FactOf,
  type Folded,
  isDeleting,
  isIncarnation,
  objectSchema,
  plainFieldEvolve,
  plainFieldFacts,
  plainFields,
  prefixSpecDefaults,
  ready,
  specOf,
  statusOf,
  wholeSeconds,
  withCondition,
  withStatus,
} from '@weft/api';
import { answers, requestOf } from '../prefix/range-request.ts';
import { prefixAllocationColumns } from './prefix-allocation.columns.ts';
import { prefixAllocationModel } from './prefix-allocation.model.ts';
import { prefixAllocationRules, prefixAllocationStatusRules } from './prefix-allocation.rules.ts';
import {
  PrefixAllocation,
  type PrefixAllocationTypes,
  prefixAllocationEvents,
  prefixAllocationPayloads,
} from './prefix-allocation.types.ts';

type AllocationFact = FactOf<PrefixAllocationTypes>;
type AllocationObject = ApiObject<PrefixAllocationTypes>;

const names = { group: 'ipam.ironcore.dev', version: 'v1alpha1', kind: 'PrefixAllocation' } as const;
const PLAIN = plainFields<PrefixAllocationTypes>()({ prefixRef: 'PrefixAllocationScheduled.v1' });

export const prefixAllocationKind = defineKind(PrefixAllocation, {
  ...names,
  plural: 'prefixallocations',
  singular: 'prefixallocation',
  shortNames: [],
  namespaced: true,
  nameRule: 'subdomain',
  context: 'ipam',
  partitionKey: ({ namespace = '' }) => namespace,
  hasStatus: true,
  providerStatus: {},
  tracksGeneration: false,
  columns: prefixAllocationColumns,
  schema: objectSchema(names, 'A request for a part of a Prefix.', prefixAllocationModel),
  model: prefixAllocationModel,
  defaults: (object) => {
    const spec = prefixSpecDefaults(specOf(object));
    return spec === object.spec ? object : { ...object, spec };
  },
  rules: prefixAllocationRules,
  statusRules: prefixAllocationStatusRules,
  indexes: {
    waiting: ({ object }) => ((statusOf(object).phase ?? 'Pending') === 'Pending' ? ['yes'] : []),
  },
  events: prefixAllocationEvents,
  payloads: prefixAllocationPayloads,
  onChange: (before, after) => accepted(plainFieldFacts(PLAIN, before.object, after)),
  actions: {
    Schedule: (before, { uid, prefix }) => {
      if (!isOpen(before, uid) || specOf(before.object).prefixRef !== undefined) return accepted([]);
      return accepted<AllocationFact>([{ type: 'PrefixAllocationScheduled.v1', data: { prefixRef: { name: prefix } } }]);
    },
    Accept: (before, { uid, prefix, parent }) => {
      const { prefixRef, ...spec } = specOf(before.object);
      const isWanted = prefixRef?.name === parent && answers(prefix, requestOf(spec) ?? '');
      if (!isOpen(before, uid) || !isWanted) return accepted([]);
      return accepted<AllocationFact>([
        { type: 'PrefixAllocationGranted.v1', data: { prefix } },
        ...conditionFacts(before.object, ready('True', 'Allocated', `${prefix} of Prefix ${parent}`)),
      ]);
    },
    Fail: (before, { uid, message }) => {
      if (!isOpen(before, uid)) return accepted([]);
      return accepted<AllocationFact>([
        { type: 'PrefixAllocationFailed.v1', data: {} },
        ...conditionFacts(before.object, ready('False', 'PrefixUnsuitable', message)),
      ]);
    },
    ReportWaiting: (before, { uid, reason, message }) => {
      return accepted(isOpen(before, uid) ? conditionFacts(before.object, ready('False', reason, message)) : []);
    },
  },
  evolve: {
    ...plainFieldEvolve(PLAIN),
    'PrefixAllocationGranted.v1': ({ object, facts }, { prefix }, { time }) => ({
      object: withStatus(ended(object, 'Allocated', time), { prefix }),
      facts,
    }),
    'PrefixAllocationFailed.v1': ({ object, facts }, _, { time }) => ({ object: ended(object, 'Failed', time), facts }),
  },
  onCreated: ({ object, facts }, { time }) => ({
    object: withCondition(withStatus(object, { phase: 'Pending' }), ready('False', 'AllocationPending', 'waits for its range'), time),
    facts,
  }),
  facets: {
    'PrefixAllocationScheduled.v1': 'spec',
    'PrefixAllocationGranted.v1': 'phase',
    'PrefixAllocationFailed.v1': 'phase',
  },
  initialFacts: {},
});

function ended(object: AllocationObject, phase: 'Allocated' | 'Failed', time: string): AllocationObject {
  return withStatus(object, { phase, lastPhaseTransitionTime: wholeSeconds(time) });
}

/** Whether it asks for a range still: both outcomes are final. */
export function isPending({ object }: Readonly<{ object: AllocationObject }>): boolean {
  const { phase } = statusOf(object);
  return phase !== 'Allocated' && phase !== 'Failed';
}

function isOpen(state: Folded<PrefixAllocationTypes>, uid: string): boolean {
  return isIncarnation(state, uid) && !isDeleting(state) && isPending(state);
}
