import type { DomainPart } from '@weft/api';
import { addressBook } from './address-book.ts';

/** Streams in which older versions reserved MACs, which follow from VNI and index by now (ADR 22), are left unread. */
export const addressBookPart: DomainPart = { reservations: [addressBook], retired: ['MacBlocks', 'NicMacs'] };
