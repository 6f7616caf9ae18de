/** NATGateway: outbound addresses that the interfaces of a Network share which have none of their own (resources 2.4). */
import { ConditionModel, Int, Ip, type KindModule, LocalObjectReference, Nested, NestedList, Text } from '@weft/api';

export class NatGatewaySpec {
  @Text('What its addresses are; Public.', { values: ['Public'] }) readonly type?: string;
  @Text('Family that it translates.', { values: ['IPv4', 'IPv6'] }) readonly ipFamily?: string;
  @Nested(() => LocalObjectReference, 'Network of the same namespace that it serves; not to be changed.')
  readonly networkRef?: LocalObjectReference;
  @Int('Ports of each interface: a power of two.', { keepsEmpty: true }) readonly portsPerNetworkInterface?: number;
}

export class NatGatewayIp {
  @Text('Name of the address within the gateway.') readonly name?: string;
  @Ip('The address.') readonly ip?: string;
}

export class NatGatewayStatus {
  @NestedList(() => NatGatewayIp, 'Its public addresses.', { mergeKey: 'name' }) readonly ips?: NatGatewayIp[];
  @NestedList(() => ConditionModel, 'What holds of the gateway, and why.', { mergeKey: 'type' }) readonly conditions?: ConditionModel[];
}

export const natGatewayModel = { spec: NatGatewaySpec, status: NatGatewayStatus } as const satisfies NonNullable<KindModule['model']>;
