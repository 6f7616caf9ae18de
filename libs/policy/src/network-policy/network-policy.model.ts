/** NetworkPolicy: which traffic the interfaces of a Network may have (resources 2.7). */
import {
  ConditionModel,
  Int,
  type KindModule,
  LabelSelectorModel,
  LocalObjectReference,
  Nested,
  NestedList,
  Prefix,
  PrefixList,
  Text,
  TextList,
} from '@weft/api';

export const POLICY_TYPES = ['Egress', 'Ingress'] as const;
export type PolicyType = (typeof POLICY_TYPES)[number];
export const isPolicyType = (text: string): text is PolicyType => (POLICY_TYPES as readonly string[]).includes(text);
export const PEER_KINDS = ['LoadBalancer', 'NetworkInterface', 'VirtualIP'] as const;
export type PeerKind = (typeof PEER_KINDS)[number];
export const PROTOCOLS = ['SCTP', 'TCP', 'UDP'] as const;

/** Kind and label selector share one object (resources 1.3). */
export class ObjectSelectorModel extends LabelSelectorModel {
  @Text('Kind of the objects.', { values: PEER_KINDS }) readonly kind?: string;
}

export class IpBlock {
  @Prefix('The range.') readonly cidr?: string;
  @PrefixList('Ranges inside it that do not belong to it.') readonly except?: string[];
}

export class NetworkPolicyPeer {
  @Nested(() => ObjectSelectorModel, 'The addresses of these objects.') readonly objectSelector?: ObjectSelectorModel;
  @Nested(() => IpBlock, 'A range of addresses.') readonly ipBlock?: IpBlock;
}

export class NetworkPolicyPort {
  @Text('Protocol; TCP when left out.', { values: PROTOCOLS, keepsEmpty: true }) readonly protocol?: string;
  @Int('Destination port, or the first one; all ports when left out.') readonly port?: number;
  @Int('Last port of the range that begins at `port`.', { keepsEmpty: true }) readonly endPort?: number;
}

export class IngressRule {
  @NestedList(() => NetworkPolicyPeer, 'Sources, of which one must match; any when empty.') readonly from?: NetworkPolicyPeer[];
  @NestedList(() => NetworkPolicyPort, 'Ports, of which one must match; any protocol and port when empty.')
  readonly ports?: NetworkPolicyPort[];
}

export class EgressRule {
  @NestedList(() => NetworkPolicyPeer, 'Destinations, of which one must match; any when empty.') readonly to?: NetworkPolicyPeer[];
  @NestedList(() => NetworkPolicyPort, 'Ports, of which one must match; any protocol and port when empty.')
  readonly ports?: NetworkPolicyPort[];
}

export class NetworkPolicySpec {
  @Nested(() => LocalObjectReference, 'Network whose interfaces are regulated.') readonly networkRef?: LocalObjectReference;
  @Nested(() => LabelSelectorModel, 'Interfaces of the Network that are regulated; all of them when empty.')
  readonly networkInterfaceSelector?: LabelSelectorModel;
  @NestedList(() => IngressRule, 'What may come to these interfaces.') readonly ingress?: IngressRule[];
  @NestedList(() => EgressRule, 'What these interfaces may send.') readonly egress?: EgressRule[];
  @TextList('Directions that are restricted: what no rule allows is dropped.', { values: POLICY_TYPES }) readonly policyTypes?: string[];
}

export class NetworkPolicyStatus {
  @NestedList(() => ConditionModel, 'What holds of the policy, and why.', { mergeKey: 'type' }) readonly conditions?: ConditionModel[];
}

export const networkPolicyModel = {
  spec: NetworkPolicySpec,
  status: NetworkPolicyStatus,
} as const satisfies NonNullable<KindModule['model']>;
