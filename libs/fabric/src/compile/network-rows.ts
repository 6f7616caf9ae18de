/** Rows of the tables of networks, but for endpoints: each decoded by its kind, under `<vni>/<key>`. */
import type { JsonObject } from '@weft/api';
import { type Cause, Table, type ValuesOf } from '@weft/derive';
import { decodePolicyTableRow, POLICY_INDEXES, type PolicyTableRow } from '../policy/policy.table.ts';
import { causesOf, type Positioned, sameRow } from '../rows/provenance.ts';
import {
  decodeBalancerRow,
  decodeEdgeRow,
  decodeNatRow,
  decodePeeringRow,
  decodePublicTargetRow,
  decodePublicVirtualIpRow,
  decodeTargetRow,
  decodeVirtualIpRow,
} from '../rows/rows.codec.ts';
import type {
  BalancerRow,
  EdgeRow,
  NatRow,
  PeeringRow,
  PublicTargetRow,
  PublicVirtualIpRow,
  TargetRow,
  VirtualIpRow,
} from '../rows/rows.ts';
import { inNetwork } from './network-key.ts';

/** A row with the network whose table it is in. */
export type InNetwork<R> = Readonly<{ vni: number; key: string; row: R }>;

/** A table whose values are rows, or hold one, so that what is made of them has positions. */
export class RowTable<V extends Readonly<{ row: Positioned }>> extends Table<V> {
  causesOf({ row }: V): readonly Cause[] {
    return causesOf(row);
  }
}

export class NetworkRows<R extends Positioned> extends RowTable<InNetwork<R>> {
  readonly #decode: (row: JsonObject, key: string) => R | undefined;

  /** It has an index `network`, by VNI, beside those that features want. */
  constructor(
    name: string,
    decode: (row: JsonObject, key: string) => R | undefined,
    indexes: Readonly<Record<string, ValuesOf<InNetwork<R>>>> = {},
  ) {
    super(name, { network: ({ vni }) => [String(vni)], ...indexes });
    this.#decode = decode;
  }

  /** A row that comes again as it was, as after a reconnection, changes nothing. */
  take(vni: number, key: string, found: JsonObject | undefined): void {
    const at = inNetwork(vni, key);
    const before = this.get(at);
    const row = found && this.#decode(found, key);
    if (row === undefined) this.delete(at);
    else if (before === undefined || !sameRow(before.row, row)) this.put(at, { vni, key, row });
  }

  keysOf(vni: number): readonly string[] {
    return [...(this.indexes['network']?.members(String(vni)) ?? [])].map(([, { key }]) => key);
  }
}

/** One more kind of row that a feature reads is a line here, and one in `Here`. */
export function networkRows() {
  return {
    peerings: new NetworkRows<PeeringRow>('peerings', decodePeeringRow, { exposing: ({ row }) => [String(row.vni)] }),
    policies: new NetworkRows<PolicyTableRow>('policies', decodePolicyTableRow, POLICY_INDEXES),
    balancers: new NetworkRows<BalancerRow>('balancers', decodeBalancerRow),
    // So does a target of a public balancer in the network `PUBLIC_VNI`.
    targets: new NetworkRows<TargetRow | PublicTargetRow>('targets', (row) => decodePublicTargetRow(row) ?? decodeTargetRow(row), {
      balancer: ({ vni, row }) => [inNetwork(vni, row.balancer)],
      target: ({ vni, row }) => [inNetwork(vni, row.target)],
    }),
    // A public one says more.
    'virtual-ips': new NetworkRows<VirtualIpRow | PublicVirtualIpRow>(
      'virtual-ips',
      (row) => decodePublicVirtualIpRow(row) ?? decodeVirtualIpRow(row),
      { nic: ({ row }) => [row.nic] },
    ),
    // Of the whole fabric: in the network `PUBLIC_VNI`.
    edges: new NetworkRows<EdgeRow>('edges', decodeEdgeRow),
    nat: new NetworkRows<NatRow>('nat', decodeNatRow, { nic: ({ row }) => [row.nic], public: ({ row }) => [row.public] }),
  } as const;
}
