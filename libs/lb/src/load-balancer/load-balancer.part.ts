import { AnyNamespace, AnyNetwork, AnyPrefix, AnyVirtualIp, balancerGrants, type DomainPart, publicAddressGrants } from '@weft/api';
import { loadBalancerKind } from './load-balancer.kind.ts';
import { loadBalancerLoops } from './load-balancer.loops.ts';

export const loadBalancerPart: DomainPart = {
  kinds: [loadBalancerKind],
  loops: loadBalancerLoops,
  reads: [balancerGrants, publicAddressGrants, AnyNamespace, AnyNetwork, AnyVirtualIp, AnyPrefix],
};
