/** Policy: owns NetworkPolicy and NetworkPolicyRule. */
import { domainOf } from '@weft/api';
import { networkPolicyPart } from './network-policy/network-policy.part.ts';
import { networkPolicyRulePart } from './network-policy-rule/network-policy-rule.part.ts';

/** Rules before policies: a namespace that is emptied loses what was registered last first, and rules go with their policies. */
export const policyDomain = domainOf('policy', [networkPolicyRulePart, networkPolicyPart]);
