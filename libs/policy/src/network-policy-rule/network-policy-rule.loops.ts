/**
 * Control loops of NetworkPolicyRules: objects join and leave them as their labels, addresses and Networks say; a rule ends once its policy has gone.
 *
 *   interface {app: db} ── anchors of its labels ──> rules that may select it ── selects() ──> what it should be
 *                       ── ledger policy-members ──> what it is                            ──> SetMember where these differ
 *
 * So a changed label costs what it touches: one question, and one command for each policy in which it makes a difference.
 */
import {
  AnyLoadBalancer,
  AnyNetworkInterface,
  AnyVirtualIp,
  act,
  anchorValues,
  type Draft,
  type Folded,
  type KindTypes,
  type Loop,
  type LoopFacts,
  loopOverRecords,
  type NameIn,
  nameFrom,
  nameText,
  sameJson,
  selects,
  uidOf,
  type View,
} from '@weft/api';
import type { PeerKind } from '../network-policy/network-policy.model.ts';
import { NetworkPolicy } from '../network-policy/network-policy.types.ts';
import { type Candidate, interfaceCandidate, loadBalancerCandidate, virtualIpCandidate } from './candidates.ts';
import { scopeOf } from './groups.ts';
import { NetworkPolicyRule, type NetworkPolicyRuleTypes } from './network-policy-rule.types.ts';
import { selectionsAt, standing, uidOfRule } from './network-policy-rule.views.ts';
import { type Membership, NO_MEMBERSHIP, type PolicyMember, policyMembers } from './policy-members.ts';

// --- joining and leaving ------------------------------------------------------------------------------------------------------------------------

type Wanted = { uid: string; target?: readonly string[]; peers: Record<string, readonly string[]> };

/** A loop over the objects of one kind: each of them is to every policy what it should be. */
function joinPolicies<T extends KindTypes>(kind: PeerKind, name: string, view: View<T, Candidate>): Loop {
  return {
    name,
    context: 'policy',
    provider: 'weft',
    over: { kind },
    awaits: [NetworkPolicyRule, policyMembers],
    ...(kind === AnyNetworkInterface.kind && { awaitsWithin: { index: 'network', of: networkOfRule } }),
    owed: (key, facts) => {
      const named = nameFrom(key);
      const { namespace = '' } = named;
      const seen = facts.see(view, named);
      if (seen === undefined) return [];
      const member = facts.record(policyMembers, seen.uid);
      const wanted = wantedOf(kind, namespace, seen, facts);
      const drafts: Draft[] = [];
      for (const [rule, { uid, ...membership }] of wanted) {
        if (sameJson(member?.rules[rule] ?? NO_MEMBERSHIP, membership)) continue;
        drafts.push(setMember({ namespace, name: rule }, uid, { uid: seen.uid, name: named.name }, membership));
      }
      return [...drafts, ...leave(member, seen.uid, facts, (rule) => !wanted.has(rule))];
    },
  };
}

/** In which alone its interfaces are. */
function networkOfRule({ key: { namespace = '' }, facts }: Folded): string {
  const { rules } = facts as Partial<NetworkPolicyRuleTypes['facts']>;
  return nameText({ namespace, name: rules?.networkRef?.name ?? '' });
}

/** By name of the policy; those that do not select it are left out. */
function wantedOf(kind: PeerKind, namespace: string, seen: Candidate, facts: LoopFacts): ReadonlyMap<string, Wanted> {
  const wanted = new Map<string, Wanted>();
  for (const place of anchorValues(scopeOf(kind, namespace, seen.network), seen.labels)) {
    for (const { name, uid, selections } of facts.seeAll(selectionsAt, 'anchor', place, place)) {
      for (const { group, selector } of selections) {
        // A peer without an address allows nothing, while an interface is regulated before it has one.
        if (!selects(selector, seen.labels) || (group !== undefined && seen.prefixes.length === 0)) continue;
        let membership = wanted.get(name);
        if (membership === undefined) wanted.set(name, (membership = { uid, peers: {} }));
        if (group === undefined) membership.target = seen.ips;
        else membership.peers[group] = seen.prefixes;
      }
    }
  }
  return wanted;
}

function setMember(
  rule: { namespace: string; name: string },
  uid: string,
  member: { uid: string; name: string },
  membership: Membership,
): Draft {
  const { target, peers } = membership;
  return act(NetworkPolicyRule, rule, 'SetMember', {
    uid,
    member,
    ...(target !== undefined && { target: [...target] }),
    peers: Object.fromEntries(Object.entries(peers).map(([group, prefixes]) => [group, [...prefixes]])),
  });
}

/** Commands that take an object out of those policies in which it is a member. */
function leave(member: PolicyMember | undefined, uid: string, facts: LoopFacts, of: (rule: string) => boolean): readonly Draft[] {
  if (member === undefined) return [];
  const { namespace, name, rules } = member;
  return Object.keys(rules)
    .filter(of)
    .flatMap((each) => {
      const rule = { namespace, name: each };
      const incarnation = facts.see(uidOfRule, rule);
      return incarnation === undefined ? [] : [setMember(rule, incarnation, { uid, name }, NO_MEMBERSHIP)];
    });
}

const [uidOfInterface, uidOfBalancer, uidOfVirtualIp] = [uidOf(AnyNetworkInterface), uidOf(AnyLoadBalancer), uidOf(AnyVirtualIp)];
const UIDS: Readonly<Record<PeerKind, (facts: LoopFacts, key: NameIn) => string | undefined>> = {
  NetworkInterface: (facts, key) => facts.see(uidOfInterface, key),
  LoadBalancer: (facts, key) => facts.see(uidOfBalancer, key),
  VirtualIP: (facts, key) => facts.see(uidOfVirtualIp, key),
};

/** What has gone is a member of nothing; a successor of the same name is another object. */
const leavePolicies = loopOverRecords(policyMembers, {
  name: 'leave-policies',
  context: 'policy',
  provider: 'weft',
  owed: (member, uid, facts) => {
    const { kind, namespace, name } = member;
    return UIDS[kind](facts, { namespace, name }) === uid ? [] : leave(member, uid, facts, () => true);
  },
});

// --- the end of a rule --------------------------------------------------------------------------------------------------------------------------

const uidOfPolicy = uidOf(NetworkPolicy);

/** A rule that is deleted, as it is once its policy has gone, is held no longer than that policy is there. */
const endPolicyRules: Loop = {
  name: 'end-policy-rules',
  context: 'policy',
  provider: 'weft',
  over: { kind: NetworkPolicyRule.kind },
  owed: (key, facts) => {
    const named = nameFrom(key);
    const rule = facts.see(standing, named);
    if (rule?.isDeleting !== true || !rule.isHeld || facts.see(uidOfPolicy, named) === rule.policy) return [];
    return [act(NetworkPolicyRule, named, 'LetGo', { uid: rule.uid })];
  },
};

export const networkPolicyRuleLoops: readonly Loop[] = [
  joinPolicies('NetworkInterface', 'policy-interfaces', interfaceCandidate),
  joinPolicies('LoadBalancer', 'policy-load-balancers', loadBalancerCandidate),
  joinPolicies('VirtualIP', 'policy-virtual-ips', virtualIpCandidate),
  leavePolicies,
  endPolicyRules,
];
