/**
 * Rows: what a host must know to forward, grouped into tables. A row carries the highest position of the facets it reads and the events
 * behind it, so it does not depend on the path by which it was reached (DESIGN 9.8).
 */
import { type Static, Type } from '@sinclair/typebox';
import type { Context } from '@weft/api';

/**
 * The tables of a network, and which context publishes each: `endpoints.<vni>` says where every placed NIC address of it is, `peerings.<vni>` which other
 * networks it sees. One more kind of table is a line here, its schema below, and its rows.
 */
export const NETWORK_TABLES = { endpoints: 'network', peerings: 'network' } as const satisfies Readonly<Record<string, Context>>;
export type NetworkTable = keyof typeof NETWORK_TABLES;
/** Those that a host follows of a network which it imports: what it needs of it to forward from the networks that are peered with it (ADR 29). */
export const IMPORTED_TABLES: readonly NetworkTable[] = ['endpoints'];

/** Table names are topics: `hosts`; `placements.<host>` (NICs of one host); `imports.<host>` (networks that it follows for its own); `<kind>.<vni>`. */
export type TableName = 'hosts' | `placements.${string}` | `imports.${string}` | `${NetworkTable}.${number}`;

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
  /** Ranges that are routed to it beside its addresses, in canonical text without host bits; absent: none. */
  prefixes: Type.Optional(Type.Array(text)),
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

/**
 * Key: VNI of the other network, decimal. In `peerings.<vni>`: the network with this VNI and the one in the row accept each other, and addresses of that one
 * are visible from here when they lie in one of `prefixes` as a whole. Without `prefixes` all are, with an empty list none is (provider 3.4).
 */
export type PeeringRow = Readonly<Static<typeof peeringRow>>;
export const peeringRow = Type.Object({
  ...provenance,
  /** The other network, which exposes. */
  vni,
  /** `<namespace>/<name>` of it, for people. */
  network: text,
  prefixes: Type.Optional(Type.Array(text)),
});

/** Key: the VNI, decimal. In `imports.<host>`: the host's stream says that it imports this network, so rows of it may go there. */
export type ImportRow = Readonly<Static<typeof importRow>>;
export const importRow = Type.Object({ ...provenance, vni });

export type Row = HostRow | PlacementRow | EndpointRow | PeeringRow | ImportRow;

/** By key. */
export type Tables = ReadonlyMap<TableName, ReadonlyMap<string, Row>>;
