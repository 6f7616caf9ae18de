import { AnyLoadBalancer, AnyNetworkInterface, type DomainPart, publicAddressGrants } from '@weft/api';
import { virtualIpKind } from './virtual-ip.kind.ts';
import { virtualIpLoops } from './virtual-ip.loops.ts';

export const virtualIpPart: DomainPart = {
  kinds: [virtualIpKind],
  loops: virtualIpLoops,
  reads: [publicAddressGrants, AnyNetworkInterface, AnyLoadBalancer],
};
