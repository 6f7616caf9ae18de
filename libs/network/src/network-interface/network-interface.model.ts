/** NetworkInterface: where a machine is attached to a Network (resources 2.2). */
import {
  ConditionModel,
  EphemeralPrefixSource,
  Ip,
  IpList,
  IpSource,
  type KindModule,
  LocalObjectReference,
  LocalUidReference,
  Nested,
  NestedList,
  Prefix,
  PrefixList,
  Text,
  TextList,
  TextMap,
  Time,
  VirtualIpTemplate,
} from '@weft/api';

export class PrefixSource {
  @Prefix('The range itself.') readonly value?: string;
  @Nested(() => EphemeralPrefixSource, 'A Prefix made for it.') readonly ephemeral?: EphemeralPrefixSource;
}

export class EphemeralVirtualIpSource {
  @Nested(() => VirtualIpTemplate, 'VirtualIP that is made for the interface.') readonly virtualIPTemplate?: VirtualIpTemplate;
}

export class VirtualIpSource {
  @Nested(() => LocalObjectReference, 'A VirtualIP of the same namespace.') readonly virtualIPRef?: LocalObjectReference;
  @Nested(() => EphemeralVirtualIpSource, 'A VirtualIP made for the interface.') readonly ephemeral?: EphemeralVirtualIpSource;
}

export class NetworkInterfaceSpec {
  @Text('Handle of the realised port.') readonly providerID?: string;
  @Nested(() => LocalObjectReference, 'Network of the same namespace; not to be changed.') readonly networkRef?: LocalObjectReference;
  @Nested(() => LocalUidReference, 'Machine that holds the interface.') readonly machineRef?: LocalUidReference;
  @TextList('Families of the addresses, one for each of ips; not to be changed.', { values: ['IPv4', 'IPv6'] })
  readonly ipFamilies?: string[];
  @NestedList(() => IpSource, 'Addresses, one of each family.') readonly ips?: IpSource[];
  @NestedList(() => PrefixSource, 'Further ranges that are routed to the interface.') readonly prefixes?: PrefixSource[];
  @Nested(() => VirtualIpSource, 'Public address.') readonly virtualIP?: VirtualIpSource;
  @TextMap('Hints for the provider of the machine; not to be changed.') readonly attributes?: Record<string, string>;
}

export class NetworkInterfaceStatus {
  @Text('Whether the interface can be used.', { values: ['Pending', 'Available', 'Error'] }) readonly state?: string;
  @Time('When the state last changed.') readonly lastStateTransitionTime?: string;
  @IpList('Addresses in effect.') readonly ips?: string[];
  @PrefixList('Further ranges in effect.') readonly prefixes?: string[];
  @Ip('Public address in effect.') readonly virtualIP?: string;
  @NestedList(() => ConditionModel, 'What holds of the interface, and why.', { mergeKey: 'type' }) readonly conditions?: ConditionModel[];
}

export const networkInterfaceModel = {
  spec: NetworkInterfaceSpec,
  status: NetworkInterfaceStatus,
} as const satisfies NonNullable<KindModule['model']>;
