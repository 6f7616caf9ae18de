import type { Collection, Index } from '@weft/derive';
import type { HostIdentity, PeerObject } from '../kernel/kernel-objects.ts';
import type { PolicyTableRow } from '../policy/policy.table.ts';
import type {
  BalancerRow,
  EdgeRow,
  HostRow,
  NatRow,
  PeeringRow,
  PublicTargetRow,
  PublicVirtualIpRow,
  TargetRow,
  VirtualIpRow,
} from '../rows/rows.ts';
import type { Endpoint } from './endpoint-tables.ts';
import type { Stay } from './followed-rows.ts';
import type { InNetwork } from './network-rows.ts';

/** What compile knows on this host, for features to read. All keys of a network begin with its VNI (`inNetwork`). */
export type Here = Readonly<{
  identity: HostIdentity;
  /** Other hosts, by name. */
  hosts: Collection<HostRow>;
  /** The one other host that has a number, by the number. */
  numbers: Collection<HostRow>;
  /** Placements on this host, by NIC uid. */
  stays: Collection<Stay>;
  staysOfNetwork: Index<Stay>;
  /** Interfaces of the networks that this host follows, by `<vni>/<NIC uid>`. */
  endpoints: Collection<Endpoint>;
  /** The same of networks that others which are followed see (peerings). */
  exposed: Collection<Endpoint>;
  /** Interfaces, here and elsewhere, by `<vni>/<address or range>`. */
  destinations: Index<Endpoint | Stay>;
  /** By VNI: whether the network has a router here. That of `PUBLIC_VNI` is the public side of the host. */
  holds: Index<unknown>;
  /** By VNI: interfaces here that have something public. */
  published: Index<string>;
  /** Other hosts with interfaces in a network that is here, by `<vni>/<host>`. */
  sites: Collection<PeerObject>;
  /** Rows of the other tables of networks, by `<vni>/<key>`; each has an index `network`, by VNI. */
  rows: Readonly<{
    /** Also by `exposing`, the VNI of the network that is seen. */
    peerings: Collection<InNetwork<PeeringRow>>;
    policies: Collection<InNetwork<PolicyTableRow>>;
    balancers: Collection<InNetwork<BalancerRow>>;
    targets: Collection<InNetwork<TargetRow | PublicTargetRow>>;
    /** Also by `nic`, its uid. Those of `PUBLIC_VNI` say where each is. */
    'virtual-ips': Collection<InNetwork<VirtualIpRow | PublicVirtualIpRow>>;
    /** Of the whole fabric, under `PUBLIC_VNI`. */
    edges: Collection<InNetwork<EdgeRow>>;
    /** The same. Also by `nic`, and by `public` address. */
    nat: Collection<InNetwork<NatRow>>;
  }>;
}>;
