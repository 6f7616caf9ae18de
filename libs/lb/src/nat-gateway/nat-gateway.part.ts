import { AnyHost, AnyNetwork, AnyNetworkInterface, type DomainPart, publicAddressGrants } from '@weft/api';
import { natGatewayFigures } from './nat-gateway.figures.ts';
import { natGatewayKind } from './nat-gateway.kind.ts';
import { natGatewayLoops } from './nat-gateway.loops.ts';
import { natLedgers } from './nat-slots.ledgers.ts';
import { natSlotLoops } from './nat-slots.loops.ts';
import { natSlots } from './nat-slots.ts';

export const natGatewayPart: DomainPart = {
  kinds: [natGatewayKind],
  reservations: [natSlots],
  loops: [...natGatewayLoops, ...natSlotLoops],
  ledgers: natLedgers,
  figures: natGatewayFigures,
  reads: [publicAddressGrants, AnyHost, AnyNetwork, AnyNetworkInterface],
};
