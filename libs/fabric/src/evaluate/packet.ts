/** What the packet evaluator is asked, and what it answers. */
import type { FoundRow } from '../rows/row-index.ts';
import type { Row } from '../rows/rows.ts';

export type Protocol = 'TCP' | 'UDP' | 'SCTP' | 'ICMP' | 'other';
/** Both inclusive. */
export type PortRange = Readonly<{ first: number; last: number }>;

/** A packet as it is somewhere on its way. Addresses are canonical. `srcPort`: a range where the kernel chooses, absent where nobody said. */
export type Header = Readonly<{
  protocol: Protocol;
  src: string;
  srcPort?: number | PortRange;
  dst: string;
  dstPort?: number;
}>;

/** The first packet of a flow, as it leaves its sender. Addresses in any spelling, of one family. ICMP stands for echo requests, of both families. */
export type Packet = Readonly<{
  /** uid of the interface that sends it; absent: it comes from the internet. */
  from?: string;
  protocol: Protocol;
  /** Default: the address of the interface, of the family of `dst`. */
  src?: string;
  dst: string;
  /** Absent: any. Then all ways are told that it may take, with their shares. */
  srcPort?: number;
  dstPort?: number;
  /** Source MAC; absent: the interface's own. */
  mac?: string;
  /** 1 to 255, as it leaves the sender; default 64. Each router reduces it by one. */
  hopLimit?: number;
}>;

export type DropReason =
  /** It is no packet: an address does not parse, or source and destination are of different families. */
  | 'Malformed'
  /** The interface is on no host, or that host is unknown. */
  | 'NotPlaced'
  /** The link of the sender or of the receiver is held back until isolation is complete. */
  | 'LinkDown'
  /** The source is not an address of the interface, or not with this MAC. */
  | 'SourceNotOwned'
  /** No router forwards what comes from this source, or goes to this destination: a loopback, multicast or broadcast address, … */
  | 'Martian'
  | 'NoRoute'
  | 'HopLimitExceeded'
  /** The receiving host has no router for that network. */
  | 'NoRouter'
  /** An answer to the source would not take the way that the packet came. */
  | 'ReversePath'
  /** A policy restricts what the sender may send, and none admits this. */
  | 'PolicyEgress'
  /** A policy restricts what the receiver may receive, and none admits this. */
  | 'PolicyIngress'
  /** The balancer does not let this protocol or port through. */
  | 'PortNotServed'
  /** The balancer has no target of this family. */
  | 'NoTarget'
  /** No host has an uplink for public packets. */
  | 'NoEdge'
  /** A NAT address takes answers only. */
  | 'NotAnAnswer';

/** A row that decided. */
export type DecidingRow = FoundRow<Row>;

/**
 * `host`: where; empty: on none. `vni`: in the router of this network. `rows`: those that decided, none when nothing was found. `packet`: as it goes on, where this step rewrote it.
 * `refusals`: why each rule that might have admitted it does not. `staged`: staged policies that would refuse it, `<namespace>/<name>`.
 */
export type Step = Readonly<{
  at:
    | 'guest'
    | 'internet'
    | 'anti-spoof'
    | 'virtual-ip'
    | 'balancer'
    | 'nat'
    | 'route'
    | 'policy egress'
    | 'policy ingress'
    | 'tunnel'
    | 'peering'
    | 'edge'
    | 'guard'
    | 'reverse-path'
    | 'hairpin'
    | 'answer'
    | 'deliver'
    | 'drop';
  host: string;
  vni?: number;
  detail: string;
  rows: readonly DecidingRow[];
  packet?: Header;
  refusals?: readonly string[];
  staged?: readonly string[];
}>;

export type Ending =
  /** `to`: uid of the interface. */
  | Readonly<{ outcome: 'delivered'; to: string }>
  /** It left the fabric at an edge. */
  | Readonly<{ outcome: 'internet' }>
  /** Answered by a router or an edge itself. */
  | Readonly<{ outcome: 'answered' }>
  | Readonly<{ outcome: 'dropped'; reason: DropReason }>;

/** One way that the packet may take. `share`: of all source ports, 0 to 1; it is 1 unless the packet leaves its source port open. */
export type Path = Ending &
  Readonly<{
    share: number;
    /** As it arrives, or as it was when it was dropped. */
    packet: Header;
    steps: readonly Step[];
    /**
     * What becomes of an answer of the receiver, which no policy is asked about. `isBack`: it reaches who sent the packet; where networks use the same
     * addresses, another one may be nearer.
     */
    answer?: Readonly<{ ending: Ending; isBack: boolean; packet: Header; steps: readonly Step[] }>;
  }>;

/** Each way once. Shares add up to 1, to less where a balancer has more targets than are told. */
export type Verdict = Readonly<{ paths: readonly Path[] }>;
