export type { NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicySpec, PeerKind } from './network-policy/network-policy.model.ts';
export { NetworkPolicy, type NetworkPolicyTypes } from './network-policy/network-policy.types.ts';
export { isStaged, STAGED_ANNOTATION } from './network-policy/staged.ts';
export { type Candidate, interfaceCandidate, loadBalancerCandidate, virtualIpCandidate } from './network-policy-rule/candidates.ts';
export { groupKey, type Selection, scopeOf, selectionOf, targetsOf } from './network-policy-rule/groups.ts';
export { NetworkPolicyRule, type NetworkPolicyRuleTypes } from './network-policy-rule/network-policy-rule.types.ts';
export { policyDomain } from './policy.domain.ts';
