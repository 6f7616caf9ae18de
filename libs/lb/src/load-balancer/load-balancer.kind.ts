/**
 * LoadBalancer (resources 2.5): its addresses, and which interfaces it selects. What it selects is kept by the LoadBalancerRouting of its name.
 *
 *   Public:   asks for an address of each family, or has the VirtualIPs that it names
 *   Internal: has the literals of `spec.ips`, and addresses of Prefixes that were made for it
 */
import {
  AGE_COLUMN,
  type ApiObject,
  accepted,
  anchorsOf,
  defineKind,
  type FactOf,
  type Folded,
  isIncarnation,
  NAME_COLUMN,
  nameText,
  objectSchema,
  onlyConditionFacts,
  plainFieldEvolve,
  plainFieldFacts,
  plainFields,
  ready,
  sameJson,
  specOf,
  statusOf,
  textColumn,
  wantsPublicAddresses,
  withCondition,
  withoutStatusField,
  withStatus,
} from '@weft/api';
import { ephemeralPrefixes } from './ephemeral-prefixes.ts';
import { loadBalancerDefaults } from './load-balancer.defaults.ts';
import { loadBalancerModel } from './load-balancer.model.ts';
import { loadBalancerRules } from './load-balancer.rules.ts';
import { LoadBalancer, type LoadBalancerTypes, loadBalancerEvents, loadBalancerPayloads } from './load-balancer.types.ts';

type LoadBalancerFact = FactOf<LoadBalancerTypes>;
type Balancer = Folded<LoadBalancerTypes>;

const names = { group: 'networking.ironcore.dev', version: 'v1alpha1', kind: 'LoadBalancer' } as const;
/** Types of the conditions that `Report` sets or removes. */
const REPORTED = ['Ready', 'TargetsSelected', 'TargetsHealthy', 'TooManyTargets'];

const PLAIN = plainFields<LoadBalancerTypes>()({
  type: 'LoadBalancerTypeChanged.v1',
  ipFamilies: 'LoadBalancerFamiliesChanged.v1',
  ips: 'LoadBalancerAddressSourcesChanged.v1',
  virtualIPs: 'LoadBalancerVirtualIPsChanged.v1',
  networkInterfaceSelector: 'LoadBalancerSelectorChanged.v1',
  ports: 'LoadBalancerPortsChanged.v1',
});

/** Slots have the names of their families. What it has shows in the status once a loop has reported it. */
export const balancerAddresses = wantsPublicAddresses(LoadBalancer, { context: 'lb', show: (object) => object });

export const loadBalancerKind = defineKind(LoadBalancer, {
  ...names,
  plural: 'loadbalancers',
  singular: 'loadbalancer',
  shortNames: ['lb'],
  namespaced: true,
  nameRule: 'label',
  context: 'lb',
  partitionKey: ({ namespace = '' }) => namespace,
  hasStatus: true,
  providerStatus: { first: {} },
  tracksGeneration: false,
  columns: [NAME_COLUMN, textColumn('IPs', 'Its addresses.', (object) => statusOf(object).ips?.join(',') || 'None'), AGE_COLUMN],
  schema: objectSchema(names, 'Spreads traffic over interfaces.', loadBalancerModel),
  model: loadBalancerModel,
  defaults: loadBalancerDefaults,
  rules: loadBalancerRules,
  indexes: {
    network: (balancer) => [networkOf(balancer)],
    virtualIP: ({ key: { namespace = '' }, object }) =>
      (specOf(object).virtualIPs ?? []).map(({ virtualIPRef }) => nameText({ namespace, name: virtualIPRef?.name ?? '' })),
    ephemeralPrefixes: ephemeralPrefixes.index,
    anchor: (balancer) => {
      const { networkInterfaceSelector: selector } = specOf(balancer.object);
      return selector === undefined ? [] : anchorsOf(networkOf(balancer), selector);
    },
  },
  events: loadBalancerEvents,
  payloads: loadBalancerPayloads,
  onCreate: (object) => accepted<LoadBalancerFact>(wantFacts({ object, facts: {} }, object)),
  onChange: (before, after) => accepted([...plainFieldFacts(PLAIN, before.object, after), ...wantFacts(before, after)]),
  actions: {
    ...balancerAddresses.actions,
    Report: (before, payload) => accepted(reportFacts(before, payload)),
  },
  evolve: {
    ...balancerAddresses.evolve,
    ...plainFieldEvolve(PLAIN),
    'LoadBalancerAddressed.v1': ({ object, facts }, { ips }) => ({
      object: ips.length === 0 ? withoutStatusField(object, 'ips') : withStatus(object, { ips }),
      facts,
    }),
  },
  onCreated: ({ object, facts }, { time }) => ({ object: withCondition(object, PENDING, time), facts }),
  facets: {
    ...balancerAddresses.facets,
    'LoadBalancerTypeChanged.v1': 'spec.type',
    'LoadBalancerFamiliesChanged.v1': 'spec.ipFamilies',
    'LoadBalancerAddressSourcesChanged.v1': 'spec.ips',
    'LoadBalancerVirtualIPsChanged.v1': 'spec.virtualIPs',
    'LoadBalancerSelectorChanged.v1': 'spec.networkInterfaceSelector',
    'LoadBalancerPortsChanged.v1': 'spec.ports',
    'LoadBalancerAddressed.v1': 'addresses',
  },
  initialFacts: {},
});

const PENDING = ready('False', 'AddressPending', 'waits for its addresses');

/** `<namespace>/<network>`. */
export function networkOf({ key: { namespace = '' }, object }: Pick<Balancer, 'key' | 'object'>): string {
  return nameText({ namespace, name: specOf(object).networkRef?.name ?? '' });
}

/** One address of each family, unless VirtualIPs are named or addresses given. */
function wantFacts(
  before: Readonly<{ object: ApiObject<LoadBalancerTypes>; facts: Balancer['facts'] }>,
  after: ApiObject<LoadBalancerTypes>,
) {
  const { type, ipFamilies = [], virtualIPs = [], networkRef } = specOf(after);
  const isAsking = type === 'Public' && virtualIPs.length === 0;
  const slots = Object.fromEntries(isAsking ? ipFamilies.map((family) => [family, family === 'IPv6' ? 'IPv6' : 'IPv4'] as const) : []);
  if (!isAsking && before.facts.publicAddresses === undefined) return [];
  return balancerAddresses.request(before, slots, networkRef?.name ?? '');
}

/** What `Report` does, by the balancer's own state alone; the loop that sends it asks this first. */
export function reportFacts(
  before: Balancer,
  { uid, ips, conditions }: LoadBalancerTypes['actions']['Report'],
): readonly LoadBalancerFact[] {
  if (!isIncarnation(before, uid)) return [];
  return [
    ...(sameJson(statusOf(before.object).ips ?? [], ips) ? [] : [{ type: 'LoadBalancerAddressed.v1', data: { ips } } as const]),
    ...onlyConditionFacts(before.object, REPORTED, conditions),
  ];
}
