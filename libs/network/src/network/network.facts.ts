/** What happens to a Network: events, their fold, and the facts in which two specs differ. */
import type { ApiObject, Fact, Folded, JsonObject, JsonValue, KindModule } from '@weft/api';
import {
  conditionFacts,
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

/** Beside the object: the number of the network on the wire. */
export type NetworkFacts = { vni?: number };

export const peeringRequested = (peering: NetworkPeering): Fact => ({
  type: 'NetworkPeeringRequested.v1',
  data: { peering: peering as JsonObject },
});
export const peeringWithdrawn = (name: string): Fact => ({ type: 'NetworkPeeringWithdrawn.v1', data: { name } });
export const peeringsReordered = (names: readonly string[]): Fact => ({ type: 'NetworkPeeringsReordered.v1', data: { names: [...names] } });
export const incomingPeeringsChanged = (incomingPeerings: readonly JsonValue[]): Fact => ({
  type: 'NetworkIncomingPeeringsChanged.v1',
  data: { incomingPeerings: [...incomingPeerings] },
});
export const providerIdAssigned = (providerID: string): Fact => ({ type: 'NetworkProviderIdAssigned.v1', data: { providerID } });
export const vniAssigned = (vni: number): Fact => ({ type: 'NetworkVniAssigned.v1', data: { vni } });

/** Peerings are named uniquely, so the name is their identity; what was changed is requested anew. */
export function specFacts(before: NetworkSpec, after: NetworkSpec): Fact[] {
  const facts: Fact[] = [];
  const old = new Map((before.peerings ?? []).map((peering) => [peering.name ?? '', peering]));
  const wanted = after.peerings ?? [];
  const names = wanted.map(({ name = '' }) => name);
  for (const name of old.keys()) if (!names.includes(name)) facts.push(peeringWithdrawn(name));
  for (const peering of wanted) if (!sameJson(old.get(peering.name ?? ''), peering)) facts.push(peeringRequested(peering));
  const kept = [...old.keys()].filter((name) => names.includes(name));
  const order = [...kept, ...names.filter((name) => !old.has(name))];
  if (!sameJson(order, names)) facts.push(peeringsReordered(names));
  if (!sameJson(before.incomingPeerings ?? [], after.incomingPeerings ?? [])) {
    facts.push(incomingPeeringsChanged((after.incomingPeerings ?? []) as JsonValue[]));
  }
  if ((before.providerID ?? '') !== (after.providerID ?? '')) facts.push(providerIdAssigned(after.providerID ?? ''));
  return facts;
}

/** What a spec asks for and does not get yet, as conditions on `object`. */
export function unsupportedFacts(object: ApiObject, spec: NetworkSpec): readonly Fact[] {
  const peered = (spec.peerings?.length ?? 0) > 0;
  return peered ? conditionFacts(object, notSupportedYet('Peered', 'spec.peerings')) : noConditionFacts(object, 'Peered');
}

const peeringsOf = (object: ApiObject): readonly NetworkPeering[] => specOf<NetworkSpec>(object).peerings ?? [];

/** An empty list is left out, as clients' encodings do. */
function withPeerings(object: ApiObject, peerings: readonly NetworkPeering[]): ApiObject {
  const after = withSpecField(object, 'peerings', peerings.length === 0 ? undefined : (peerings as JsonValue[]));
  if (peerings.length === 0) return withoutStatusField(after, 'peerings');
  return withStatus(after, { peerings: peerings.map(({ name = '' }) => ({ name, state: 'Pending', phase: 'Pending' })) });
}

export const networkEvolve: KindModule['evolve'] = {
  'NetworkCreated.v1': ({ object, facts }, _data, { time }) => {
    const pending = withCondition(
      withStatus(object, { state: 'Pending' }),
      ready('False', 'VniPending', 'waits for its number (VNI)'),
      time,
    );
    return { object: peeringsOf(object).length === 0 ? pending : withPeerings(pending, peeringsOf(object)), facts };
  },
  'NetworkPeeringRequested.v1': ({ object, facts }, { peering }) => {
    const wanted = peering as NetworkPeering;
    const peerings = peeringsOf(object);
    const at = peerings.findIndex(({ name }) => name === wanted.name);
    return { object: withPeerings(object, at < 0 ? [...peerings, wanted] : peerings.with(at, wanted)), facts };
  },
  'NetworkPeeringWithdrawn.v1': ({ object, facts }, data) => ({
    object: withPeerings(
      object,
      peeringsOf(object).filter(({ name }) => name !== data['name']),
    ),
    facts,
  }),
  'NetworkPeeringsReordered.v1': ({ object, facts }, data) => {
    const places = new Map((data['names'] as string[]).map((name, place) => [name, place]));
    const place = ({ name = '' }: NetworkPeering) => places.get(name) ?? places.size;
    return {
      object: withPeerings(
        object,
        [...peeringsOf(object)].sort((a, b) => place(a) - place(b)),
      ),
      facts,
    };
  },
  'NetworkIncomingPeeringsChanged.v1': ({ object, facts }, { incomingPeerings }) => {
    const list = incomingPeerings as JsonValue[];
    return { object: withSpecField(object, 'incomingPeerings', list.length === 0 ? undefined : list), facts };
  },
  'NetworkProviderIdAssigned.v1': ({ object, facts }, { providerID }) => ({
    object: withSpecField(object, 'providerID', providerID === '' ? undefined : providerID),
    facts,
  }),
  'NetworkVniAssigned.v1': ({ object, facts }, { vni }) => ({
    object: withStatus(object, { state: 'Available' }),
    facts: { ...facts, vni: vni as number },
  }),
};

export function networkFacet(type: string): string | undefined {
  switch (type) {
    case 'NetworkVniAssigned.v1':
      return 'vni';
    case 'NetworkProviderIdAssigned.v1':
      return 'spec.providerID';
    case 'NetworkIncomingPeeringsChanged.v1':
      return 'spec.incomingPeerings';
    default:
      return 'spec.peerings';
  }
}

export function factsOfNetwork(state: Folded): NetworkFacts {
  return state.facts as NetworkFacts;
}
