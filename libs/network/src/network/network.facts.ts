/** The events of a Network, their fold, and the facts in which two specs differ. */

import type { EventMetadata, State } from '@weft/api';
import {
  type ApiObject,
  conditionFacts,
  type Evolve,
  type Facets,
  type FactOf,
  noConditionFacts,
  notSupportedYet,
  ready,
  sameJson,
  specOf,
  withCondition,
  withoutStatusField,
  withSpecField,
  withStatus,
} from '@weft/api';
import type { NetworkPeering, NetworkSpec } from './network.model.ts';
import type { NetworkTypes } from './network.types.ts';

type NetworkObject = ApiObject<NetworkTypes>;
type NetworkFact = FactOf<NetworkTypes>;

const peeringRequested = (peering: NetworkPeering): NetworkFact => ({ type: 'NetworkPeeringRequested.v1', data: { peering } });
const peeringWithdrawn = (name: string): NetworkFact => ({ type: 'NetworkPeeringWithdrawn.v1', data: { name } });
const peeringsReordered = (names: readonly string[]): NetworkFact => ({
  type: 'NetworkPeeringsReordered.v1',
  data: { names: [...names] },
});
export const incomingPeeringsChanged = (incomingPeerings: NonNullable<NetworkSpec['incomingPeerings']>): NetworkFact => ({
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

/** Conditions of `object` for fields of the spec that this version does not put into effect. */
export function unsupportedFacts(object: NetworkObject, spec: NetworkSpec): readonly NetworkFact[] {
  const peered = (spec.peerings?.length ?? 0) > 0;
  return peered ? conditionFacts(object, notSupportedYet('Peered', 'spec.peerings')) : noConditionFacts(object, 'Peered');
}

const peeringsOf = (object: NetworkObject): readonly NetworkPeering[] => specOf(object).peerings ?? [];

/** An empty list is left out, as clients' encodings do. */
function withPeerings(object: NetworkObject, peerings: readonly NetworkPeering[]): NetworkObject {
  const after = withSpecField(object, 'peerings', peerings.length === 0 ? undefined : [...peerings]);
  if (peerings.length === 0) return withoutStatusField(after, 'peerings');
  return withStatus(after, { peerings: peerings.map(({ name = '' }) => ({ name, state: 'Pending', phase: 'Pending' })) });
}

/** The first status of a network: it waits for its number. */
export function pending({ object, facts }: State<NetworkTypes>, { time }: EventMetadata): State<NetworkTypes> {
  const waiting = withCondition(withStatus(object, { state: 'Pending' }), ready('False', 'VniPending', 'waits for its number (VNI)'), time);
  return { object: peeringsOf(object).length === 0 ? waiting : withPeerings(waiting, peeringsOf(object)), facts };
}

export const networkEvolve: Evolve<NetworkTypes> = {
  'NetworkPeeringRequested.v1': ({ object, facts }, { peering: wanted }) => {
    const peerings = peeringsOf(object);
    const at = peerings.findIndex(({ name }) => name === wanted.name);
    return { object: withPeerings(object, at < 0 ? [...peerings, wanted] : peerings.with(at, wanted)), facts };
  },
  'NetworkPeeringWithdrawn.v1': ({ object, facts }, { name: gone }) => {
    const left = peeringsOf(object).filter(({ name }) => name !== gone);
    return { object: withPeerings(object, left), facts };
  },
  'NetworkPeeringsReordered.v1': ({ object, facts }, { names }) => {
    const places = new Map(names.map((name, place) => [name, place]));
    const place = ({ name = '' }: NetworkPeering) => places.get(name) ?? places.size;
    const ordered = [...peeringsOf(object)].sort((a, b) => place(a) - place(b));
    return { object: withPeerings(object, ordered), facts };
  },
  'NetworkIncomingPeeringsChanged.v1': ({ object, facts }, { incomingPeerings }) => ({
    object: withSpecField(object, 'incomingPeerings', incomingPeerings.length === 0 ? undefined : incomingPeerings),
    facts,
  }),
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
  'NetworkProviderIdAssigned.v1': 'spec.providerID',
  'NetworkVniAssigned.v1': 'vni',
};
