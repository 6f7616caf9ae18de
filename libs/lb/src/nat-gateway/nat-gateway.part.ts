import { AnyHost, AnyNetwork, AnyNetworkInterface, type DomainPart, exclusiveOfRecords, publicAddressGrants } from '@weft/api';
import { natGatewayFigures } from './nat-gateway.figures.ts';
import { natGatewayKind } from './nat-gateway.kind.ts';
import { natGatewayLoops } from './nat-gateway.loops.ts';
import { natLedgers, natSlotsOfNics } from './nat-slots.ledgers.ts';
import { natSlotLoops } from './nat-slots.loops.ts';
import { natSlots } from './nat-slots.ts';

export const natGatewayPart: DomainPart = {
  kinds: [natGatewayKind],
  reservations: [natSlots],
  loops: [...natGatewayLoops, ...natSlotLoops],
  ledgers: natLedgers,
  figures: natGatewayFigures,
  // Ranges are aligned to their size. Of two sizes, those are compared that begin at one port.
  exclusives: [
    exclusiveOfRecords(natSlotsOfNics, 'port range', ({ holdings }) =>
      holdings
        .flatMap(({ section, drains = [] }) => [...(section === undefined ? [] : [section]), ...drains])
        .map(({ ip, port }) => `${ip}:${port}`),
    ),
  ],
  reads: [publicAddressGrants, AnyHost, AnyNetwork, AnyNetworkInterface],
};
