import { Type } from '@sinclair/typebox';
import { type DataOf, defineEvents, kindRef } from '@weft/api';
import type { BeaconSpec, BeaconStatus } from './beacon.model.ts';

const Channel = Type.Integer({ minimum: 1 });
const Vni = Type.Integer({ minimum: 1 });

export const beaconEvents = defineEvents({
  'BeaconColourChanged.v1': Type.Object({ colour: Type.Optional(Type.String()) }),
  'BeaconTuned.v1': Type.Object({ channel: Channel }),
  /** `vni`: number of the network in which it shines from now on; absent: in none. */
  'BeaconLightChanged.v1': Type.Object({ vni: Type.Optional(Vni) }),
});

export const beaconPayloads = {
  /** The incarnation `uid` shines in the network of this number, or in none. */
  Shine: Type.Object({ uid: Type.String(), vni: Type.Optional(Vni) }),
};

export type BeaconTypes = {
  spec: BeaconSpec;
  status: BeaconStatus;
  facts: { channel?: number; vni?: number };
  events: DataOf<typeof beaconEvents>;
  actions: DataOf<typeof beaconPayloads>;
  index: 'channel';
};
export const Beacon = kindRef<BeaconTypes>('Beacon');
