/** Network: an isolated layer-3 domain (resources 2.1). */
import { ConditionModel, type KindModule, LocalObjectReference, Nested, NestedList, Prefix, Text } from '@weft/api';

export class PeeredNetworkReference {
  @Text('Namespace of the network; its own when left out.') readonly namespace?: string;
  @Text('Name of the network.') readonly name?: string;
}

export class PeeringPrefix {
  @Text('Label of the entry, unique within the peering.') readonly name?: string;
  @Prefix('The range itself.') readonly prefix?: string;
  @Nested(() => LocalObjectReference, 'A Prefix of the same namespace instead.') readonly prefixRef?: LocalObjectReference;
}

export class NetworkPeering {
  @Text('Local label of the peering, unique within the network.') readonly name?: string;
  @Nested(() => PeeredNetworkReference, 'Network that this one agrees to be peered with.') readonly networkRef?: PeeredNetworkReference;
  @NestedList(() => PeeringPrefix, 'What this network exposes to the other; everything when empty.', { mergeKey: 'name' })
  readonly prefixes?: PeeringPrefix[];
}

export class PeeringClaimReference {
  @Text('Namespace of the claiming network; the own one when left out.') readonly namespace?: string;
  @Text('Name of the claiming network.') readonly name?: string;
  @Text('Identity of the claiming network when it was accepted.') readonly uid?: string;
}

export class NetworkSpec {
  @Text('Handle of the network at its provider; not to be changed once set.') readonly providerID?: string;
  @NestedList(() => NetworkPeering, 'Networks that this one agrees to be peered with.', { mergeKey: 'name' })
  readonly peerings?: NetworkPeering[];
  @NestedList(() => PeeringClaimReference, 'Networks whose peering with this one was accepted.', { mergeKey: 'name' })
  readonly incomingPeerings?: PeeringClaimReference[];
}

export class ExposedPrefix {
  @Text('Label of the entry in the spec.') readonly name?: string;
  @Prefix('The range that is exposed.') readonly prefix?: string;
}

export class NetworkPeeringStatus {
  @Text('Label of the peering in the spec.') readonly name?: string;
  @Text('Whether it is in effect.', { values: ['Pending', 'Ready', 'Error'] }) readonly state?: string;
  @Text('Whether the other network agrees.', { values: ['Pending', 'Bound'] }) readonly phase?: string;
  @NestedList(() => ExposedPrefix, 'What is exposed.', { mergeKey: 'name' }) readonly prefixes?: ExposedPrefix[];
}

export class NetworkStatus {
  @Text('Whether the network can be used.', { values: ['Pending', 'Available', 'Error'] }) readonly state?: string;
  @NestedList(() => NetworkPeeringStatus, 'State of each peering.', { mergeKey: 'name' }) readonly peerings?: NetworkPeeringStatus[];
  @NestedList(() => ConditionModel, 'What holds of the network, and why.', { mergeKey: 'type' }) readonly conditions?: ConditionModel[];
}

export const networkModel = { spec: NetworkSpec, status: NetworkStatus } as const satisfies NonNullable<KindModule['model']>;
