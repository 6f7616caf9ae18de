/** The types of a NetworkPolicy: its events, its actions. */
import { Type } from '@sinclair/typebox';
import { anyJson, type ConditionFact, type DataOf, defineEvents, kindRef, LabelSelectorModel, ofModel } from '@weft/api';
import { EgressRule, IngressRule, type NetworkPolicySpec, type NetworkPolicyStatus } from './network-policy.model.ts';

export const networkPolicyEvents = defineEvents({
  /** A field that was removed is absent from the data. */
  'NetworkPolicySelectorChanged.v1': Type.Object({ networkInterfaceSelector: Type.Optional(ofModel(LabelSelectorModel)) }),
  'NetworkPolicyIngressChanged.v1': Type.Object({ ingress: Type.Optional(Type.Array(ofModel(IngressRule))) }),
  'NetworkPolicyEgressChanged.v1': Type.Object({ egress: Type.Optional(Type.Array(ofModel(EgressRule))) }),
  'NetworkPolicyTypesChanged.v1': Type.Object({ policyTypes: Type.Optional(Type.Array(Type.String())) }),
});

export const networkPolicyPayloads = {
  /** Sets these conditions of the incarnation `uid`. */
  Report: Type.Object({ uid: Type.String(), conditions: Type.Array(anyJson<ConditionFact>()) }),
};

export type NetworkPolicyTypes = {
  spec: NetworkPolicySpec;
  status: NetworkPolicyStatus;
  facts: Record<never, never>;
  events: DataOf<typeof networkPolicyEvents>;
  actions: DataOf<typeof networkPolicyPayloads>;
  /** `selection`: what it selects (`selectionsOf`). */
  index: 'selection' | 'network';
};
export const NetworkPolicy = kindRef<NetworkPolicyTypes>('NetworkPolicy');
