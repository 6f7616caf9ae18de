/** Sorts the routes of one router namespace as they are listed: remote addresses, local ports, the unreachable defaults, and strays. */
import { type EntryObject, keyOf, PUBLIC_VNI, type RouteObject, routerScope, UPLINK_DEVICE } from '@weft/fabric';
import { canonicalAddress, ENTRY_PROTOCOL, HERE_TABLE, hostOfNextHop, PORT_HOP, ROUTE_PROTOCOL, VXLAN_DEVICE } from '../objects/names.ts';
import type { Route } from './dump.ts';

/** Higher than any other, so that this route is used last. */
export const UNREACHABLE_METRIC = 4278198272;

const PROTO = String(ROUTE_PROTOCOL);
const PROTO_OF_ENTRIES = String(ENTRY_PROTOCOL);
/** What the kernel gives an IPv6 route that names none; IPv4 has none. */
const DEFAULT_METRICS = new Set([undefined, '1024']);

export class RouteSorter {
  readonly objects = new Map<string, RouteObject>();
  /** Routes of features. */
  readonly entries = new Map<string, EntryObject>();
  /** Addresses and ranges routed to a port, by its device. */
  readonly byPort = new Map<string, string[]>();
  /** Next hops by the uplink, of defaults that the driver made. */
  readonly gateways = new Set<string>();
  /** Families that have their unreachable default. */
  readonly unreachable = new Set<string>();
  /** Lines that remove what has no place here. */
  readonly strays: string[] = [];
  readonly #vni: number;
  /** The next hop of the former route: neighbours in the listing often share one. */
  #hop: Readonly<{ text: string; host: number | undefined }> = { text: '', host: undefined };

  constructor(vni: number) {
    this.#vni = vni;
  }

  /** `isHere`: of `here_routes`. */
  take(route: Route, isHere = false): void {
    if (route.proto === 'kernel') return;
    // A routing daemon, and whoever looks after the uplink, have routes of their own there.
    if (this.#vni === PUBLIC_VNI && (route.dev === UPLINK_DEVICE || (route.proto !== PROTO && route.proto !== PROTO_OF_ENTRIES))) {
      if (route.dev === UPLINK_DEVICE && route.via !== undefined && route.proto === PROTO) this.gateways.add(route.via);
    } else if (isHere ? route.proto !== PROTO_OF_ENTRIES || !this.#placeEntry(route, 'here_routes') : !this.#place(route))
      this.strays.push(`route del ${route.text}${isHere ? ` table ${HERE_TABLE}` : ''}`);
  }

  #place(route: Route): boolean {
    const { type, dst, via, dev, proto, metric } = route;
    if (route.odd) return false;
    if (proto === PROTO_OF_ENTRIES) return this.#placeEntry(route);
    if (proto !== PROTO) return false;
    if (type === 'unreachable' && metric === String(UNREACHABLE_METRIC) && (dst === '0.0.0.0/0' || dst === '::/0')) {
      this.unreachable.add(dst);
      return true;
    }
    if (type !== 'unicast' || !DEFAULT_METRICS.has(metric)) return false;
    const address = canonicalDestination(dst);
    if (dev === VXLAN_DEVICE && via !== undefined) {
      if (via !== this.#hop.text) this.#hop = { text: via, host: hostOfNextHop(this.#vni, via) };
      if (this.#hop.host === undefined) return false;
      const object: RouteObject = { kind: 'route', vni: this.#vni, address, hostIndex: this.#hop.host, position: '' };
      const key = keyOf(object);
      // The kernel begins a listing anew when its table changes meanwhile: an entry that comes again is the same one.
      const before = this.objects.get(key);
      if (before === undefined) this.objects.set(key, object);
      return before === undefined || before.hostIndex === object.hostIndex;
    }
    if (dev?.startsWith('g') && via === (dst.includes('/') ? PORT_HOP : undefined)) {
      const before = this.byPort.get(dev);
      if (before === undefined) this.byPort.set(dev, [address]);
      else before.push(address);
      return true;
    }
    return false;
  }

  #placeEntry({ type, dst, via, dev, metric }: Route, section = 'routes'): boolean {
    if (type !== 'unicast' || via === undefined || dev === undefined || !DEFAULT_METRICS.has(metric)) return false;
    const [scope, key, value] = [routerScope(this.#vni), canonicalDestination(dst), `${canonicalAddress(via)} ${dev}`];
    const entry: EntryObject = { kind: 'entry', scope, section, key, value, position: '', owner: '' };
    this.entries.set(keyOf(entry), entry);
    return true;
  }
}

/** The kernel prints IPv6 as RFC 5952 has it, but for embedded IPv4. */
function canonicalDestination(dst: string): string {
  if (!dst.includes(':') || !dst.includes('.')) return dst;
  const [address = '', length] = dst.split('/');
  return `${canonicalAddress(address) ?? address}${length === undefined ? '' : `/${length}`}`;
}
