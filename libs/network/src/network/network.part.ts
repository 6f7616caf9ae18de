import { AnyLoadBalancer, AnyNatGateway, AnyPrefix, type DomainPart, exclusiveOf, vniGrants } from '@weft/api';
import { networkBlocksLedger } from './address-blocks.ts';
import { networkKind } from './network.kind.ts';
import { networkLoops } from './network.loops.ts';
import { Network } from './network.types.ts';

export const networkPart: DomainPart = {
  kinds: [networkKind],
  loops: networkLoops,
  ledgers: [networkBlocksLedger],
  exclusives: [exclusiveOf(Network, 'VNI', ({ facts: { vni } }) => (vni === undefined ? [] : [String(vni)]))],
  reads: [vniGrants, AnyLoadBalancer, AnyNatGateway, AnyPrefix],
};
