/** The events of a NetworkInterface, their fold, and the facts in which two specs differ. */
import {
  type ApiObject,
  type EventMetadata,
  type Evolve,
  type Facets,
  type FactOf,
  guestAddressProblem,
  type IpSource,
  noConditionFacts,
  plainFieldEvolve,
  plainFieldFacts,
  plainFields,
  ready,
  type State,
  sameJson,
  specOf,
  statusOf,
  wholeSeconds,
  withCondition,
  withFields,
  withoutStatusField,
  withSpecField,
  withStatus,
} from '@weft/api';
import { PREFIX_CONDITIONS, usesPrefixes } from './holdings.ts';
import type { NetworkInterfaceSpec } from './network-interface.model.ts';
import type { HostFailure, NicTypes } from './network-interface.types.ts';

export type NicObject = ApiObject<NicTypes>;
export type NicFact = FactOf<NicTypes>;
type NicEvents = NicTypes['events'];
type NicFacts = NicTypes['facts'];

export const addressed = ({ ips, ...rest }: NicEvents['NetworkInterfaceAddressed.v1']): NicFact => ({
  type: 'NetworkInterfaceAddressed.v1',
  data: { ips: [...ips], ...rest },
});
export const addressesRested = (): NicFact => ({ type: 'NetworkInterfaceAddressesRested.v1', data: {} });
export const claimed = (machineRef: NicEvents['NetworkInterfaceClaimed.v1']['machineRef']): NicFact => ({
  type: 'NetworkInterfaceClaimed.v1',
  data: { machineRef: { ...machineRef } },
});
export const released = (): NicFact => ({ type: 'NetworkInterfaceReleased.v1', data: {} });
export const placed = (host: string): NicFact => ({ type: 'NetworkInterfacePlaced.v1', data: { host } });
export const unplaced = (): NicFact => ({ type: 'NetworkInterfaceUnplaced.v1', data: {} });
export const programmed = (host: string, position: string): NicFact => ({
  type: 'NetworkInterfaceProgrammed.v1',
  data: { host, position },
});
export const hostFailed = (host: string, reason: HostFailure): NicFact => ({
  type: 'NetworkInterfaceHostFailed.v1',
  data: { host, reason },
});
export const hostRecovered = (host: string): NicFact => ({ type: 'NetworkInterfaceHostRecovered.v1', data: { host } });
export const providerIdCleared = (): NicFact => ({ type: 'NetworkInterfaceProviderIdChanged.v1', data: {} });
const addressesChanged = (ips: readonly IpSource[]): NicFact => ({ type: 'NetworkInterfaceAddressesChanged.v1', data: { ips: [...ips] } });

const PLAIN = plainFields<NicTypes>()({
  providerID: 'NetworkInterfaceProviderIdChanged.v1',
  prefixes: 'NetworkInterfacePrefixesChanged.v1',
  virtualIP: 'NetworkInterfaceVirtualIPChanged.v1',
});

/** Addresses with the paths of their fields. */
export type Literals = Readonly<{ ips: readonly string[]; fields: readonly string[] }>;

/** Warnings for addresses that no guest can have. Such addresses are kept, but an interface with one is not placed. */
export function addressWarnings({ ips, fields }: Literals): readonly string[] {
  const warnings: string[] = [];
  for (const [i, ip] of ips.entries()) {
    const problem = guestAddressProblem(ip);
    if (problem !== undefined) warnings.push(`${fields[i]}: ${ip} ${problem}: the interface will not be placed`);
  }
  return warnings;
}

/** networkRef, ipFamilies and attributes cannot differ (rule I-U1). */
export function specFacts(before: NicObject, after: NicObject): NicFact[] {
  const old = specOf(before);
  const { machineRef, ips = [] } = specOf(after);
  const facts: NicFact[] = plainFieldFacts(PLAIN, before, after);
  if (!sameJson(old.ips ?? [], ips)) facts.push(addressesChanged(ips));
  if (!sameJson(old.machineRef, machineRef)) facts.push(machineRef === undefined ? released() : claimed(machineRef));
  return facts;
}

/** The facts that end what is said of fields which the spec has no more. Loops say it. */
export function unsaidFacts(object: NicObject, spec: NetworkInterfaceSpec): readonly NicFact[] {
  return [
    ...(usesPrefixes(spec) ? [] : PREFIX_CONDITIONS.flatMap((type) => noConditionFacts(object, type))),
    ...(spec.virtualIP === undefined ? noConditionFacts(object, 'VirtualIPBound') : []),
  ];
}

export const isProgrammed = (host: string) => ready('True', 'Programmed', `programmed on host ${host}`);
export const notProgrammed = (host: string) => ready('False', 'NotProgrammed', `placed on host ${host}, which has not programmed it yet`);
export const onFailedHost = (host: string, failure: HostFailure) =>
  failure === 'HostLost'
    ? ready('Unknown', failure, `host ${host} is not heard of`)
    : ready('False', failure, `host ${host} is not Ready; its conditions say why`);
export const NOT_ATTACHED = ready('False', 'NotAttached', 'no machine names it');

/** The first status of an interface: no machine has claimed it. */
export function pending({ object, facts }: State<NicTypes>, { time }: EventMetadata): State<NicTypes> {
  return { object: withCondition(withStatus(object, { state: 'Pending' }), NOT_ATTACHED, time), facts };
}

/** The time moves exactly when the state does (resources 3.13). */
function withState(object: NicObject, state: 'Pending' | 'Available', time: string): NicObject {
  if (statusOf(object).state === state) return object;
  return withStatus(object, { state, lastStateTransitionTime: wholeSeconds(time) });
}

/** Facts with these changes, without the absent ones, always in the same order, so that the many objects of this type have few shapes. */
function nicFacts(before: NicFacts, changes: { [F in keyof NicFacts]?: NicFacts[F] | undefined }): NicFacts {
  const { index, mac, ofPrefixes, ranges, contested, placement, resting, hostFailure, programmed } = withFields(before, changes);
  const facts: NicFacts = {};
  if (index !== undefined) facts.index = index;
  if (mac !== undefined) facts.mac = mac;
  if (ofPrefixes !== undefined) facts.ofPrefixes = ofPrefixes;
  if (ranges !== undefined) facts.ranges = ranges;
  if (contested !== undefined) facts.contested = contested;
  if (placement !== undefined) facts.placement = placement;
  if (resting !== undefined) facts.resting = resting;
  if (hostFailure !== undefined) facts.hostFailure = hostFailure;
  if (programmed !== undefined) facts.programmed = programmed;
  return facts;
}

const plainEvolve = plainFieldEvolve(PLAIN);

export const nicEvolve: Evolve<NicTypes> = {
  ...plainEvolve,
  'NetworkInterfaceAddressed.v1': ({ object, facts }, { ips, index, mac, resting, ofPrefixes }, { time }) => {
    const after = ips.length === 0 ? withoutStatusField(object, 'ips') : withStatus(object, { ips });
    // The new addresses are not programmed yet.
    const next = nicFacts(facts, { index: index ?? facts.index, mac: mac ?? facts.mac, ofPrefixes, resting, programmed: undefined });
    return { object: withState(after, 'Pending', time), facts: next };
  },
  'NetworkInterfaceRangesTaken.v1': ({ object, facts }, { ranges }) => {
    const prefixes = Object.values(ranges);
    const isEmpty = prefixes.length === 0;
    return {
      object: isEmpty ? withoutStatusField(object, 'prefixes') : withStatus(object, { prefixes }),
      facts: nicFacts(facts, { ranges: isEmpty ? undefined : ranges }),
    };
  },
  'NetworkInterfaceContested.v1': ({ object, facts }, { taken }) => ({
    object,
    facts: nicFacts(facts, { contested: Object.keys(taken).length === 0 ? undefined : taken }),
  }),
  // What was shown was of the VirtualIP that it named before.
  'NetworkInterfaceVirtualIPChanged.v1': (state, data, metadata) => {
    const { object, facts } = plainEvolve['NetworkInterfaceVirtualIPChanged.v1'](state, data, metadata);
    return { object: statusOf(object).virtualIP === undefined ? object : withoutStatusField(object, 'virtualIP'), facts };
  },
  'NetworkInterfaceVirtualIPShown.v1': ({ object, facts }, { ip }) => ({
    object: ip === undefined ? withoutStatusField(object, 'virtualIP') : withStatus(object, { virtualIP: ip }),
    facts,
  }),
  'NetworkInterfaceAddressesRested.v1': ({ object, facts }) => ({ object, facts: nicFacts(facts, { resting: undefined }) }),
  'NetworkInterfaceAddressesChanged.v1': ({ object, facts }, { ips }) => ({
    object: withSpecField(object, 'ips', ips.length === 0 ? undefined : ips),
    facts,
  }),
  'NetworkInterfaceClaimed.v1': ({ object, facts }, { machineRef }) => ({ object: withSpecField(object, 'machineRef', machineRef), facts }),
  'NetworkInterfaceReleased.v1': ({ object, facts }) => ({ object: withSpecField(object, 'machineRef', undefined), facts }),
  // A new placement is not programmed yet.
  'NetworkInterfacePlaced.v1': ({ object, facts }, { host }, { time }) => ({
    object: withState(object, 'Pending', time),
    facts: nicFacts(facts, { placement: { host }, hostFailure: undefined, programmed: undefined }),
  }),
  'NetworkInterfaceUnplaced.v1': ({ object, facts }, _data, { time }) => ({
    object: withState(object, 'Pending', time),
    facts: nicFacts(facts, { placement: undefined, hostFailure: undefined, programmed: undefined }),
  }),
  'NetworkInterfaceHostFailed.v1': ({ object, facts }, { reason }, { time }) => ({
    object: withState(object, 'Pending', time),
    facts: nicFacts(facts, { hostFailure: reason }),
  }),
  'NetworkInterfaceHostRecovered.v1': ({ object, facts }, _data, { time }) => ({
    object: facts.programmed === true ? withState(object, 'Available', time) : object,
    facts: nicFacts(facts, { hostFailure: undefined }),
  }),
  'NetworkInterfaceProgrammed.v1': ({ object, facts }, _data, { time }) => ({
    object: facts.hostFailure === undefined ? withState(object, 'Available', time) : object,
    facts: nicFacts(facts, { programmed: true }),
  }),
};

export const nicFacets: Facets<NicTypes> = {
  'NetworkInterfaceProviderIdChanged.v1': undefined,
  'NetworkInterfacePrefixesChanged.v1': 'spec.prefixes',
  'NetworkInterfaceVirtualIPChanged.v1': 'spec.virtualIP',
  'NetworkInterfaceAddressesChanged.v1': 'spec.ips',
  'NetworkInterfaceAddressed.v1': 'addresses',
  'NetworkInterfaceRangesTaken.v1': 'prefixes',
  'NetworkInterfaceContested.v1': 'contested',
  'NetworkInterfaceAddressesRested.v1': undefined,
  'NetworkInterfaceVirtualIPShown.v1': 'virtualIP',
  'NetworkInterfaceClaimed.v1': 'machine',
  'NetworkInterfaceReleased.v1': 'machine',
  'NetworkInterfacePlaced.v1': 'placement',
  'NetworkInterfaceUnplaced.v1': 'placement',
  'NetworkInterfaceHostFailed.v1': undefined,
  'NetworkInterfaceHostRecovered.v1': undefined,
  'NetworkInterfaceProgrammed.v1': undefined,
};
