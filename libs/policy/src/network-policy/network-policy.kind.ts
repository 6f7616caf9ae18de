/**
 * NetworkPolicy (resources 2.7): which traffic the selected interfaces of a Network may have. What it selects is resolved in the NetworkPolicyRule of the
 * same name.
 *
 *   NetworkPolicyCreated ─> NetworkPolicyRule: its rules are copied, interfaces and peers join ─> conditions say what it comes to
 *   NetworkPolicyEnded   ─> the NetworkPolicyRule ends
 */
import {
  accepted,
  conditionFacts,
  defineKind,
  type Evolve,
  type Facets,
  type FactOf,
  isIncarnation,
  nameText,
  objectSchema,
  plainFieldEvolve,
  plainFieldFacts,
  plainFields,
  specOf,
  withCondition,
} from '@weft/api';
import { selectionsOf } from '../network-policy-rule/groups.ts';
import { networkPolicyColumns } from './network-policy.columns.ts';
import { RESOLVING } from './network-policy.conditions.ts';
import { networkPolicyDefaults } from './network-policy.defaults.ts';
import { networkPolicyModel } from './network-policy.model.ts';
import { networkPolicyRules } from './network-policy.rules.ts';
import { NetworkPolicy, type NetworkPolicyTypes, networkPolicyEvents, networkPolicyPayloads } from './network-policy.types.ts';

const names = { group: 'networking.ironcore.dev', version: 'v1alpha1', kind: 'NetworkPolicy' } as const;

const PLAIN = plainFields<NetworkPolicyTypes>()({
  networkInterfaceSelector: 'NetworkPolicySelectorChanged.v1',
  ingress: 'NetworkPolicyIngressChanged.v1',
  egress: 'NetworkPolicyEgressChanged.v1',
  policyTypes: 'NetworkPolicyTypesChanged.v1',
});
const evolve: Evolve<NetworkPolicyTypes> = plainFieldEvolve(PLAIN);
const SPEC = 'spec';
const facets: Facets<NetworkPolicyTypes> = {
  'NetworkPolicySelectorChanged.v1': SPEC,
  'NetworkPolicyIngressChanged.v1': SPEC,
  'NetworkPolicyEgressChanged.v1': SPEC,
  'NetworkPolicyTypesChanged.v1': SPEC,
};

export const networkPolicyKind = defineKind(NetworkPolicy, {
  ...names,
  plural: 'networkpolicies',
  singular: 'networkpolicy',
  shortNames: ['netpol'],
  namespaced: true,
  nameRule: 'subdomain',
  context: 'policy',
  partitionKey: ({ namespace = '' }) => namespace,
  hasStatus: true,
  providerStatus: { first: {} },
  tracksGeneration: false,
  columns: networkPolicyColumns,
  schema: objectSchema(names, 'Which traffic the interfaces of a Network may have.', networkPolicyModel),
  model: networkPolicyModel,
  defaults: networkPolicyDefaults,
  rules: networkPolicyRules,
  indexes: {
    selection: ({ key: { namespace = '' }, object }) => selectionsOf(specOf(object), namespace),
    network: ({ key: { namespace = '' }, object }) => [nameText({ namespace, name: specOf(object).networkRef?.name ?? '' })],
  },
  events: networkPolicyEvents,
  payloads: networkPolicyPayloads,
  onChange: (before, after) => accepted<FactOf<NetworkPolicyTypes>>(plainFieldFacts(PLAIN, before.object, after)),
  actions: {
    Report: (before, { uid, conditions }) =>
      accepted(isIncarnation(before, uid) ? conditions.flatMap((condition) => conditionFacts(before.object, condition)) : []),
  },
  evolve,
  onCreated: ({ object, facts }, { time }) => ({ object: withCondition(object, RESOLVING, time), facts }),
  facets,
  initialFacts: {},
});
