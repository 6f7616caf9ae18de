/** The types of a VirtualIP: its events, its actions, what is known beside the object. */
import { Type } from '@sinclair/typebox';
import {
  anyJson,
  type ConditionFact,
  type DataOf,
  defineEvents,
  kindRef,
  LocalUidReference,
  ofModel,
  type PublicAddressFacts,
  publicAddressEvents,
  publicAddressPayloads,
} from '@weft/api';
import type { VirtualIpSpec, VirtualIpStatus } from './virtual-ip.model.ts';

export const virtualIpEvents = defineEvents({
  ...publicAddressEvents,
  /** It has this holder from now on, whoever held it before. */
  'VirtualIPClaimed.v1': Type.Object({ targetRef: ofModel(LocalUidReference) }),
  'VirtualIPReleased.v1': Type.Object({}),
});

export const virtualIpPayloads = {
  ...publicAddressPayloads,
  /**
   * Moves the incarnation `uid` from the holder `from` to the holder `to`; absent: none. It does nothing when another one holds it by now. `bound`: what is to
   * be said of its holder; absent: nothing, as long as an outside provider says it.
   */
  Settle: Type.Object({
    uid: Type.String(),
    from: Type.Optional(ofModel(LocalUidReference)),
    to: Type.Optional(ofModel(LocalUidReference)),
    bound: Type.Optional(anyJson<ConditionFact>()),
  }),
};

export type VirtualIpTypes = {
  spec: VirtualIpSpec;
  status: VirtualIpStatus;
  facts: PublicAddressFacts;
  events: DataOf<typeof virtualIpEvents>;
  actions: DataOf<typeof virtualIpPayloads>;
  /** `target`: uid of its holder. */
  index: 'target' | 'address';
};
export const VirtualIp = kindRef<VirtualIpTypes>('VirtualIP');
