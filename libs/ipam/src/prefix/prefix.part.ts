import type { DomainPart } from '@weft/api';
import { prefixKind } from './prefix.kind.ts';
import { prefixLoops } from './prefix.loops.ts';
import { prefixRangesLedger } from './prefix-ranges.ts';

export const prefixPart: DomainPart = { kinds: [prefixKind], loops: prefixLoops, ledgers: [prefixRangesLedger] };
