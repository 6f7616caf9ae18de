/** The events of a Network's peerings: their fold, and what the status shows of them. */
import {
  type ApiObject,
  type Evolve,
  type Folded,
  type Members,
  memberOf,
  nameText,
  type State,
  specOf,
  withMember,
  withoutMember,
  withoutStatusField,
  withSpecField,
  withStatus,
} from '@weft/api';
import type { NetworkPeering, NetworkPeeringStatus, PeeringClaimReference } from './network.model.ts';
import type { NetworkTypes } from './network.types.ts';

type NetworkState = State<NetworkTypes>;
type NetworkObject = ApiObject<NetworkTypes>;
export type PeerName = Readonly<{ namespace: string; name: string }>;
export type Peer = PeerName & Readonly<{ uid: string }>;
type Bound = NonNullable<NetworkTypes['facts']['bound']>;

/** The network that a peering names. */
export function targetOf({ networkRef = {} }: NetworkPeering, namespace = ''): PeerName {
  return { namespace: networkRef.namespace || namespace, name: networkRef.name ?? '' };
}

export function peeringsOf(object: NetworkObject): readonly NetworkPeering[] {
  return specOf(object).peerings ?? [];
}

/** The network of an entry in `spec.incomingPeerings`. */
export function claimantOf({ namespace, name = '', uid = '' }: PeeringClaimReference, own = ''): Peer {
  return { namespace: namespace || own, name, uid };
}

/** The incoming peerings, each with its namespace filled in. */
export function incomingOf(object: NetworkObject): readonly Peer[] {
  return (specOf(object).incomingPeerings ?? []).map((claim) => claimantOf(claim, object.metadata.namespace));
}

/** Facet of what a network has bound with one other. */
export const boundFacet = (peer: PeerName): string => `bound.${nameText(peer)}`;

export function bindingOf(
  { facts: { bound = {} } }: Pick<Folded<NetworkTypes>, 'facts'>,
  peer: PeerName,
): Bound[string][string] | undefined {
  return memberOf(bound, nameText(peer));
}

/** Shows each peering as it is; an empty list is left out, as clients' encodings do. */
export function withPeeringStatus({ object, facts }: NetworkState): NetworkState {
  const peerings = peeringsOf(object);
  if (peerings.length === 0) return { object: withoutPeeringStatus(object), facts };
  const shown = peerings.map((peering): NetworkPeeringStatus => {
    const { name = '' } = peering;
    const binding = bindingOf({ facts }, targetOf(peering, object.metadata.namespace));
    if (binding === undefined) return { name, state: 'Pending', phase: 'Pending' };
    return { name, state: 'Ready', phase: 'Bound', ...(binding.prefixes && { prefixes: [...binding.prefixes] }) };
  });
  return { object: withStatus(object, { peerings: shown }), facts };
}

function withoutPeeringStatus(object: NetworkObject): NetworkObject {
  return object.status?.peerings === undefined ? object : withoutStatusField(object, 'peerings');
}

function withPeerings({ object, facts }: NetworkState, peerings: readonly NetworkPeering[]): NetworkState {
  return withPeeringStatus({ object: withSpecField(object, 'peerings', peerings.length === 0 ? undefined : [...peerings]), facts });
}

function withIncoming({ object, facts }: NetworkState, incoming: readonly PeeringClaimReference[]): NetworkState {
  return { object: withSpecField(object, 'incomingPeerings', incoming.length === 0 ? undefined : [...incoming]), facts };
}

function withBound({ object, facts: { bound: _, ...facts } }: NetworkState, bound: Bound): NetworkState {
  return withPeeringStatus({ object, facts: Object.keys(bound).length === 0 ? facts : { ...facts, bound } });
}

type PeeringEvent =
  | 'NetworkPeeringRequested.v1'
  | 'NetworkPeeringWithdrawn.v1'
  | 'NetworkPeeringsReordered.v1'
  | 'NetworkIncomingPeeringsChanged.v1'
  | 'NetworkPeersAccepted.v1'
  | 'NetworkPeersReleased.v1'
  | 'NetworkPeeringsBound.v1'
  | 'NetworkPeeringsUnbound.v1';

export const peeringEvolve: Pick<Evolve<NetworkTypes>, PeeringEvent> = {
  'NetworkPeeringRequested.v1': (state, { peering: wanted }) => {
    const peerings = peeringsOf(state.object);
    const at = peerings.findIndex(({ name }) => name === wanted.name);
    return withPeerings(state, at < 0 ? [...peerings, wanted] : peerings.with(at, wanted));
  },
  'NetworkPeeringWithdrawn.v1': (state, { name: gone }) =>
    withPeerings(
      state,
      peeringsOf(state.object).filter(({ name }) => name !== gone),
    ),
  'NetworkPeeringsReordered.v1': (state, { names }) => {
    const places = new Map(names.map((name, place) => [name, place]));
    const place = ({ name = '' }: NetworkPeering) => places.get(name) ?? places.size;
    return withPeerings(
      state,
      [...peeringsOf(state.object)].sort((a, b) => place(a) - place(b)),
    );
  },
  'NetworkIncomingPeeringsChanged.v1': (state, { incomingPeerings }) => withIncoming(state, incomingPeerings),
  'NetworkPeersAccepted.v1': (state, { peers }) => {
    const { metadata } = state.object;
    const coming = new Map(peers.map((peer) => [nameText(peer), peer]));
    const kept = (specOf(state.object).incomingPeerings ?? []).map((claim) => {
      const name = nameText(claimantOf(claim, metadata.namespace));
      const peer = coming.get(name);
      coming.delete(name);
      return peer ?? claim;
    });
    return withIncoming(state, [...kept, ...coming.values()]);
  },
  'NetworkPeersReleased.v1': (state, { peers }) => {
    const { metadata } = state.object;
    const gone = new Set(peers.map(nameText));
    const claims = specOf(state.object).incomingPeerings ?? [];
    return withIncoming(
      state,
      claims.filter((claim) => !gone.has(nameText(claimantOf(claim, metadata.namespace)))),
    );
  },
  'NetworkPeeringsBound.v1': (state, { peerings }) => {
    let bound: Bound = state.facts.bound ?? {};
    for (const { peer, prefixes } of peerings) bound = withMember(bound, nameText(peer), { uid: peer.uid, ...(prefixes && { prefixes }) });
    return withBound(state, bound);
  },
  'NetworkPeeringsUnbound.v1': (state, { peers }) => {
    let bound: Members<Bound[string][string]> = state.facts.bound ?? {};
    for (const peer of peers) bound = withoutMember(bound, nameText(peer));
    return withBound(state, bound);
  },
};
