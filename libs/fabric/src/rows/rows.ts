/**
 * Rows: what a host must know to forward, grouped into tables. A row carries the highest position of the facets it reads and the events
 * behind it, so it does not depend on the path by which it was reached (DESIGN 9.8).
 */
import { type Static, Type } from '@sinclair/typebox';
import type { Context } from '@weft/api';

/**
 * The tables of a network, and which context publishes each: `endpoints.<vni>` says where every placed NIC address of it is. One more kind of table is a line
 * here, its schema below, and its rows.
 */
export const NETWORK_TABLES = { endpoints: 'network' } as const satisfies Readonly<Record<string, Context>>;
export type NetworkTable = keyof typeof NETWORK_TABLES;

/** Table names are topics: `hosts`; `placements.<host>` (NICs of one host); `<kind>.<vni>`. */
export type TableName = 'hosts' | `placements.${string}` | `${NetworkTable}.${number}`;

const text = Type.String({ minLength: 1 });
/** A position, decimal. */
const position = Type.String({ pattern: '^[0-9]+$' });
const vni = Type.Integer({ minimum: 0, maximum: 0xffffff });
const provenance = {
  /** Highest position of what the row reads. */
  position,
  /** Ids of the events behind the row, highest position last. */
  because: Type.Array(text),
};
const nicFields = {
  nic: text,
  /** Six octets. */
  mac: text,
  /** Canonical text, IPv4 and IPv6. */
  ips: Type.Array(text),
};

/** Key: host name. */
export type HostRow = Readonly<Static<typeof hostRow>>;
export const hostRow = Type.Object({ ...provenance, host: text, index: Type.Integer({ minimum: 0, maximum: 0xffff }), underlay: text });

/** Key: NIC uid. In `placements.<host>`; it exists only while the NIC's network has a VNI and the host's stream says NetworkHeld for it. */
export type PlacementRow = Readonly<Static<typeof placementRow>>;
export const placementRow = Type.Object({
  ...provenance,
  ...nicFields,
  namespace: text,
  name: text,
  network: text,
  vni,
  /** Network namespace of the guest; absent: `weftguest-<first 12 hex of the uid>`. */
  netns: Type.Optional(text),
  /** Position of the placement: the link comes up only when all projectors have read that far (DESIGN 5). */
  placedAt: position,
  /** Position of the host's NetworkHeld for `vni`: the same in all rows of one host and network, so the router made for them can carry it. */
  heldAt: position,
});

/** Key: NIC uid. In `endpoints.<vni>`. */
export type EndpointRow = Readonly<Static<typeof endpointRow>>;
export const endpointRow = Type.Object({ ...provenance, ...nicFields, host: text });

export type Row = HostRow | PlacementRow | EndpointRow;

/** By key. */
export type Tables = ReadonlyMap<TableName, ReadonlyMap<string, Row>>;
