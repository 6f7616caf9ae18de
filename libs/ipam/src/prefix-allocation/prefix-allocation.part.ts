import type { DomainPart } from '@weft/api';
import { prefixAllocationFigures } from './prefix-allocation.figures.ts';
import { prefixAllocationKind } from './prefix-allocation.kind.ts';
import { prefixAllocationLoops } from './prefix-allocation.loops.ts';

export const prefixAllocationPart: DomainPart = {
  kinds: [prefixAllocationKind],
  loops: prefixAllocationLoops,
  figures: prefixAllocationFigures,
};
