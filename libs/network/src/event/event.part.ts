import type { DomainPart } from '@weft/api';
import { eventKind } from './event.kind.ts';
import { eventLedgers } from './event-ledgers.ts';

export const eventPart: DomainPart = { kinds: [eventKind], ledgers: eventLedgers };
