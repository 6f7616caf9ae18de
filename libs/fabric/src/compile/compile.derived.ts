/**
 * What each kernel object is, as functions of the rows that they read. The engine asks again those, and only those, who read what a change touches.
 *
 *   hosts ──────────── by underlay ──────────────────────> guards
 *     └─ by number ──> numbers ──┐
 *   hosts in networks ───────────┴──> sites ── by number ─> peers
 *     └── narrow hosts, peerings ── by network ──────────> routers
 *                      ┌───────────────┘ └── number ──┐
 *   endpoints ─────────│── by destination ───────────┬┴──> routes
 *   stays ─────────────│── by destination ───────────┘
 *     ├─ by hold ──> holds ── by network ────────────────> routers
 *     └──────────────────────────────────────────────────> ports
 *   all of these, and the other rows of networks ── features ──> entries
 */
import type { Collection, Derived, Engine, Lens, Read } from '@weft/derive';
import { deriveChecks, type TargetCheck } from '../balancing/checks.ts';
import type { Feature } from '../kernel/feature.ts';
import type {
  EntryObject,
  GuardObject,
  HostIdentity,
  PeerObject,
  PortObject,
  RouteObject,
  RouterObject,
} from '../kernel/kernel-objects.ts';
import { type EndpointRow, type HostRow, PUBLIC_VNI } from '../rows/rows.ts';
import { deriveEntries, type PlacedBlock } from './compile.entries.ts';
import { guardObject, hostOf, later, nicOf, peerObject, portObject, routeObject, routerObject, winner } from './compile.rules.ts';
import type { Endpoint } from './endpoint-tables.ts';
import { type FollowedRows, OWN, type Stay } from './followed-rows.ts';
import type { Here } from './here.ts';
import { inNetwork, networkOf, restOf } from './network-key.ts';
import { overlayMtu } from './overlay-mtu.ts';

/** Each under the key of its object without the kind: the keys of `routes` are `<vni>/<address or range>`. */
export type DerivedObjects = Readonly<{
  router: Derived<RouterObject>;
  peer: Derived<PeerObject>;
  port: Derived<PortObject>;
  route: Derived<RouteObject>;
  guard: Derived<GuardObject>;
  /** Absent without features. */
  entry?: Derived<EntryObject>;
}>;
export type DerivedParts = Readonly<{ objects: DerivedObjects; blocks?: Derived<PlacedBlock>; checks: Derived<TargetCheck> }>;

const numberOfHost: Lens<HostRow, number> = { name: 'number', of: ({ index }) => index };
const networkOfStay: Lens<Stay, string> = { name: 'network', of: ({ row }) => String(row.vni) };
const tunnelMtu: Lens<HostRow, number> = {
  name: 'tunnel mtu',
  of: ({ underlay, mtu }) => (mtu === undefined ? undefined : overlayMtu(underlay, mtu)),
};
/** Routes read no more of a site: it may change its underlay address without a look at any of them. */
const numberOfSite: Lens<PeerObject, number> = { name: 'number', of: ({ hostIndex }) => hostIndex };

export function deriveObjects(engine: Engine, identity: HostIdentity, rows: FollowedRows, features: readonly Feature[]): DerivedParts {
  const hosts = engine.source(rows.hosts);
  const endpoints = engine.source(rows.endpoints);
  const { rows: tables, stays, published, side } = publicSide(engine, identity, rows, features);
  const hostsInNetworks = engine.source(rows.endpoints.sites);
  const hostsByUnderlay = hosts.index('underlay');
  const hostsByNumber = hosts.index('number');
  const destinations = engine.join<Endpoint | Stay>('destination', endpoints.index('destination'), stays.index('destination'));

  /** The host that has a number: one of those that claim it. */
  const numbers = engine.group<HostRow>('numbers', hostsByNumber, (number, read) => winner(read.rows(hostsByNumber, number), hostOf));

  /** `heldAt` of the placements of a network: one, but for an instant. */
  const holds = engine.group<string>('holds', stays.index('hold'), restOf);
  const holdsByNetwork = holds.index('network', (_, hold) => [networkOf(hold)]);
  const routersHere = engine.join<unknown>('networks here', holdsByNetwork, ...side);

  /** Other hosts with endpoints in a network that is here. */
  const sites = engine.map<PeerObject>('sites', hostsInNetworks, (site, read) => {
    const vni = networkOf(site);
    if (!read.any(routersHere, vni)) return undefined;
    const name = restOf(site);
    const number = read.see(hosts, numberOfHost, name);
    const host = number === undefined ? undefined : read.get(numbers, String(number));
    return host?.host === name ? peerObject(identity, Number(vni), host) : undefined;
  });
  const sitesByNumber = sites.index('number', ({ vni, hostIndex }) => [inNetwork(vni, hostIndex)]);

  const here: Here = {
    identity,
    hosts,
    numbers,
    stays,
    staysOfNetwork: stays.index('network'),
    endpoints,
    exposed: engine.source(rows.exposed),
    destinations,
    holds: routersHere,
    published,
    sites,
    rows: tables,
  };
  const { entry, blocks } = deriveEntries(engine, here, features);
  const narrow = narrowestIn(engine, rows, hosts, hostsInNetworks, tables.peerings);

  const objects: DerivedObjects = {
    ...(entry !== undefined && { entry }),
    guard: engine.group<GuardObject>('guards', hostsByUnderlay, (underlay, read) => {
      const host = winner(read.rows(hostsByUnderlay, underlay), hostOf);
      return host && guardObject(underlay, host.position);
    }),
    router: engine.group<RouterObject>('routers', routersHere, (vni, read) => {
      const heldAt = vni === String(PUBLIC_VNI) ? '0' : latest(read.rows(holdsByNetwork, vni));
      return heldAt === undefined ? undefined : routerObject(Number(vni), heldAt, narrow(vni, read));
    }),
    port: engine.map<PortObject>('ports', stays, (nic, read) => {
      const stay = read.get(stays, nic);
      return stay && portObject(stay.row, stay.up);
    }),
    peer: engine.group<PeerObject>('peers', sitesByNumber, (at, read) => firstOf(read.rows(sitesByNumber, at))),
    route: engine.group<RouteObject>('routes', destinations, (at, read) => {
      const endpoint = winnerElsewhere(read.rows(destinations, at));
      if (endpoint === undefined) return undefined;
      const vni = Number(networkOf(at));
      const number = read.see(sites, numberOfSite, inNetwork(vni, endpoint.host));
      return number === undefined ? undefined : routeObject(vni, restOf(at), number, endpoint);
    }),
  };
  return { objects, ...(blocks && { blocks }), checks: deriveChecks(engine, here) };
}

/**
 * The public side of this host: it is there when somebody here has something public, or public packets come in here.
 */
function publicSide(engine: Engine, { host }: HostIdentity, followed: FollowedRows, features: readonly Feature[]) {
  const rows: Here['rows'] = {
    peerings: engine.source(followed.rows.peerings),
    policies: engine.source(followed.rows.policies),
    balancers: engine.source(followed.rows.balancers),
    targets: engine.source(followed.rows.targets),
    'virtual-ips': engine.source(followed.rows['virtual-ips']),
    edges: engine.source(followed.rows.edges),
    nat: engine.source(followed.rows.nat),
  };
  const reasons = features.flatMap(({ publishes }) => publishes?.(rows, engine) ?? []);
  const stays = engine.source(followed.stays);
  const publishedNics = engine.map<string>('published interfaces', stays, (nic, read) => {
    const vni = read.see(stays, networkOfStay, nic) ?? '';
    return reasons.some((reason) => read.any(reason, nic) || read.any(reason, vni)) ? vni : undefined;
  });
  const ownEdge = engine.map<true>('own edge', rows.edges, (key) => (restOf(key) === host ? true : undefined));
  const onSide = (): readonly string[] => [String(PUBLIC_VNI)];
  return {
    rows,
    stays,
    published: publishedNics.index('network', (vni) => [vni]),
    side: [publishedNics.index('side', onSide), ownEdge.index('side', onSide)] as const,
  };
}

/** The least that a host takes of those that a network's packets go to, where that is less than what this one takes: also of networks that it sees (ADR 71). */
function narrowestIn(
  engine: Engine,
  { own }: FollowedRows,
  hosts: Collection<HostRow>,
  hostsInNetworks: Collection<true>,
  peerings: Here['rows']['peerings'],
): (vni: string, read: Read) => number | undefined {
  const ownMtu = engine.source(own);
  const narrowHosts = engine.map<number>('narrow hosts', hosts, (name, read) => {
    const [theirs, ours] = [read.see(hosts, tunnelMtu, name), read.see(ownMtu, tunnelMtu, OWN)];
    return theirs !== undefined && ours !== undefined && theirs < ours ? theirs : undefined;
  });
  const narrowSites = engine.map<number>('narrow hosts in networks', hostsInNetworks, (site, read) => read.get(narrowHosts, restOf(site)));
  const byNetwork = narrowSites.index('network', (_, site) => [networkOf(site)]);
  const peeringsByNetwork = peerings.index('network');
  return (vni, read) => {
    let least: number | undefined;
    const seen = [...read.rows(peeringsByNetwork, vni)].map(({ row }) => String(row.vni));
    for (const each of [vni, ...seen]) for (const mtu of read.rows(byNetwork, each)) least = Math.min(mtu, least ?? mtu);
    return least;
  };
}

/** What a NIC on this host has is local, whoever else claims it. */
function winnerElsewhere(claims: Iterable<Endpoint | Stay>): EndpointRow | undefined {
  let best: EndpointRow | undefined;
  for (const claim of claims) {
    if ('up' in claim) return undefined;
    best = best === undefined ? claim.row : winner([best, claim.row], nicOf);
  }
  return best;
}

function latest(positions: Iterable<string>): string | undefined {
  let last: string | undefined;
  for (const each of positions) if (last === undefined || later(each, last)) last = each;
  return last;
}

/** The only one, where there can be no more. */
function firstOf<V>(values: Iterable<V>): V | undefined {
  for (const value of values) return value;
  return undefined;
}
