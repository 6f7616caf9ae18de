/** Parts of a NetworkPolicyRule that loops read. */
import { type Folded, isDeleting, uidOf, type View } from '@weft/api';
import type { NetworkPolicySpec } from '../network-policy/network-policy.model.ts';
import { type AnchoredSelection, anchoredIn, groupsOf } from './groups.ts';
import { NetworkPolicyRule, type NetworkPolicyRuleTypes } from './network-policy-rule.types.ts';

/** uid of the policy that it was made for, '' when somebody else made it. */
export function policyOf({ object }: Folded<NetworkPolicyRuleTypes>): string {
  return object.metadata.ownerReferences?.find(({ controller }) => controller === true)?.uid ?? '';
}

export const copyOfPolicy: View<NetworkPolicyRuleTypes, Readonly<{ policy: string; rules: NetworkPolicySpec; network?: string }>> = {
  kind: NetworkPolicyRule,
  name: 'copy',
  facets: () => ['created', 'ownerReferences', 'rules'],
  of: (rule) => {
    const { rules, network } = rule.facts;
    return { policy: policyOf(rule), rules, ...(network !== undefined && { network }) };
  },
};

/** Whether anything is selected, and which object selectors come to nothing. */
export const resolutionOfPolicy: View<
  NetworkPolicyRuleTypes,
  Readonly<{ policy: string; hasTargets: boolean; emptyPeers: readonly string[] }>
> = {
  kind: NetworkPolicyRule,
  name: 'resolution',
  facets: () => ['created', 'ownerReferences', 'rules', 'targets', 'peers'],
  of: (rule) => {
    const { rules, targets, peers } = rule.facts;
    const empty = groupsOf(rules).filter(({ key }) => peers[key] === undefined);
    return { policy: policyOf(rule), hasTargets: Object.keys(targets).length > 0, emptyPeers: empty.map(({ key }) => key) };
  },
};

/** The selectors that are anchored at `arg`. */
export const selectionsAt: View<
  NetworkPolicyRuleTypes,
  Readonly<{ name: string; uid: string; selections: readonly AnchoredSelection[] }>
> = {
  kind: NetworkPolicyRule,
  name: 'selections',
  facets: () => ['created', 'rules'],
  of: ({ key: { namespace = '', name }, object, facts: { rules } }, place) => {
    const selections = anchoredIn(rules, namespace).get(place);
    return selections && { name, uid: object.metadata.uid, selections };
  },
};

export const standing: View<NetworkPolicyRuleTypes, Readonly<{ uid: string; policy: string; isHeld: boolean; isDeleting: boolean }>> = {
  kind: NetworkPolicyRule,
  name: 'standing',
  facets: () => ['created', 'deletion', 'finalizers', 'ownerReferences'],
  of: (rule) => {
    const { uid, finalizers = [] } = rule.object.metadata;
    return { uid, policy: policyOf(rule), isHeld: finalizers.includes(POLICY_FINALIZER), isDeleting: isDeleting(rule) };
  },
};

/** Keeps a rule in effect until its policy has gone, whoever deletes the rule. */
export const POLICY_FINALIZER = 'networking.ironcore.dev/networkpolicy';

export const uidOfRule = uidOf(NetworkPolicyRule);
