/** Writes what a router knows of other hosts: a neighbour and a tunnel entry per host, a route per address. `replace`, never delete and add. */
import { type HostIdentity, keyOf, type PeerObject, type RouteObject } from '@weft/fabric';
import type { KernelAccess } from '../kernel/kernel-access.ts';
import { hostPrefix, isV4, nextHop, ROUTE_PROTOCOL, routerMac, routerNamespace, VXLAN_DEVICE } from '../objects/names.ts';
import type { PeerSuspect } from '../read/traces.ts';
import { clearConntrack } from './conntrack.ts';
import { GONE, LineBatch } from './line-batch.ts';

export type RemoteContext = Readonly<{ access: KernelAccess; identity: HostIdentity; vni: number }>;
/** Refusals by key. */
type Refusals = ReadonlyMap<string, string>;

const inside = ({ identity, vni }: RemoteContext): string => routerNamespace(identity.index, vni);

export async function writePeers(
  context: RemoteContext,
  peers: readonly PeerObject[],
  suspectOf: (key: string) => PeerSuspect | undefined,
): Promise<Refusals> {
  const neighbours = new LineBatch();
  const tunnels = new LineBatch();
  for (const peer of peers) {
    const key = keyOf(peer);
    const mac = routerMac(peer.vni, peer.hostIndex);
    for (const line of suspectOf(key)?.bridge ?? []) tunnels.add(key, line, GONE);
    tunnels.add(key, `fdb replace ${mac} dev ${VXLAN_DEVICE} dst ${peer.underlay} self permanent`);
    neighbours.add(key, `neigh replace ${nextHop(peer.vni, peer.hostIndex)} lladdr ${mac} dev ${VXLAN_DEVICE} nud permanent`);
  }
  return runBoth(context, tunnels, neighbours);
}

export async function erasePeers(context: RemoteContext, peers: ReadonlyMap<string, PeerObject | PeerSuspect>): Promise<Refusals> {
  const neighbours = new LineBatch();
  const tunnels = new LineBatch();
  for (const [key, found] of peers) {
    if ('reason' in found) {
      for (const line of found.ip) neighbours.add(key, line, GONE);
      for (const line of found.bridge) tunnels.add(key, line, GONE);
      continue;
    }
    const { vni, hostIndex, underlay } = found;
    neighbours.add(key, `neigh del ${nextHop(vni, hostIndex)} dev ${VXLAN_DEVICE}`, GONE);
    tunnels.add(key, `fdb del ${routerMac(vni, hostIndex)} dev ${VXLAN_DEVICE} dst ${underlay} self`, GONE);
  }
  return runBoth(context, tunnels, neighbours);
}

async function runBoth(context: RemoteContext, tunnels: LineBatch, neighbours: LineBatch): Promise<Refusals> {
  const [one, other] = await Promise.all([
    tunnels.run((lines) => context.access.bridge(inside(context), lines)),
    neighbours.run((lines) => context.access.ip(inside(context), lines)),
  ]);
  return new Map([...one, ...other]);
}

export async function writeRoutes(context: RemoteContext, routes: readonly RouteObject[]): Promise<Refusals> {
  const lines = new LineBatch();
  for (const route of routes) {
    const via = `via ${isV4(route.address) ? 'inet6 ' : ''}${nextHop(route.vni, route.hostIndex)} dev ${VXLAN_DEVICE} onlink`;
    lines.add(keyOf(route), `route replace ${hostPrefix(route.address)} ${via} proto ${ROUTE_PROTOCOL}`);
  }
  return lines.run((each) => context.access.ip(inside(context), each));
}

/** Each by its next hop and protocol: a port, or a feature, may have taken the destination over by now. */
export async function eraseRoutes(context: RemoteContext, routes: readonly RouteObject[]): Promise<Refusals> {
  if (routes.length === 0) return new Map();
  const lines = new LineBatch();
  for (const route of routes) {
    const via = `via ${isV4(route.address) ? 'inet6 ' : ''}${nextHop(route.vni, route.hostIndex)} dev ${VXLAN_DEVICE}`;
    lines.add(keyOf(route), `route del ${hostPrefix(route.address)} ${via} proto ${ROUTE_PROTOCOL}`, GONE);
  }
  const refusals = await lines.run((each) => context.access.ip(inside(context), each));
  await clearConntrack(
    context.access,
    inside(context),
    routes.map(({ address }) => address),
  );
  return refusals;
}
