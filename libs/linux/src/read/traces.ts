/**
 * What is left of an object that is not whole: enough to repair it in place, or to remove it without knowing more. For a whole port the traces
 * follow from the object, so that repair and change are one piece of code.
 */
import type { PortObject } from '@weft/fabric';
import { hostPrefix, isV4, PORT_HOP, portDevice } from '../objects/names.ts';
import type { TableRepair } from './table-shape.ts';

export type PortTraces = Readonly<{
  vni: number;
  device: string;
  /** The device is there. */
  exists: boolean;
  /** … and its other end is `eth0` of `netns`, or it is a TAP device for `tap`. */
  paired: boolean;
  netns: string | undefined;
  tap: string | undefined;
  /** MAC of the guest's end; undefined when not known. Setting it, even to the same, makes the kernel forget its neighbours. */
  guestMac: string | undefined;
  /** Of the router's end: MAC and MTU are as they should be. */
  endRight: boolean;
  /** As `nft` takes them: `src4 { "g…" . 02:… . 10.0.0.1 }`. */
  elements: readonly string[];
  /** Addresses with a neighbour entry on the device, prefixes routed to it, and those on the guest's end. */
  neighbours: readonly string[];
  routes: readonly string[];
  guestAddresses: readonly string[];
  /** Addresses of the router's end besides the gateway's, with their lengths: each would catch packets for others. */
  strayAddresses: readonly string[];
}>;

export type RouterTraces = Readonly<{
  namespace: 'absent' | 'dead' | 'alive';
  sysctlsWrong: boolean;
  /**
   * `wrong`: a device `vx` that is not the tunnel of this network, is bound to another address or has another MAC. `plain`: it carries no marks (GBP), as those of
   * former versions; it cannot be told to, and both kinds cannot be up on one host.
   */
  tunnel: 'absent' | 'wrong' | 'plain' | 'ok';
  /** `rebuild` also when it is not there. */
  table: TableRepair;
  /** That of whole frames, of the public side. */
  frames: TableRepair;
  strays: Strays;
}>;

/** Lines that remove what has no place in a router. */
export type Strays = Readonly<{ ip: readonly string[]; bridge: readonly string[]; nft: readonly string[] }>;

/** An object that is partly there, by its key. */
export type Suspect = Readonly<{ reason: string; vni: number | undefined }> &
  (
    | Readonly<{ kind: 'router'; traces: RouterTraces }>
    | Readonly<{ kind: 'port'; traces: PortTraces }>
    | Readonly<{ kind: 'peer'; ip: readonly string[]; bridge: readonly string[] }>
    | Readonly<{ kind: 'route' }>
    | Readonly<{ kind: 'entry' }>
    | Readonly<{ kind: 'guard' }>
  );

export type PeerSuspect = Extract<Suspect, { kind: 'peer' }>;

export function elementOf(device: string, mac: string, address: string): string {
  return `${isV4(address) ? 'src4' : 'src6'} { "${device}" . ${mac} . ${address} }`;
}

/** Elements of a port whose link is up or down: what is routed to it beside its addresses may come from it once it is up, and so may DHCP. */
export function elementsOf({
  nic,
  mac,
  ips,
  prefixes = [],
  up,
  answers,
}: Pick<PortObject, 'nic' | 'mac' | 'ips' | 'prefixes' | 'up' | 'answers'>): readonly string[] {
  const device = portDevice(nic);
  return [
    ...ips.map((address) => elementOf(device, mac, address)),
    ...(up && prefixes.length > 0 ? [`alias { "${device}" . ${mac} }`] : []),
    ...(up && answers ? [`answered { "${device}" }`] : []),
  ];
}

/** Addresses with a neighbour entry on the device of a port that is up. */
export function neighboursOf({ ips, prefixes = [] }: Pick<PortObject, 'ips' | 'prefixes'>): readonly string[] {
  return prefixes.length > 0 ? [...ips, PORT_HOP] : ips;
}

export function tracesOfPort(port: PortObject): PortTraces {
  const device = portDevice(port.nic);
  return {
    vni: port.vni,
    device,
    exists: true,
    paired: true,
    netns: port.netns === '' ? undefined : port.netns,
    tap: port.tap,
    guestMac: port.mac,
    endRight: true,
    elements: elementsOf(port),
    neighbours: port.up ? neighboursOf(port) : [],
    routes: port.up ? [...port.ips, ...(port.prefixes ?? [])].map(hostPrefix) : [],
    guestAddresses: port.tap === undefined ? port.ips.map(hostPrefix) : [],
    strayAddresses: [],
  };
}
