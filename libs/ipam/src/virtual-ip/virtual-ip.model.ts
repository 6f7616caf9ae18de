/** VirtualIP: a public address that outlives who uses it (resources 2.3). */
import { ConditionModel, Ip, type KindModule, LocalUidReference, Nested, NestedList, Text } from '@weft/api';

export class VirtualIpSpec {
  @Text('Kind of address; not to be changed.', { values: ['Public'] }) readonly type?: string;
  @Text('Family of the address; not to be changed.', { values: ['IPv4', 'IPv6'] }) readonly ipFamily?: string;
  @Nested(() => LocalUidReference, 'NetworkInterface or LoadBalancer of the same namespace that holds the address.')
  readonly targetRef?: LocalUidReference;
}

export class VirtualIpStatus {
  @Ip('The address. It stays the same for the life of the object.') readonly ip?: string;
  @NestedList(() => ConditionModel, 'What holds of the address, and why.', { mergeKey: 'type' }) readonly conditions?: ConditionModel[];
}

export const virtualIpModel = { spec: VirtualIpSpec, status: VirtualIpStatus } as const satisfies NonNullable<KindModule['model']>;
