/**
 * Names in the kernel: what agents of all hosts must agree on (linux-dataplane 2), and how a restarted agent, with no memory,
 * recognises its own.
 */
import { GATEWAY_V4, routerSourceV6 } from '@weft/fabric';
import ipaddr from 'ipaddr.js';

export { GATEWAY_V4, hostOfNextHop, nextHop, portDevice, routerMac, routerSourceV6 } from '@weft/fabric';

export const ROUTE_PROTOCOL = 200;
/** Of routes that are entries of a feature. */
export const ENTRY_PROTOCOL = 201;
/** Stands for the guest of a port where more than its addresses is routed to it. */
export const PORT_HOP = 'fe80::2';
export const GATEWAY_MAC = '02:00:00:00:00:01';
export const GATEWAY_V6 = 'fe80::1';
/** Sources of ICMP errors: of a router of their own, so that they are no guest's, and no address of a router elsewhere on their way. */
export const ROUTER_SOURCES_V4 = '169.254.0.0/16';
export const ROUTER_SOURCES_V6 = 'fd77:6566:7400::/40';
/** Routes of `here_routes`. */
export const HERE_TABLE = 100;
export const VXLAN_PORT = 4789;
export const VXLAN_DEVICE = 'vx';
export const GUEST_DEVICE = 'eth0';
/** Where iproute2 keeps named namespaces. */
export const NETNS_DIRECTORY = '/run/netns';

export function routerNamespace(hostIndex: number, vni: number): string {
  return `weft-${hostIndex}-r${vni}`;
}

/** The VNI of one of this host's router namespaces; undefined for any other name. */
export function vniOfNamespace(hostIndex: number, namespace: string): number | undefined {
  const prefix = `weft-${hostIndex}-r`;
  const digits = namespace.startsWith(prefix) ? namespace.slice(prefix.length) : '';
  return /^[1-9][0-9]{0,7}$/.test(digits) ? Number(digits) : undefined;
}

/** The inverse of `routerMac`; undefined for any other MAC. */
export function parseRouterMac(mac: string): Readonly<{ vni: number; hostIndex: number }> | undefined {
  const hex = /^06((?::[0-9a-f]{2}){5})$/.exec(mac)?.[1]?.replaceAll(':', '');
  return hex === undefined ? undefined : { vni: Number.parseInt(hex.slice(0, 6), 16), hostIndex: Number.parseInt(hex.slice(6), 16) };
}

/** RFC 5952 for IPv6, dotted for IPv4; undefined when it is no address. */
export function canonicalAddress(text: string): string | undefined {
  // What is no address of a family costs the library an exception.
  if (!text.includes(':')) return ipaddr.IPv4.isValidFourPartDecimal(text) ? ipaddr.IPv4.parse(text).toString() : undefined;
  if (text.includes('%') || !ipaddr.IPv6.isValid(text)) return undefined;
  return ipaddr.IPv6.parse(text).toRFC5952String();
}

export function isV4(address: string): boolean {
  return !address.includes(':');
}

/** A range stays as it is. */
export function hostPrefix(address: string): string {
  if (address.includes('/')) return address;
  return isV4(address) ? `${address}/32` : `${address}/128`;
}

/** Written as alias of a device: `weft key=value …`. Values hold no space and no quote (checked before anything is written). */
export function labelOf(fields: Readonly<Record<string, string>>): string {
  return ['weft', ...Object.entries(fields).map(([key, value]) => `${key}=${value}`)].join(' ');
}

/** The fields of a label of ours; undefined for any other text. */
export function parseLabel(text: string | undefined): Readonly<Record<string, string>> | undefined {
  const [mark, ...fields] = (text ?? '').split(' ');
  if (mark !== 'weft') return undefined;
  return Object.fromEntries(
    fields.map((field) => {
      const at = field.indexOf('=');
      return at < 0 ? [field, ''] : [field.slice(0, at), field.slice(at + 1)];
    }),
  );
}

/** What a port has whose guest gets answers, with their lengths: its servers answer only on devices that have an address, not just a link-local one. */
export function answeringAddresses(vni: number, hostIndex: number): readonly string[] {
  return [`${GATEWAY_V4}/32`, `${routerSourceV6(vni, hostIndex)}/128`];
}

/** Of a host: there is no room for the network. The lowest 256 are left to gateways. */
export function routerSourceV4(hostIndex: number): string {
  const low = (hostIndex + 256) % 65_536;
  return `169.254.${low >> 8}.${low & 255}`;
}
