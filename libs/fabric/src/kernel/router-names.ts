/** Names that follow from what they name (linux-dataplane 2): how a router of a network on a host is called by other routers, and the device of a port. */
import { canonicalIp } from '@weft/api';

export const GATEWAY_V4 = '169.254.0.1';

/** `06:VV:VV:VV:HH:HH`: known to every other host without asking. */
export function routerMac(vni: number, hostIndex: number): string {
  const hex = vni.toString(16).padStart(6, '0') + hostIndex.toString(16).padStart(4, '0');
  return `06:${hex.match(/../g)!.join(':')}`;
}

/** `fe80::<vni>:<host>`, the next hop of every route to a host. A VNI beyond 16 bits takes two groups. */
export function nextHop(vni: number, hostIndex: number): string {
  const high = vni >>> 16;
  const low = (vni & 0xffff).toString(16);
  return canonicalIp(`fe80::${high === 0 ? '' : `${high.toString(16)}:`}${low}:${hostIndex.toString(16)}`) as string;
}

/** The host of a next hop in this network; undefined for any other address. O(1): 100,000 routes are read at once. */
export function hostOfNextHop(vni: number, address: string): number | undefined {
  const last = Number.parseInt(address.slice(address.lastIndexOf(':') + 1) || '0', 16);
  return Number.isInteger(last) && nextHop(vni, last) === address ? last : undefined;
}

/** `g` and the first 12 hex digits of the NIC's uid. */
export function portDevice(nic: string): string {
  return `g${nic.replaceAll('-', '').slice(0, 12)}`;
}

/** Of a router of its own, and routed: what its errors come from, and what answers for balancers. */
export function routerSourceV6(vni: number, hostIndex: number): string {
  const [high, low] = [0x7400 + (vni >>> 16), vni & 0xffff];
  return canonicalIp(`fd77:6566:${high.toString(16)}:${low.toString(16)}::${hostIndex.toString(16)}`) as string;
}
