/** The types of a Network: its events, its actions, what is known beside the object. */

import { Type } from '@sinclair/typebox';
import { type DataOf, defineEvents, kindRef, type Members, ofModel } from '@weft/api';
import { ExposedPrefix, NetworkPeering, type NetworkSpec, type NetworkStatus, PeeringClaimReference } from './network.model.ts';

/** Number of a network on the wire (VXLAN network identifier). */
export const Vni = Type.Integer({ minimum: 1, maximum: 2 ** 24 - 1 });

const PeerName = Type.Object({ namespace: Type.String(), name: Type.String() });
/** One incarnation of another network. */
const Peer = Type.Object({ namespace: Type.String(), name: Type.String(), uid: Type.String() });
/** `prefixes`: what is exposed to it; everything when left out, nothing when empty. */
const BoundPeering = Type.Object({ peer: Peer, prefixes: Type.Optional(Type.Array(ofModel(ExposedPrefix))) });

/** The conditions of peerings. `PrefixesExposed` and `PeeringConflict` are there only while something is amiss. */
export const PEERING_CONDITIONS = ['Peered', 'PrefixesExposed', 'PeeringConflict'] as const;
const PeeringCondition = Type.Union(PEERING_CONDITIONS.map((type) => Type.Literal(type)));

export const networkEvents = defineEvents({
  /** Names of peerings are unique: a request under a present name replaces that peering. */
  'NetworkPeeringRequested.v1': Type.Object({ peering: ofModel(NetworkPeering) }),
  'NetworkPeeringWithdrawn.v1': Type.Object({ name: Type.String() }),
  'NetworkPeeringsReordered.v1': Type.Object({ names: Type.Array(Type.String()) }),
  'NetworkIncomingPeeringsChanged.v1': Type.Object({ incomingPeerings: Type.Array(ofModel(PeeringClaimReference)) }),
  /** These stand in `spec.incomingPeerings` from now on, each in place of another incarnation under its name. */
  'NetworkPeersAccepted.v1': Type.Object({ peers: Type.Array(Peer) }),
  /** These do not stand there any more. */
  'NetworkPeersReleased.v1': Type.Object({ peers: Type.Array(PeerName) }),
  /** Both networks accept each other; also when what is exposed differs from before. */
  'NetworkPeeringsBound.v1': Type.Object({ peerings: Type.Array(BoundPeering) }),
  'NetworkPeeringsUnbound.v1': Type.Object({ peers: Type.Array(PeerName) }),
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
  /** Puts networks into `spec.incomingPeerings` that may be there, and takes out those that may not. The others keep their order. */
  AcceptPeers: Type.Object({ peers: Type.Array(Peer), released: Type.Array(ofModel(PeeringClaimReference)) }),
  /** Notes which peerings are in effect and what is exposed by them, and says so in the conditions. */
  BindPeerings: Type.Object({
    bound: Type.Array(BoundPeering),
    unbound: Type.Array(Peer),
    conditions: Type.Array(
      Type.Object({
        type: PeeringCondition,
        status: Type.Union([Type.Literal('True'), Type.Literal('False')]),
        reason: Type.String(),
        message: Type.String(),
      }),
    ),
    ended: Type.Array(PeeringCondition),
  }),
};

export type NetworkTypes = {
  spec: NetworkSpec;
  status: NetworkStatus;
  facts: {
    vni?: number;
    /** By `<namespace>/<name>` of the other network. `prefixes`: what is exposed to it; everything when left out, nothing when empty. */
    bound?: Members<Readonly<{ uid: string; prefixes?: readonly ExposedPrefix[] }>>;
  };
  events: DataOf<typeof networkEvents>;
  actions: DataOf<typeof networkPayloads>;
  /** `bound`: `<namespace>/<name> <namespace>/<name>` of the network itself and of each that it is bound to. */
  index: 'vni' | 'numberless' | 'incoming' | 'bound';
};
export const Network = kindRef<NetworkTypes>('Network');
