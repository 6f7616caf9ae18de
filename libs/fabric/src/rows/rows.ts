/**
 * Rows: what a host must know to forward, grouped into tables. A row carries the highest position of the facets it reads and the events
 * behind it, so it does not depend on the path by which it was reached (DESIGN 9.8).
 */

/** Table names are topics: `hosts`; `placements.<host>` (NICs of one host); `endpoints.<vni>` (where every placed NIC address of a network is). */
export type TableName = 'hosts' | `placements.${string}` | `endpoints.${number}`;

type RowBase = Readonly<{
  /** Highest position of what the row reads, decimal. */
  position: string;
  /** Ids of the events behind it, highest position last. */
  because: string[];
}>;

/** Key: host name. */
export type HostRow = RowBase & Readonly<{ host: string; index: number; underlay: string }>;

/** Key: NIC uid. In `placements.<host>`; it exists only while the NIC's network has a VNI and the host's stream says NetworkHeld for it. */
export type PlacementRow = RowBase &
  Readonly<{
    nic: string;
    namespace: string;
    name: string;
    network: string;
    vni: number;
    /** `02:…`, six octets. */
    mac: string;
    /** Canonical text, IPv4 and IPv6. */
    ips: string[];
    /** Network namespace of the guest; absent: `weftguest-<first 12 hex of the uid>`. */
    netns?: string;
    /** Position of the placement: the link comes up only when all projectors have read that far (DESIGN 5). */
    placedAt: string;
    /** Position of the host's NetworkHeld for `vni`: the same in all rows of one host and network, so the router made for them can carry it. */
    heldAt: string;
  }>;

/** Key: NIC uid. In `endpoints.<vni>`. */
export type EndpointRow = RowBase & Readonly<{ nic: string; host: string; mac: string; ips: string[] }>;

export type Row = HostRow | PlacementRow | EndpointRow;
