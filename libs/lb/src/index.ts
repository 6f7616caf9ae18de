export { lbDomain } from './lb.domain.ts';
export { NatGateway, type NatGatewayTypes } from './nat-gateway/nat-gateway.types.ts';
export { type NatHolder, type NatHolding, natSlotsOfNics } from './nat-gateway/nat-slots.ledgers.ts';
export { type GatewayId, type Holder, type NatSlots, natSlotsOf, type Section } from './nat-gateway/nat-slots.types.ts';
