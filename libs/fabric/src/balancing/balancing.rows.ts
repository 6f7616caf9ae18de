/** Makes each row by a pure function of what it reads. Projection and oracle share these, so that fields stand in one order. */
import { provenance, type RowCause } from '../rows/provenance.ts';
import type { BalancerRow, PublicTargetRow, TargetRow } from '../rows/rows.ts';

export type BalancerToRow = Pick<BalancerRow, 'vni' | 'scheme' | 'ips' | 'ports' | 'namespace' | 'name'> &
  Readonly<{ uid: string; number: number }>;

export function balancerRow(
  { uid, namespace, name, vni, number, scheme, ips, ports }: BalancerToRow,
  causes: readonly RowCause[],
): BalancerRow {
  return { balancer: uid, namespace, name, vni, number, scheme, ips, ports, ...provenance(causes) };
}

export type TargetRead = Readonly<{ balancer: string; target: string; name: string; ips: readonly string[] }>;

export function targetRow({ balancer, target, name, ips }: TargetRead, causes: readonly RowCause[]): TargetRow {
  return { balancer, target, name, ips: [...ips], ...provenance(causes) };
}

export type PlacedTarget = TargetRead & Pick<PublicTargetRow, 'vni' | 'nic' | 'host' | 'mac'>;

export function publicTargetRow(
  { balancer, target, name, ips, vni, nic, host, mac }: PlacedTarget,
  causes: readonly RowCause[],
): PublicTargetRow {
  return { balancer, target, name, ips: [...ips], vni, nic, host, mac, ...provenance(causes) };
}
