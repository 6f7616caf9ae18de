/** The rows that a host follows, as sources of the engine: decoded, found by what the objects need, and what was raised. */
import type { JsonObject } from '@weft/api';
import { type Cause, Table } from '@weft/derive';
import { FEATURES } from '../features.ts';
import type { HostIdentity } from '../kernel/kernel-objects.ts';
import { causesOf, destinationsOf, sameRow } from '../rows/provenance.ts';
import type { ProjectedRow } from '../rows/row-projection.ts';
import { decodeEndpointRow, decodeHostRow, decodePlacementRow, parseTable } from '../rows/rows.codec.ts';
import { type HostRow, type PlacementRow, PUBLIC_VNI } from '../rows/rows.ts';
import { isOwn } from './compile.rules.ts';
import { EndpointTables } from './endpoint-tables.ts';
import { inNetwork } from './network-key.ts';
import { networkRows, RowTable } from './network-rows.ts';

/** Tables that a host reads rows of. Of the others it keeps which rows are there, and not what they say, until its kernel needs that. */
const READ: ReadonlySet<string | undefined> = new Set([
  ...['hosts', 'edges', 'placements', 'imports', 'endpoints'],
  ...FEATURES.flatMap(({ tables }) => tables),
]);
/** The key of this host's own row. */
export const OWN = 'own';
const NO_CAUSES: readonly string[] = [];
const UNREAD: JsonObject = {};

/** What a host keeps of a row: nobody there asks for the events behind it. */
export function keptOf(table: string, row: JsonObject): JsonObject {
  return READ.has(parseTable(table)?.kind) ? { ...row, because: NO_CAUSES as string[] } : UNREAD;
}

/** A placement on this host, and whether its link may come up. */
export type Stay = Readonly<{ row: PlacementRow; up: boolean }>;

class HostTable extends Table<HostRow> {
  causesOf(row: HostRow): readonly Cause[] {
    return causesOf(row);
  }
}

export class FollowedRows {
  /** Other hosts, by name. */
  readonly hosts = new HostTable('hosts', {
    number: ({ index }) => [String(index)],
    underlay: ({ underlay }) => [underlay],
  });
  /** That of this host, under `OWN`. */
  readonly own = new HostTable('own host');
  /** By NIC uid. */
  readonly stays = new RowTable<Stay>('stays', {
    hold: ({ row }) => [inNetwork(row.vni, row.heldAt)],
    network: ({ row }) => [String(row.vni)],
    destination: ({ row }) => destinationsOf(row).map((each) => inNetwork(row.vni, each)),
  });
  readonly endpoints = new EndpointTables('endpoints');
  /** The same rows once more, of networks that another one sees: whoever looks at each of them should not have to look at all. */
  readonly exposed = new EndpointTables('exposed endpoints');
  readonly rows = networkRows();
  readonly #identity: HostIdentity;
  readonly #down = new Map<string, PlacementRow>();

  constructor(identity: HostIdentity) {
    this.#identity = identity;
  }

  get down(): ReadonlyMap<string, PlacementRow> {
    return this.#down;
  }

  apply(table: string, changes: readonly ProjectedRow[]): void {
    const parsed = parseTable(table);
    if (parsed === undefined) return;
    for (const { key, row } of changes) {
      if (parsed.kind === 'hosts') this.#setHost(key, decodeHostRow(row));
      else if (parsed.kind === 'placements' && parsed.host === this.#identity.host) this.#setPlacement(key, decodePlacementRow(row));
      else if (parsed.kind === 'endpoints') this.#setEndpoint(parsed.vni, key, row);
      else if (parsed.kind === 'peerings') this.#setPeering(parsed.vni, key, row);
      else if ('vni' in parsed) this.rows[parsed.kind].take(parsed.vni, key, row);
      else if (parsed.kind === 'edges' || parsed.kind === 'nat') this.rows[parsed.kind].take(PUBLIC_VNI, key, row);
    }
  }

  /** Keys of the rows that are there. */
  keysOf(table: string): readonly string[] {
    const parsed = parseTable(table);
    if (parsed === undefined) return [];
    switch (parsed.kind) {
      case 'hosts':
        return [...this.hosts.keys()];
      case 'placements':
        return parsed.host === this.#identity.host ? [...this.stays.keys()] : [];
      case 'endpoints':
        return this.endpoints.nicsOf(parsed.vni);
      case 'edges':
      case 'nat':
        return this.rows[parsed.kind].keysOf(PUBLIC_VNI);
      case 'imports': // Compile does not read it.
        return [];
      default:
        return this.rows[parsed.kind].keysOf(parsed.vni);
    }
  }

  raise(nic: string): void {
    const row = this.#down.get(nic);
    if (row === undefined) return;
    this.#down.delete(nic);
    this.stays.put(nic, { row, up: true });
  }

  isUp(placement: PlacementRow): boolean {
    const stay = this.stays.get(placement.nic);
    return stay?.up === true && isSameStay(stay.row, placement);
  }

  #setEndpoint(vni: number, nic: string, found: JsonObject | undefined): void {
    const row = named(decodeEndpointRow(found), 'nic', nic);
    this.endpoints.set(vni, nic, row);
    if (this.#isExposed(vni)) this.exposed.set(vni, nic, row);
  }

  #setPeering(vni: number, key: string, found: JsonObject | undefined): void {
    const { peerings } = this.rows;
    const at = inNetwork(vni, key);
    const before = peerings.get(at)?.row.vni;
    peerings.take(vni, key, found);
    const after = peerings.get(at)?.row.vni;
    if (before !== after) for (const exposing of [before, after]) if (exposing !== undefined) this.#expose(exposing);
  }

  #isExposed(vni: number): boolean {
    return (this.rows.peerings.indexes['exposing']?.count(String(vni)) ?? 0) > 0;
  }

  /** O(rows of the network) when it becomes exposed or stops being. */
  #expose(vni: number): void {
    const exposed = this.#isExposed(vni);
    for (const { row } of [...(exposed ? this.endpoints : this.exposed).of(vni)]) this.exposed.set(vni, row.nic, exposed ? row : undefined);
  }

  #setHost(key: string, row: HostRow | undefined): void {
    const other = row === undefined || isOwn(this.#identity, row) ? undefined : row;
    set(this.hosts, key, named(other, 'host', key), sameRow);
    if (key === this.#identity.host) set(this.own, OWN, named(row, 'host', key), sameRow);
    const site = inNetwork(PUBLIC_VNI, key);
    if (this.hosts.get(key) === undefined) this.endpoints.sites.delete(site);
    else if (this.endpoints.sites.get(site) === undefined) this.endpoints.sites.put(site, true);
  }

  /** A stay that goes on keeps its link up, whatever else differs. */
  #setPlacement(key: string, decoded: PlacementRow | undefined): void {
    const row = named(decoded, 'nic', key);
    const stay = row && { row, up: this.isUp(row) };
    set(this.stays, key, stay, (a, b) => a.up === b.up && sameRow(a.row, b.row));
    if (stay === undefined || stay.up) this.#down.delete(key);
    else this.#down.set(key, stay.row);
  }
}

/** One stay of a NIC in one network on this host. */
function isSameStay(a: PlacementRow, b: PlacementRow): boolean {
  return a.vni === b.vni && a.placedAt === b.placedAt;
}

/** A row under a key that is not its own name counts as absent. */
function named<F extends string, R extends Readonly<Record<F, string>>>(row: R | undefined, field: F, key: string): R | undefined {
  return row?.[field] === key ? row : undefined;
}

/** A row that comes again as it was, as after a reconnection, changes nothing. */
function set<V>(table: Table<V>, key: string, after: V | undefined, same: (a: V, b: V) => boolean): void {
  const before = table.get(key);
  if (after === undefined) table.delete(key);
  else if (before === undefined || !same(before, after)) table.put(key, after);
}
