/** Protocols and destination ports that rules admit, in one form: what admits the same is the same. */
import type { PolicyPort, PolicyRule } from '../rows/rows.ts';

type PortProtocol = PolicyPort['protocol'];
/** Both ports inclusive; 0 to 65535: also where there is no port. */
export type PortSpan = Readonly<{ protocol: PortProtocol; first: number; last: number }>;
/** `all`: every protocol, also those without ports. Spans are sorted, and neither overlap nor touch. */
export type PortSet = 'all' | readonly PortSpan[];

const NO_PORTS: PortSet = [];
const PROTOCOLS: readonly PortProtocol[] = ['SCTP', 'TCP', 'UDP'];
export const PORT_MAX = 0xffff;

export function portSetOf(ports: PolicyRule['ports']): PortSet {
  if (ports === 'any') return 'all';
  return merged(ports.map((each) => ({ protocol: each.protocol, first: each.ports?.first ?? 0, last: each.ports?.last ?? PORT_MAX })));
}

export function unionOf(sets: readonly PortSet[]): PortSet {
  if (sets.length === 1) return sets[0] ?? NO_PORTS;
  return sets.includes('all') ? 'all' : merged(sets.flatMap((set) => (set === 'all' ? [] : set)));
}

export function isEmpty(set: PortSet): boolean {
  return set.length === 0;
}

/** The set in words, which are the same for the same set. */
export function textOfPorts(set: PortSet): string {
  return set === 'all' ? set : set.map(({ protocol, first, last }) => `${protocol} ${first}-${last}`).join(',');
}

function merged(spans: readonly PortSpan[]): PortSet {
  return PROTOCOLS.flatMap((protocol) => {
    const joined: PortSpan[] = [];
    const own = spans
      .filter((span) => span.protocol === protocol && span.first <= span.last)
      .sort((a, b) => a.first - b.first || a.last - b.last);
    for (const span of own) {
      const before = joined.at(-1);
      if (before === undefined || span.first > before.last + 1) joined.push(span);
      else if (span.last > before.last) joined[joined.length - 1] = { ...before, last: span.last };
    }
    return joined;
  });
}
