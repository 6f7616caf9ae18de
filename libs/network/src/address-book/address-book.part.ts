import { AnyLoadBalancer, AnyPrefix, type DomainPart } from '@weft/api';
import { addressBook } from './address-book.ts';
import { balancerGrantExclusives, balancerGrantLedgers, balancerGrantLoops } from './balancer-grants.ts';

/** `retired`: older versions reserved MACs in these streams. MACs follow from VNI and index now (ADR 22), so nobody reads them. */
export const addressBookPart: DomainPart = {
  reservations: [addressBook],
  ledgers: balancerGrantLedgers,
  loops: balancerGrantLoops,
  exclusives: balancerGrantExclusives,
  reads: [AnyLoadBalancer, AnyPrefix],
  retired: ['MacBlocks', 'NicMacs'],
};
