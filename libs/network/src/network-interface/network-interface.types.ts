/** The types of a NetworkInterface: its events, its actions, what is known beside the object. */

import { type Static, Type } from '@sinclair/typebox';
import {
  anyJson,
  type ConditionFact,
  type DataOf,
  DecimalPosition,
  defineEvents,
  IpSource,
  kindRef,
  LocalUidReference,
  ofModel,
} from '@weft/api';
import { Taken } from '../address-book/taken.ts';
import { type NetworkInterfaceSpec, type NetworkInterfaceStatus, PrefixSource, VirtualIpSource } from './network-interface.model.ts';

/** Place in a list of the spec, from 0 -> the address or range that is in effect for it. */
const Places = Type.Record(Type.String(), Type.String());
export type Places = Readonly<Record<string, string>>;
const HostFailure = Type.Union([Type.Literal('HostLost'), Type.Literal('HostUnready')]);
export type HostFailure = Static<typeof HostFailure>;

export const nicEvents = defineEvents({
  'NetworkInterfaceProviderIdChanged.v1': Type.Object({ providerID: Type.Optional(Type.String()) }),
  'NetworkInterfacePrefixesChanged.v1': Type.Object({ prefixes: Type.Optional(Type.Array(ofModel(PrefixSource))) }),
  'NetworkInterfaceVirtualIPChanged.v1': Type.Object({ virtualIP: Type.Optional(ofModel(VirtualIpSource)) }),
  'NetworkInterfaceAddressesChanged.v1': Type.Object({ ips: Type.Array(ofModel(IpSource)) }),
  /**
   * Addresses in effect. `index`: number of the interface within its Network, from which its MAC follows; `mac`: one that an older version chose.
   * `resting`: position until which another interface used one of the addresses, which may still be in rows. `ofPrefixes`: which of them, by place
   * in `spec.ips`, are those of Prefixes that were made for it.
   */
  'NetworkInterfaceAddressed.v1': Type.Object({
    ips: Type.Array(Type.String()),
    index: Type.Optional(Type.Integer({ minimum: 0 })),
    mac: Type.Optional(Type.String()),
    resting: Type.Optional(DecimalPosition),
    ofPrefixes: Type.Optional(Places),
  }),
  /** Ranges in effect, by place in `spec.prefixes`. */
  'NetworkInterfaceRangesTaken.v1': Type.Object({ ranges: Places }),
  /** What it should have and does not get, by name in the address book (`bookName`); empty: nothing any more. */
  'NetworkInterfaceContested.v1': Type.Object({ taken: Type.Record(Type.String(), Taken) }),
  'NetworkInterfaceAddressesRested.v1': Type.Object({}),
  /** The address of the VirtualIP that it holds; absent: it holds none any more. */
  'NetworkInterfaceVirtualIPShown.v1': Type.Object({ ip: Type.Optional(Type.String()) }),
  'NetworkInterfaceClaimed.v1': Type.Object({ machineRef: ofModel(LocalUidReference) }),
  'NetworkInterfaceReleased.v1': Type.Object({}),
  /** The last fact of its append: its position is the append's. */
  'NetworkInterfacePlaced.v1': Type.Object({ host: Type.String() }),
  'NetworkInterfaceUnplaced.v1': Type.Object({}),
  /** The host of its placement is not Ready, for `reason`: until that is over, it is not Available, whatever the host has programmed. */
  'NetworkInterfaceHostFailed.v1': Type.Object({ host: Type.String(), reason: HostFailure }),
  /** That host is Ready again. */
  'NetworkInterfaceHostRecovered.v1': Type.Object({ host: Type.String() }),
  /** The port is up, with the placement as of `position`. */
  'NetworkInterfaceProgrammed.v1': Type.Object({ host: Type.String(), position: DecimalPosition }),
});

export const nicPayloads = {
  /** The wanted state of the incarnation `uid`. `host` is absent when the interface should have no port, for the reason in `ready`. */
  Settle: Type.Object({
    uid: Type.String(),
    /** Release the interface if the machine with this uid holds it. */
    release: Type.Optional(Type.String()),
    /** That machine lives, so its handle of the interface is removed too (resources 3.14). The handle of a machine that is gone stays (3.4). */
    drops: Type.Optional(Type.Literal(true)),
    /** Give the interface to this machine if it is free. */
    claim: Type.Optional(Type.Object({ name: Type.String(), uid: Type.String() })),
    /** The machine that runs on `host`: the interface is placed there only if this machine holds it. */
    machine: Type.Optional(Type.String()),
    host: Type.Optional(Type.String()),
    /** The addresses have rested: the one that somebody else used until `rest`, and none that rests since. */
    rested: Type.Optional(Type.Boolean()),
    /** Absent in commands of older versions, which meant any. */
    rest: Type.Optional(DecimalPosition),
    ready: anyJson<ConditionFact>(),
  }),
  /** The incarnation `uid` is free, if the machine with this uid (none: '') holds it. */
  Release: Type.Object({ uid: Type.String(), machine: Type.String() }),
  /**
   * The incarnation `uid` should have these addresses of its Prefixes, and these ranges, by place in the spec, and give up others; those that another
   * interface has are noted. `waits`: names in the address book for which it still waits. `conditions`: what is to be said once it has all these.
   */
  TakeAddresses: Type.Object({
    uid: Type.String(),
    ofPrefixes: Places,
    ranges: Places,
    waits: Type.Array(Type.String()),
    conditions: Type.Array(anyJson<ConditionFact>()),
  }),
  /** The incarnation `uid` holds the VirtualIP that it names, with this address; or, without `ip`, does not, for the reason in `condition`. */
  ShowVirtualIP: Type.Object({ uid: Type.String(), ip: Type.Optional(Type.String()), condition: anyJson<ConditionFact>() }),
  /** The health of the host of its placement; without `failure` it is Ready. */
  ShowHostHealth: Type.Object({ host: Type.String(), failure: Type.Optional(HostFailure) }),
  /** The host reports that the port is up, with the placement and the addresses as of `position`. */
  Programmed: Type.Object({ uid: Type.String(), host: Type.String(), position: DecimalPosition }),
};
export type Settlement = Readonly<DataOf<typeof nicPayloads>['Settle']>;

export type NicTypes = {
  spec: NetworkInterfaceSpec;
  status: NetworkInterfaceStatus;
  facts: {
    /** Number within its Network, for the life of the incarnation; absent while it never had an address. */
    index?: number;
    /** The MAC of an interface that an older version created, for the life of the incarnation. */
    mac?: string;
    /** Addresses of Prefixes that were made for it, by place in `spec.ips`. */
    ofPrefixes?: Places;
    /** Ranges in effect, by place in `spec.prefixes`. */
    ranges?: Places;
    /** What it should have and somebody else has, by name in the address book. */
    contested?: Readonly<Record<string, Taken>>;
    /** The host of its port. An interface is in rows only while it has one. */
    placement?: { host: string };
    /** Another interface used one of its addresses until this position (decimal), and the address has not rested yet. */
    resting?: string;
    /** Why it is not Available although its host may have programmed it: that host is not Ready. */
    hostFailure?: HostFailure;
    /** The host has programmed the present placement with the present addresses. */
    programmed?: true;
  };
  events: DataOf<typeof nicEvents>;
  actions: DataOf<typeof nicPayloads>;
  /** `fromPrefixes`: itself, when it has or wants what comes from Prefixes, or ranges. */
  index:
    | 'uid'
    | 'network'
    | 'machine'
    | 'range'
    | 'host'
    | 'hostNetwork'
    | 'hostHealth'
    | 'address'
    | 'resting'
    | 'virtualIP'
    | 'fromPrefixes'
    | 'ephemeralPrefixes'
    | 'ephemeralVirtualIP';
};
export const NetworkInterface = kindRef<NicTypes>('NetworkInterface');
