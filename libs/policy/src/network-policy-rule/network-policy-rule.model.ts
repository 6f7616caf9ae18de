/** NetworkPolicyRule: a NetworkPolicy with the addresses that it selects (provider 1.10). Its fields stand beside the metadata. */
import { Int, Ip, type KindModule, LocalUidReference, Nested, NestedList, Prefix, Text, TextList } from '@weft/api';
import { IpBlock, NetworkPolicyPort, POLICY_TYPES, PROTOCOLS } from '../network-policy/network-policy.model.ts';

export class PolicyTarget {
  @Ip('Address of the interface.') readonly ip?: string;
  @Nested(() => LocalUidReference, 'The interface.') readonly targetRef?: LocalUidReference;
}

export class PolicyPrefix {
  @Text('Family of the range.', { values: ['IPv4', 'IPv6'] }) readonly ipFamily?: string;
  @Prefix('Address or range of a selected object.') readonly prefix?: string;
}

export class ResolvedRule {
  @NestedList(() => IpBlock, 'Ranges as the policy gives them. Without these and without ips: any peer.') readonly ipBlock?: IpBlock[];
  @NestedList(() => PolicyPrefix, 'Addresses of the objects that the policy selects as peers.') readonly ips?: PolicyPrefix[];
  @NestedList(() => NetworkPolicyPort, `Ports; any protocol (not only ${PROTOCOLS.join(', ')}) and port when empty.`)
  readonly networkPolicyPorts?: NetworkPolicyPort[];
}

export class NetworkPolicyRuleFields {
  @Nested(() => LocalUidReference, 'Network whose interfaces are regulated.') readonly networkRef?: LocalUidReference;
  @Int('Has no effect: policies add up.') readonly priority?: number;
  @TextList('Directions that are restricted: what no rule allows is dropped.', { values: POLICY_TYPES }) readonly policyTypes?: string[];
  @NestedList(() => PolicyTarget, 'Addresses of the interfaces that are regulated.') readonly targets?: PolicyTarget[];
  @NestedList(() => ResolvedRule, 'What may come to them. A rule whose peers are no addresses at present is left out: it allows nothing.')
  readonly ingressRule?: ResolvedRule[];
  @NestedList(() => ResolvedRule, 'What they may send; likewise.') readonly egressRule?: ResolvedRule[];
}

export const networkPolicyRuleModel = { fields: NetworkPolicyRuleFields } as const satisfies NonNullable<KindModule['model']>;
