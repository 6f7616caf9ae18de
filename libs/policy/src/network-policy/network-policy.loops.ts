/** Control loops of NetworkPolicies: one copies their rules to where they are resolved, the other says what that comes to. */
import { act, conditionFacts, type Loop, loopOver, sameJson, specOf, uidOfNetwork } from '@weft/api';
import { NetworkPolicyRule } from '../network-policy-rule/network-policy-rule.types.ts';
import { copyOfPolicy, resolutionOfPolicy } from '../network-policy-rule/network-policy-rule.views.ts';
import { conditionsOf } from './network-policy.conditions.ts';
import type { NetworkPolicySpec } from './network-policy.model.ts';
import { NetworkPolicy, type NetworkPolicyTypes } from './network-policy.types.ts';
import { isStaged } from './staged.ts';

/**
 * The rules are copied as long as the copy differs. A copy that belongs to a former policy of this name is left to end first. Of a staged policy only whom it
 * selects is copied: nobody who enforces NetworkPolicyRules refuses anything by it.
 */
const copyPolicies = loopOver(NetworkPolicy, {
  name: 'copy-policies',
  context: 'policy',
  provider: 'weft',
  owed: (policy, facts) => {
    const { key, object } = policy;
    const { uid } = object.metadata;
    const rules = isStaged(object) ? selectionOnly(specOf(object)) : specOf(object);
    const network = facts.see(uidOfNetwork, networkOf(policy));
    const copy = facts.see(copyOfPolicy, key);
    if (copy !== undefined && (copy.policy !== uid || (copy.network === network && sameJson(copy.rules, rules)))) return [];
    return [act(NetworkPolicyRule, key, 'Copy', { policy: uid, rules, ...(network !== undefined && { network }) })];
  },
});

const reportPolicies = loopOver(NetworkPolicy, {
  name: 'report-policies',
  context: 'policy',
  provider: 'weft',
  owed: (policy, facts) => {
    const { key, object } = policy;
    const { uid } = object.metadata;
    const resolved = facts.see(resolutionOfPolicy, key);
    const network = networkOf(policy);
    const conditions = conditionsOf(
      resolved?.policy === uid
        ? { ...resolved, network: network.name, networkExists: facts.see(uidOfNetwork, network) !== undefined, isStaged: isStaged(object) }
        : undefined,
    );
    const differ = conditions.filter((condition) => conditionFacts(object, condition).length > 0);
    return differ.length === 0 ? [] : [act(NetworkPolicy, key, 'Report', { uid, conditions: differ })];
  },
});

function selectionOnly({ networkRef, networkInterfaceSelector }: NetworkPolicySpec): NetworkPolicySpec {
  return { ...(networkRef && { networkRef }), ...(networkInterfaceSelector && { networkInterfaceSelector }) };
}

function networkOf({ key, object }: Readonly<{ key: { namespace?: string }; object: { spec?: NetworkPolicyTypes['spec'] } }>) {
  return { namespace: key.namespace ?? '', name: specOf(object).networkRef?.name ?? '' };
}

export const networkPolicyLoops: readonly Loop[] = [copyPolicies, reportPolicies];
