/** The types of a NetworkInterface: its events, its actions, what is known beside the object. */

import { Type } from '@sinclair/typebox';
import { anyJson, type ConditionFact, type DataOf, DecimalPosition, defineEvents, kindRef, LocalUidReference, ofModel } from '@weft/api';
import {
  IpSource,
  type NetworkInterfaceSpec,
  type NetworkInterfaceStatus,
  PrefixSource,
  VirtualIpSource,
} from './network-interface.model.ts';

export const nicEvents = defineEvents({
  'NetworkInterfaceProviderIdChanged.v1': Type.Object({ providerID: Type.Optional(Type.String()) }),
  'NetworkInterfacePrefixesChanged.v1': Type.Object({ prefixes: Type.Optional(Type.Array(ofModel(PrefixSource))) }),
  'NetworkInterfaceVirtualIPChanged.v1': Type.Object({ virtualIP: Type.Optional(ofModel(VirtualIpSource)) }),
  'NetworkInterfaceAddressesChanged.v1': Type.Object({ ips: Type.Array(ofModel(IpSource)) }),
  /**
   * Addresses in effect. `index`: number of the interface within its Network, from which its MAC follows; `mac`: as older versions chose it.
   * `resting`: position until which one of the addresses was another's and may still be in rows.
   */
  'NetworkInterfaceAddressed.v1': Type.Object({
    ips: Type.Array(Type.String()),
    index: Type.Optional(Type.Integer({ minimum: 0 })),
    mac: Type.Optional(Type.String()),
    resting: Type.Optional(DecimalPosition),
  }),
  'NetworkInterfaceAddressesRested.v1': Type.Object({}),
  'NetworkInterfaceClaimed.v1': Type.Object({ machineRef: ofModel(LocalUidReference) }),
  'NetworkInterfaceReleased.v1': Type.Object({}),
  /** The last fact of its append: its position is the append's. */
  'NetworkInterfacePlaced.v1': Type.Object({ host: Type.String() }),
  'NetworkInterfaceUnplaced.v1': Type.Object({}),
  /** The port is up with the placement of at most `position`. */
  'NetworkInterfaceProgrammed.v1': Type.Object({ host: Type.String(), position: DecimalPosition }),
});

export const nicPayloads = {
  /** What is wanted of the incarnation `uid`, as the loop that settles interfaces found it. `host` absent: no port anywhere, for the reason in `ready`. */
  Settle: Type.Object({
    uid: Type.String(),
    /** Give the interface up when the machine with this uid holds it. */
    release: Type.Optional(Type.String()),
    /** That machine lives: its handle of the interface goes too (resources 3.14; that of a machine which is gone stays, 3.4). */
    drops: Type.Optional(Type.Literal(true)),
    /** Take it for this machine when it is free. */
    claim: Type.Optional(Type.Object({ name: Type.String(), uid: Type.String() })),
    /** The machine for which `host` holds: nothing is placed for another one. */
    machine: Type.Optional(Type.String()),
    host: Type.Optional(Type.String()),
    /** The addresses have rested. */
    rested: Type.Optional(Type.Boolean()),
    ready: anyJson<ConditionFact>(),
  }),
  /** The host reports that the port is up with the placement and the addresses of at or before `position`. */
  Programmed: Type.Object({ uid: Type.String(), host: Type.String(), position: DecimalPosition }),
};
export type Settlement = Readonly<DataOf<typeof nicPayloads>['Settle']>;

export type NicTypes = {
  spec: NetworkInterfaceSpec;
  status: NetworkInterfaceStatus;
  facts: {
    /** Number within its Network, for the life of the incarnation; absent while it never had an address. */
    index?: number;
    /** Of an interface that an older version made: for the life of the incarnation. */
    mac?: string;
    /** Where its port is; only then are there rows. */
    placement?: { host: string };
    /** An address of it was another's until this position (decimal) and has not rested yet. */
    resting?: string;
    /** The host has programmed the present placement with the present addresses. */
    programmed?: true;
  };
  events: DataOf<typeof nicEvents>;
  actions: DataOf<typeof nicPayloads>;
  index: 'uid' | 'network' | 'machine' | 'host' | 'hostNetwork' | 'resting';
};
export const NetworkInterface = kindRef<NicTypes>('NetworkInterface');
