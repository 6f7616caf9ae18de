import { EVERYTHING, type Folded, type Position } from '@weft/api';
import type { HostTypes } from '@weft/network';

/** How far a host has applied each table, as it has reported; each is read once. */
export function reachOf({ facts: { applied = {} } }: Folded<HostTypes>): (table: string) => Position {
  const everything = BigInt(applied[EVERYTHING] ?? 0);
  const known = new Map<string, Position>();
  return (table) => {
    let rev = known.get(table);
    if (rev === undefined) {
      const own = BigInt(applied[table] ?? 0);
      known.set(table, (rev = own > everything ? own : everything));
    }
    return rev;
  };
}
