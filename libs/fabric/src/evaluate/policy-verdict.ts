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
 */
import { bitsOf, familyOfIp, holdsRange, type IpPrefix, parsePrefix, rangeOf } from '@weft/api';
import { memberByKey, membersByPrefix, policiesByTarget, unclearPolicies } from '../policy/policy.lookups.ts';
import { firstRow, type RowIndex, type RowTables, rowsHolding, TableRows } from '../rows/row-index.ts';
import { memberKey, policiesTable, policyKey } from '../rows/rows.codec.ts';
import type { MemberRow, PolicyDirection, PolicyPeer, PolicyPort, PolicyRow, PolicyRule } from '../rows/rows.ts';
import { GATEWAYS } from './gateways.ts';
import type { DecidingRow } from './packet.ts';

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

export type Mismatch = 'protocol' | 'port' | 'family' | 'peer';
/** Why a rule does not admit a flow: all that does not match, with a sentence for people. `rule`: from 0, in the policy and direction. */
export type Refusal = Readonly<{ policy: string; rule: number; mismatches: readonly Mismatch[]; detail: string }>;

/** Who refuses: the policies (`<namespace>/<name>`) that restrict this direction, and of each rule why it does not admit the flow. */
type Refusing = Readonly<{ isolatedBy: readonly string[]; refusals: readonly Refusal[] }>;

export type EndVerdict = Readonly<{
  passes: boolean;
  reason: EndReason;
  rows: readonly DecidingRow[];
  /** When staged policies would not admit it, were all of them enforced. Nothing is restricted here otherwise. */
  staged?: Refusing;
}> &
  /** When it is not admitted. */
  Partial<Refusing>;

export type PolicyVerdict =
  | Readonly<{ passes: boolean; egress: EndVerdict; ingress: EndVerdict }>
  /** Nobody was asked: policies are about flows between interfaces, and about the direction in which a flow began. */
  | Readonly<{ passes: true; because: 'GuestService' | 'Reply' | 'RelatedError' }>;

export interface PolicyJudge {
  judge(flow: Flow, packet?: PacketOf): PolicyVerdict;
}

/** `tables` by name, with rows as they come over the bus; they must not change while the judge is in use. */
export function createPolicyJudge(tables: RowTables): PolicyJudge {
  const rows = new TableRows(tables);
  return { judge: (flow, packet) => judgeFlow(rows, flow, packet) };
}

/** O(rules of the two interfaces). */
export function judgeFlow(rows: RowIndex, flow: Flow, packet: PacketOf = 'first direction'): PolicyVerdict {
  if (packet === 'reply') return { passes: true, because: 'Reply' };
  if (packet === 'related error') return { passes: true, because: 'RelatedError' };
  // DHCP, neighbour discovery and what else the router answers is never filtered (provider ).
  if (GATEWAYS.has(flow.to.address) || GATEWAYS.has(flow.from.address)) return { passes: true, because: 'GuestService' };
  const [egress, ingress] = [judgeEnd(rows, 'egress', flow), judgeEnd(rows, 'ingress', flow)];
  return { passes: egress.passes && ingress.passes, egress, ingress };
}

type Asked = Readonly<{ refusals: readonly Refusal[]; admitting?: readonly (PolicyRow | MemberRow)[] }>;
const NOT_ASKED: Asked = { refusals: [] };

const UNKNOWN: EndVerdict = { passes: false, reason: 'Unknown', rows: [] };
const OUTSIDE: EndVerdict = { passes: true, reason: 'Outside', rows: [] };

/** What the policies of one end say. */
export function judgeEnd(rows: RowIndex, direction: PolicyDirection, flow: Flow): EndVerdict {
  const { vni, nic } = direction === 'egress' ? flow.from : flow.to;
  return vni === undefined || nic === undefined ? OUTSIDE : new End(rows, direction, flow, vni).judge(nic);
}

/** One end of a flow, in the network that it is in. */
class End {
  readonly #rows: RowIndex;
  readonly #direction: PolicyDirection;
  readonly #flow: Flow;
  readonly #vni: number;
  readonly #table: string;

  constructor(rows: RowIndex, direction: PolicyDirection, flow: Flow, vni: number) {
    this.#rows = rows;
    this.#direction = direction;
    this.#flow = flow;
    this.#vni = vni;
    this.#table = policiesTable(vni);
  }

  judge(nic: string): EndVerdict {
    const member = firstRow(this.#rows, memberByKey, memberKey(nic), this.#table)?.row;
    // A row that is not understood may be of a policy that restricts anybody.
    if (member === undefined || firstRow(this.#rows, unclearPolicies, '', this.#table) !== undefined) return UNKNOWN;
    const policies: PolicyRow[] = [];
    for (const target of member.targets) {
      const regulating = [...this.#rows.find(policiesByTarget, target, this.#table)];
      // The policy that selects it is not there: nobody knows what it restricts.
      if (regulating.length === 0) return { ...UNKNOWN, rows: [this.#ref(member)] };
      policies.push(...regulating.map(({ row }) => row));
    }
    const isolating = policies.filter(({ isolates }) => isolates.includes(this.#direction));
    if (isolating.length === 0) return this.#notIsolated(member, policies);
    const { refusals, admitting } = this.#askAll(policies, (policy) => policy[this.#direction]);
    if (admitting !== undefined) return { passes: true, reason: 'Admitted', rows: [member, ...admitting].map((row) => this.#ref(row)) };
    const rows = [member, ...isolating].map((row) => this.#ref(row));
    return { passes: false, reason: 'NotAdmitted', rows, isolatedBy: isolating.map(nameOf), refusals };
  }

  /** With what staged policies would say: those that are enforced admit what they admit then, too. */
  #notIsolated(member: MemberRow, policies: readonly PolicyRow[]): EndVerdict {
    const open = { passes: true, reason: 'NotIsolated' } as const;
    const isolating = policies.filter(({ staged }) => staged?.isolates.includes(this.#direction));
    const { refusals, admitting } =
      isolating.length === 0 ? NOT_ASKED : this.#askAll(policies, (policy) => (policy.staged ?? policy)[this.#direction]);
    if (isolating.length === 0 || admitting !== undefined) return { ...open, rows: [this.#ref(member)] };
    const rows = [member, ...isolating].map((row) => this.#ref(row));
    return { ...open, rows, staged: { isolatedBy: isolating.map(nameOf), refusals } };
  }

  /** The rows of the first rule that admits the flow; of the rules before it, why they do not. */
  #askAll(policies: readonly PolicyRow[], rulesOf: (policy: PolicyRow) => readonly PolicyRule[]): Asked {
    const refusals: Refusal[] = [];
    for (const policy of policies) {
      for (const [rule, each] of rulesOf(policy).entries()) {
        const found = this.#ask(each);
        if ('peer' in found) return { refusals, admitting: [policy, ...found.peer] };
        refusals.push({ policy: nameOf(policy), rule, ...found });
      }
    }
    return { refusals };
  }

  /** The rows of the peer that matches (none for one that is no object), or what does not match. */
  #ask({ peers, ports }: PolicyRule): Readonly<{ peer: readonly MemberRow[] }> | Pick<Refusal, 'mismatches' | 'detail'> {
    const port = ports === 'any' ? undefined : mismatchOfPort(ports, this.#flow);
    const peer = peers === 'any' ? [] : this.#peerIn(peers);
    if (port === undefined && peer !== undefined) return { peer };
    const found = [port, peer === undefined && peers !== 'any' ? this.#mismatchOfPeer(peers) : undefined].filter(
      (each) => each !== undefined,
    );
    return { mismatches: found.map(({ what }) => what), detail: found.map(({ detail }) => detail).join('; ') };
  }

  #peerIn(peers: readonly PolicyPeer[]): readonly MemberRow[] | undefined {
    for (const peer of peers) {
      const found = 'group' in peer ? this.#memberIn(peer.group) : isInBlock(peer, this.#other.address) ? [] : undefined;
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #memberIn(group: string): readonly MemberRow[] | undefined {
    for (const row of this.#members()) if (row.groups.includes(group)) return [row];
    return undefined;
  }

  /** What the other end is, as a peer. */
  *#members(): Iterable<MemberRow> {
    const other = this.#other;
    for (const { row } of rowsHolding(this.#rows, membersByPrefix, other.address, this.#table)) {
      // An interface is known by its address within its network only: that of a peered network may be anybody's (provider P-94).
      const isIt = row.kind === 'VirtualIP' || (row.kind === 'NetworkInterface' && other.vni === this.#vni);
      if (isIt) yield row;
    }
    // On the way in, a balancer stands for what came through it, not for what it sent (provider ).
    for (const { row } of rowsHolding(this.#rows, membersByPrefix, this.#flow.to.address, this.#table)) {
      if (row.kind === 'LoadBalancer') yield row;
    }
  }

  #mismatchOfPeer(peers: readonly PolicyPeer[]): Readonly<{ what: Mismatch; detail: string }> {
    const { address } = this.#other;
    const isOfOther = peers.length > 0 && peers.every((peer) => 'cidr' in peer && parsePrefix(peer.cidr)?.family !== familyOfIp(address));
    if (isOfOther)
      return { what: 'family', detail: `${address} is ${familyOfIp(address)}, and all blocks of the rule are of the other family` };
    const said = peers.map((peer) => ('group' in peer ? peer.group : blockText(peer, address)));
    return { what: 'peer', detail: `${address} is none of its peers (${said.length === 0 ? 'none is understood' : said.join(', ')})` };
  }

  get #other(): FlowEnd {
    return this.#direction === 'egress' ? this.#flow.to : this.#flow.from;
  }

  #ref(row: MemberRow | PolicyRow): DecidingRow {
    return { table: this.#table, key: 'policy' in row ? policyKey(row.policy) : memberKey(row.uid), row };
  }
}

function nameOf({ namespace, name }: PolicyRow): string {
  return `${namespace}/${name}`;
}

/** Without regard to peers. */
function mismatchOfPort(ports: readonly PolicyPort[], { protocol, port }: Flow): Readonly<{ what: Mismatch; detail: string }> | undefined {
  const ofProtocol = ports.filter((each) => each.protocol === protocol);
  if (ofProtocol.some((each) => each.ports === undefined || (port !== undefined && each.ports.first <= port && port <= each.ports.last)))
    return undefined;
  const allowed = ports.map(portText).join(', ');
  if (ofProtocol.length === 0)
    return { what: 'protocol', detail: `${protocol} is none of its protocols (${allowed || 'none is understood'})` };
  return { what: 'port', detail: `port ${port ?? '(not given)'} is none of its ports (${allowed})` };
}

function portText({ protocol, ports }: PolicyPort): string {
  if (ports === undefined) return protocol;
  return ports.first === ports.last ? `${protocol} ${ports.first}` : `${protocol} ${ports.first}-${ports.last}`;
}

type Block = Extract<PolicyPeer, { cidr: string }>;

function isInBlock({ cidr, except }: Block, address: string): boolean {
  return isIn(cidr, address) && !except.some((prefix) => isIn(prefix, address));
}

function blockText({ cidr, except }: Block, address: string): string {
  const excluding = isIn(cidr, address) ? except.find((prefix) => isIn(prefix, address)) : undefined;
  return excluding === undefined ? cidr : `${cidr} excepts ${excluding}`;
}

function isIn(text: string, address: string): boolean {
  const range = parsePrefix(text);
  const family = familyOfIp(address);
  const single: IpPrefix = { address, length: bitsOf(family), family };
  return range !== undefined && holdsRange(rangeOf(range), rangeOf(single));
}
