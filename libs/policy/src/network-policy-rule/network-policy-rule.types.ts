/** The types of a NetworkPolicyRule: its events, its actions, what it holds. */
import { Type } from '@sinclair/typebox';
import { type DataOf, defineEvents, kindRef, type Members, ofModel } from '@weft/api';
import { NetworkPolicySpec } from '../network-policy/network-policy.model.ts';
import type { NetworkPolicyRuleFields } from './network-policy-rule.model.ts';

const Texts = Type.Array(Type.String());

export const networkPolicyRuleEvents = defineEvents({
  /**
   * The policy's spec as it was, and the uid of its Network if there was one. Targets stay until they leave; groups of peers that no rule names any more
   * are gone with their members.
   */
  'NetworkPolicyRulesCopied.v1': Type.Object({ rules: ofModel(NetworkPolicySpec), network: Type.Optional(Type.String()) }),
  /** An interface is selected, or its addresses have changed. */
  'NetworkPolicyTargetJoined.v1': Type.Object({ uid: Type.String(), name: Type.String(), ips: Texts }),
  'NetworkPolicyTargetLeft.v1': Type.Object({ uid: Type.String() }),
  /** An object is in a group of peers, or its addresses have changed. `prefixes`: CIDR notation, single addresses too; not empty. */
  'NetworkPolicyPeerJoined.v1': Type.Object({ group: Type.String(), uid: Type.String(), name: Type.String(), prefixes: Texts }),
  'NetworkPolicyPeerLeft.v1': Type.Object({ group: Type.String(), uid: Type.String() }),
});

export const networkPolicyRulePayloads = {
  /** Takes over the rules of the policy with this uid; makes the object when there is none. `network`: uid of its Network. */
  Copy: Type.Object({ policy: Type.String(), rules: ofModel(NetworkPolicySpec), network: Type.Optional(Type.String()) }),
  /** All that one object is to the incarnation `uid`: its addresses as a target, its prefixes in each group of peers. What is left out, it is not. */
  SetMember: Type.Object({
    uid: Type.String(),
    member: Type.Object({ uid: Type.String(), name: Type.String() }),
    target: Type.Optional(Texts),
    peers: Type.Record(Type.String(), Texts),
  }),
  /** Removes the finalizer that keeps the incarnation `uid` as long as its policy lives. */
  LetGo: Type.Object({ uid: Type.String() }),
};

export type Target = Readonly<{ name: string; ips: readonly string[] }>;
export type Peer = Readonly<{ name: string; prefixes: readonly string[] }>;

export type NetworkPolicyRuleTypes = {
  spec: object;
  status: object;
  fields: NetworkPolicyRuleFields;
  facts: {
    /** The policy's spec, as it was copied. */
    rules: NetworkPolicySpec;
    /** uid of the Network, if it existed when the rules were copied. */
    network?: string;
    /** By uid of the interface. */
    targets: Members<Target>;
    /** Group -> uid -> peer. Only groups that the rules name, and none that is empty. */
    peers: Readonly<Record<string, Members<Peer>>>;
  };
  events: DataOf<typeof networkPolicyRuleEvents>;
  actions: DataOf<typeof networkPolicyRulePayloads>;
  index: 'anchor';
};
export const NetworkPolicyRule = kindRef<NetworkPolicyRuleTypes>('NetworkPolicyRule');
