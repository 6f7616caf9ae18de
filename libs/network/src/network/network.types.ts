/** The types of a Network: its events, its actions, what is known beside the object. */

import { Type } from '@sinclair/typebox';
import { type DataOf, defineEvents, kindRef, ofModel } from '@weft/api';
import { NetworkPeering, type NetworkSpec, type NetworkStatus, PeeringClaimReference } from './network.model.ts';

/** Number of a network on the wire (VXLAN network identifier). */
export const Vni = Type.Integer({ minimum: 1, maximum: 2 ** 24 - 1 });

export const networkEvents = defineEvents({
  /** Names of peerings are unique: a request under a present name replaces that peering. */
  'NetworkPeeringRequested.v1': Type.Object({ peering: ofModel(NetworkPeering) }),
  'NetworkPeeringWithdrawn.v1': Type.Object({ name: Type.String() }),
  'NetworkPeeringsReordered.v1': Type.Object({ names: Type.Array(Type.String()) }),
  'NetworkIncomingPeeringsChanged.v1': Type.Object({ incomingPeerings: Type.Array(ofModel(PeeringClaimReference)) }),
  'NetworkProviderIdAssigned.v1': Type.Object({ providerID: Type.String() }),
  'NetworkVniAssigned.v1': Type.Object({ vni: Vni }),
});

export const networkPayloads = {
  /** The pool granted this number to the incarnation `uid`. Other incarnations do not take it. */
  AcceptVni: Type.Object({ uid: Type.String(), vni: Vni }),
  /** The pool has no number for the incarnation `uid`. */
  LackVni: Type.Object({ uid: Type.String() }),
  /** Adds the finalizer that keeps a network while it is in use. */
  Protect: Type.Object({}),
  /** Removes that finalizer, since nothing uses the network any more. */
  Unprotect: Type.Object({}),
  /** Sets the condition that names the users of a network that is to be deleted. */
  ReportBlockers: Type.Object({ message: Type.String() }),
  /** Removes claims of networks that do not exist (any more); the others keep their order. */
  ReleasePeers: Type.Object({ gone: Type.Array(ofModel(PeeringClaimReference)) }),
};

export type NetworkTypes = {
  spec: NetworkSpec;
  status: NetworkStatus;
  facts: { vni?: number };
  events: DataOf<typeof networkEvents>;
  actions: DataOf<typeof networkPayloads>;
  index: 'vni' | 'numberless' | 'incoming';
};
export const Network = kindRef<NetworkTypes>('Network');
