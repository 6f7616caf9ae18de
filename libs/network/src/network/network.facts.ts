/** The events of a Network, their fold, and the facts in which two specs differ. */

import type { EventMetadata, State } from '@weft/api';
import { type Evolve, type Facets, type FactOf, ready, sameJson, withCondition, withSpecField, withStatus } from '@weft/api';
import type { NetworkPeering, NetworkSpec } from './network.model.ts';
import type { NetworkTypes } from './network.types.ts';
import { boundFacet, peeringEvolve, withPeeringStatus } from './peering.facts.ts';

type NetworkFact = FactOf<NetworkTypes>;

const peeringRequested = (peering: NetworkPeering): NetworkFact => ({ type: 'NetworkPeeringRequested.v1', data: { peering } });
const peeringWithdrawn = (name: string): NetworkFact => ({ type: 'NetworkPeeringWithdrawn.v1', data: { name } });
const peeringsReordered = (names: readonly string[]): NetworkFact => ({
  type: 'NetworkPeeringsReordered.v1',
  data: { names: [...names] },
});
const incomingPeeringsChanged = (incomingPeerings: NonNullable<NetworkSpec['incomingPeerings']>): NetworkFact => ({
  type: 'NetworkIncomingPeeringsChanged.v1',
  data: { incomingPeerings: [...incomingPeerings] },
});
export const providerIdAssigned = (providerID: string): NetworkFact => ({ type: 'NetworkProviderIdAssigned.v1', data: { providerID } });
export const vniAssigned = (vni: number): NetworkFact => ({ type: 'NetworkVniAssigned.v1', data: { vni } });

/** Names of peerings are unique, so a peering is known by its name. One that has changed is requested again. */
export function specFacts(before: NetworkSpec, after: NetworkSpec): NetworkFact[] {
  const facts: NetworkFact[] = [];
  const old = new Map((before.peerings ?? []).map((peering) => [peering.name ?? '', peering]));
  const wanted = after.peerings ?? [];
  const names = wanted.map(({ name = '' }) => name);
  for (const name of old.keys()) if (!names.includes(name)) facts.push(peeringWithdrawn(name));
  for (const peering of wanted) if (!sameJson(old.get(peering.name ?? ''), peering)) facts.push(peeringRequested(peering));
  const kept = [...old.keys()].filter((name) => names.includes(name));
  const order = [...kept, ...names.filter((name) => !old.has(name))];
  if (!sameJson(order, names)) facts.push(peeringsReordered(names));
  if (!sameJson(before.incomingPeerings ?? [], after.incomingPeerings ?? [])) {
    facts.push(incomingPeeringsChanged(after.incomingPeerings ?? []));
  }
  if ((before.providerID ?? '') !== (after.providerID ?? '')) facts.push(providerIdAssigned(after.providerID ?? ''));
  return facts;
}

/** The first status of a network: it waits for its number. */
export function pending({ object, facts }: State<NetworkTypes>, { time }: EventMetadata): State<NetworkTypes> {
  const waiting = withCondition(withStatus(object, { state: 'Pending' }), ready('False', 'VniPending', 'waits for its number (VNI)'), time);
  return withPeeringStatus({ object: waiting, facts });
}

export const networkEvolve: Evolve<NetworkTypes> = {
  ...peeringEvolve,
  'NetworkProviderIdAssigned.v1': ({ object, facts }, { providerID }) => ({
    object: withSpecField(object, 'providerID', providerID === '' ? undefined : providerID),
    facts,
  }),
  'NetworkVniAssigned.v1': ({ object, facts }, { vni }) => ({
    object: withStatus(object, { state: 'Available' }),
    facts: { ...facts, vni },
  }),
};

export const networkFacets: Facets<NetworkTypes> = {
  'NetworkPeeringRequested.v1': 'spec.peerings',
  'NetworkPeeringWithdrawn.v1': 'spec.peerings',
  'NetworkPeeringsReordered.v1': 'spec.peerings',
  'NetworkIncomingPeeringsChanged.v1': 'spec.incomingPeerings',
  'NetworkPeersAccepted.v1': 'spec.incomingPeerings',
  'NetworkPeersReleased.v1': 'spec.incomingPeerings',
  // Beside what concerns all of them a facet for each, so that the row of one peering does not change with the others.
  'NetworkPeeringsBound.v1': ({ peerings }) => ['bound', ...peerings.map(({ peer }) => boundFacet(peer))],
  'NetworkPeeringsUnbound.v1': ({ peers }) => ['bound', ...peers.map(boundFacet)],
  'NetworkProviderIdAssigned.v1': 'spec.providerID',
  'NetworkVniAssigned.v1': 'vni',
};
