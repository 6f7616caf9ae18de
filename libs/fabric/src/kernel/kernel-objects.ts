/**
 * What a host's kernel should hold, as a flat set of keyed objects: the contract between `compile` and the drivers.
 *
 * Objects that others refer to are written first and removed last: guard, router, peer, route, port. `position` is that of the row behind the
 * object; it is written into the kernel where a comment or alias can carry it (router, port, guard) and is part of the comparison there.
 * Neighbours, fdb entries and routes have room for none: a peer, route or entry that was read back has position `''`. So compare by `sameKernelObject`.
 *
 * Routers and ports are composite: what they hold is made in steps that only they know. Everything that features add beside them is an entry.
 */

import type { Probe } from '../balancing/checks.ts';
import type { OpenProbe, ProbeWatch } from './live-probe.ts';

/** Key `router/<vni>`: the namespace `weft-<host index>-r<vni>` with its VXLAN device, gateway address, unreachable defaults and base nft table. */
export type RouterObject = Readonly<{
  kind: 'router';
  vni: number;
  /** Of its tunnel, where another host of the network takes less than this one (ADR 71); absent: what the underlay of this host leaves. */
  mtu?: number;
  position: string;
}>;

/** Key `peer/<vni>/<host index>`: neighbour and fdb entry of a remote host in one network. */
export type PeerObject = Readonly<{ kind: 'peer'; vni: number; hostIndex: number; underlay: string; position: string }>;

/** Key `port/<nic uid>`: veth pair, guest addresses and gateway, or a TAP device; neighbour, route, anti-spoofing elements of a NIC on this host. */
export type PortObject = Readonly<{
  kind: 'port';
  vni: number;
  nic: string;
  mac: string;
  ips: readonly string[];
  /** Ranges that are routed to it beside its addresses; absent: none. */
  prefixes?: readonly string[];
  /** Of the guest; '' for a TAP device. */
  netns: string;
  /** A TAP device in its router, which this user and group may open (`<uid>[:<gid>]`); absent: a veth pair into a namespace. */
  tap?: string;
  /** DHCP and router solicitations of the guest are answered. */
  answers?: true;
  position: string;
  /** False until isolation is known to be complete: everything but the link is programmed. */
  up: boolean;
}>;

/** Key `route/<vni>/<address>`: one address of a NIC on another host, or a range that is routed to one. */
export type RouteObject = Readonly<{ kind: 'route'; vni: number; address: string; hostIndex: number; position: string }>;

/** Key `guard/<underlay address>`: a host that may send VXLAN to this one (the underlay guard set). */
export type GuardObject = Readonly<{ kind: 'guard'; underlay: string; position: string }>;

/**
 * Key `entry/<scope>/<section>/<key>`: an element of a set, a route, a neighbour… The section says what key and value mean (`sections.ts`). Where it is:
 * `r<vni>`, the router of a network.
 */
export type EntryObject = Readonly<{
  kind: 'entry';
  scope: string;
  section: string;
  key: string;
  /** '' where the key says all. */
  value: string;
  /** The highest position of what made it so. */
  position: string;
  /** For people: the resource that it serves, as `<kind>/<uid>` or `<kind>/<namespace>/<name>`. */
  owner: string;
}>;

export type KernelObject = RouterObject | PeerObject | PortObject | RouteObject | GuardObject | EntryObject;
export const KERNEL_KINDS: readonly KernelObject['kind'][] = ['router', 'peer', 'port', 'route', 'guard', 'entry'];

/**
 * How an object stands with a kernel. `programmed`: as it should be. `pending`: it is not yet, or it is not known. `refused`: the kernel refuses it, and is
 * asked again. `unwanted`: it is there, and should go.
 */
export const ENTRY_STATES = ['programmed', 'pending', 'refused', 'unwanted'] as const;
export type EntryState = (typeof ENTRY_STATES)[number];

export type KernelState = ReadonlyMap<string, KernelObject>;

export function keyOf(object: KernelObject): string {
  switch (object.kind) {
    case 'router':
      return `router/${object.vni}`;
    case 'peer':
      return `peer/${object.vni}/${object.hostIndex}`;
    case 'port':
      return `port/${object.nic}`;
    case 'route':
      return `route/${object.vni}/${object.address}`;
    case 'guard':
      return `guard/${object.underlay}`;
    case 'entry':
      return `entry/${object.scope}/${object.section}/${object.key}`;
  }
}

export function routerScope(vni: number | string): string {
  return `r${vni}`;
}

/** The network whose router a scope is; undefined for another scope. */
export function vniOfScope(scope: string): number | undefined {
  return /^r[1-9][0-9]{0,7}$/.test(scope) ? Number(scope.slice(1)) : undefined;
}

/** The network whose router it is in. */
export function vniOfObject(object: KernelObject): number | undefined {
  return object.kind === 'entry' ? vniOfScope(object.scope) : 'vni' in object ? object.vni : undefined;
}

/** Where an object belongs, and what else has a share in it: a network's router at the other end of a wire, a guest. Two that share nothing can be written at once. */
export function sharesOf(object: KernelObject): readonly [string, ...string[]] {
  switch (object.kind) {
    case 'guard':
      return ['host'];
    case 'port':
      return object.netns === '' ? [routerScope(object.vni)] : [routerScope(object.vni), `guest/${object.netns}`];
    case 'entry':
      return object.section === 'wires' ? [object.scope, routerScope(object.key)] : [object.scope];
    default:
      return [routerScope(object.vni)];
  }
}

/** The parts of the key of an entry; undefined for that of another object. */
export function partsOfEntryKey(key: string): Readonly<{ scope: string; section: string; key: string }> | undefined {
  const [kind, scope = '', section = '', ...rest] = key.split('/');
  return kind === 'entry' ? { scope, section, key: rest.join('/') } : undefined;
}

/** The network that a key says; a port's does not. */
export function vniOfKey(key: string): number | undefined {
  const [kind, first = ''] = key.split('/');
  if (kind === 'entry') return vniOfScope(first);
  return kind === 'router' || kind === 'peer' || kind === 'route' ? Number(first) : undefined;
}

/** As a kernel gives it back: without its position, and without its owner, where none can be written. */
export function asCarried(object: KernelObject): KernelObject {
  switch (object.kind) {
    case 'entry':
      return { ...object, position: '', owner: '' };
    case 'peer':
    case 'route':
      return { ...object, position: '' };
    default:
      return object;
  }
}

/**
 * Whether the kernel holds `want` already, so that no write is needed: all fields are equal, except for the order of addresses, the position of
 * kinds that cannot carry it, and the ranges of a port that is down, of which the kernel keeps nothing. Addresses must be canonical (RFC 5952).
 */
export function sameKernelObject(want: KernelObject | undefined, have: KernelObject | undefined): boolean {
  if (want === undefined || have === undefined || want === have) return want === have;
  switch (want.kind) {
    case 'router':
      return have.kind === 'router' && want.vni === have.vni && want.mtu === have.mtu && want.position === have.position;
    case 'peer':
      return have.kind === 'peer' && want.vni === have.vni && want.hostIndex === have.hostIndex && want.underlay === have.underlay;
    case 'port':
      return (
        have.kind === 'port' &&
        want.vni === have.vni &&
        want.nic === have.nic &&
        want.mac === have.mac &&
        want.netns === have.netns &&
        want.tap === have.tap &&
        want.answers === have.answers &&
        want.up === have.up &&
        want.position === have.position &&
        sameMembers(want.ips, have.ips) &&
        (!want.up || sameMembers(want.prefixes ?? NONE, have.prefixes ?? NONE))
      );
    case 'route':
      return have.kind === 'route' && want.vni === have.vni && want.address === have.address && want.hostIndex === have.hostIndex;
    case 'guard':
      return have.kind === 'guard' && want.underlay === have.underlay && want.position === have.position;
    case 'entry':
      return (
        have.kind === 'entry' &&
        want.scope === have.scope &&
        want.section === have.section &&
        want.key === have.key &&
        want.value === have.value
      );
  }
}

const NONE: readonly string[] = [];

function sameMembers(left: readonly string[], right: readonly string[]): boolean {
  if (left.length !== right.length) return false;
  const members = new Set(left);
  return right.every((each) => members.has(each));
}

/** This host, as its agent knows it after registration. */
export type HostIdentity = Readonly<{ host: string; index: number; underlay: string }>;

/** Why a driver could not put or remove an object. Code acts on `what`; `detail` is a sentence for people that names the obstacle. */
export type DriverFaultKind =
  /** The object itself is wrong (an invalid address, a device name that another NIC holds). */
  | 'invalid'
  /** It refers to something that does not exist: a route without its peer, a port without its router. */
  | 'missing-reference'
  /** It cannot be removed while others refer to it. */
  | 'still-referenced'
  /** An object that is not ours is in its place, and is never overwritten. */
  | 'not-ours'
  /** The kernel or a tool refused it. */
  | 'kernel';

/** `lacks`: of a missing reference, the key of what is not there. */
export type DriverFault = Readonly<{ key: string; what: DriverFaultKind; detail: string; lacks?: string }>;

/**
 * The driver puts in dependency order, then removes in reverse order; it sorts both lists. It removes by key alone (`keyOf`), so an object that is only
 * partly in the kernel can be removed too; an absent one counts as removed.
 */
export type DriverChange = Readonly<{ put: readonly KernelObject[]; remove: readonly KernelObject[] }>;

/**
 * A driver. `read` gives the actual state as the same objects. An object that is only partly in the kernel is left out of `objects` and named in
 * `partial`, key to reason: put it to repair it, or remove it by its key. `apply` puts or removes single objects, goes on after a failure with those
 * that do not depend on it, and reports what failed, which must be put or removed again. It never touches what is not ours (DESIGN 9.11). Calls may
 * overlap: those that share something (`sharesOf`) are carried out one after another, in the order in which they came, others beside each other.
 */
/** `value`: the element's own, to tell a former one of the same key. */
export type ElementCount = Readonly<{ value: string; packets: number }>;

export interface Driver {
  readonly name: 'linux' | 'simulated';
  /** Reads everything that is ours on this host. Writes nothing. */
  read(): Promise<Readonly<{ objects: KernelState; partial: ReadonlyMap<string, string> }>>;
  /** Resolves when the kernel has answered for all objects. One that is already as wanted is not written again. */
  apply(change: DriverChange): Promise<Readonly<{ failed: readonly DriverFault[] }>>;
  /** Packets that elements of sections which count have matched in these networks, by key. Those of a router that cannot be read are left out. */
  counts(vnis: Iterable<number>): Promise<ReadonlyMap<string, ElementCount>>;
  /** Asks an interface here whether it serves; undefined when that could not be done. Never rejects, and waits for no `apply`. */
  probe(probe: Probe): Promise<boolean | undefined>;
  /** Absent where no packets come by. Rejects when the kernel cannot be watched. */
  openProbe?(watch: ProbeWatch): Promise<OpenProbe>;
  close(): Promise<void>;
}
