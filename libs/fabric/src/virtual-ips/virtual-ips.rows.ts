/** Makes each row by a pure function of what it reads. Projection and oracle share these, so that fields stand in one order. */
import { provenance, type RowCause } from '../rows/provenance.ts';
import type { PublicVirtualIpRow, VirtualIpRow } from '../rows/rows.ts';

type Seen = Pick<VirtualIpRow, 'virtualIp' | 'ip' | 'nic' | 'address'>;

export function virtualIpRow({ virtualIp, ip, nic, address }: Seen, causes: readonly RowCause[]): VirtualIpRow {
  return { virtualIp, ip, nic, address, ...provenance(causes) };
}

export function publicVirtualIpRow(
  { virtualIp, ip, nic, address, vni, host }: Seen & Pick<PublicVirtualIpRow, 'vni' | 'host'>,
  causes: readonly RowCause[],
): PublicVirtualIpRow {
  return { virtualIp, ip, nic, address, vni, host, ...provenance(causes) };
}
