import { AnyLoadBalancer, AnyNatGateway, AnyPrefix, type DomainPart, vniGrants } from '@weft/api';
import { networkKind } from './network.kind.ts';
import { networkLoops } from './network.loops.ts';

export const networkPart: DomainPart = {
  kinds: [networkKind],
  loops: networkLoops,
  reads: [vniGrants, AnyLoadBalancer, AnyNatGateway, AnyPrefix],
};
