import type { DomainPart } from '@weft/api';
import { addressBook } from './address-book.ts';

/** `retired`: older versions reserved MACs in these streams. MACs follow from VNI and index now (ADR 22), so nobody reads them. */
export const addressBookPart: DomainPart = { reservations: [addressBook], retired: ['MacBlocks', 'NicMacs'] };
