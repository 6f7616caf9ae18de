/**
 * Network: Pending until it has its number, then Available; protected while anything lives in it (resources 2.1, 3.1, 3.3).
 *
 *   NetworkCreated ─> ipam draws a VNI ─> AcceptVni: NetworkVniAssigned, providerID ─> Available
 *   delete ─> DeletionRequested ─> (in use: DeletionBlocked names by whom) ─> Unprotect ─> NetworkEnded ─> ipam takes the VNI back
 */
import {
  type ApiObject,
  accepted,
  conditionFacts,
  type Decision,
  type Fact,
  type Folded,
  finalizersChanged,
  type JsonObject,
  type KindModule,
  noConditionFacts,
  objectSchema,
  ready,
  specOf,
} from '@weft/api';
import { networkColumns } from './network.columns.ts';
import { networkDefaults } from './network.defaults.ts';
import {
  factsOfNetwork,
  incomingPeeringsChanged,
  networkEvolve,
  networkFacet,
  providerIdAssigned,
  specFacts,
  unsupportedFacts,
  vniAssigned,
} from './network.facts.ts';
import { type NetworkSpec, networkModel, type PeeringClaimReference } from './network.model.ts';
import { networkRules } from './network.rules.ts';

export const PROTECTION_FINALIZER = 'networking.ironcore.dev/network';

const names = { group: 'networking.ironcore.dev', version: 'v1alpha1', kind: 'Network' } as const;

/** Names of at most so many blockers go into the condition. */
export const BLOCKERS_NAMED_MAX = 5;

export const networkKind: KindModule = {
  ...names,
  plural: 'networks',
  singular: 'network',
  shortNames: ['net'],
  namespaced: true,
  nameRule: 'subdomain',
  context: 'network',
  partitionKey: ({ namespace = '' }) => namespace,
  hasStatus: true,
  tracksGeneration: true,
  columns: networkColumns,
  schema: objectSchema(names, 'An isolated layer-3 domain.', networkModel),
  model: networkModel,
  defaults: networkDefaults,
  rules: networkRules,
  indexes: {
    vni: ({ facts }) => (typeof facts['vni'] === 'number' ? [String(facts['vni'])] : []),
    numberless: ({ facts }) => (facts['vni'] === undefined ? ['yes'] : []),
    /** Networks that list this one (`namespace/name`) in incomingPeerings. */
    incoming: ({ object }) => incomingOf(object).map(({ namespace, name }) => `${namespace}/${name}`),
  },
  onCreate: (object) => {
    const finalizers = object.metadata.finalizers ?? [];
    const protect = finalizers.includes(PROTECTION_FINALIZER) ? [] : [finalizersChanged([...finalizers, PROTECTION_FINALIZER])];
    return accepted([...protect, ...unsupportedFacts(object, specOf<NetworkSpec>(object))]);
  },
  onChange: (before, after) => {
    const spec = specOf<NetworkSpec>(after);
    return accepted([...specFacts(specOf<NetworkSpec>(before.object), spec), ...unsupportedFacts(before.object, spec)]);
  },
  actions: {
    /** {vni, uid}: the pool's word. The VNI of another incarnation is not ours. */
    AcceptVni: (before, payload) => {
      if (!isIncarnation(before, payload['uid']) || factsOfNetwork(before).vni !== undefined) return accepted([]);
      const { namespace, name, uid } = before.object.metadata;
      const vni = payload['vni'] as number;
      const facts: Fact[] = [vniAssigned(vni)];
      if ((specOf<NetworkSpec>(before.object).providerID ?? '') === '') {
        facts.push(providerIdAssigned(`ironcore-net://${namespace}/${name}/${vni}/${uid}`));
      }
      return accepted([...facts, ...conditionFacts(before.object, ready('True', 'Available', `VNI ${vni}`))]);
    },
    /** {uid}: the pool has no number for it. */
    LackVni: (before, payload) => {
      if (!isIncarnation(before, payload['uid']) || factsOfNetwork(before).vni !== undefined) return accepted([]);
      return accepted(conditionFacts(before.object, ready('False', 'VniPoolExhausted', 'all numbers (VNIs) are in use or rest')));
    },
    Protect: (before) => {
      const { finalizers = [], deletionTimestamp } = before.object.metadata;
      if (before.status !== 'live' || deletionTimestamp !== undefined || finalizers.includes(PROTECTION_FINALIZER)) return accepted([]);
      return accepted([finalizersChanged([...finalizers, PROTECTION_FINALIZER])]);
    },
    /** Nothing uses it any more. */
    Unprotect: (before) => {
      const { finalizers = [], deletionTimestamp } = before.object.metadata;
      if (before.status !== 'live' || deletionTimestamp === undefined || !finalizers.includes(PROTECTION_FINALIZER)) return accepted([]);
      const rest = finalizers.filter((finalizer) => finalizer !== PROTECTION_FINALIZER);
      return accepted([...noConditionFacts(before.object, 'DeletionBlocked'), finalizersChanged(rest)]);
    },
    /** {message}: who uses it. */
    ReportBlockers: (before, payload) => {
      const { finalizers = [], deletionTimestamp } = before.object.metadata;
      if (before.status !== 'live' || deletionTimestamp === undefined || !finalizers.includes(PROTECTION_FINALIZER)) return accepted([]);
      const message = payload['message'] as string;
      return accepted(conditionFacts(before.object, { type: 'DeletionBlocked', status: 'True', reason: 'InUse', message }));
    },
    /** {gone: [{namespace, name, uid}]}: claims of networks that are not there (any more); the others keep their order. */
    ReleasePeers: (before, payload): Decision => {
      if (before.status !== 'live' || before.object.metadata.deletionTimestamp !== undefined) return accepted([]);
      const gone = payload['gone'] as unknown as readonly PeeringClaimReference[];
      const isGone = (claim: PeeringClaimReference) =>
        gone.some(({ namespace, name, uid }) => namespace === claim.namespace && name === claim.name && uid === claim.uid);
      const claims = specOf<NetworkSpec>(before.object).incomingPeerings ?? [];
      const left = claims.filter((claim) => !isGone(claim));
      return accepted(left.length === claims.length ? [] : [incomingPeeringsChanged(left as JsonObject[])]);
    },
  },
  evolve: networkEvolve,
  initialFacts: {},
  facetOf: networkFacet,
};

/** Claims with their namespace filled in. */
export function incomingOf(object: ApiObject): readonly Required<PeeringClaimReference>[] {
  return (specOf<NetworkSpec>(object).incomingPeerings ?? []).map(({ namespace, name = '', uid = '' }) => ({
    namespace: namespace ?? object.metadata.namespace ?? '',
    name,
    uid,
  }));
}

export function isIncarnation(state: Folded, uid: unknown): boolean {
  return state.status === 'live' && state.object.metadata.uid === uid;
}
