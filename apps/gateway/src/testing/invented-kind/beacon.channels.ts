/**
 * The channels of a namespace: one stream each, in the partition of the namespace, so that its writer makes the claim and the object's append alike. A beacon
 * claims one when it is made, and gives it back when it ends.
 */
import { Type } from '@sinclair/typebox';
import {
  accepted,
  badRequest,
  type Claim,
  checked,
  type DataOf,
  defineEvents,
  defineLedger,
  defineReservation,
  ledgerRef,
  rejected,
} from '@weft/api';

const CATEGORY = 'BeaconChannels';
export const channelsOf = (namespace: string): string => `${CATEGORY}-${namespace}`;
export const CHANNEL_MAX = 3;

const Claimed = Type.Object({ namespace: Type.String(), name: Type.String(), uid: Type.String(), channel: Type.Integer() });
const channelEvents = defineEvents({
  'ChannelClaimed.v1': Claimed,
  'ChannelFreed.v1': Type.Object({ uid: Type.String(), channel: Type.Integer() }),
});
const channelCommands = {
  ClaimChannel: Type.Object({ namespace: Type.String(), name: Type.String(), uid: Type.String() }),
  FreeChannel: Type.Object({ uid: Type.String() }),
};
type ChannelTypes = {
  state: Map<string, number>;
  commands: DataOf<typeof channelCommands>;
  events: DataOf<typeof channelEvents>;
};

export const freeChannel = (namespace: string, uid: string): Claim => ({
  stream: channelsOf(namespace),
  command: { type: 'FreeChannel', uid },
});
export const claimChannel = (fields: ChannelTypes['commands']['ClaimChannel']): Claim => ({
  stream: channelsOf(fields.namespace),
  command: { type: 'ClaimChannel', ...fields },
});

const Grant = Type.Object({ channel: Type.Integer() });
export const channelOf = (grant: unknown): number => checked(Grant, grant, 'a grant of a channel').channel;

export const channels = defineReservation<ChannelTypes>({
  category: CATEGORY,
  context: 'lb',
  partitionKey: (stream) => stream.slice(CATEGORY.length + 1),
  initial: () => new Map(),
  events: channelEvents,
  commands: channelCommands,
  decide: {
    ClaimChannel: ({ namespace, name, uid }, held) => {
      const own = held.get(uid);
      if (own !== undefined) return accepted([], { grants: { channel: own } });
      const used = new Set(held.values());
      let channel = 1;
      while (used.has(channel)) channel++;
      if (channel > CHANNEL_MAX) return rejected(badRequest('all channels are in use'));
      return accepted([{ type: 'ChannelClaimed.v1', data: { namespace, name, uid, channel } }], { grants: { channel } });
    },
    FreeChannel: ({ uid }, held) => {
      const channel = held.get(uid);
      return accepted(channel === undefined ? [] : [{ type: 'ChannelFreed.v1', data: { uid, channel } }]);
    },
  },
  evolve: {
    'ChannelClaimed.v1': (held, { uid, channel }) => void held.set(uid, channel),
    'ChannelFreed.v1': (held, { uid }) => void held.delete(uid),
  },
  release: { ClaimChannel: ({ namespace, uid }) => freeChannel(namespace, uid) },
  grants: {
    'ChannelClaimed.v1': ({ namespace, name, uid }) => ({
      object: { kind: 'Beacon', namespace, name },
      release: freeChannel(namespace, uid),
    }),
  },
});

/** By uid of the beacon. */
export const channelsInUse = ledgerRef<number>('beacon-channels');

export const channelsLedger = defineLedger(channelsInUse, ({ append }, records) => {
  for (const { type, data } of channelEvents.in(append)) {
    if (type === 'ChannelClaimed.v1') records.put(data.uid, data.channel);
    else records.delete(data.uid);
  }
});
