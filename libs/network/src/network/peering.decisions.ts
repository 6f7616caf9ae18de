/** What a Network decides of its peerings, on its own state alone: a loop that saw an older one binds nothing that is not agreed any more. */
import {
  type Action,
  type ApiObject,
  accepted,
  conditionFacts,
  type FactOf,
  type Folded,
  generationChanged,
  isDeleting,
  nameFrom,
  nameText,
  noConditionFacts,
  sameJson,
  specOf,
} from '@weft/api';
import type { NetworkTypes } from './network.types.ts';
import { bindingOf, claimantOf, incomingOf, type PeerName, peeringsOf, targetOf } from './peering.facts.ts';

type NetworkFact = FactOf<NetworkTypes>;
type Actions = NetworkTypes['actions'];

/** `<namespace>/<name>` of the networks that this one names. */
function targetsOf(object: ApiObject<NetworkTypes>): ReadonlySet<string> {
  return new Set(peeringsOf(object).map((peering) => nameText(targetOf(peering, object.metadata.namespace))));
}

/** Whoever is not named any more is not bound any more, in the same append. */
export function unboundFacts(before: Folded<NetworkTypes>, after: ApiObject<NetworkTypes>): readonly NetworkFact[] {
  const kept = targetsOf(after);
  const gone = [...targetsOf(before.object)].filter((target) => !kept.has(target)).map(peerFrom);
  return unbound(gone.filter((peer) => bindingOf(before, peer) !== undefined));
}

function peerFrom(text: string): PeerName {
  const { namespace = '', name } = nameFrom(text);
  return { namespace, name };
}

const unbound = (peers: readonly PeerName[]): readonly NetworkFact[] =>
  peers.length === 0
    ? []
    : [{ type: 'NetworkPeeringsUnbound.v1', data: { peers: peers.map(({ namespace, name }) => ({ namespace, name })) } }];

export const acceptPeers: Action<NetworkTypes, Actions['AcceptPeers']> = (before, { peers, released }) => {
  if (before.status !== 'live' || isDeleting(before)) return accepted([]);
  const { object } = before;
  const own = object.metadata.namespace;
  const named = targetsOf(object);
  const claims = specOf(object).incomingPeerings ?? [];
  const gone = released.filter((claim) => claims.some((each) => sameJson(each, claim))).map((claim) => claimantOf(claim, own));
  const coming = peers.filter((peer) => named.has(nameText(peer)) && !claims.some((each) => sameJson(each, peer)));
  const facts: NetworkFact[] = [];
  if (gone.length > 0)
    facts.push({ type: 'NetworkPeersReleased.v1', data: { peers: gone.map(({ namespace, name }) => ({ namespace, name })) } });
  if (coming.length > 0) facts.push({ type: 'NetworkPeersAccepted.v1', data: { peers: coming } });
  if (facts.length > 0) facts.push(generationChanged((object.metadata.generation ?? 0) + 1));
  return accepted(facts);
};

export const bindPeerings: Action<NetworkTypes, Actions['BindPeerings']> = (before, { bound, unbound: gone, conditions, ended }) => {
  if (before.status !== 'live') return accepted([]);
  const { object } = before;
  const named = targetsOf(object);
  const incoming = new Map(incomingOf(object).map((peer) => [nameText(peer), peer.uid]));
  const peerings = bound.filter(({ peer, prefixes }) => {
    const name = nameText(peer);
    const isAgreed = named.has(name) && incoming.get(name) === peer.uid;
    return isAgreed && !sameJson(bindingOf(before, peer), { uid: peer.uid, ...(prefixes && { prefixes }) });
  });
  const facts: NetworkFact[] = [...unbound(gone.filter((peer) => bindingOf(before, peer)?.uid === peer.uid))];
  if (peerings.length > 0) facts.push({ type: 'NetworkPeeringsBound.v1', data: { peerings } });
  for (const condition of conditions) facts.push(...conditionFacts(object, condition));
  for (const type of ended) facts.push(...noConditionFacts(object, type));
  return accepted(facts);
};
