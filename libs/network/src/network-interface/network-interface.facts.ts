/** What happens to a NetworkInterface: events, their fold, and the facts in which two specs differ. */
import {
  type ApiObject,
  conditionFacts,
  type Fact,
  type Folded,
  guestAddressProblem,
  type JsonObject,
  type JsonValue,
  type KindModule,
  noConditionFacts,
  notSupportedYet,
  type PlainFields,
  plainFieldEvolve,
  plainFieldFacts,
  ready,
  sameJson,
  specOf,
  wholeSeconds,
  withSpecField,
} from '@weft/api';
import type { IpSource, NetworkInterfaceSpec } from './network-interface.model.ts';

/** Beside the object. */
export type NicFacts = {
  /** Of the incarnation, for life. */
  mac?: string;
  /** Where its port is; only then are there rows. */
  placement?: { host: string };
  /** An address of it was another's until this position (decimal) and has not rested yet. */
  resting?: string;
  /** The host has programmed the present placement with the present addresses. */
  programmed?: true;
};

export function factsOfNic(state: Pick<Folded, 'facts'>): NicFacts {
  return state.facts as NicFacts;
}

/** Addresses in effect; with the creation also the MAC. `resting` tells the wait for a former holder of one of them. */
export const addressed = (data: Readonly<{ ips: readonly string[]; mac?: string; resting?: string }>): Fact => ({
  type: 'NetworkInterfaceAddressed.v1',
  data: { ...data, ips: [...data.ips] },
});
export const addressesRested = (): Fact => ({ type: 'NetworkInterfaceAddressesRested.v1', data: {} });
export const claimed = (machineRef: Readonly<{ name: string; uid: string }>): Fact => ({
  type: 'NetworkInterfaceClaimed.v1',
  data: { machineRef: { ...machineRef } },
});
export const released = (): Fact => ({ type: 'NetworkInterfaceReleased.v1', data: {} });
/** The last fact of its append: its position is the append's. */
export const placed = (host: string): Fact => ({ type: 'NetworkInterfacePlaced.v1', data: { host } });
export const unplaced = (): Fact => ({ type: 'NetworkInterfaceUnplaced.v1', data: {} });
/** The port is up with the placement of at most `position`. */
export const programmed = (host: string, position: string): Fact => ({
  type: 'NetworkInterfaceProgrammed.v1',
  data: { host, position },
});

const addressesChanged = (ips: readonly IpSource[]): Fact => ({
  type: 'NetworkInterfaceAddressesChanged.v1',
  data: { ips: ips as JsonValue[] },
});

const PLAIN: PlainFields = {
  providerID: 'NetworkInterfaceProviderIdChanged.v1',
  prefixes: 'NetworkInterfacePrefixesChanged.v1',
  virtualIP: 'NetworkInterfaceVirtualIPChanged.v1',
};

export const providerIdCleared = (): Fact => ({ type: 'NetworkInterfaceProviderIdChanged.v1', data: {} });

/** Literal addresses with their paths. */
export function literalsOf(object: ApiObject): { ips: string[]; fields: string[] } {
  const ips: string[] = [];
  const fields: string[] = [];
  (specOf<NetworkInterfaceSpec>(object).ips ?? []).forEach(({ value }, i) => {
    if (value === undefined) return;
    ips.push(value);
    fields.push(`spec.ips[${i}].value`);
  });
  return { ips, fields };
}

/** Literals that no guest can have, as warnings: they are kept, and nothing is placed with them. */
export function addressWarnings(ips: readonly string[], fields: readonly string[]): readonly string[] {
  return ips.flatMap((ip, i) => {
    const problem = guestAddressProblem(ip);
    return problem === undefined ? [] : [`${fields[i]}: ${ip} ${problem}: the interface will not be placed`];
  });
}

/** networkRef, ipFamilies and attributes cannot differ (rule I-U1). */
export function specFacts(before: ApiObject, after: ApiObject): Fact[] {
  const old = specOf<NetworkInterfaceSpec>(before);
  const { machineRef, ips = [] } = specOf<NetworkInterfaceSpec>(after);
  const facts = plainFieldFacts(PLAIN, before, after);
  if (!sameJson(old.ips ?? [], ips)) facts.push(addressesChanged(ips));
  if (!sameJson(old.machineRef, machineRef)) {
    facts.push(
      machineRef === undefined ? released() : { type: 'NetworkInterfaceClaimed.v1', data: { machineRef: machineRef as JsonObject } },
    );
  }
  return facts;
}

/** What a spec asks for and does not get yet, as conditions on `object`. */
export function unsupportedFacts(object: ApiObject, spec: NetworkInterfaceSpec): readonly Fact[] {
  const says = (type: string, field: string, asked: boolean) =>
    asked ? conditionFacts(object, notSupportedYet(type, field)) : noConditionFacts(object, type);
  return [
    ...says('AddressesAllocated', 'spec.ips[].ephemeral', spec.ips?.some(({ ephemeral }) => ephemeral !== undefined) === true),
    ...says('PrefixesRouted', 'spec.prefixes', (spec.prefixes?.length ?? 0) > 0),
    ...says('VirtualIPBound', 'spec.virtualIP', spec.virtualIP !== undefined),
  ];
}

/** The time moves exactly when the state does (resources 3.13). */
function withState(object: ApiObject, state: 'Pending' | 'Available', time: string): ApiObject {
  if (object.status?.['state'] === state) return object;
  return { ...object, status: { ...object.status, state, lastStateTransitionTime: wholeSeconds(time) } };
}

/** Nothing is programmed for a new placement. */
function placedOn(facts: JsonObject, host: string | undefined): NicFacts {
  const { placement: _, programmed: __, ...rest } = facts as NicFacts;
  return host === undefined ? rest : { ...rest, placement: { host } };
}

/** Facts by name, absent ones left out: objects of few shapes, since there are many of them. */
function nicFacts({ mac, placement, resting, programmed }: NicFacts): JsonObject {
  const facts: NicFacts = {};
  if (mac !== undefined) facts.mac = mac;
  if (placement !== undefined) facts.placement = placement;
  if (resting !== undefined) facts.resting = resting;
  if (programmed !== undefined) facts.programmed = programmed;
  return facts;
}

export const nicEvolve: KindModule['evolve'] = {
  ...plainFieldEvolve(PLAIN),
  'NetworkInterfaceCreated.v1': ({ object, facts }, _data, { time }) => {
    const condition = { ...NOT_ATTACHED, lastTransitionTime: wholeSeconds(time) };
    return { object: { ...object, status: { state: 'Pending', conditions: [condition] } }, facts };
  },
  'NetworkInterfaceAddressed.v1': ({ object, facts }, data, { time }) => {
    const ips = data['ips'] as string[];
    const status: JsonObject = { ...object.status, ips };
    if (ips.length === 0) delete status['ips'];
    const { mac, placement } = facts as NicFacts;
    const next = { mac: (data['mac'] as string | undefined) ?? mac, resting: data['resting'] as string | undefined, placement };
    // Nothing is programmed with the new ones.
    return { object: withState({ ...object, status }, 'Pending', time), facts: nicFacts(next as NicFacts) };
  },
  'NetworkInterfaceAddressesRested.v1': ({ object, facts }) => {
    const { resting: _, ...rest } = facts as NicFacts;
    return { object, facts: nicFacts(rest) };
  },
  'NetworkInterfaceAddressesChanged.v1': ({ object, facts }, { ips }) => ({
    object: withSpecField(object, 'ips', (ips as JsonValue[]).length === 0 ? undefined : ips),
    facts,
  }),
  'NetworkInterfaceClaimed.v1': ({ object, facts }, { machineRef }) => ({ object: withSpecField(object, 'machineRef', machineRef), facts }),
  'NetworkInterfaceReleased.v1': ({ object, facts }) => ({ object: withSpecField(object, 'machineRef', undefined), facts }),
  'NetworkInterfacePlaced.v1': ({ object, facts }, { host }, { time }) => ({
    object: withState(object, 'Pending', time),
    facts: nicFacts(placedOn(facts, host as string)),
  }),
  'NetworkInterfaceUnplaced.v1': ({ object, facts }, _data, { time }) => ({
    object: withState(object, 'Pending', time),
    facts: nicFacts(placedOn(facts, undefined)),
  }),
  'NetworkInterfaceProgrammed.v1': ({ object, facts }, _data, { time }) => ({
    object: withState(object, 'Available', time),
    facts: { ...facts, programmed: true },
  }),
};

export const notProgrammed = (host: string) => ready('False', 'NotProgrammed', `placed on host ${host}, which has not programmed it yet`);
export const NOT_ATTACHED = ready('False', 'NotAttached', 'no machine names it');

export function nicFacet(type: string): string | undefined {
  switch (type) {
    case 'NetworkInterfaceAddressed.v1':
      return 'addresses';
    case 'NetworkInterfacePlaced.v1':
    case 'NetworkInterfaceUnplaced.v1':
      return 'placement';
    case 'NetworkInterfaceClaimed.v1':
    case 'NetworkInterfaceReleased.v1':
      return 'machine';
    default:
      return undefined;
  }
}
