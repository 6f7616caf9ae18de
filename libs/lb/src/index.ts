export { lbDomain } from './lb.domain.ts';
export { type HealthCheck, healthCheckOf } from './load-balancer/health-check.ts';
export { LoadBalancer, type LoadBalancerTypes } from './load-balancer/load-balancer.types.ts';
export {
  LoadBalancerRouting,
  type LoadBalancerRoutingTypes,
  type RoutingTarget,
  TARGETS_MAX,
} from './load-balancer-routing/load-balancer-routing.types.ts';
export { isRoutingIn } from './load-balancer-routing/load-balancer-routing.views.ts';
export { type RoutingMember, type RoutingMembership, routingMembers } from './load-balancer-routing/routing-members.ts';
export { NatGateway, type NatGatewayTypes } from './nat-gateway/nat-gateway.types.ts';
export { NAT_TABLE } from './nat-gateway/nat-gateway.views.ts';
export { isPending, knownSince, type NatHolder, type NatHolding, natSlotsOfNics, type SlotCause } from './nat-gateway/nat-slots.ledgers.ts';
export { type GatewayId, type Holder, type NatSlots, natSlotEvents, natSlotsOf, type Section } from './nat-gateway/nat-slots.types.ts';
