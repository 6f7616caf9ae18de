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
import { holdsRange, type IpPrefix, parsePrefix, rangeOf } from '@weft/api';
import { later } from '../compile/compile.rules.ts';
import { peeringsOfNetwork } from '../peering/peering.lookups.ts';
import { endpointsByPrefix } from '../routing/routing.lookups.ts';
import { type RowIndex, rowsHolding } from '../rows/row-index.ts';
import { endpointsTable, peeringsTable } from '../rows/rows.codec.ts';
import type { DecidingRow } from './packet.ts';

/** `vni`: the network that it belongs to. `destination`: what of it holds the address. `exposed`: the range that admits it; absent when it needs none. */
export type SeenDestination = Readonly<{
  vni: number;
  nic: string;
  host: string;
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

type Found = Readonly<{ seen: SeenDestination; prefix: IpPrefix; own: boolean; length: number; exposedLength: number; position: string }>;

/** `address`: canonical. O(peerings of the network). */
export function visibleFrom(rows: RowIndex, vni: number, address: string): Visibility {
  const found: Found[] = [...destinationsIn(rows, vni, address)].map((each) => ({ ...each, own: true }));
  const hidden: Found[] = [];
  const table = peeringsTable(vni);
  for (const { key, row: peering } of rows.find(peeringsOfNetwork, '', table)) {
    const by = { table, key, row: peering };
    for (const one of destinationsIn(rows, peering.vni, address)) {
      const seen = { ...one.seen, rows: [...one.seen.rows, by] };
      if (peering.prefixes === undefined) found.push({ ...one, seen });
      else {
        const exposed = exposing(peering.prefixes, one.prefix);
        if (exposed === undefined) hidden.push({ ...one, seen });
        else found.push({ ...one, seen: { ...seen, exposed: textOf(exposed) }, exposedLength: exposed.length });
      }
    }
  }
  const [used, ...shadowed] = inOrder(found);
  return { ...(used && { used }), shadowed, hidden: inOrder(hidden) };
}

/** What of the endpoints of a network holds the address. */
function* destinationsIn(rows: RowIndex, vni: number, address: string): Iterable<Found> {
  const table = endpointsTable(vni);
  for (const { key, row, prefix } of rowsHolding(rows, endpointsByPrefix, address, table)) {
    const { nic, host, position } = row;
    const seen: SeenDestination = { vni, nic, host, destination: textOf(prefix), rows: [{ table, key, row }] };
    yield { seen, prefix, own: false, length: prefix.length, exposedLength: 0, position };
  }
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
