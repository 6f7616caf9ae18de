/** Rows of the tables of networks, but for endpoints: each decoded by its kind, under `<vni>/<key>`. */
import type { JsonObject } from '@weft/api';
import { type Cause, Table, type ValuesOf } from '@weft/derive';
import { causesOf, sameRow } from '../rows/provenance.ts';
import { decodeBalancerRow, decodePeeringRow, decodePolicyTableRow, decodeTargetRow, decodeVirtualIpRow } from '../rows/rows.codec.ts';
import type { BalancerRow, MemberRow, PeeringRow, PolicyRow, Row, TargetRow, VirtualIpRow } from '../rows/rows.ts';
import { inNetwork } from './network-key.ts';

/** A row with the network whose table it is in. */
export type InNetwork<R> = Readonly<{ vni: number; key: string; row: R }>;

/** A table whose values are rows, or hold one, so that what is made of them has positions. */
export class RowTable<V extends Readonly<{ row: Row }>> extends Table<V> {
  causesOf({ row }: V): readonly Cause[] {
    return causesOf(row);
  }
}

export class NetworkRows<R extends Row> extends RowTable<InNetwork<R>> {
  readonly #decode: (row: JsonObject | undefined) => R | undefined;

  /** It has an index `network`, by VNI, beside those that features want. */
  constructor(
    name: string,
    decode: (row: JsonObject | undefined) => R | undefined,
    indexes: Readonly<Record<string, ValuesOf<InNetwork<R>>>> = {},
  ) {
    super(name, { network: ({ vni }) => [String(vni)], ...indexes });
    this.#decode = decode;
  }

  /** A row that comes again as it was, as after a reconnection, changes nothing. */
  take(vni: number, key: string, found: JsonObject | undefined): void {
    const at = inNetwork(vni, key);
    const before = this.get(at);
    const row = this.#decode(found);
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
    policies: new NetworkRows<PolicyRow | MemberRow>('policies', decodePolicyTableRow),
    balancers: new NetworkRows<BalancerRow>('balancers', decodeBalancerRow),
    targets: new NetworkRows<TargetRow>('targets', decodeTargetRow),
    'virtual-ips': new NetworkRows<VirtualIpRow>('virtual-ips', decodeVirtualIpRow),
  } as const;
}
