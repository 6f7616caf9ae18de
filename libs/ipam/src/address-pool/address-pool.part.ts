import { AnyHost, AnyNetwork, type DomainPart, exclusiveOfRecords, type FirstObject, publicAddressGrants } from '@weft/api';
import { addressPoolFigures } from './address-pool.figures.ts';
import { addressPoolKind } from './address-pool.kind.ts';
import { addressPoolLoops } from './address-pool.loops.ts';
import { publicAddressLedgers } from './public-addresses.ledgers.ts';
import { publicAddressLoops } from './public-addresses.loops.ts';
import { publicAddresses } from './public-addresses.ts';

/** Documentation ranges, so that everything that needs a public address works from the start (resources 2.11). Operators put their own in their place. */
const defaultPool: FirstObject = {
  kind: 'AddressPool',
  name: 'default',
  object: {
    apiVersion: 'fabric.weft.dev/v1alpha1',
    kind: 'AddressPool',
    metadata: { name: 'default' },
    spec: { prefixes: ['203.0.113.0/24', '2001:db8:ffff::/64'] },
  },
};

export const addressPoolPart: DomainPart = {
  kinds: [addressPoolKind],
  reservations: [publicAddresses],
  loops: [...addressPoolLoops, ...publicAddressLoops],
  ledgers: publicAddressLedgers,
  reads: [AnyHost, AnyNetwork],
  exclusives: [exclusiveOfRecords(publicAddressGrants, 'public address', ({ ip }) => (ip === undefined ? [] : [ip]))],
  firstObjects: [defaultPool],
  figures: addressPoolFigures,
};
