import { domainOf } from '@weft/api';
import { loadBalancerPart } from './load-balancer/load-balancer.part.ts';
import { loadBalancerRoutingPart } from './load-balancer-routing/load-balancer-routing.part.ts';
import { natGatewayPart } from './nat-gateway/nat-gateway.part.ts';

/** Load balancing and outbound addresses. Routings before balancers: a namespace that is emptied loses what was registered last first. */
export const lbDomain = domainOf('lb', [natGatewayPart, loadBalancerRoutingPart, loadBalancerPart]);
