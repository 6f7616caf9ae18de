/**
 * Who would reach whom otherwise than now. Interfaces that rows tell apart in nothing, before and after, are one group; for each two groups of which a row that
 * matters differs, the evaluator is asked one packet for each port that rules tell apart, before and after. So the work grows with groups, and never with pairs
 * of interfaces.
 *
 *   rows that differ ──> touched interfaces, policies, peerings ──> groups of their networks ──> pairs of groups ──> packets, before and after ──> flips
 *
 * Looked at: interface to interface, interface to balancer, interface to the internet, the internet to public addresses of interfaces and balancers.
 */
import { familyOfIp } from '@weft/api';
import { evaluate } from '../evaluate/evaluate.ts';
import type { Packet } from '../evaluate/packet.ts';
import type { RowIndex } from '../rows/row-index.ts';
import { decodeBalancerRow } from '../rows/rows.codec.ts';
import type { BalancerRow, PolicyRow, PolicyRule } from '../rows/rows.ts';
import { blocksOf, type EndState, endsIn, mayDiffer, policiesIn, type Scope, type StateOfEnds } from './reach-ends.ts';
import { ANY_PART, joined, type PortPart, partsOf } from './reach-ports.ts';
import { networksBeside, peersOf, policiesBefore, type Touched, touchedBy } from './reach-touched.ts';
import type { Rehearsal } from './stage.ts';
import type { RowDifference } from './standing-rows.ts';

/** One side of a flip. `members`: uids of the interfaces of a group, or of the balancer; none for the internet. */
export type ReachEnd = Readonly<{ what: 'interfaces' | 'balancer' | 'internet'; vni?: number; name: string; members: readonly string[] }>;
export type Reached = Readonly<{ delivered: boolean; reason?: string }>;
/** `ports`: those that differ; none: whatever protocol and port. `slot`: which of the addresses of the receiver (for tests). */
export type Flip = Readonly<{
  from: ReachEnd;
  to: ReachEnd;
  slot: string;
  ports: readonly PortPart[];
  before: Reached;
  after: Reached;
  /** One of the packets, which a trace explains. */
  example: Packet;
}>;
export type Reach = Readonly<{
  flips: readonly Flip[];
  /** How many packets were asked for each of the two states. */
  packets: number;
  /** There were more pairs of groups than are looked at. */
  cut: boolean;
}>;

export const PACKETS_MAX = 20_000;

type Group = Readonly<{
  vni: number;
  members: readonly Readonly<{ before?: EndState; after?: EndState }>[];
  targets: ReadonlySet<string>;
  touched: boolean;
}>;
type Growing = Omit<Group, 'members'> & Readonly<{ members: Group['members'][number][] }>;
type Question = Readonly<{ from: ReachEnd; to: ReachEnd; slot: string; part: PortPart; packet: Packet; wanted?: string }>;

/** `rows`: what `rowDifferences` gave, while the state after is shown, as it is at the end. */
export async function reachOf(
  rehearsal: Rehearsal,
  rows: readonly RowDifference[],
  breathe: () => Promise<void> | undefined,
): Promise<Reach> {
  const touched = touchedBy(rows);
  const peers = peersOf(rehearsal, rows);
  const near = [...touched.vnis].flatMap((vni) => [vni, ...peers(vni)]);
  const vnis = [...new Set([...near, ...networksBeside(rehearsal.rows, rows, peers)])].sort((a, b) => a - b);
  const scope: Scope = { vnis, nics: touched.nics, peersOf: peers, hosts: touched.hosts, breathe };
  const blocks = blocksOf([...vnis.flatMap((vni) => policiesIn(rehearsal.tables, vni)), ...policiesBefore(rows)]);
  const after = await endsIn(rehearsal.tables, rehearsal.rows, scope, blocks, false);
  const balancersAfter = balancersIn(rehearsal, vnis);
  await rehearsal.show('before');
  const before = await endsIn(rehearsal.tables, rehearsal.rows, scope, blocks, true);
  const balancers = eitherOf(balancersIn(rehearsal, vnis), balancersAfter);
  const asking = new Asking({ before, after, touched, peers, balancers });
  const questions = asking.questions();
  const was = await answersTo(questions, rehearsal.rows, breathe);
  await rehearsal.show('after');
  const is = await answersTo(questions, rehearsal.rows, breathe);
  return { flips: flipsOf(questions, was, is, asking.asked), packets: questions.length, cut: asking.cut };
}

function balancersIn({ tables }: Rehearsal, vnis: readonly number[]): ReadonlyMap<string, BalancerRow> {
  const found = new Map<string, BalancerRow>();
  for (const vni of vnis) {
    for (const raw of tables.get(`balancers.${vni}`)?.values() ?? []) {
      const row = decodeBalancerRow(raw);
      if (row !== undefined) found.set(row.balancer, row);
    }
  }
  return found;
}

/** Balancers with the addresses and ports that they have before or after. */
function eitherOf(before: ReadonlyMap<string, BalancerRow>, after: ReadonlyMap<string, BalancerRow>): ReadonlyMap<string, BalancerRow> {
  const all = new Map(before);
  for (const [uid, row] of after) {
    const was = before.get(uid);
    all.set(uid, was === undefined ? row : { ...row, ips: [...new Set([...was.ips, ...row.ips])], ports: [...was.ports, ...row.ports] });
  }
  return all;
}

// ---- what is asked ----

type Standing = Readonly<{
  before: StateOfEnds;
  after: StateOfEnds;
  touched: Touched;
  peers: (vni: number) => readonly number[];
  balancers: ReadonlyMap<string, BalancerRow>;
}>;

const OUTSIDE: ReachEnd = { what: 'internet', name: 'the internet', members: [] };
/** Addresses that nothing has, by family. */
const ANYWHERE = ['192.0.2.1', '2001:db8::1'];

class Asking {
  cut = false;
  /** How many parts of ports each pair was asked about: by the ends and the slot. */
  readonly asked = new Map<string, number>();
  readonly #standing: Standing;
  readonly #questions: Question[] = [];
  readonly #groups = new Map<number, readonly Group[]>();
  readonly #touchedBalancers = new Set<BalancerRow>();

  constructor(standing: Standing) {
    this.#standing = standing;
  }

  questions(): readonly Question[] {
    const { touched, peers, balancers } = this.#standing;
    for (const [vni, groups] of this.#group()) this.#groups.set(vni, groups);
    for (const balancer of balancers.values()) if (this.#isBalancerTouched(balancer)) this.#touchedBalancers.add(balancer);
    const touchedGroups = new Map([...this.#groups].map(([vni, groups]) => [vni, groups.filter((group) => group.touched)]));
    const balancersOf = grouped(balancers.values());
    const touchedBalancersOf = grouped(this.#touchedBalancers);
    for (const [vni, groups] of this.#groups) {
      for (const from of groups) {
        for (const other of [vni, ...peers(vni)]) {
          const isAll = from.touched || touched.peerings.has(`${vni} ${other}`);
          for (const to of (isAll ? this.#groups : touchedGroups).get(other) ?? []) this.#askPair(from, to);
          for (const balancer of (isAll ? balancersOf : touchedBalancersOf).get(other) ?? []) this.#askBalancer(from, balancer);
        }
        if (from.touched || touched.isPublic) this.#askPublic(from);
      }
    }
    for (const balancer of balancers.values())
      if (balancer.scheme === 'Public' && (touched.isPublic || this.#touchedBalancers.has(balancer))) this.#askFromOutside(balancer);
    return this.#questions;
  }

  /** Interfaces that are alike before and after. */
  #group(): ReadonlyMap<number, readonly Group[]> {
    const { before, after, touched, peers } = this.#standing;
    const groups: Growing[] = [];
    const found = new Map<string, Growing>();
    /** By network and text: those of which nothing differs, and that is most. */
    const same = new Map<number, Map<string, Growing>>();
    const add = (was: EndState | undefined, is: EndState | undefined) => {
      const { vni, nic } = (is ?? was) as EndState;
      if (was === is && is !== undefined && !touched.nics.has(nic)) {
        const ofNetwork = same.get(vni);
        const group = ofNetwork?.get(is.text);
        if (group !== undefined) return void group.members.push({ before: is, after: is });
      }
      const isMoved = was !== is && was !== undefined && is !== undefined && was.addresses.join() !== is.addresses.join();
      // Another interface may have taken its address, in the eyes of some network, or given it back.
      const isTouched = touched.nics.has(nic) || was?.text !== is?.text;
      const key = `${vni} ${isTouched} ${isMoved} ${was?.text} ${is?.text}`;
      const member = { ...(was && { before: was }), ...(is && { after: is }) };
      let group = found.get(key);
      if (group === undefined) {
        const targets = new Set([...(was?.targets ?? []), ...(is?.targets ?? [])]);
        group = { vni, members: [], targets, touched: this.#isGroupTouched(vni, isTouched, targets, is ?? was) };
        found.set(key, group);
        groups.push(group);
        if (!isTouched && !isMoved && is !== undefined) same.set(vni, (same.get(vni) ?? new Map<string, Growing>()).set(is.text, group));
      }
      group.members.push(member);
    };
    const scope = { nics: touched.nics, peersOf: peers };
    for (const [nic, is] of after.ends) add(mayDiffer(scope, is.vni, nic) ? before.ends.get(nic) : is, is);
    for (const [nic, was] of before.ends) if (!after.ends.has(nic)) add(was, undefined);
    return grouped(groups);
  }

  #isGroupTouched(vni: number, isTouched: boolean, targets: ReadonlySet<string>, end: EndState | undefined): boolean {
    const { touched } = this.#standing;
    if (isTouched || (touched.hosts.size > 0 && end !== undefined && [...touched.hosts].some((host) => end.text.includes(`"${host}"`))))
      return true;
    for (const target of targets) if (touched.targets.has(`${vni} ${target}`)) return true;
    if (touched.groups.size === 0) return false;
    return this.#policiesOf(vni).some(
      (policy) => targets.has(policy.target) && groupsOf(policy).some((group) => touched.groups.has(`${vni} ${group}`)),
    );
  }

  #isBalancerTouched({ balancer }: BalancerRow): boolean {
    const { touched, before, after } = this.#standing;
    if (touched.balancers.has(balancer)) return true;
    const targets = new Set([...(before.targets.get(balancer) ?? []), ...(after.targets.get(balancer) ?? [])]);
    for (const groups of this.#groups.values())
      for (const { touched: isTouched, members } of groups)
        if (isTouched && members.some((member) => targets.has(nicOf(member)))) return true;
    return false;
  }

  #askPair(from: Group, to: Group): void {
    const [sender] = from.members;
    const receiver = to.members.find((each) => each !== sender);
    if (sender === undefined || receiver === undefined) return;
    const parts = this.#partsOf(from, to);
    const [source, end] = [groupEnd(from), groupEnd(to)];
    for (const [slot, dst] of slotsOf(receiver)) {
      for (const part of parts)
        this.#add({ from: source, to: end, slot, part, packet: packetTo(part, dst, nicOf(sender)), wanted: nicOf(receiver) });
    }
  }

  #askBalancer(from: Group, balancer: BalancerRow): void {
    const [sender] = from.members;
    if (sender === undefined) return;
    const parts = partsOf([...this.#rules(from, 'egress'), ...this.#ingressRules(balancer.vni)], balancer.ports);
    for (const dst of balancer.ips)
      for (const part of parts)
        this.#add({ from: groupEnd(from), to: balancerEnd(balancer), slot: dst, part, packet: packetTo(part, dst, nicOf(sender)) });
  }

  #askPublic(group: Group): void {
    const [member] = group.members;
    if (member === undefined) return;
    const { before, after } = this.#standing;
    const out = partsOf(this.#rules(group, 'egress'));
    const blocks = blocksOf([...(before.policies.get(group.vni) ?? []), ...(after.policies.get(group.vni) ?? [])]);
    const places = [...ANYWHERE, ...blocks.map(({ text }) => text.slice(0, text.indexOf('/')))];
    const families = new Set([...(member.before?.addresses ?? []), ...(member.after?.addresses ?? [])].map(familyOfIp));
    for (const dst of new Set(places)) {
      if (!families.has(familyOfIp(dst))) continue;
      for (const part of out)
        this.#add({ from: groupEnd(group), to: placeEnd(dst), slot: dst, part, packet: packetTo(part, dst, nicOf(member)) });
    }
    const incoming = partsOf(this.#rules(group, 'ingress'));
    const publics = new Set([...(member.before?.publics ?? []), ...(member.after?.publics ?? [])]);
    for (const dst of publics) {
      for (const src of new Set(places.filter((each) => familyOfIp(each) === familyOfIp(dst))))
        for (const part of incoming)
          this.#add({
            from: placeEnd(src),
            to: groupEnd(group),
            slot: `public ${familyOfIp(dst)}`,
            part,
            packet: { ...packetTo(part, dst), src },
            wanted: nicOf(member),
          });
    }
  }

  #askFromOutside(balancer: BalancerRow): void {
    const parts = partsOf(this.#ingressRules(balancer.vni), balancer.ports);
    for (const dst of balancer.ips)
      for (const part of parts) this.#add({ from: OUTSIDE, to: balancerEnd(balancer), slot: dst, part, packet: packetTo(part, dst) });
  }

  /** Ports that the policies of both sides tell apart; where none says anything, one stands for all. */
  #partsOf(from: Group, to: Group): readonly PortPart[] {
    const [egress, ingress] = [this.#rules(from, 'egress'), this.#rules(to, 'ingress')];
    return egress.length + ingress.length === 0 && !this.#isIsolated(from, 'egress') && !this.#isIsolated(to, 'ingress')
      ? ANY_PART
      : partsOf([...egress, ...ingress]);
  }

  #rules({ vni, targets }: Group, direction: 'egress' | 'ingress'): readonly PolicyRule[] {
    return this.#policiesOf(vni).flatMap((policy) => (targets.has(policy.target) ? policy[direction] : []));
  }

  #isIsolated({ vni, targets }: Group, direction: 'egress' | 'ingress'): boolean {
    return this.#policiesOf(vni).some((policy) => targets.has(policy.target) && policy.isolates.includes(direction));
  }

  #ingressRules(vni: number): readonly PolicyRule[] {
    return this.#policiesOf(vni).flatMap(({ ingress }) => ingress);
  }

  #policiesOf(vni: number): readonly PolicyRow[] {
    const { before, after } = this.#standing;
    return [...(before.policies.get(vni) ?? []), ...(after.policies.get(vni) ?? [])];
  }

  #add(question: Question): void {
    if (this.#questions.length >= PACKETS_MAX) {
      this.cut = true;
      return;
    }
    this.#questions.push(question);
    const name = pairOf(question);
    this.asked.set(name, (this.asked.get(name) ?? 0) + 1);
  }
}

function grouped<V extends Readonly<{ vni: number }>>(values: Iterable<V>): ReadonlyMap<number, readonly V[]> {
  const found = new Map<number, V[]>();
  for (const value of values) {
    const of = found.get(value.vni);
    if (of === undefined) found.set(value.vni, [value]);
    else of.push(value);
  }
  return found;
}

function groupsOf({ egress, ingress }: PolicyRow): readonly string[] {
  return [...egress, ...ingress].flatMap(({ peers }) =>
    peers === 'any' ? [] : peers.flatMap((peer) => ('group' in peer ? [peer.group] : [])),
  );
}

function nicOf({ before, after }: Group['members'][number]): string {
  return ((after ?? before) as EndState).nic;
}

const ends = new WeakMap<Group, ReachEnd>();

function groupEnd(group: Group): ReachEnd {
  let end = ends.get(group);
  if (end === undefined) {
    const [first] = group.members;
    const name = first === undefined ? '' : ((first.after ?? first.before) as EndState).name;
    ends.set(group, (end = { what: 'interfaces', vni: group.vni, name, members: group.members.map(nicOf) }));
  }
  return end;
}

function balancerEnd({ vni, namespace, name, balancer }: BalancerRow): ReachEnd {
  return { what: 'balancer', vni, name: `${namespace}/${name}`, members: [balancer] };
}

function placeEnd(address: string): ReachEnd {
  return ANYWHERE.includes(address) ? OUTSIDE : { what: 'internet', name: address, members: [] };
}

/** The addresses of a receiver: those that it keeps, or those of before and after. */
export function slotsOf({ before, after }: Readonly<{ before?: EndState; after?: EndState }>): ReadonlyMap<string, string> {
  const [was, is] = [before?.addresses ?? after?.addresses ?? [], after?.addresses ?? before?.addresses ?? []];
  if (was.join() === is.join()) return new Map(is.map((address, i) => [String(i), address]));
  return new Map([
    ...was.map((address, i) => [`before ${i}`, address] as const),
    ...is.map((address, i) => [`after ${i}`, address] as const),
  ]);
}

function packetTo({ protocol, first }: PortPart, dst: string, from?: string): Packet {
  const port = protocol === 'ICMP' ? undefined : (first ?? 1);
  return { ...(from !== undefined && { from }), protocol, dst, ...(port !== undefined && { dstPort: port }) };
}

// ---- answers ----

async function answersTo(
  questions: readonly Question[],
  rows: RowIndex,
  breathe: () => Promise<void> | undefined,
): Promise<readonly Reached[]> {
  const answers: Reached[] = [];
  for (const { packet, wanted } of questions) {
    answers.push(reached(rows, packet, wanted));
    await breathe();
  }
  return answers;
}

/** Whether the packet gets there on every way that it may take, and an answer back. `wanted`: the interface that it is for. */
export function reached(rows: RowIndex, packet: Packet, wanted?: string): Reached {
  for (const path of evaluate({ rows }, packet).paths) {
    if (path.outcome === 'dropped') return { delivered: false, reason: path.reason };
    if (wanted !== undefined && !(path.outcome === 'delivered' && path.to === wanted)) return { delivered: false, reason: 'Elsewhere' };
    if (path.answer !== undefined && !path.answer.isBack) return { delivered: false, reason: 'NoAnswer' };
  }
  return { delivered: true };
}

function pairOf({ from, to, slot }: Pick<Question, 'from' | 'to' | 'slot'>): string {
  return `${from.what} ${from.vni} ${from.members[0]} ${from.name} > ${to.what} ${to.vni} ${to.members[0]} ${to.name} ${slot}`;
}

function flipsOf(
  questions: readonly Question[],
  was: readonly Reached[],
  is: readonly Reached[],
  asked: ReadonlyMap<string, number>,
): readonly Flip[] {
  const found = new Map<string, { flip: Flip; parts: PortPart[] }>();
  questions.forEach((question, i) => {
    const [before, after] = [was[i] as Reached, is[i] as Reached];
    if (before.delivered === after.delivered) return;
    const { from, to, slot, part, packet } = question;
    const name = `${pairOf(question)} ${after.delivered}`;
    const known = found.get(name);
    if (known !== undefined) known.parts.push(part);
    else found.set(name, { flip: { from, to, slot, ports: [], before, after, example: packet }, parts: [part] });
  });
  return [...found.values()].map(({ flip, parts }) => ({ ...flip, ports: parts.length === asked.get(pairOf(flip)) ? [] : joined(parts) }));
}
