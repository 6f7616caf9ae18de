/**
 * What routers know of peered networks (provider 3.4, R-25, R-26; linux-dataplane 4.1): a route for each destination that is exposed to them and that their own
 * network has not, by the tunnel to another host or by a wire to the router of that network here. Routes are all of it: what comes from a network must have a
 * source that is routed back to it, so nobody reaches what does not see him.
 *
 *   exposed endpoints ─┬─> exposures ─ by seen destination ─> the best ─┬─> routes
 *   peerings ──────────┘                                                └─ by way ─> neighbours, tunnels, wires
 */
import { bitsOf, familyOfIp, holdsRange, type IpPrefix, parsePrefix, rangeOf } from '@weft/api';
import type { Derived, Engine, Lens } from '@weft/derive';
import { later } from '../compile/compile.rules.ts';
import type { Here } from '../compile/here.ts';
import { inNetwork, networkOf, restOf } from '../compile/network-key.ts';
import type { InNetwork } from '../compile/network-rows.ts';
import type { EntryDraft, Feature } from '../kernel/feature.ts';
import { nextHop, routerMac } from '../kernel/router-names.ts';
import { wireDevice } from '../kernel/sections.ts';
import { destinationsOf } from '../rows/provenance.ts';
import type { EndpointRow, HostRow, PeeringRow } from '../rows/rows.ts';

/** A destination of an interface as one network sees it. */
type Exposure = Readonly<{
  seeing: number;
  exposing: number;
  destination: string;
  nic: string;
  host: string;
  exposedLength: number;
  position: string;
}>;
/** How packets of a network get into another one: by the tunnel to a host, or by a wire here. */
type Way = Readonly<{ seeing: number; exposing: number; host: string; destination: string; nic: string }>;

const HERE = '';
const reach: Lens<HostRow, Readonly<{ index: number; underlay: string }>> = {
  name: 'reach',
  of: ({ index, underlay }) => ({ index, underlay }),
};
const networkOfPeering: Lens<InNetwork<PeeringRow>, string> = { name: 'network', of: ({ row }) => row.network };
const nameOf: Lens<HostRow, string> = { name: 'name', of: ({ host }) => host };

export const peeringKernel: Feature = {
  name: 'peering',
  tables: ['peerings'],
  sections: [],
  chains: [],
  entries: (engine, here) => {
    const best = bestExposures(engine, here);
    return [routes(engine, here, best), ways(engine, here, best)];
  },
};

function bestExposures(engine: Engine, here: Here): Derived<Way> {
  const { rows, exposed, holds, destinations } = here;
  const exposing = rows.peerings.index('exposing');
  const exposures = engine.map<readonly Exposure[]>('exposures', exposed, (key, read) => {
    const endpoint = read.get(exposed, key);
    if (endpoint === undefined) return undefined;
    const found: Exposure[] = [];
    for (const { vni: seeing, row } of read.rows(exposing, String(endpoint.vni))) {
      if (read.any(holds, String(seeing))) found.push(...exposuresTo(seeing, endpoint.vni, endpoint.row, row));
    }
    return found.length > 0 ? found : undefined;
  });
  const bySeen = exposures.index('seen', (found) => found.map(({ seeing, destination }) => inNetwork(seeing, destination)));
  return engine.group<Way>('ways of destinations', bySeen, (seen, read) => {
    if (read.any(destinations, seen)) return undefined; // The network's own goes before those of its peers.
    let best: Exposure | undefined;
    for (const each of read.rows(bySeen, seen)) {
      for (const exposure of each) {
        if (inNetwork(exposure.seeing, exposure.destination) === seen && (best === undefined || goesBefore(exposure, best)))
          best = exposure;
      }
    }
    if (best === undefined) return undefined;
    const { seeing, destination, nic } = best;
    const host = best.host === here.identity.host ? HERE : best.host;
    return { seeing, exposing: best.exposing, host, destination, nic };
  });
}

/** Each destination as a whole: one that is wider than what is exposed is not seen. */
function exposuresTo(
  seeing: number,
  exposing: number,
  { nic, host, position, ...row }: EndpointRow,
  { prefixes }: PeeringRow,
): readonly Exposure[] {
  const ranges = prefixes?.flatMap((text) => parsePrefix(text) ?? []);
  return destinationsOf(row).flatMap((destination) => {
    const exposedLength = ranges === undefined ? 0 : longest(ranges, prefixOf(destination));
    return exposedLength === undefined ? [] : { seeing, exposing, destination, nic, host, exposedLength, position };
  });
}

function prefixOf(destination: string): IpPrefix | undefined {
  return parsePrefix(destination.includes('/') ? destination : `${destination}/${bitsOf(familyOfIp(destination))}`);
}

/** Length of the longest range that holds it. */
function longest(ranges: readonly IpPrefix[], destination: IpPrefix | undefined): number | undefined {
  if (destination === undefined) return undefined;
  const holding = ranges.filter(
    (range) =>
      range.family === destination.family && range.length <= destination.length && holdsRange(rangeOf(range), rangeOf(destination)),
  );
  return holding.length === 0 ? undefined : Math.max(...holding.map(({ length }) => length));
}

/** Of two peers the one whose exposed range is longer, then the lower VNI. One network has no doubles; while rows are on their way, the younger counts. */
function goesBefore(a: Exposure, b: Exposure): boolean {
  if (a.exposedLength !== b.exposedLength) return a.exposedLength > b.exposedLength;
  if (a.exposing !== b.exposing) return a.exposing < b.exposing;
  return a.position === b.position ? a.nic > b.nic : later(a.position, b.position);
}

/** The number of another host: undefined while another one claims it. */
function numberOf(
  read: Parameters<Parameters<Engine['map']>[2]>[1],
  { hosts, numbers }: Here,
  host: string,
): Readonly<{ index: number; underlay: string }> | undefined {
  const found = read.see(hosts, reach, host);
  return found !== undefined && read.see(numbers, nameOf, String(found.index)) === host ? found : undefined;
}

function routes(engine: Engine, here: Here, best: Derived<Way>): Derived<readonly EntryDraft[]> {
  return engine.map<readonly EntryDraft[]>('routes to peers', best, (seen, read) => {
    const way = read.get(best, seen);
    if (way === undefined) return undefined;
    const { exposing, host, destination, nic } = way;
    const vni = Number(networkOf(seen));
    const owner = `NetworkInterface/${nic}`;
    if (host === HERE) {
      if (!read.any(here.holds, String(exposing))) return undefined;
      const value = `${nextHop(exposing, here.identity.index)} ${wireDevice(exposing)}`;
      return [{ vni, section: 'routes', key: destination, value, owner }];
    }
    const index = numberOf(read, here, host)?.index;
    return index === undefined ? undefined : [{ vni, section: 'routes', key: destination, value: `${nextHop(exposing, index)} vx`, owner }];
  });
}

function ways(engine: Engine, here: Here, best: Derived<Way>): Derived<readonly EntryDraft[]> {
  const { identity, holds } = here;
  const byWay = best.index('way', ({ seeing, exposing, host }) => [inNetwork(seeing, inNetwork(exposing, host))]);
  return engine.group<readonly EntryDraft[]>('ways to peers', byWay, (way, read) => {
    const [vni, exposing, host] = [Number(networkOf(way)), Number(networkOf(restOf(way))), restOf(restOf(way))];
    const owner = `Network/${read.see(here.rows.peerings, networkOfPeering, inNetwork(vni, exposing)) ?? exposing}`;
    if (!read.any(byWay, way)) return undefined;
    if (host === HERE) {
      if (!read.any(holds, String(exposing))) return undefined;
      const key = `${wireDevice(exposing)} ${nextHop(exposing, identity.index)}`;
      return [...wire(vni, exposing, owner), { vni, section: 'neighbours', key, value: routerMac(exposing, identity.index), owner }];
    }
    const peer = numberOf(read, here, host);
    if (peer === undefined) return undefined;
    const mac = routerMac(exposing, peer.index);
    return [
      { vni, section: 'neighbours', key: `vx ${nextHop(exposing, peer.index)}`, value: mac, owner },
      { vni, section: 'tunnels', key: mac, value: `${peer.underlay} ${exposing}`, owner },
    ];
  });
}

/** Both routers want it, whichever of them sees the other. */
function wire(vni: number, to: number, owner: string): readonly EntryDraft[] {
  return [
    { vni, section: 'wires', key: String(to), owner },
    { vni: to, section: 'wires', key: String(vni), owner },
  ];
}
