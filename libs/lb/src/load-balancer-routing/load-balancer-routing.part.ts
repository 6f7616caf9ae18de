import { AnyNetwork, AnyNetworkInterface, type DomainPart } from '@weft/api';
import { loadBalancerRoutingKind } from './load-balancer-routing.kind.ts';
import { loadBalancerRoutingLoops } from './load-balancer-routing.loops.ts';
import { routingMembersLedger } from './routing-members.ts';

export const loadBalancerRoutingPart: DomainPart = {
  kinds: [loadBalancerRoutingKind],
  loops: loadBalancerRoutingLoops,
  ledgers: [routingMembersLedger],
  reads: [AnyNetwork, AnyNetworkInterface],
};
