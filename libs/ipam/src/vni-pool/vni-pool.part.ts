import { type DomainPart, exclusiveOfRecords, vniGrants } from '@weft/api';
import { vniFigures } from './vni-pool.figures.ts';
import { vniLedgers } from './vni-pool.ledgers.ts';
import { vniLoops } from './vni-pool.loops.ts';
import { vniPool } from './vni-pool.ts';

export const vniPoolPart: DomainPart = {
  reservations: [vniPool],
  loops: vniLoops(),
  ledgers: vniLedgers,
  figures: vniFigures(),
  exclusives: [exclusiveOfRecords(vniGrants, 'VNI of the pool', ({ vni }) => (vni === undefined ? [] : [String(vni)]))],
};
