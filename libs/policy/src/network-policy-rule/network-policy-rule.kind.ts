/**
 * NetworkPolicyRule (provider 1.10): a NetworkPolicy with what it selects. It is made by a loop, has the name of its policy, and ends with it.
 *
 *   NetworkPolicyRulesCopied                 the policy's rules, anew whenever they change
 *   NetworkPolicyTargetJoined, …TargetLeft   interfaces of the Network that are regulated, also those that are not up yet
 *   NetworkPolicyPeerJoined, …PeerLeft       objects whose addresses an object selector stands for
 */
import {
  accepted,
  created,
  type DecideContext,
  type Decision,
  defineKind,
  type Folded,
  finalizersChanged,
  memberOf,
  type ObjectMeta,
  objectSchema,
  sameJson,
  uidOfNew,
  wholeSeconds,
} from '@weft/api';
import { NetworkPolicy } from '../network-policy/network-policy.types.ts';
import { anchoredIn, groupsOf, placesOf } from './groups.ts';
import { policyRuleAssembly } from './network-policy-rule.assembly.ts';
import { policyRuleColumns } from './network-policy-rule.columns.ts';
import {
  type PolicyRuleFact,
  peerJoined,
  peerLeft,
  policyRuleEvolve,
  policyRuleFacets,
  rulesCopied,
  targetJoined,
  targetLeft,
} from './network-policy-rule.facts.ts';
import { networkPolicyRuleModel } from './network-policy-rule.model.ts';
import {
  NetworkPolicyRule,
  type NetworkPolicyRuleTypes,
  networkPolicyRuleEvents,
  networkPolicyRulePayloads,
} from './network-policy-rule.types.ts';
import { POLICY_FINALIZER, policyOf } from './network-policy-rule.views.ts';

const group = 'networking.ironcore.dev';
const names = { group, version: 'v1alpha1', kind: 'NetworkPolicyRule' } as const;

type Rule = Folded<NetworkPolicyRuleTypes>;
type Payload<A extends keyof NetworkPolicyRuleTypes['actions']> = NetworkPolicyRuleTypes['actions'][A];

export const networkPolicyRuleKind = defineKind(NetworkPolicyRule, {
  ...names,
  plural: 'networkpolicyrules',
  singular: 'networkpolicyrule',
  shortNames: [],
  namespaced: true,
  nameRule: 'subdomain',
  context: 'policy',
  partitionKey: ({ namespace = '' }) => namespace,
  hasStatus: false,
  tracksGeneration: false,
  refuses: ['create', 'patch', 'update'],
  columns: policyRuleColumns,
  schema: objectSchema(names, 'What a NetworkPolicy comes to: its rules with the addresses that they select.', networkPolicyRuleModel),
  model: networkPolicyRuleModel,
  assembly: policyRuleAssembly,
  defaults: (object) => object,
  rules: () => [],
  indexes: { anchor: ({ key: { namespace = '' }, facts: { rules } }) => placesOf(anchoredIn(rules, namespace)) },
  events: networkPolicyRuleEvents,
  payloads: networkPolicyRulePayloads,
  actions: {
    Copy: copy,
    SetMember: (before, payload) => accepted(isIncarnation(before, payload.uid) ? memberFacts(before, payload) : []),
    LetGo: (before, { uid }) => {
      const { finalizers = [] } = before.object.metadata;
      if (!isIncarnation(before, uid) || !finalizers.includes(POLICY_FINALIZER)) return accepted([]);
      return accepted([finalizersChanged(finalizers.filter((each) => each !== POLICY_FINALIZER))]);
    },
  },
  evolve: policyRuleEvolve,
  facets: policyRuleFacets,
  initialFacts: { rules: {}, targets: {}, peers: {} },
});

function isIncarnation({ status, object }: Rule, uid: string): boolean {
  return status === 'live' && object.metadata.uid === uid;
}

function copy(before: Rule, { policy, rules, network }: Payload<'Copy'>, context: DecideContext): Decision<PolicyRuleFact> {
  const copied = rulesCopied({ rules, ...(network !== undefined && { network }) });
  if (before.status !== 'live') return accepted([created(NetworkPolicyRule, { metadata: metadataOf(before, policy, context) }), copied]);
  const isSame = sameJson(before.facts.rules, rules) && before.facts.network === network;
  return accepted(policyOf(before) !== policy || isSame ? [] : [copied]);
}

function metadataOf({ key }: Rule, policy: string, { derive, now }: DecideContext): Omit<ObjectMeta, 'resourceVersion'> {
  const { namespace = '', name } = key;
  return {
    name,
    namespace,
    uid: uidOfNew(key, derive),
    creationTimestamp: wholeSeconds(now),
    finalizers: [POLICY_FINALIZER],
    ownerReferences: [
      {
        apiVersion: `${group}/v1alpha1`,
        kind: NetworkPolicy.kind,
        name,
        uid: policy,
        controller: true,
        blockOwnerDeletion: true,
      },
    ],
  };
}

/** What makes the object the member that it should be, as far as the present rules have such groups. */
function memberFacts(
  { facts: { rules, targets, peers } }: Rule,
  { member, target, peers: wanted }: Payload<'SetMember'>,
): PolicyRuleFact[] {
  const { uid, name } = member;
  const facts: PolicyRuleFact[] = [];
  const was = memberOf(targets, uid);
  if (target === undefined) {
    if (was !== undefined) facts.push(targetLeft(uid));
  } else if (!sameJson(was?.ips, target)) facts.push(targetJoined({ uid, name, ips: target }));
  for (const { key } of groupsOf(rules)) {
    const had = memberOf(peers[key] ?? {}, uid);
    const prefixes = wanted[key] ?? [];
    if (prefixes.length === 0) {
      if (had !== undefined) facts.push(peerLeft(key, uid));
    } else if (!sameJson(had?.prefixes, prefixes)) facts.push(peerJoined({ group: key, uid, name, prefixes }));
  }
  return facts;
}
