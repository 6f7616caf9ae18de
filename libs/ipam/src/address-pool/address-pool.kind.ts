/**
 * AddressPool (resources 2.11): public addresses that may be handed out. Who has which is in `public-addresses.ts`, which also refuses a pool that overlaps
 * with another one or loses an address that is held. A deleted pool gives no more, and goes once none of its addresses is held or rests.
 */
import {
  AGE_COLUMN,
  type ApiObject,
  accepted,
  type Claim,
  defineKind,
  type FactOf,
  type Folded,
  NAME_COLUMN,
  objectSchema,
  onlyConditionFacts,
  ownFinalizer,
  parsePrefix,
  plainFieldEvolve,
  plainFieldFacts,
  plainFields,
  ready,
  sameJson,
  specOf,
  statusOf,
  textColumn,
  withCondition,
  withoutStatusField,
  withStatus,
} from '@weft/api';
import { addressPoolModel } from './address-pool.model.ts';
import { addressPoolRules } from './address-pool.rules.ts';
import { AddressPool, type AddressPoolTypes, addressPoolEvents, addressPoolPayloads } from './address-pool.types.ts';
import { type PoolDefinition, type PoolRanges, PUBLIC_ADDRESSES } from './public-addresses.types.ts';

type AddressPoolFact = FactOf<AddressPoolTypes>;
type Pool = ApiObject<AddressPoolTypes>;

const names = { group: 'fabric.weft.dev', version: 'v1alpha1', kind: 'AddressPool' } as const;
export const poolFinalizer = ownFinalizer('fabric.weft.dev/address-pool');
/** Types of the conditions that `Report` sets or removes. */
const REPORTED = ['Ready', 'Exhausted', 'DeletionBlocked'];

const PLAIN = plainFields<AddressPoolTypes>()({
  prefixes: 'AddressPoolPrefixesChanged.v1',
  excludes: 'AddressPoolExcludesChanged.v1',
  networkSelector: 'AddressPoolSelectorChanged.v1',
});

export const addressPoolKind = defineKind(AddressPool, {
  ...names,
  plural: 'addresspools',
  singular: 'addresspool',
  shortNames: [],
  namespaced: false,
  nameRule: 'subdomain',
  context: 'ipam',
  // As its addresses: one writer makes its claim and its own append.
  partitionKey: () => PUBLIC_ADDRESSES,
  hasStatus: true,
  tracksGeneration: false,
  columns: [
    NAME_COLUMN,
    textColumn('Prefixes', 'Ranges that are handed out.', (object) => (specOf(object).prefixes ?? []).join(',')),
    textColumn('IPv4', 'Addresses in use and those there are.', (object) => usageText(object, 'ipv4')),
    textColumn('IPv6', 'Addresses in use and those there are.', (object) => usageText(object, 'ipv6')),
    AGE_COLUMN,
  ],
  schema: objectSchema(names, 'Public addresses that may be handed out.', addressPoolModel),
  model: addressPoolModel,
  defaults: (object) => object,
  rules: addressPoolRules,
  indexes: { family: ({ object }) => [...new Set((specOf(object).prefixes ?? []).flatMap((text) => parsePrefix(text)?.family ?? []))] },
  events: addressPoolEvents,
  payloads: addressPoolPayloads,
  onCreate: (object, { requestId }) => {
    const claims = [define({ pool: object.metadata.name, request: requestId, now: rangesOf(object) })];
    return accepted<AddressPoolFact>(poolFinalizer.put(object), { claims });
  },
  onChange: ({ object }, after, { requestId }) => {
    const [before, now] = [rangesOf(object), rangesOf(after)];
    const claims = sameJson(before, now) ? [] : [define({ pool: object.metadata.name, request: requestId, now, before })];
    return accepted(plainFieldFacts(PLAIN, object, after), { claims });
  },
  onEnd: ({ key }) => ({ releases: [{ stream: PUBLIC_ADDRESSES, command: { type: 'RemovePool', pool: key.name } }] }),
  actions: {
    Report: (before, payload) => accepted(reportFacts(before, payload)),
    Protect: (before) => accepted(poolFinalizer.putAgain(before)),
    Unprotect: (before) => accepted(poolFinalizer.takeOff(before)),
  },
  evolve: {
    ...plainFieldEvolve(PLAIN),
    'AddressPoolCounted.v1': ({ object, facts }, counts) => {
      const uncounted = withoutStatusField(withoutStatusField(object, 'ipv4'), 'ipv6');
      return { object: withStatus(uncounted, counts), facts };
    },
  },
  onCreated: ({ object, facts }, { time }) => ({
    object: withCondition(object, ready('True', 'Available', 'hands out addresses'), time),
    facts,
  }),
  facets: {
    'AddressPoolPrefixesChanged.v1': 'spec.prefixes',
    'AddressPoolExcludesChanged.v1': 'spec.excludes',
    'AddressPoolSelectorChanged.v1': 'spec.networkSelector',
    'AddressPoolCounted.v1': 'counts',
  },
  initialFacts: {},
});

function rangesOf(object: Pool): PoolRanges {
  const { prefixes = [], excludes = [] } = specOf(object);
  return { prefixes, excludes };
}

function define(definition: PoolDefinition): Claim {
  return { stream: PUBLIC_ADDRESSES, command: { type: 'DefinePool', ...definition } };
}

function usageText(object: Pool, family: 'ipv4' | 'ipv6'): string {
  const counts = statusOf(object)[family];
  return counts === undefined ? '<none>' : `${counts.allocated ?? 0}/${counts.capacity ?? 0}`;
}

/** What `Report` does, by the pool's own state alone; the loop that sends it asks this first. */
export function reportFacts(
  before: Folded<AddressPoolTypes>,
  { counts, conditions }: AddressPoolTypes['actions']['Report'],
): readonly AddressPoolFact[] {
  if (before.status !== 'live') return [];
  const { ipv4, ipv6 } = statusOf(before.object);
  const isCounted = sameJson({ ...(ipv4 && { ipv4 }), ...(ipv6 && { ipv6 }) }, counts);
  return [
    ...(isCounted ? [] : [{ type: 'AddressPoolCounted.v1', data: counts } as const]),
    ...onlyConditionFacts(before.object, REPORTED, conditions),
  ];
}
