/**
 * What a host's kernel should hold, as a flat set of keyed objects: the contract between `compile` and the drivers.
 *
 * Order of application: what is referred to comes first (router, peer, port, route) and goes last. `position` is that of the row behind the
 * object; it is written into the kernel where a comment or alias can carry it and is part of the comparison.
 */

/** Key `router/<vni>`: the namespace `weft-<host index>-r<vni>` with its VXLAN device, gateway address, unreachable defaults and base nft table. */
export type RouterObject = Readonly<{ kind: 'router'; vni: number; position: string }>;

/** Key `peer/<vni>/<host index>`: neighbour and fdb entry of a remote host in one network. */
export type PeerObject = Readonly<{ kind: 'peer'; vni: number; hostIndex: number; underlay: string; position: string }>;

/** Key `port/<nic uid>`: veth pair, guest addresses and gateway, neighbour, route, anti-spoofing elements of a NIC on this host. */
export type PortObject = Readonly<{
  kind: 'port';
  vni: number;
  nic: string;
  mac: string;
  ips: readonly string[];
  netns: string;
  position: string;
  /** False until isolation is known to be complete: everything but the link is programmed. */
  up: boolean;
}>;

/** Key `route/<vni>/<address>`: one address of a NIC on another host. */
export type RouteObject = Readonly<{ kind: 'route'; vni: number; address: string; hostIndex: number; position: string }>;

/** Key `guard/<underlay address>`: a host that may send VXLAN to this one (the underlay guard set). */
export type GuardObject = Readonly<{ kind: 'guard'; underlay: string; position: string }>;

export type KernelObject = RouterObject | PeerObject | PortObject | RouteObject | GuardObject;
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
  }
}

/** This host, as its agent knows it after registration. */
export type HostIdentity = Readonly<{ host: string; index: number; underlay: string }>;

/** What a driver read or could not bring about. */
export type DriverFault = Readonly<{ key: string; what: string; detail: string }>;

/**
 * A driver. `read` gives the actual state in terms of the same objects (an object that is only partly there is left out of `objects` and named
 * in `partial`); `apply` brings single objects about or removes them, goes on after a failure with what does not depend on it, and reports.
 * It never touches what is not ours (DESIGN 9.11).
 */
export interface Driver {
  readonly name: 'linux' | 'simulated';
  /** Everything that is ours on this host. Writes nothing. */
  read(): Promise<Readonly<{ objects: KernelState; partial: ReadonlyMap<string, string> }>>;
  /** `put` in dependency order, then `remove` in reverse order. Resolves when the kernel has answered for all of it. */
  apply(
    change: Readonly<{ put: readonly KernelObject[]; remove: readonly KernelObject[] }>,
  ): Promise<Readonly<{ failed: readonly DriverFault[] }>>;
  close(): Promise<void>;
}
