/** The rows that a host follows, as sources of the engine: decoded, found by what the objects need, and what was raised. */
import type { JsonObject } from '@weft/api';
import { Table } from '@weft/derive';
import type { HostIdentity } from '../kernel/kernel-objects.ts';
import { sameRow } from '../rows/provenance.ts';
import type { ProjectedRow } from '../rows/row-projection.ts';
import { decodeEndpointRow, decodeHostRow, decodePlacementRow, parseTable } from '../rows/rows.codec.ts';
import type { HostRow, PlacementRow } from '../rows/rows.ts';
import { isOwn } from './compile.rules.ts';
import { EndpointTables } from './endpoint-tables.ts';
import { inNetwork } from './network-key.ts';

/** Tables that a host reads rows of. Of the others it keeps which rows are there, and not what they say, until its kernel needs that. */
const READ: ReadonlySet<string | undefined> = new Set(['hosts', 'edges', 'placements', 'imports', 'endpoints']);
const NO_CAUSES: readonly string[] = [];
const UNREAD: JsonObject = {};

/** What a host keeps of a row: nobody there asks for the events behind it. */
export function keptOf(table: string, row: JsonObject): JsonObject {
  return READ.has(parseTable(table)?.kind) ? { ...row, because: NO_CAUSES as string[] } : UNREAD;
}

/** A placement on this host, and whether its link may come up. */
export type Stay = Readonly<{ row: PlacementRow; up: boolean }>;

export class FollowedRows {
  /** Other hosts, by name. */
  readonly hosts = new Table<HostRow>('hosts', {
    number: ({ index }) => [String(index)],
    underlay: ({ underlay }) => [underlay],
  });
  /** By NIC uid. */
  readonly stays = new Table<Stay>('stays', {
    hold: ({ row }) => [inNetwork(row.vni, row.heldAt)],
    address: ({ row }) => row.ips.map((ip) => inNetwork(row.vni, ip)),
  });
  readonly endpoints = new EndpointTables();
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
    for (const { key, row } of changes) {
      if (parsed?.kind === 'hosts') this.#setHost(key, decodeHostRow(row));
      else if (parsed?.kind === 'placements' && parsed.host === this.#identity.host) this.#setPlacement(key, decodePlacementRow(row));
      else if (parsed?.kind === 'endpoints') this.endpoints.set(parsed.vni, key, named(decodeEndpointRow(row), 'nic', key));
    }
  }

  /** Keys of the rows that are there. */
  keysOf(table: string): readonly string[] {
    const parsed = parseTable(table);
    switch (parsed?.kind) {
      case 'hosts':
        return [...this.hosts.keys()];
      case 'placements':
        return parsed.host === this.#identity.host ? [...this.stays.keys()] : [];
      case 'endpoints':
        return this.endpoints.nicsOf(parsed.vni);
      default: // A table that compile does not read.
        return [];
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

  #setHost(key: string, row: HostRow | undefined): void {
    const other = row === undefined || isOwn(this.#identity, row) ? undefined : row;
    set(this.hosts, key, named(other, 'host', key), sameRow);
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
