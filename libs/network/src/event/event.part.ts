import type { DomainPart } from '@weft/api';
import { eventKind } from './event.kind.ts';
import { eventBook } from './event-book.ts';
import { eventLedgers } from './event-ledgers.ts';
import { eventRecordsLedger } from './event-records.ts';

export const eventPart: DomainPart = { kinds: [eventKind], reservations: [eventBook], ledgers: [...eventLedgers, eventRecordsLedger] };
