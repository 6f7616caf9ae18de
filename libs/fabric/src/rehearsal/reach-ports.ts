/** Which ports policies and balancers tell apart: one packet for each part, from each protocol. */
import type { Protocol } from '../evaluate/packet.ts';
import type { PolicyRule } from '../rows/rows.ts';

/** Both inclusive; without them the protocol has no ports, or all are alike. */
export type PortPart = Readonly<{ protocol: Protocol; first?: number; last?: number }>;

const WITH_PORTS = ['TCP', 'UDP', 'SCTP'] as const;
const PORT_MAX = 65_535;
/** More parts of one protocol are not told apart. */
const PARTS_MAX = 64;

type Ranged = Readonly<{ protocol: string; first: number; last: number }>;

/** Of whom no rule says anything: one packet stands for all. */
export const ANY_PART: readonly PortPart[] = [{ protocol: 'TCP' }];

/** `rules`: those that may admit what is asked about; `served`: ports of balancers. */
export function partsOf(rules: readonly PolicyRule[], served: readonly Ranged[] = []): readonly PortPart[] {
  const ranges: Ranged[] = [...served];
  for (const { ports } of rules) {
    for (const { protocol, ports: range } of ports === 'any' ? [] : ports)
      ranges.push({ protocol, ...(range ?? { first: 1, last: PORT_MAX }) });
  }
  const parts: PortPart[] = [];
  for (const protocol of WITH_PORTS) {
    const own = ranges.filter((each) => each.protocol === protocol);
    // What nobody names fares as UDP does.
    if (own.length === 0 && protocol === 'SCTP') continue;
    const starts = [...new Set([1, ...own.flatMap(({ first, last }) => [first, last + 1])])]
      .filter((start) => start <= PORT_MAX)
      .sort((a, b) => a - b);
    for (const [i, first] of starts.slice(0, PARTS_MAX).entries())
      parts.push({ protocol, first, last: (starts[i + 1] ?? PORT_MAX + 1) - 1 });
  }
  return [...parts, { protocol: 'ICMP' }];
}

/** Neighbouring parts as one; all ports of a protocol without numbers. */
export function joined(parts: readonly PortPart[]): readonly PortPart[] {
  const found: PortPart[] = [];
  for (const part of parts) {
    const last = found.at(-1);
    if (
      last?.protocol === part.protocol &&
      last.last !== undefined &&
      last.first !== undefined &&
      part.last !== undefined &&
      last.last + 1 === part.first
    )
      found[found.length - 1] = { protocol: part.protocol, first: last.first, last: part.last };
    else found.push(part);
  }
  return found.map((part) => (part.first === 1 && part.last === PORT_MAX ? { protocol: part.protocol } : part));
}
