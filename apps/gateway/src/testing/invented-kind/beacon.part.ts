import type { DomainPart } from '@weft/api';
import { channels, channelsLedger } from './beacon.channels.ts';
import { beaconKind } from './beacon.kind.ts';
import { lightBeacons } from './beacon.loops.ts';
import { BeaconRows } from './beacon.rows.ts';

export const beaconPart: DomainPart = {
  kinds: [beaconKind],
  reservations: [channels],
  loops: [lightBeacons],
  ledgers: [channelsLedger],
  projections: [(registry, fold) => new BeaconRows(registry, fold)],
};
