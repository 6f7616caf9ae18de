/** The events of a NetworkPolicyRule and their fold. */
import { type Evolve, type Facets, type FactOf, type Members, withMember, withoutMember } from '@weft/api';
import { groupsOf } from './groups.ts';
import { PRIORITY } from './network-policy-rule.assembly.ts';
import type { NetworkPolicyRuleTypes, Peer } from './network-policy-rule.types.ts';

export type PolicyRuleFact = FactOf<NetworkPolicyRuleTypes>;
type Events = NetworkPolicyRuleTypes['events'];
type Peers = NetworkPolicyRuleTypes['facts']['peers'];

export const rulesCopied = (data: Events['NetworkPolicyRulesCopied.v1']): PolicyRuleFact => ({ type: 'NetworkPolicyRulesCopied.v1', data });
export const targetJoined = (data: Events['NetworkPolicyTargetJoined.v1']): PolicyRuleFact => ({
  type: 'NetworkPolicyTargetJoined.v1',
  data,
});
export const targetLeft = (uid: string): PolicyRuleFact => ({ type: 'NetworkPolicyTargetLeft.v1', data: { uid } });
export const peerJoined = (data: Events['NetworkPolicyPeerJoined.v1']): PolicyRuleFact => ({ type: 'NetworkPolicyPeerJoined.v1', data });
export const peerLeft = (group: string, uid: string): PolicyRuleFact => ({ type: 'NetworkPolicyPeerLeft.v1', data: { group, uid } });

/** A group without members is left out. */
function withGroup(peers: Peers, group: string, members: Members<Peer>): Peers {
  if (Object.keys(members).length > 0) return { ...peers, [group]: members };
  const { [group]: _, ...rest } = peers;
  return rest;
}

export const policyRuleEvolve: Evolve<NetworkPolicyRuleTypes> = {
  'NetworkPolicyRulesCopied.v1': ({ object, facts: { network: _, ...facts } }, { rules, network }) => {
    const peers: Record<string, Members<Peer>> = {};
    for (const { key } of groupsOf(rules)) {
      const members = facts.peers[key];
      if (members !== undefined) peers[key] = members;
    }
    const { policyTypes = [], networkRef } = rules;
    return {
      object: { ...object, networkRef: { ...networkRef, ...(network !== undefined && { uid: network }) }, priority: PRIORITY, policyTypes },
      facts: { ...facts, rules, peers, ...(network !== undefined && { network }) },
    };
  },
  'NetworkPolicyTargetJoined.v1': ({ object, facts }, { uid, name, ips }) => ({
    object,
    facts: { ...facts, targets: withMember(facts.targets, uid, { name, ips }) },
  }),
  'NetworkPolicyTargetLeft.v1': ({ object, facts }, { uid }) => ({
    object,
    facts: { ...facts, targets: withoutMember(facts.targets, uid) },
  }),
  'NetworkPolicyPeerJoined.v1': ({ object, facts }, { group, uid, name, prefixes }) => ({
    object,
    facts: { ...facts, peers: withGroup(facts.peers, group, withMember(facts.peers[group] ?? {}, uid, { name, prefixes })) },
  }),
  'NetworkPolicyPeerLeft.v1': ({ object, facts }, { group, uid }) => ({
    object,
    facts: { ...facts, peers: withGroup(facts.peers, group, withoutMember(facts.peers[group] ?? {}, uid)) },
  }),
};

export const policyRuleFacets: Facets<NetworkPolicyRuleTypes> = {
  'NetworkPolicyRulesCopied.v1': 'rules',
  'NetworkPolicyTargetJoined.v1': 'targets',
  'NetworkPolicyTargetLeft.v1': 'targets',
  'NetworkPolicyPeerJoined.v1': 'peers',
  'NetworkPolicyPeerLeft.v1': 'peers',
};
