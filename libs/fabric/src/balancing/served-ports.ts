import type { BalancerRow } from '../rows/rows.ts';

/** `ports`: as nft has them, `80` or `80-90`. */
export type Served = Readonly<{ protocol: string; ports: string }>;

/** What a balancer lets through, by protocol, as ranges that do not touch. */
export function servedPorts(ports: BalancerRow['ports']): readonly Served[] {
  if (ports.length === 0) return ['tcp', 'udp', 'sctp'].map((protocol) => ({ protocol, ports: '0-65535' }));
  const served: { protocol: string; first: number; last: number }[] = [];
  const sorted = ports.map((each) => ({ ...each, protocol: each.protocol.toLowerCase() }));
  for (const each of sorted.sort((a, b) => (a.protocol === b.protocol ? a.first - b.first : a.protocol < b.protocol ? -1 : 1))) {
    const before = served.at(-1);
    if (before === undefined || before.protocol !== each.protocol || each.first > before.last + 1) served.push({ ...each });
    else before.last = Math.max(before.last, each.last);
  }
  return served.map(({ protocol, first, last }) => ({ protocol, ports: first === last ? String(first) : `${first}-${last}` }));
}
