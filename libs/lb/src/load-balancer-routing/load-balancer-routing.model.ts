/** LoadBalancerRouting: the addresses that a LoadBalancer spreads traffic over (resources 2.6). Its fields stand beside the metadata. */
import { Ip, type KindModule, LocalUidReference, Nested, NestedList, Text } from '@weft/api';

export class RoutingTargetReference {
  @Text('uid of the interface.') readonly uid?: string;
  @Text('Name of the interface.') readonly name?: string;
  @Text('Handle of its port.') readonly providerID?: string;
}

export class RoutingDestination {
  @Ip('Address that receives traffic.') readonly ip?: string;
  @Nested(() => RoutingTargetReference, 'The interface that has the address.') readonly targetRef?: RoutingTargetReference;
  @Text('Short for targetRef.name; the address is that of the interface.') readonly name?: string;
  @Text('Short for targetRef.uid.') readonly uid?: string;
}

export class LoadBalancerRoutingFields {
  @Nested(() => LocalUidReference, 'Network of the destinations.') readonly networkRef?: LocalUidReference;
  @NestedList(() => RoutingDestination, 'Where traffic goes.') readonly destinations?: RoutingDestination[];
}

export const loadBalancerRoutingModel = { fields: LoadBalancerRoutingFields } as const satisfies NonNullable<KindModule['model']>;
