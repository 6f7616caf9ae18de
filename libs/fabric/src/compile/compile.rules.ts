/**
 * Rules that the full and the incremental compiler share: how one object is made, and who wins where two rows claim one thing. The log has no such
 * doubles; while tables arrive one after another a host can see them for an instant, and must then choose the same way whatever came first.
 */
import type { GuardObject, HostIdentity, PeerObject, PortObject, RouteObject, RouterObject } from '../kernel/kernel-objects.ts';
import { destinationsOf } from '../rows/provenance.ts';
import type { EndpointRow, HostRow, PlacementRow } from '../rows/rows.ts';

/**
 * This host itself, or one that claims its number or address: never a peer. A tunnel to an own address would bounce packets between routers until
 * their hop limit runs out (linux-dataplane 4.1).
 */
export function isOwn(identity: HostIdentity, row: HostRow): boolean {
  return row.host === identity.host || row.index === identity.index || row.underlay === identity.underlay;
}

/** The younger claim wins; the name settles a tie. */
export function winner<R extends Readonly<{ position: string }>>(claims: Iterable<R>, nameOf: (claim: R) => string): R | undefined {
  let best: R | undefined;
  for (const claim of claims) {
    if (best === undefined || later(claim.position, best.position) || (claim.position === best.position && nameOf(claim) > nameOf(best))) {
      best = claim;
    }
  }
  return best;
}

/** Compares decimal positions without leading zeros. */
export function later(a: string, b: string): boolean {
  return a.length === b.length ? a > b : a.length > b.length;
}

export const nicOf = (row: EndpointRow): string => row.nic;
export const hostOf = (row: HostRow): string => row.host;

export function routerObject(vni: number, position: string, mtu?: number): RouterObject {
  return { kind: 'router', vni, ...(mtu !== undefined && { mtu }), position };
}

export function peerObject(identity: HostIdentity, vni: number, host: HostRow): PeerObject {
  if (isOwn(identity, host))
    throw new Error(`compile: ${host.host} (${host.underlay}) must not become a tunnel destination of ${identity.host}`);
  return { kind: 'peer', vni, hostIndex: host.index, underlay: host.underlay, position: host.position };
}

export function portObject(row: PlacementRow, up: boolean): PortObject {
  const { tap, answers } = row;
  const netns = tap === undefined ? (row.netns ?? `weftguest-${row.nic.replaceAll('-', '').slice(0, 12)}`) : '';
  const guest = { netns, ...(tap !== undefined && { tap }), ...(answers && { answers }) };
  const prefixes = destinationsOf(row).slice(row.ips.length);
  const more = prefixes.length > 0 && { prefixes };
  return { kind: 'port', vni: row.vni, nic: row.nic, mac: row.mac, ips: row.ips, ...more, ...guest, position: row.position, up };
}

export function routeObject(vni: number, address: string, hostIndex: number, endpoint: EndpointRow): RouteObject {
  return { kind: 'route', vni, address, hostIndex, position: endpoint.position };
}

export function guardObject(underlay: string, position: string): GuardObject {
  return { kind: 'guard', underlay, position };
}
