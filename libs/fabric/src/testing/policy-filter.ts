/**
 * What `POLICY_CHAINS` do with entries, lookup by lookup, in memory: a second look at the layout, without a kernel. Sets of ranges hold one match at most, as
 * the kernel has them.
 */
import { familyOfIp, numberOfIp, parsePrefix, rangeOf } from '@weft/api';
import type { EntryDraft } from '../kernel/feature.ts';
import { portDevice } from '../kernel/router-names.ts';
import type { PolicyDirection } from '../rows/rows.ts';

/** A packet of the first direction of a flow, in the router of one of its ends. */
export type FilteredPacket = Readonly<{
  nic: string;
  direction: PolicyDirection;
  /** The network of the router that sent it here: by its device or its MAC. Absent: it came from outside. */
  from?: number;
  source: string;
  /** As the sender wrote it. */
  written: string;
  /** Number of the balancer that another host's router says the flow came through. */
  balancer?: number;
  protocol: 'TCP' | 'UDP' | 'SCTP' | 'ICMP' | 'other';
  port?: number;
}>;

const NUMBERS = { TCP: 6, UDP: 17, SCTP: 132, other: 47 } as const;

export class PolicyFilter {
  readonly #vni: number;
  readonly #sections = new Map<string, Map<string, string>>();

  constructor(vni: number, drafts: Iterable<EntryDraft>) {
    this.#vni = vni;
    for (const { vni: of, section, key, value = '' } of drafts) {
      if (of !== vni) continue;
      const entries = this.#sections.get(section) ?? new Map<string, string>();
      this.#sections.set(section, entries.set(key, value));
    }
  }

  /** Also what staged policies would refuse. */
  passes(packet: FilteredPacket): boolean {
    return this.#isAdmitted(packet) || this.#isOfStaged(packet);
  }

  /** Whether an element counts it as what staged policies would refuse. */
  isCounted(packet: FilteredPacket): boolean {
    return !this.#isAdmitted(packet) && this.#isOfStaged(packet);
  }

  #isOfStaged({ direction, nic }: FilteredPacket): boolean {
    return this.#find(`policy_staged_${direction}`, portDevice(nic)) !== undefined;
  }

  #isAdmitted(packet: FilteredPacket): boolean {
    const { direction, nic, source, written, from } = packet;
    const classOf = this.#find(`policy_${direction}`, portDevice(nic));
    if (classOf === undefined) return false;
    if (classOf === '0:1') return true;
    const admits = (section: string, address: string): boolean => {
      const identity = this.#identity(section, address, packet);
      return identity !== undefined && this.#admits(classOf, identity, packet);
    };
    if (this.#admits(classOf, '0', packet)) return true;
    if (admits('policy_lb', written)) return true;
    const other = direction === 'egress' ? written : source;
    const isOwn = direction === 'egress' || from === this.#vni;
    if (isOwn && (admits('policy_nic', other) || admits('policy_range', other))) return true;
    const named = packet.balancer === undefined ? undefined : this.#find('policy_number', String(packet.balancer));
    if (direction === 'ingress' && isOwn && named !== undefined && this.#admits(classOf, named, packet)) return true;
    return admits('policy_vip', other) || this.#isInBlock(classOf, other, packet);
  }

  #identity(section: string, address: string, packet: FilteredPacket): string | undefined {
    const name = section + familyOfIp(address).slice(-1);
    return section === 'policy_range' ? this.#match(name, [span(address), numberSpan(protocolOf(packet))]) : this.#find(name, address);
  }

  #admits(classOf: string, identity: string, packet: FilteredPacket): boolean {
    const verdict = this.#find('policy_pairs', `${classOf} . ${identity}`);
    if (verdict === 'accept') return true;
    const { protocol, port } = packet;
    if (verdict === undefined || port === undefined || !(protocol in NUMBERS)) return false;
    const key = `${classOf} . ${identity} . ${protocol.toLowerCase()}`;
    if (this.#find('policy_ports', `${key} . ${port}`) !== undefined) return true;
    if (verdict === 'jump policy_exact') return false;
    return [...(this.#sections.get('policy_spans')?.keys() ?? [])].some(
      (each) => each.startsWith(`${key} . `) && holds(span(each.slice(key.length + 3)), numberSpan(port)),
    );
  }

  #isInBlock(classOf: string, address: string, packet: FilteredPacket): boolean {
    const parts = [span(classOf), span(address), numberSpan(protocolOf(packet)), numberSpan(packet.port ?? 0)];
    return this.#match(`policy_block${familyOfIp(address).slice(-1)}`, parts) !== undefined;
  }

  #find(section: string, key: string): string | undefined {
    return this.#sections.get(section)?.get(key);
  }

  #match(section: string, parts: readonly Span[]): string | undefined {
    const found = [...(this.#sections.get(section) ?? [])].filter(([key]) =>
      key.split(' . ').every((text, i) => holds(span(text), parts[i] as Span)),
    );
    if (found.length > 1) throw new Error(`${section} has ${found.map(([key]) => key).join(' and ')} for one packet`);
    return found[0]?.[1];
  }
}

function protocolOf({ protocol, source }: FilteredPacket): number {
  return protocol === 'ICMP' ? (familyOfIp(source) === 'IPv4' ? 1 : 58) : NUMBERS[protocol];
}

type Span = Readonly<{ first: bigint; last: bigint }>;

function holds(outer: Span, inner: Span): boolean {
  return outer.first <= inner.first && inner.last <= outer.last;
}

function numberSpan(number: number): Span {
  return { first: BigInt(number), last: BigInt(number) };
}

const PROTOCOLS: Readonly<Record<string, number>> = { tcp: 6, udp: 17, sctp: 132 };

/** Of a part of a key: a number, an address, a prefix, a class, a protocol, or `first-last`. */
function span(text: string): Span {
  const prefix = parsePrefix(text);
  if (prefix !== undefined) return rangeOf(prefix);
  const [first = '', last = first] = text.split('-').map(number);
  return { first: first as bigint, last: last as bigint };
}

function number(text: string): bigint {
  if (PROTOCOLS[text] !== undefined) return BigInt(PROTOCOLS[text]);
  if (/^[0-9]+$/.test(text)) return BigInt(text);
  if (/^[0-9a-f]+:[0-9a-f]+$/.test(text))
    return BigInt(
      `0x${text
        .split(':')
        .map((part) => part.padStart(4, '0'))
        .join('')}`,
    );
  return numberOfIp(text);
}
