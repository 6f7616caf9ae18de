/** Who serves the traffic of a balancer, from its rows: what every host that balances makes its table of. */
import { familyOfIp, type IpFamily } from '@weft/api';
import { TARGETS_MAX } from '@weft/lb';
import type { TargetRow } from '../rows/rows.ts';
import { type BucketTable, bucketTable } from './bucket-table.ts';

/** The table of one family, and the address that each of its targets has in that family. */
export type Backends = Readonly<{ table: BucketTable; addressOf: ReadonlyMap<string, string> }>;

/**
 * The backends of a balancer in one family, of all its targets, in any order. A target without an address of the family serves none of it; of more than
 * `TARGETS_MAX` targets, the first ones by name serve, and then by what the table knows them by. Those that fail their check serve only where all do: a check
 * may be wrong, and nobody is worse than somebody. Undefined when nobody serves.
 */
export function backendsOf(targets: Iterable<TargetRow>, family: IpFamily): Backends | undefined {
  const all = [...targets];
  const serving = all.length > TARGETS_MAX ? all.sort(byName).slice(0, TARGETS_MAX) : all;
  const addressOf = new Map<string, string>();
  const failing = new Map<string, string>();
  for (const { target, ips, failed } of serving) {
    const ip = ips.find((each) => familyOfIp(each) === family);
    if (ip !== undefined) (failed === true ? failing : addressOf).set(target, ip);
  }
  if (addressOf.size === 0) for (const [target, ip] of failing) addressOf.set(target, ip);
  const table = bucketTable(addressOf.keys());
  return table && { table, addressOf };
}

function byName(a: TargetRow, b: TargetRow): number {
  if (a.name !== b.name) return a.name < b.name ? -1 : 1;
  return a.target < b.target ? -1 : 1;
}
