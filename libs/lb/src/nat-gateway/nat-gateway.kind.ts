/**
 * NATGateway (resources 2.4, provider 1.6, 1.7): shares 1 to 10 public addresses among the interfaces of a Network that have no public address of its
 * family. What each interface has of them is in `nat-slots.ts`; here is only how many addresses it wants and has.
 *
 *   NATGatewayCreated ─> WantAddresses ─> ipam grants ─> AcceptAddresses ─> status.ips ─> its slots use them
 *   its slots drop an address that holds nothing ─> WantAddresses without it ─> ipam takes it back
 *   delete ─> all slots are released and rest, all addresses dropped ─> Unprotect ─> NATGatewayEnded
 */
import {
  accepted,
  defineKind,
  type FactOf,
  type Folded,
  isIncarnation,
  nameText,
  objectSchema,
  onlyConditionFacts,
  ownFinalizer,
  plainFieldEvolve,
  plainFieldFacts,
  plainFields,
  ready,
  specOf,
  wantsPublicAddresses,
  withCondition,
  withoutStatusField,
  withStatus,
} from '@weft/api';
import { natGatewayColumns } from './nat-gateway.columns.ts';
import { natGatewayDefaults } from './nat-gateway.defaults.ts';
import { natGatewayModel } from './nat-gateway.model.ts';
import { natGatewayRules } from './nat-gateway.rules.ts';
import { NatGateway, type NatGatewayTypes, natGatewayEvents, natGatewayPayloads } from './nat-gateway.types.ts';
import { slotNumber } from './nat-slots.types.ts';

type NatGatewayFact = FactOf<NatGatewayTypes>;
type Gateway = Folded<NatGatewayTypes>;
type Payload<A extends keyof NatGatewayTypes['actions']> = NatGatewayTypes['actions'][A];

const names = { group: 'networking.ironcore.dev', version: 'v1alpha1', kind: 'NATGateway' } as const;
export const gatewayFinalizer = ownFinalizer('apinet.ironcore.dev/natgateway');
/** Types of the conditions that `Report` sets or removes. */
const REPORTED = ['Ready', 'NATPortsExhausted', 'PortsUnsupported'];

const PLAIN = plainFields<NatGatewayTypes>()({
  type: 'NATGatewayTypeChanged.v1',
  ipFamily: 'NATGatewayFamilyChanged.v1',
  portsPerNetworkInterface: 'NATGatewayPortsChanged.v1',
});

export const natAddresses = wantsPublicAddresses(NatGateway, {
  context: 'lb',
  show: (object, held) => {
    const slots = Object.keys(held).sort((a, b) => slotNumber(a) - slotNumber(b));
    if (slots.length === 0) return withoutStatusField(object, 'ips');
    return withStatus(object, { ips: slots.map((name) => ({ name, ip: held[name] as string })) });
  },
});

export const natGatewayKind = defineKind(NatGateway, {
  ...names,
  plural: 'natgateways',
  singular: 'natgateway',
  shortNames: ['ngw'],
  namespaced: true,
  nameRule: 'label',
  context: 'lb',
  partitionKey: ({ namespace = '' }) => namespace,
  hasStatus: true,
  providerStatus: { first: {} },
  tracksGeneration: false,
  columns: natGatewayColumns,
  schema: objectSchema(names, 'Outbound addresses that interfaces share.', natGatewayModel),
  model: natGatewayModel,
  defaults: natGatewayDefaults,
  rules: natGatewayRules,
  indexes: {
    network: (gateway) => [networkOf(gateway)],
    serves: (gateway) => [`${networkOf(gateway)} ${specOf(gateway.object).ipFamily ?? ''}`],
  },
  events: natGatewayEvents,
  payloads: natGatewayPayloads,
  onCreate: (object) => accepted<NatGatewayFact>(gatewayFinalizer.put(object)),
  onChange: (before, after) => accepted(plainFieldFacts(PLAIN, before.object, after)),
  actions: {
    ...natAddresses.actions,
    WantAddresses: (before, payload) => accepted(wantFacts(before, payload)),
    Report: (before, payload) => accepted(reportFacts(before, payload)),
    Protect: (before) => accepted(gatewayFinalizer.putAgain(before)),
    Unprotect: (before) => accepted(wantsAny(before) ? [] : gatewayFinalizer.takeOff(before)),
  },
  evolve: { ...natAddresses.evolve, ...plainFieldEvolve(PLAIN) },
  onCreated: ({ object, facts }, { time }) => ({
    object: withCondition(object, ready('False', 'AddressPending', 'waits for a public address'), time),
    facts,
  }),
  facets: {
    ...natAddresses.facets,
    'NATGatewayTypeChanged.v1': undefined,
    'NATGatewayFamilyChanged.v1': 'spec.ipFamily',
    'NATGatewayPortsChanged.v1': 'spec.portsPerNetworkInterface',
  },
  initialFacts: {},
});

/** `<namespace>/<network>`. */
export function networkOf({ key: { namespace = '' }, object }: Pick<Gateway, 'key' | 'object'>): string {
  return nameText({ namespace, name: specOf(object).networkRef?.name ?? '' });
}

export function wantsAny({ facts: { publicAddresses } }: Pick<Gateway, 'facts'>): boolean {
  return Object.keys(publicAddresses?.wanted ?? {}).length > 0;
}

/** What `WantAddresses` does, by the gateway's own state alone; the loop that sends it asks this first. */
export function wantFacts(before: Gateway, { uid, slots, dropped }: Payload<'WantAddresses'>): readonly NatGatewayFact[] {
  if (!isIncarnation(before, uid)) return [];
  const { wanted = {}, held = {} } = before.facts.publicAddresses ?? {};
  const next = { ...slots };
  for (const [slot, { family, since }] of Object.entries(wanted)) {
    const isDropped = held[slot] === undefined || (dropped[slot] ?? 0) >= since;
    if (!isDropped) next[slot] = family;
  }
  if (Object.keys(next).length === 0 && !wantsAny(before)) return [];
  return natAddresses.request(before, next, specOf(before.object).networkRef?.name ?? '');
}

/** What `Report` does. */
export function reportFacts(before: Gateway, { uid, conditions }: Payload<'Report'>): readonly NatGatewayFact[] {
  return isIncarnation(before, uid) ? onlyConditionFacts(before.object, REPORTED, conditions) : [];
}
