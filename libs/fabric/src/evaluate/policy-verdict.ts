/**
 * What policies say of one packet: a pure function of the rows of `policies.<vni>` (provider 3.6 R-28).
 *
 *   sender ── egress of its network's policies ──> … ──> ingress of its network's policies ── receiver
 *
 * Both ends are asked, also when they are on one host, and each looks at rows of its own network only: where an end is enforced makes no difference. An end
 * that is no interface of the fabric is not asked.
 *
 * It fails closed: an interface without a row may neither send nor receive, a row that is not understood allows nothing, and while it may restrict anybody
 * it restricts everybody.
 *
 * The packet evaluator does not ask it, since hosts of this version do not filter.
 */
import { holdsRange, type IpRange, type JsonObject, parsePrefix, rangeOf } from '@weft/api';
import { decodeMemberRow, decodePolicyRow, parseTable } from '../rows/rows.codec.ts';
import type { MemberRow, PolicyDirection, PolicyPeer, PolicyRow, PolicyRule } from '../rows/rows.ts';
import { GATEWAYS } from './gateways.ts';

/** One end of a flow. Without `nic` it is outside: nobody regulates it. */
export type FlowEnd = Readonly<{
  /** The network that it is in; absent: none that the fabric knows. */
  vni?: number;
  /** uid of the interface. */
  nic?: string;
  /** Canonical. */
  address: string;
}>;

export type Flow = Readonly<{
  /** `address`: as the receiver sees it, so that of a VirtualIP or NAT gateway where there is one between them. */
  from: FlowEnd;
  /** `address`: as the sender wrote it, so that of a balancer or VirtualIP; `nic`: who receives it in the end. */
  to: FlowEnd;
  /** Of another protocol than the three with ports only rules without ports let anything pass, as of ICMP. */
  protocol: 'TCP' | 'UDP' | 'SCTP' | 'ICMP' | 'other';
  /** Destination port, for protocols with ports. */
  port?: number;
}>;

/** Which packet of a flow: the decision is about its first direction. */
export type PacketOf = 'first direction' | 'reply' | 'related error';

export type EndReason =
  /** No interface of the fabric is there. */
  | 'Outside'
  /** No policy restricts this direction of the interface. */
  | 'NotIsolated'
  | 'Admitted'
  /** Some policy restricts it, and none admits this. */
  | 'NotAdmitted'
  /** Nothing is known of the interface, or not all of what may restrict it. */
  | 'Unknown';

/** A row that decided: its table's network, its key and position. */
export type RowRef = Readonly<{ vni: number; key: string; position: string }>;

export type EndVerdict = Readonly<{ passes: boolean; reason: EndReason; rows: readonly RowRef[] }>;

export type PolicyVerdict =
  | Readonly<{ passes: boolean; egress: EndVerdict; ingress: EndVerdict }>
  /** Nobody was asked: policies are about flows between interfaces, and about the direction in which a flow began. */
  | Readonly<{ passes: true; because: 'GuestService' | 'Reply' | 'RelatedError' }>;

export interface PolicyJudge {
  judge(flow: Flow, packet?: PacketOf): PolicyVerdict;
}

/** `tables` by name, with rows as they come over the bus; they must not change while the judge is in use. O(rows) once, then O(rules of one interface). */
export function createPolicyJudge(tables: ReadonlyMap<string, ReadonlyMap<string, JsonObject>>): PolicyJudge {
  const networks = new Map<number, NetworkPolicies>();
  for (const [table, rows] of tables) {
    const parsed = parseTable(table);
    if (parsed?.kind === 'policies') networks.set(parsed.vni, new NetworkPolicies(parsed.vni, rows));
  }
  const ask = (direction: PolicyDirection, flow: Flow): EndVerdict => {
    const { vni, nic } = direction === 'egress' ? flow.from : flow.to;
    if (vni === undefined || nic === undefined) return { passes: true, reason: 'Outside', rows: [] };
    return networks.get(vni)?.judge(direction, nic, flow) ?? UNKNOWN;
  };
  return {
    judge(flow, packet = 'first direction') {
      if (packet === 'reply') return { passes: true, because: 'Reply' };
      if (packet === 'related error') return { passes: true, because: 'RelatedError' };
      // DHCP, neighbour discovery and what else the router answers is never filtered (provider ).
      if (GATEWAYS.has(flow.to.address) || GATEWAYS.has(flow.from.address)) return { passes: true, because: 'GuestService' };
      const [egress, ingress] = [ask('egress', flow), ask('ingress', flow)];
      return { passes: egress.passes && ingress.passes, egress, ingress };
    },
  };
}

const UNKNOWN: EndVerdict = { passes: false, reason: 'Unknown', rows: [] };

/** The rows of one network. */
class NetworkPolicies {
  readonly #vni: number;
  readonly #members = new Map<string, MemberRow>();
  readonly #byTarget = new Map<string, PolicyRow[]>();
  /** The members of each group, with their ranges. */
  readonly #groups = new Map<string, { row: MemberRow; ranges: readonly IpRange[] }[]>();
  /** A row that is not understood may be of a policy that restricts anybody. */
  #isUnclear = false;

  constructor(vni: number, rows: ReadonlyMap<string, JsonObject>) {
    this.#vni = vni;
    for (const [key, row] of rows) {
      if (key.startsWith('member/')) this.#addMember(key, decodeMemberRow(row));
      else this.#addPolicy(key, decodePolicyRow(row));
    }
  }

  #addMember(key: string, row: MemberRow | undefined): void {
    if (row === undefined || key !== keyOf(row)) return;
    this.#members.set(row.uid, row);
    const ranges = row.prefixes.flatMap((prefix) => rangesOf(prefix));
    for (const group of row.groups) append(this.#groups, group, { row, ranges });
  }

  #addPolicy(key: string, row: PolicyRow | undefined): void {
    if (row === undefined || key !== keyOf(row)) this.#isUnclear = true;
    else append(this.#byTarget, row.target, row);
  }

  judge(direction: PolicyDirection, nic: string, flow: Flow): EndVerdict {
    const member = this.#members.get(nic);
    if (this.#isUnclear || member === undefined) return UNKNOWN;
    const policies: PolicyRow[] = [];
    for (const target of member.targets) {
      const regulating = this.#byTarget.get(target);
      // The policy that selects it is not there: nobody knows what it restricts.
      if (regulating === undefined) return { ...UNKNOWN, rows: [this.#ref(member)] };
      policies.push(...regulating);
    }
    const isolating = policies.filter(({ isolates }) => isolates.includes(direction));
    if (isolating.length === 0) return { passes: true, reason: 'NotIsolated', rows: [this.#ref(member)] };
    for (const policy of policies) {
      for (const rule of policy[direction]) {
        const peer = admits(rule, flow) ? this.#peerIn(rule, direction, flow) : undefined;
        if (peer === undefined) continue;
        return { passes: true, reason: 'Admitted', rows: [member, policy, ...peer].map((row) => this.#ref(row)) };
      }
    }
    return { passes: false, reason: 'NotAdmitted', rows: [member, ...isolating].map((row) => this.#ref(row)) };
  }

  /** The rows of the peer that matches: none for one that is no object. Undefined when none matches. */
  #peerIn({ peers }: PolicyRule, direction: PolicyDirection, flow: Flow): readonly MemberRow[] | undefined {
    if (peers === 'any') return [];
    for (const peer of peers) {
      const found = 'group' in peer ? this.#memberIn(peer.group, direction, flow) : isInBlock(peer, otherEnd(direction, flow).address);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #memberIn(group: string, direction: PolicyDirection, flow: Flow): readonly MemberRow[] | undefined {
    const other = otherEnd(direction, flow);
    for (const { row, ranges } of this.#groups.get(group) ?? []) {
      // An interface is known by its address within its network only: that of a peered network may be anybody's (provider P-94).
      if (row.kind === 'NetworkInterface' && other.vni !== this.#vni) continue;
      // On the way in, a balancer stands for what came through it, not for what it sent (provider ).
      const address = row.kind === 'LoadBalancer' ? flow.to.address : other.address;
      if (ranges.some((range) => holdsAddress(range, address))) return [row];
    }
    return undefined;
  }

  #ref(row: MemberRow | PolicyRow): RowRef {
    return { vni: this.#vni, key: keyOf(row), position: row.position };
  }
}

function keyOf(row: MemberRow | PolicyRow): string {
  return 'policy' in row ? `policy/${row.policy}` : `member/${row.uid}`;
}

function otherEnd(direction: PolicyDirection, { from, to }: Flow): FlowEnd {
  return direction === 'egress' ? to : from;
}

/** Without regard to peers. */
function admits({ ports }: PolicyRule, { protocol, port }: Flow): boolean {
  if (ports === 'any') return true;
  return ports.some((each) => {
    if (each.protocol !== protocol) return false;
    return each.ports === undefined || (port !== undefined && each.ports.first <= port && port <= each.ports.last);
  });
}

function isInBlock({ cidr, except }: Extract<PolicyPeer, { cidr: string }>, address: string): readonly [] | undefined {
  const isIn = (prefix: string) => rangesOf(prefix).some((range) => holdsAddress(range, address));
  return isIn(cidr) && !except.some(isIn) ? [] : undefined;
}

function rangesOf(prefix: string): readonly IpRange[] {
  const parsed = parsePrefix(prefix);
  return parsed === undefined ? [] : [rangeOf(parsed)];
}

function holdsAddress(range: IpRange, address: string): boolean {
  const single = parsePrefix(`${address}/${address.includes(':') ? 128 : 32}`);
  return single !== undefined && holdsRange(range, rangeOf(single));
}

function append<V>(lists: Map<string, V[]>, key: string, value: V): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}
