/** Makes each row by a pure function of what it reads. */
import type { EndpointRow, HostRow, PlacementRow, Row, TableName } from '../rows/rows.ts';
import { type HostRead, macOfNic, type NicRead } from './routing.reads.ts';

export type Tables = ReadonlyMap<TableName, ReadonlyMap<string, Row>>;

/** An event behind a row. */
export type RowCause = Readonly<{ position: bigint; eventId: string }>;

export function hostRow({ host, index, underlay }: HostRead, causes: readonly RowCause[]): HostRow {
  return { host, index, underlay, ...provenance(causes) };
}

/** An interface is an endpoint as soon as it is placed and its network has a number. */
export function endpointRow(nic: NicRead, vni: number, causes: readonly RowCause[]): EndpointRow | undefined {
  const mac = macOfNic(nic, vni);
  return mac === undefined ? undefined : { nic: nic.uid, host: nic.host, mac, ips: nic.ips, ...provenance(causes) };
}

/** An interface is in the placements of its host only once that host's own stream says that the host holds the network (DESIGN 9.9). */
export function placementRow(nic: NicRead, vni: number, heldAt: string, causes: readonly RowCause[]): PlacementRow | undefined {
  const mac = macOfNic(nic, vni);
  if (mac === undefined) return undefined;
  const { uid, namespace, name, network, ips, netns, placedAt } = nic;
  return {
    nic: uid,
    namespace,
    name,
    network,
    vni,
    mac,
    ips,
    ...(netns !== undefined && { netns }),
    placedAt,
    heldAt,
    ...provenance(causes),
  };
}

/** The highest position, and the ids of the events in position order. `causes` must be distinct, oldest first. */
function provenance(causes: readonly RowCause[]): Readonly<{ position: string; because: string[] }> {
  return { position: (causes.at(-1)?.position ?? 0n).toString(), because: causes.map(({ eventId }) => eventId) };
}

/** Rows are flat: scalars and lists of strings. */
export function sameRow(a: Row, b: Row): boolean {
  return a === b || (a.position === b.position && JSON.stringify(a) === JSON.stringify(b));
}
