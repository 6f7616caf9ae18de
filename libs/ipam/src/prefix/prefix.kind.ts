/**
 * Prefix: a range of addresses. A root is there as it is; a child takes a part of another Prefix (resources 2.8, 3.11). The stream of a Prefix is also the
 * reservation of its parts: what is free follows from its own events alone, so no two holders ever get addresses of one another.
 *
 *   child, no range ─> PrefixAllocation ─> parent: PrefixRangeAllocated ─> allocation: granted ─> TakeRange: PrefixAllocated ─> Allocated
 *   child gone ─> parent: PrefixRangeReleased        delete ─> held by its finalizer while a part is in use ─> PrefixEnded
 */
import {
  type ApiObject,
  accepted,
  anchorValues,
  anyMember,
  assembly,
  conditionFacts,
  type Decision,
  defineKind,
  type FactOf,
  isDeleting,
  isIncarnation,
  memberOf,
  membersIn,
  noConditionFacts,
  objectSchema,
  ownFinalizer,
  plainFieldFacts,
  prefixSpecDefaults,
  ready,
  specOf,
  statusOf,
  withStatus,
} from '@weft/api';
import { prefixColumns } from './prefix.columns.ts';
import { heldOf, holderOf, PLAIN, pending, prefixEvolve, prefixFacets, refusedOf } from './prefix.facts.ts';
import { prefixModel } from './prefix.model.ts';
import { prefixRules, prefixStatusRules } from './prefix.rules.ts';
import { Prefix, type PrefixTypes, prefixEvents, prefixPayloads } from './prefix.types.ts';
import { answers, findRange, isSingle, type Pool, requestOf } from './range-request.ts';

type PrefixFact = FactOf<PrefixTypes>;
/** What a child without a range asks for; `parent` unless its selector chooses one. */
export type Wanted = Readonly<{ request: string; parent?: string }>;

export const prefixFinalizer = ownFinalizer('ipam.ironcore.dev/prefix');

const names = { group: 'ipam.ironcore.dev', version: 'v1alpha1', kind: 'Prefix' } as const;

export const prefixKind = defineKind<PrefixTypes>(Prefix, {
  ...names,
  plural: 'prefixes',
  singular: 'prefix',
  shortNames: [],
  namespaced: true,
  nameRule: 'subdomain',
  context: 'ipam',
  partitionKey: ({ namespace = '' }) => namespace,
  hasStatus: true,
  providerStatus: {},
  tracksGeneration: false,
  columns: prefixColumns,
  schema: objectSchema(names, 'A range of addresses, or a part of one.', prefixModel),
  model: prefixModel,
  defaults: withFamily,
  rules: prefixRules,
  statusRules: prefixStatusRules,
  indexes: {
    pool: (prefix) => {
      const pool = poolOf(prefix);
      // Nothing can be taken from a single address.
      if (pool === undefined || isDeleting(prefix) || isSingle(pool)) return [];
      return anchorValues(poolScope(prefix.key.namespace ?? '', pool.family), prefix.object.metadata.labels);
    },
  },
  assembly: assembly<PrefixTypes>()({
    // As texts, so that "10.0.0.10/32" comes before "10.0.0.2/32" (resources 3.11 step 4).
    pieces: ({ facts }) =>
      membersIn(heldOf(facts))
        .map(([, { prefix }]) => ({ prefix }))
        .sort((a, b) => (a.prefix < b.prefix ? -1 : 1)),
    assemble: (object, ranges) => (ranges.length === 0 ? object : withStatus(object, { used: ranges.map(({ prefix }) => prefix) })),
  }),
  events: prefixEvents,
  payloads: prefixPayloads,
  onCreate: (object) => accepted<PrefixFact>([...prefixFinalizer.put(object), ...(isChild(object) ? [] : rootAllocated(object))]),
  onChange: (before, after) => accepted<PrefixFact>(plainFieldFacts(PLAIN, before.object, after)),
  actions: {
    Protect: (before) => accepted(prefixFinalizer.putAgain(before)),
    Unprotect: (before) => {
      if (!prefixFinalizer.holds(before) || anyMember(heldOf(before.facts)) !== undefined) return accepted([]);
      return accepted([...noConditionFacts(before.object, 'DeletionBlocked'), ...prefixFinalizer.takeOff(before)]);
    },
    ReportBlockers: (before, { message }) => {
      if (!prefixFinalizer.holds(before) || anyMember(heldOf(before.facts)) === undefined) return accepted([]);
      return accepted(conditionFacts(before.object, { type: 'DeletionBlocked', status: 'True', reason: 'InUse', message }));
    },
    AllocateRange: (before, { uid, family, request, ...asking }): Decision<PrefixFact> => {
      const pool = poolOf(before);
      if (!isIncarnation(before, uid) || pool === undefined || isDeleting(before)) return accepted([]);
      const holder = holderOf(asking).uid;
      if (memberOf(heldOf(before.facts), holder) !== undefined) return accepted([]);
      const prefix = findRange(pool, before.facts.space, { family, request });
      if (prefix !== undefined) {
        return accepted([{ type: 'PrefixRangeAllocated.v1', data: { ...asking, prefix } }]);
      }
      if (memberOf(refusedOf(before.facts), holder) === request) return accepted([]);
      return accepted([{ type: 'PrefixRangeRefused.v1', data: { ...asking, request } }]);
    },
    ReleaseRange: (before, { uid, holder, prefix }): Decision<PrefixFact> => {
      if (!isIncarnation(before, uid)) return accepted([]);
      const { facts } = before;
      if (prefix === undefined) {
        return accepted(memberOf(refusedOf(facts), holder) === undefined ? [] : [{ type: 'PrefixRangeReleased.v1', data: { holder } }]);
      }
      if (memberOf(heldOf(facts), holder)?.prefix !== prefix) return accepted([]);
      return accepted([{ type: 'PrefixRangeReleased.v1', data: { holder, prefix } }]);
    },
    TakeRange: (before, { uid, prefix, parent, allocation }): Decision<PrefixFact> => {
      if (!isIncarnation(before, uid) || isDeleting(before) || !canTake(before, { prefix, parent })) return accepted([]);
      return accepted([
        { type: 'PrefixAllocated.v1', data: { taken: { prefix, parent, allocation } } },
        ...conditionFacts(before.object, ready('True', 'Allocated', `${prefix} of Prefix ${parent}`)),
      ]);
    },
    RetryAllocation: (before, { uid, attempt }) => {
      const { number = 0 } = before.facts.attempt ?? {};
      if (!isIncarnation(before, uid) || isAllocated(before.object) || number >= attempt) return accepted([]);
      return accepted([{ type: 'PrefixAllocationRetried.v1', data: { attempt } }]);
    },
    ReportWaiting: (before, { uid, reason, message }) => {
      if (!isIncarnation(before, uid) || isAllocated(before.object)) return accepted([]);
      return accepted(conditionFacts(before.object, ready('False', reason, message)));
    },
  },
  evolve: prefixEvolve,
  onCreated: pending,
  facets: prefixFacets,
  initialFacts: {},
});

/** The scope of the index `pool`, for anchors of labels and selectors: allocated Prefixes of a namespace and a family. */
export const poolScope = (namespace: string, family: string): string => `${namespace} ${family}`;

/** A copy with the family that follows from a literal range (resources 2.8 D-1). */
export function withFamily(object: ApiObject<PrefixTypes>): ApiObject<PrefixTypes> {
  const spec = specOf(object);
  const filled = prefixSpecDefaults(spec);
  return filled === spec ? object : { ...object, spec: filled };
}

export function isChild(object: ApiObject<PrefixTypes>): boolean {
  const { parentRef, parentSelector } = specOf(object);
  return parentRef !== undefined || parentSelector !== undefined;
}

export function isAllocated(object: ApiObject<PrefixTypes>): boolean {
  return statusOf(object).phase === 'Allocated';
}

/** What parts are taken from; undefined as long as the Prefix has no range. */
export function poolOf({ object }: Readonly<{ object: ApiObject<PrefixTypes> }>): Pool | undefined {
  const { ipFamily, prefix } = specOf(object);
  return isAllocated(object) && prefix !== undefined && ipFamily !== undefined ? { family: ipFamily, prefix } : undefined;
}

/** Whether this range of this parent is what a child without one asks for. Once it is not, it never is again: what is set in its spec stays. */
export function canTake(
  { object }: Readonly<{ object: ApiObject<PrefixTypes> }>,
  range: Readonly<{ prefix: string; parent: string }>,
): boolean {
  const { parentRef, ...spec } = specOf(object);
  if (isAllocated(object) || !isChild(object)) return false;
  return answersChild(range, { request: requestOf(spec) ?? '', ...(parentRef?.name !== undefined && { parent: parentRef.name }) });
}

/** Whether this range of this parent is what was asked for; any parent will do when none is named. */
export function answersChild(range: Readonly<{ prefix: string; parent: string }>, { request, parent }: Wanted): boolean {
  return request !== '' && answers(range.prefix, request) && (parent === undefined || parent === range.parent);
}

function rootAllocated(object: ApiObject<PrefixTypes>): readonly PrefixFact[] {
  return [{ type: 'PrefixAllocated.v1', data: {} }, ...conditionFacts(object, ready('True', 'Allocated', 'it is a root'))];
}
