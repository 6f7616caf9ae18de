import { type DomainPart, exclusiveOf } from '@weft/api';
import { hostFigures } from './host.figures.ts';
import { hostKind } from './host.kind.ts';
import { hostLoops } from './host.loops.ts';
import { Host } from './host.types.ts';
import { loseUnderlays, lostUnderlaysLedger } from './lost-underlays.ts';
import { placementChangesLedger } from './placement-changes.ts';

export const hostPart: DomainPart = {
  kinds: [hostKind],
  loops: [...hostLoops, loseUnderlays],
  ledgers: [placementChangesLedger, lostUnderlaysLedger],
  figures: hostFigures,
  exclusives: [exclusiveOf(Host, 'host index', ({ facts: { index } }) => (index === undefined ? [] : [String(index)]))],
};
