/**
 * Whom a network sees under an address, and by which rows: its own interfaces, and those that the networks that are bound to it expose (provider 3.4, R-18, R-25,
 * A pure function of rows.
 *
 *   endpoints.<vni> of the network ──────────────────────────────────────────┐
 *   peerings.<vni> of the network ─┬─> exposed as a whole? ──> destinations ─┴─> the best is used
 *   endpoints.<vni> of each peer ──┘
 *
 * The longest destination is used; of equal ones that of the network itself; between peers the one that lies in the longer exposed range, then that of the
 * lower VNI. So it depends neither on who came first nor on the order of rows.
 */
import { bitsOf, familyOfIp, holdsRange, type IpPrefix, parsePrefix, rangeOf } from '@weft/api';
import { later } from '../compile/compile.rules.ts';
import { decodeEndpointRow, decodePeeringRow, endpointsTable, peeringsTable } from '../rows/rows.codec.ts';
import type { EndpointRow, TableName } from '../rows/rows.ts';
import type { FabricModel } from './evaluate.ts';

/** A row that decided. `position`: its own. */
export type DecidingRow = Readonly<{ table: TableName; key: string; position: string }>;

/** `vni`: the network that it belongs to. `destination`: what of it holds the address. `exposed`: the range that admits it; absent when it needs none. */
export type SeenDestination = Readonly<{
  vni: number;
  nic: string;
  destination: string;
  exposed?: string;
  rows: readonly DecidingRow[];
}>;

export type Visibility = Readonly<{
  /** Where packets go; absent: nobody is seen. */
  used?: SeenDestination;
  /** Others that are exposed under this address, the best first: each is used when those before it go. */
  shadowed: readonly SeenDestination[];
  /** Those that a peer has and does not expose. */
  hidden: readonly SeenDestination[];
}>;

type Found = Readonly<{ seen: SeenDestination; own: boolean; length: number; exposedLength: number; position: string }>;

/** `address`: canonical. O(rows of the network and of its peers). */
export function visibleFrom({ tables }: Pick<FabricModel, 'tables'>, vni: number, address: string): Visibility {
  const wanted: IpPrefix = { address, length: bitsOf(familyOfIp(address)), family: familyOfIp(address) };
  const found: Found[] = [];
  const hidden: Found[] = [];
  for (const { endpoint, prefix } of destinationsOf(tables, vni, wanted)) {
    found.push({ ...foundAt(vni, endpoint, prefix), own: true });
  }
  for (const [key, row] of tables.get(peeringsTable(vni)) ?? []) {
    const peering = decodePeeringRow(row);
    if (peering === undefined) continue;
    const by: DecidingRow = { table: peeringsTable(vni), key, position: peering.position };
    for (const { endpoint, prefix } of destinationsOf(tables, peering.vni, wanted)) {
      const one = foundAt(peering.vni, endpoint, prefix);
      const seen = { ...one.seen, rows: [...one.seen.rows, by] };
      if (peering.prefixes === undefined) found.push({ ...one, seen });
      else {
        const exposed = exposing(peering.prefixes, prefix);
        if (exposed === undefined) hidden.push({ ...one, seen });
        else found.push({ ...one, seen: { ...seen, exposed: textOf(exposed) }, exposedLength: exposed.length });
      }
    }
  }
  const [used, ...shadowed] = inOrder(found);
  return { ...(used && { used }), shadowed, hidden: inOrder(hidden) };
}

type Destination = Readonly<{ endpoint: EndpointRow; prefix: IpPrefix }>;

/** What endpoints of a network hold the address with, each once. */
function* destinationsOf(tables: FabricModel['tables'], vni: number, wanted: IpPrefix): Iterable<Destination> {
  for (const row of tables.get(endpointsTable(vni))?.values() ?? []) {
    const endpoint = decodeEndpointRow(row);
    for (const text of endpoint === undefined ? [] : textsOf(endpoint)) {
      const prefix = parsePrefix(text);
      if (endpoint !== undefined && prefix !== undefined && holds(prefix, wanted)) yield { endpoint, prefix };
    }
  }
}

function textsOf({ ips, prefixes = [] }: EndpointRow): readonly string[] {
  return [...ips.map((ip) => `${ip}/${bitsOf(familyOfIp(ip))}`), ...prefixes];
}

function foundAt(vni: number, { nic, position }: EndpointRow, prefix: IpPrefix): Found {
  const rows: DecidingRow[] = [{ table: endpointsTable(vni), key: nic, position }];
  return { seen: { vni, nic, destination: textOf(prefix), rows }, own: false, length: prefix.length, exposedLength: 0, position };
}

/** The longest range that holds the whole destination. */
function exposing(ranges: readonly string[], destination: IpPrefix): IpPrefix | undefined {
  let longest: IpPrefix | undefined;
  for (const text of ranges) {
    const range = parsePrefix(text);
    if (range !== undefined && holds(range, destination) && range.length > (longest?.length ?? -1)) longest = range;
  }
  return longest;
}

function holds(outer: IpPrefix, inner: IpPrefix): boolean {
  return outer.family === inner.family && outer.length <= inner.length && holdsRange(rangeOf(outer), rangeOf(inner));
}

/** The best first. One network has no doubles; while rows are on their way, the younger one counts, as in compile. */
function inOrder(found: readonly Found[]): readonly SeenDestination[] {
  return [...found].sort(comesFirst).map(({ seen }) => seen);
}

function comesFirst(a: Found, b: Found): number {
  if (a.length !== b.length) return b.length - a.length;
  if (a.own !== b.own) return a.own ? -1 : 1;
  if (a.exposedLength !== b.exposedLength) return b.exposedLength - a.exposedLength;
  if (a.seen.vni !== b.seen.vni) return a.seen.vni - b.seen.vni;
  if (a.position !== b.position) return later(a.position, b.position) ? -1 : 1;
  return a.seen.nic < b.seen.nic ? 1 : -1;
}

function textOf({ address, length }: IpPrefix): string {
  return `${address}/${length}`;
}
