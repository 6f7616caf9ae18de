/**
 * Where each object is a member now: as a target or a peer, of which policies. A loop compares that with where it should be, without a look at any list of
 * members.
 *
 *   NetworkPolicyTargetJoined, NetworkPolicyPeerJoined ──> policy-members[uid of the object].rules[<policy>]
 *   …Left, the group is named no more, the rule ends   ──> taken out again; a record without any is deleted
 */
import { changeOf, defineLedger, type Folded, type LedgerWriter, ledgerRef, membersIn } from '@weft/api';
import type { PeerKind } from '../network-policy/network-policy.model.ts';
import { groupsOf } from './groups.ts';
import { NetworkPolicyRule, type NetworkPolicyRuleTypes, networkPolicyRuleEvents } from './network-policy-rule.types.ts';

/** What an object is to one policy: its addresses as a target, its prefixes by group of peers. */
export type Membership = Readonly<{ target?: readonly string[]; peers: Readonly<Record<string, readonly string[]>> }>;
export type PolicyMember = Readonly<{
  kind: PeerKind;
  namespace: string;
  name: string;
  /** By name of the policy. None of them is empty. */
  rules: Readonly<Record<string, Membership>>;
}>;

export const NO_MEMBERSHIP: Membership = Object.freeze({ peers: Object.freeze({}) });

/** By uid of the object. */
export const policyMembers = ledgerRef<PolicyMember>('policy-members');

type Rule = Folded<NetworkPolicyRuleTypes>;
type Change = (membership: Membership) => Membership;
type Who = Pick<PolicyMember, 'kind' | 'namespace' | 'name'>;

export const policyMembersLedger = defineLedger(
  policyMembers,
  (change, records) => {
    const rules = changeOf(NetworkPolicyRule, change);
    if (rules === undefined) return;
    const { before, after } = rules;
    if (before !== undefined && before.object.metadata.uid !== after?.object.metadata.uid) forgetRule(before, records);
    if (after === undefined) return;
    const { namespace = '', name: rule } = after.key;
    const put = (uid: string, who: Who, with_: Change) => putMember(records, uid, who, rule, with_);
    const drop = (uid: string, with_: Change) => dropMember(records, uid, rule, with_);
    for (const { type, data } of networkPolicyRuleEvents.in(change.append)) {
      switch (type) {
        case 'NetworkPolicyTargetJoined.v1': {
          const { uid, name, ips } = data;
          put(uid, { kind: 'NetworkInterface', namespace, name }, (membership) => ({ ...membership, target: ips }));
          break;
        }
        case 'NetworkPolicyTargetLeft.v1':
          drop(data.uid, withoutTarget);
          break;
        case 'NetworkPolicyPeerJoined.v1': {
          const { group, uid, name, prefixes } = data;
          const kind = kindOfGroup(group);
          put(uid, { kind, namespace, name }, ({ peers, ...rest }) => ({ ...rest, peers: { ...peers, [group]: prefixes } }));
          break;
        }
        case 'NetworkPolicyPeerLeft.v1':
          drop(data.uid, withoutGroup(data.group));
          break;
        case 'NetworkPolicyRulesCopied.v1':
          if (before !== undefined) forgetGroups(before, after, drop);
          break;
      }
    }
  },
  [NetworkPolicyRule.kind],
);

const withoutTarget: Change = ({ target: _, ...rest }) => rest;
const withoutGroup =
  (group: string): Change =>
  ({ peers: { [group]: _, ...peers }, ...rest }) => ({ ...rest, peers });

/** The first word of a group's key. */
function kindOfGroup(group: string): PeerKind {
  if (group.startsWith('NetworkInterface')) return 'NetworkInterface';
  return group.startsWith('VirtualIP') ? 'VirtualIP' : 'LoadBalancer';
}

function putMember(records: LedgerWriter<PolicyMember>, uid: string, who: Who, rule: string, change: Change): void {
  const rules = records.get(uid)?.rules ?? {};
  records.put(uid, { ...who, rules: { ...rules, [rule]: change(rules[rule] ?? NO_MEMBERSHIP) } });
}

function dropMember(records: LedgerWriter<PolicyMember>, uid: string, rule: string, change: Change): void {
  const record = records.get(uid);
  const membership = record?.rules[rule];
  if (record === undefined || membership === undefined) return;
  const left = change(membership);
  if (left.target !== undefined || Object.keys(left.peers).length > 0) {
    records.put(uid, { ...record, rules: { ...record.rules, [rule]: left } });
    return;
  }
  const { [rule]: _, ...rules } = record.rules;
  if (Object.keys(rules).length > 0) records.put(uid, { ...record, rules });
  else records.delete(uid);
}

/** The rules name some groups no more: their members have gone with them. */
function forgetGroups(before: Rule, after: Rule, drop: (uid: string, change: Change) => void): void {
  const named = new Set(groupsOf(after.facts.rules).map(({ key }) => key));
  for (const [group, members] of Object.entries(before.facts.peers)) {
    if (named.has(group)) continue;
    for (const [uid] of membersIn(members)) drop(uid, withoutGroup(group));
  }
}

function forgetRule({ key, facts: { targets, peers } }: Rule, records: LedgerWriter<PolicyMember>): void {
  for (const members of [targets, ...Object.values(peers)]) {
    for (const [uid] of membersIn<unknown>(members)) dropMember(records, uid, key.name, () => NO_MEMBERSHIP);
  }
}
