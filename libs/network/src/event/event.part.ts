import type { DomainPart } from '@weft/api';
import { eventKind } from './event.kind.ts';

export const eventPart: DomainPart = { kinds: [eventKind] };
