import type { DomainPart } from '@weft/api';
import { networkPolicyRuleKind } from './network-policy-rule.kind.ts';
import { networkPolicyRuleLoops } from './network-policy-rule.loops.ts';
import { policyMembersLedger } from './policy-members.ts';

export const networkPolicyRulePart: DomainPart = {
  kinds: [networkPolicyRuleKind],
  loops: networkPolicyRuleLoops,
  ledgers: [policyMembersLedger],
};
