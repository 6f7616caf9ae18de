/**
 * Network: Pending until it has its number, then Available; protected while anything lives in it (resources 2.1, 3.1, 3.3).
 *
 *   NetworkCreated ─> ipam draws a VNI ─> AcceptVni: NetworkVniAssigned, providerID ─> Available
 *   delete ─> DeletionRequested ─> (in use: DeletionBlocked names by whom) ─> Unprotect ─> NetworkEnded ─> ipam takes the VNI back
 */
import {
  accepted,
  conditionFacts,
  defineKind,
  type FactOf,
  isIncarnation,
  membersIn,
  type NameIn,
  nameText,
  noConditionFacts,
  objectSchema,
  ownFinalizer,
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

export const networkFinalizer = ownFinalizer('networking.ironcore.dev/network');

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
  providerStatus: { first: {} },
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
    bound: ({ key, facts: { bound } }) => (bound === undefined ? [] : bindingsOf(bound, key)),
  },
  events: networkEvents,
  payloads: networkPayloads,
  onCreate: (object) => {
    return accepted<NetworkFact>(networkFinalizer.put(object));
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
    Protect: (before) => accepted(networkFinalizer.putAgain(before)),
    Unprotect: (before) => {
      if (!networkFinalizer.holds(before)) return accepted([]);
      return accepted([...noConditionFacts(before.object, 'DeletionBlocked'), ...networkFinalizer.takeOff(before)]);
    },
    ReportBlockers: (before, { message }) => {
      if (!networkFinalizer.holds(before)) return accepted([]);
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

/** Found once for all changes that leave the bindings as they are. What is bound belongs to one network. */
const bindings = new WeakMap<object, readonly string[]>();

function bindingsOf(bound: NonNullable<NetworkTypes['facts']['bound']>, network: NameIn): readonly string[] {
  let found = bindings.get(bound);
  if (found === undefined) bindings.set(bound, (found = membersIn(bound).map(([peer]) => `${nameText(network)} ${peer}`)));
  return found;
}

export const VNI_POOL_EXHAUSTED = ready('False', 'VniPoolExhausted', 'all numbers (VNIs) are in use or rest');
