/** Makes each row by a pure function of what it reads. */
import { provenance, type RowCause } from '../rows/provenance.ts';
import type { EndpointRow, HostRow, PlacementRow } from '../rows/rows.ts';
import { type HostRead, macOfNic, type NicRead } from './routing.reads.ts';

export function hostRow({ host, index, underlay, mtu }: HostRead, causes: readonly RowCause[]): HostRow {
  return { host, index, underlay, ...(mtu !== undefined && { mtu }), ...provenance(causes) };
}

/** An interface is an endpoint as soon as it is placed and its network has a number. */
export function endpointRow(nic: NicRead, vni: number, causes: readonly RowCause[]): EndpointRow | undefined {
  const mac = macOfNic(nic, vni);
  if (mac === undefined) return undefined;
  const { uid, host, ips, prefixes } = nic;
  return { nic: uid, host, mac, ips, ...(prefixes && { prefixes }), ...provenance(causes) };
}

/** An interface is in the placements of its host only once that host's own stream says that the host holds the network (DESIGN 9.9). */
export function placementRow(nic: NicRead, vni: number, heldAt: string, causes: readonly RowCause[]): PlacementRow | undefined {
  const mac = macOfNic(nic, vni);
  if (mac === undefined) return undefined;
  const { uid, namespace, name, network, ips, prefixes, guest, placedAt } = nic;
  return {
    nic: uid,
    namespace,
    name,
    network,
    vni,
    mac,
    ips,
    ...(prefixes && { prefixes }),
    ...guest,
    placedAt,
    heldAt,
    ...provenance(causes),
  };
}
