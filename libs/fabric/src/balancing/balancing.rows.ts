/** Makes each row by a pure function of what it reads. Projection and oracle share these, so that fields stand in one order. */
import { provenance, type RowCause } from '../rows/provenance.ts';
import type { BalancerRow, PublicTargetRow, TargetRow } from '../rows/rows.ts';

export type BalancerToRow = Pick<BalancerRow, 'vni' | 'scheme' | 'ips' | 'ports' | 'check' | 'namespace' | 'name'> &
  Readonly<{ uid: string; number: number }>;

export function balancerRow(
  { uid, namespace, name, vni, number, scheme, ips, ports, check }: BalancerToRow,
  causes: readonly RowCause[],
): BalancerRow {
  return { balancer: uid, namespace, name, vni, number, scheme, ips, ports, ...(check && { check }), ...provenance(causes) };
}

export type TargetRead = Readonly<{ balancer: string; target: string; name: string; ips: readonly string[]; failed?: true }>;

export function targetRow({ balancer, target, name, ips, failed }: TargetRead, causes: readonly RowCause[]): TargetRow {
  return { balancer, target, name, ips: [...ips], ...(failed && { failed }), ...provenance(causes) };
}

export type PlacedTarget = TargetRead & Pick<PublicTargetRow, 'vni' | 'nic' | 'host' | 'mac'>;

export function publicTargetRow(
  { balancer, target, name, ips, failed, vni, nic, host, mac }: PlacedTarget,
  causes: readonly RowCause[],
): PublicTargetRow {
  return { balancer, target, name, ips: [...ips], ...(failed && { failed }), vni, nic, host, mac, ...provenance(causes) };
}
