import type { DomainPart } from '@weft/api';
import { hostIndex } from './host-index.ts';

export const hostIndexPart: DomainPart = { reservations: [hostIndex] };
