/** LoadBalancer: spreads traffic over interfaces that are selected by label (resources 2.5). */
import {
  ConditionModel,
  Int,
  IpList,
  IpSource,
  type KindModule,
  LabelSelectorModel,
  LocalObjectReference,
  Nested,
  NestedList,
  Text,
  TextList,
} from '@weft/api';

export const LOAD_BALANCER_TYPES = ['Public', 'Internal'] as const;
export const LOAD_BALANCER_PROTOCOLS = ['TCP', 'UDP', 'SCTP'] as const;

export class LoadBalancerPort {
  @Text('Protocol; TCP when left out.', { values: LOAD_BALANCER_PROTOCOLS }) readonly protocol?: string;
  @Int('The port, or the first one of a range.', { keepsEmpty: true }) readonly port?: number;
  @Int('The last port of the range.', { keepsEmpty: true }) readonly endPort?: number;
}

export class LoadBalancerVirtualIp {
  @Nested(() => LocalObjectReference, 'A VirtualIP of the same namespace.') readonly virtualIPRef?: LocalObjectReference;
}

export class LoadBalancerSpec {
  @Text('Public: its addresses come from a pool or are VirtualIPs. Internal: they are given in ips.', { values: LOAD_BALANCER_TYPES })
  readonly type?: string;
  @TextList('Families of its addresses.', { values: ['IPv4', 'IPv6'] }) readonly ipFamilies?: string[];
  @NestedList(() => IpSource, 'Addresses of an Internal one, one of each family.') readonly ips?: IpSource[];
  @NestedList(() => LoadBalancerVirtualIp, 'VirtualIPs that are its addresses, in place of ones from a pool. Public only.')
  readonly virtualIPs?: LoadBalancerVirtualIp[];
  @Nested(() => LocalObjectReference, 'Network of the same namespace; not to be changed.') readonly networkRef?: LocalObjectReference;
  @Nested(
    () => LabelSelectorModel,
    'Interfaces that are its targets; empty: all of the Network. Left out: somebody else writes the routing.',
  )
  readonly networkInterfaceSelector?: LabelSelectorModel;
  @NestedList(() => LoadBalancerPort, 'Ports that are let through; all when empty.') readonly ports?: LoadBalancerPort[];
}

export class LoadBalancerStatus {
  @IpList('Its addresses.') readonly ips?: string[];
  @NestedList(() => ConditionModel, 'What holds of the balancer, and why.', { mergeKey: 'type' }) readonly conditions?: ConditionModel[];
}

export const loadBalancerModel = { spec: LoadBalancerSpec, status: LoadBalancerStatus } as const satisfies NonNullable<KindModule['model']>;
