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
  defineKind,
  type FactOf,
  finalizersChanged,
  isDeleting,
  isIncarnation,
  noConditionFacts,
  objectSchema,
  ready,
  specOf,
} from '@weft/api';
import { networkColumns } from './network.columns.ts';
import { networkDefaults } from './network.defaults.ts';
import { networkEvolve, networkFacets, pending, providerIdAssigned, specFacts, vniAssigned } from './network.facts.ts';
import { networkModel } from './network.model.ts';
import { networkRules } from './network.rules.ts';
import { Network, type NetworkTypes, networkEvents, networkPayloads } from './network.types.ts';
import { acceptPeers, bindPeerings, unboundFacts } from './peering.decisions.ts';
import { incomingOf } from './peering.facts.ts';

type NetworkFact = FactOf<NetworkTypes>;

export const PROTECTION_FINALIZER = 'networking.ironcore.dev/network';

const names = { group: 'networking.ironcore.dev', version: 'v1alpha1', kind: 'Network' } as const;

export const networkKind = defineKind(Network, {
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
    vni: ({ facts: { vni } }) => (vni === undefined ? [] : [String(vni)]),
    numberless: ({ facts: { vni } }) => (vni === undefined ? ['yes'] : []),
    /** Networks that list this one (`namespace/name`) in incomingPeerings. */
    incoming: ({ object }) => incomingOf(object).map(({ namespace, name }) => `${namespace}/${name}`),
  },
  events: networkEvents,
  payloads: networkPayloads,
  onCreate: (object) => {
    const finalizers = object.metadata.finalizers ?? [];
    const protect = finalizers.includes(PROTECTION_FINALIZER) ? [] : [finalizersChanged([...finalizers, PROTECTION_FINALIZER])];
    return accepted<NetworkFact>(protect);
  },
  onChange: (before, after) => accepted<NetworkFact>([...specFacts(specOf(before.object), specOf(after)), ...unboundFacts(before, after)]),
  actions: {
    AcceptVni: (before, { uid, vni }) => {
      if (!isIncarnation(before, uid) || before.facts.vni !== undefined) return accepted([]);
      const { namespace, name } = before.object.metadata;
      const facts: NetworkFact[] = [vniAssigned(vni)];
      if ((specOf(before.object).providerID ?? '') === '') {
        facts.push(providerIdAssigned(`ironcore-net://${namespace}/${name}/${vni}/${uid}`));
      }
      return accepted([...facts, ...conditionFacts(before.object, ready('True', 'Available', `VNI ${vni}`))]);
    },
    LackVni: (before, { uid }) => {
      if (!isIncarnation(before, uid) || before.facts.vni !== undefined) return accepted([]);
      return accepted(conditionFacts(before.object, VNI_POOL_EXHAUSTED));
    },
    Protect: (before) => {
      const { finalizers = [] } = before.object.metadata;
      if (before.status !== 'live' || isDeleting(before) || isProtected(before)) return accepted([]);
      return accepted([finalizersChanged([...finalizers, PROTECTION_FINALIZER])]);
    },
    Unprotect: (before) => {
      const { finalizers = [] } = before.object.metadata;
      if (before.status !== 'live' || !isDeleting(before) || !isProtected(before)) return accepted([]);
      const rest = finalizers.filter((finalizer) => finalizer !== PROTECTION_FINALIZER);
      return accepted([...noConditionFacts(before.object, 'DeletionBlocked'), finalizersChanged(rest)]);
    },
    ReportBlockers: (before, { message }) => {
      if (before.status !== 'live' || !isDeleting(before) || !isProtected(before)) return accepted([]);
      return accepted(conditionFacts(before.object, { type: 'DeletionBlocked', status: 'True', reason: 'InUse', message }));
    },
    AcceptPeers: acceptPeers,
    BindPeerings: bindPeerings,
  },
  evolve: networkEvolve,
  onCreated: pending,
  facets: networkFacets,
  initialFacts: {},
});

export const VNI_POOL_EXHAUSTED = ready('False', 'VniPoolExhausted', 'all numbers (VNIs) are in use or rest');

export function isProtected({ object }: Readonly<{ object: ApiObject<NetworkTypes> }>): boolean {
  return object.metadata.finalizers?.includes(PROTECTION_FINALIZER) === true;
}
