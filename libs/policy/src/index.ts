export { NetworkPolicy, type NetworkPolicyTypes } from './network-policy/network-policy.types.ts';
export { NetworkPolicyRule, type NetworkPolicyRuleTypes } from './network-policy-rule/network-policy-rule.types.ts';
export { policyDomain } from './policy.domain.ts';
