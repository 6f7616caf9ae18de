/**
 * The packet evaluator against kernels: random fabrics, and the same packets through both. They must agree on who gets a packet, with which addresses, through
 * which routers, and on whether an answer to an echo comes back.
 *
 *   const run = await Differential.start(seed);  await run.packets(1_000);  run.differences; run.met
 */
import type { JsonObject } from '@weft/api';
import { evaluate, FEATURES, type Packet, type Path, type RowTables, TableRows } from '@weft/fabric';
import { INTERNET_IPS } from '../netlab/internet.ts';
import { randomOf } from '../world/random.ts';
import type { World } from '../world/world.ts';
import { type Fate, Kernels } from './kernels.ts';
import { RandomPast } from './random-past.ts';
import { countDifferences } from './staged-counts.ts';
import { Chance, type Extra, type Guest, type Host, randomObjects, randomPacket, Topology } from './topology.ts';

const HOSTS = 3;
const GUESTS = 9;
const PACKETS_OF_TOPOLOGY = 200;
const ARRIVED_MS_MAX = 10_000;
const SHRINKS_MAX = 20;
/** A packet that is known to differ need not be waited for as long. */
const SHRINK_MS_MAX = 500;

/** What the kernels of this version do. */
const FILTERS = FEATURES.some(({ name }) => name === 'policy');
export const IN_KERNELS: ReadonlySet<Extra> = new Set<Extra>([
  'ranges',
  'peerings',
  'balancers',
  'public',
  ...(FILTERS ? (['policies'] as const) : []),
]);

/** `wanted`: what kernels ought to do, by the evaluator. */
type Case = Readonly<{ id: number; packet: Packet; path: Path; from: Guest | undefined; wanted: Fate }>;
export type Difference = Readonly<{ topology: Topology; packet: Packet; text: string }>;

/** What a model says of the first way of each packet at a position of a history. */
export type PathAt = (world: World, position: bigint, packets: readonly Packet[]) => Promise<readonly (Path | undefined)[]>;

/** Breaks one side on purpose: other rows for the evaluator, or something done to the kernels. */
export type Sabotage = Readonly<{
  rows?: (tables: RowTables) => RowTables;
  kernels?: (kernels: Kernels, topology: Topology) => Promise<void>;
}>;

export class Differential {
  readonly differences: Difference[] = [];
  /** How often each feature was met. */
  readonly met = new Map<string, number>();
  sent = 0;
  /** Histories and positions that were looked at. */
  readonly places = new Set<string>();
  readonly #kernels: Kernels;
  readonly #seed: number;
  readonly #chance: Chance;
  readonly #extras: ReadonlySet<Extra>;
  readonly #guests: readonly (readonly string[])[];
  #fabrics = 0;

  private constructor(kernels: Kernels, seed: number, extras: ReadonlySet<Extra>) {
    this.#kernels = kernels;
    this.#seed = seed;
    this.#chance = new Chance(randomOf(seed));
    this.#extras = extras;
    // Two sets that take turns: a namespace is empty when an interface on another host gets it.
    this.#guests = [0, 1].map(() => Array.from({ length: GUESTS }, () => kernels.lab.nic().netns));
  }

  static async start(seed: number, extras: ReadonlySet<Extra> = IN_KERNELS): Promise<Differential> {
    return new Differential(await Kernels.start(HOSTS), seed, extras);
  }

  /** Sends at least so many more, and stops with the first fabric in which something differs. */
  async packets(count: number, sabotage: Sabotage = {}): Promise<void> {
    for (const until = this.sent + count; this.sent < until && this.differences.length === 0; ) {
      await this.#fabric(Math.min(PACKETS_OF_TOPOLOGY, until - this.sent), sabotage);
    }
  }

  close(): Promise<void> {
    return this.#kernels.close();
  }

  /** One fabric of these objects, for hosts and namespaces of guests, and these packets in it. */
  async given(
    objects: (hosts: readonly Host[], guests: readonly string[]) => readonly JsonObject[],
    packets: (topology: Topology) => readonly Packet[],
    sabotage: Sabotage = {},
  ): Promise<void> {
    const { hosts } = this.#kernels.lab;
    const topology = new Topology(objects(hosts, this.#guests[this.#fabrics++ % 2] ?? []), hosts);
    const sent = packets(topology);
    await this.#kernels.program(topology.tables);
    const cases = casesOf(topology, sent, this.sent, sabotage);
    this.sent += sent.length;
    await sabotage.kernels?.(this.#kernels, topology);
    await this.#compare(topology, cases);
  }

  async #fabric(count: number, sabotage: Sabotage): Promise<void> {
    const first = this.sent;
    const objects: Parameters<Differential['given']>[0] = (hosts, guests) => randomObjects(this.#chance, hosts, guests, this.#extras);
    const packetsIn = (topology: Topology) =>
      Array.from({ length: count }, (_, i) => randomPacket(this.#chance, topology, first + i)).filter((each) => each !== undefined);
    await this.given(objects, packetsIn, sabotage);
    this.sent = first + count;
  }

  async #compare(topology: Topology, cases: readonly Case[]): Promise<void> {
    this.differences.push(...(await this.#differ(topology, cases)));
    for (const { path, packet } of cases)
      for (const feature of featuresOf(path, packet)) this.met.set(feature, (this.met.get(feature) ?? 0) + 1);
  }

  /**
   * A random history, and some positions of it: at each the kernels are made anew from the rows of then, and must do what `pathAt` says of then. Stops with the
   * first position at which something differs.
   */
  async history(positions: number, packets: number, pathAt: PathAt): Promise<void> {
    const past = new RandomPast(this.#chance, this.#kernels.lab.hosts, this.#guests[this.#fabrics++ % 2] ?? [], this.#extras);
    for (const position of past.positions(positions)) {
      if (this.differences.length > 0) return;
      const topology = past.at(position);
      const sent = Array.from({ length: packets }, (_, i) => randomPacket(this.#chance, topology, this.sent + i)).filter(
        (each) => each !== undefined,
      );
      await this.#kernels.programAnew(topology.tables);
      const paths = await pathAt(past.world, position, sent);
      const cases = sent.flatMap((packet, i) => caseOf(topology, packet, paths[i], this.sent + i) ?? []);
      this.sent += packets;
      this.places.add(`${this.#fabrics} ${position}`);
      await this.#compare(topology, cases);
    }
  }

  async #differ(topology: Topology, cases: readonly Case[], limitMs = ARRIVED_MS_MAX): Promise<readonly Difference[]> {
    const sent = cases.map(({ id, packet, from }) => ({
      id,
      from,
      header: headerSent(packet),
      mac: packet.mac ?? from?.mac ?? INTERNET_MAC,
      hopLimit: packet.hopLimit ?? 64,
    }));
    const byId = new Map(cases.map((each) => [each.id, each]));
    const isMissing = (fates: ReadonlyMap<number, Fate>, id: number) => !hasArrived(byId.get(id) as Case, fates.get(id));
    const vnis = topology.hasStaged ? [...new Set(topology.guests.map(({ vni }) => vni))] : [];
    const before = await this.#kernels.counts(vnis);
    const fates = await this.#kernels.send(sent, topology.guests, isMissing, limitMs);
    const counts = topology.hasStaged ? await countDifferences(this.#kernels, vnis, cases, before) : [];
    const miscounted = counts.map(({ one: { packet }, text }) => ({ topology, packet, text: `${JSON.stringify(packet)}\n  ${text}` }));
    const misled = cases.flatMap((each) => {
      const text = differenceOf(each, fates.get(each.id));
      return text === undefined ? [] : [{ topology, packet: each.packet, text }];
    });
    return [...misled, ...miscounted];
  }

  /** What differs in a history, for people. */
  get differing(): string {
    return this.differences.map(({ text }) => text).join('\n');
  }

  /** What differs, for people, with a fabric that is as small as may be. Empty: nothing. */
  async report(): Promise<string> {
    const [first] = this.differences;
    if (first === undefined) return '';
    const { topology, text } = await this.shrink(first);
    return [
      ...this.differences.slice(0, 5).map((each) => each.text),
      'as small as may be:',
      ...topology.objects.map((object) => JSON.stringify(object)),
      text,
      `again: npm run test:differential -- --packets ${this.sent} --seed ${this.#seed}`,
    ].join('\n');
  }

  /** The same difference in a fabric of as few objects as may be. */
  async shrink({ topology, packet, text }: Difference): Promise<Difference> {
    let best: Difference = { topology, packet, text };
    let tries = 0;
    for (let i = topology.objects.length - 1; i >= 0 && tries < SHRINKS_MAX; i--, tries++) {
      const fewer = best.topology.objects.filter((object) => object !== topology.objects[i]);
      const smaller = new Topology(fewer, topology.hosts);
      if (packet.from !== undefined && !smaller.guests.some(({ name }) => name === nameOf(topology, packet))) continue;
      await this.#kernels.program(smaller.tables);
      await this.#kernels.forgetFlows();
      const sender = smaller.guests.find(({ name }) => name === nameOf(topology, packet));
      const again = casesOf(smaller, [{ ...packet, ...(sender && { from: sender.nic }) }], this.sent++, {});
      const [found] = await this.#differ(smaller, again, SHRINK_MS_MAX);
      if (found !== undefined) best = found;
    }
    return best;
  }
}

function nameOf({ guests }: Topology, { from }: Packet): string | undefined {
  return guests.find(({ nic }) => nic === from)?.name;
}

function casesOf({ guests, tables }: Topology, packets: readonly Packet[], first: number, { rows: broken }: Sabotage): readonly Case[] {
  const rows = new TableRows(broken?.(tables) ?? tables);
  return packets.flatMap((packet, i) => {
    // Where a slot gives the port, and so a balancer's target, the kernel chooses one of several.
    const { paths } = evaluate({ rows }, packet);
    return caseOf({ guests }, packet, paths.length === 1 ? paths[0] : undefined, first + i) ?? [];
  });
}

function caseOf({ guests }: Pick<Topology, 'guests'>, packet: Packet, path: Path | undefined, id: number): Case | undefined {
  const from = guests.find(({ nic }) => nic === packet.from);
  if (path === undefined || (from === undefined && packet.from !== undefined)) return undefined;
  return { id, packet, path, from, wanted: fateOf({ path, packet, from, guests }) };
}

function headerSent({ protocol, src = '', dst, srcPort, dstPort }: Packet) {
  return { protocol, src, dst, ...(srcPort !== undefined && { srcPort }), ...(dstPort !== undefined && { dstPort }) };
}

function fateOf({ path, packet, from, guests }: Omit<Case, 'wanted' | 'id'> & Readonly<{ guests: readonly Guest[] }>): Fate {
  const fate: Fate = { guests: new Set(), routers: new Set(), echoes: new Set() };
  for (const { host, vni } of path.steps) if (vni !== undefined) fate.routers.add(`${host} ${vni}`);
  const receiver = path.outcome === 'delivered' ? guests.find(({ nic }) => nic === path.to) : undefined;
  if (receiver !== undefined) fate.guests.add(`${receiver.nic} ${path.packet.src} ${path.packet.dst}`);
  if (path.outcome === 'internet') fate.guests.add(`internet ${path.packet.src} ${path.packet.dst}`);
  if (packet.protocol !== 'ICMP') return fate;
  const sender = from?.nic ?? 'internet';
  const isAnswered = path.outcome === 'answered' || (path.outcome === 'internet' && INTERNET_IPS.includes(packet.dst));
  if (isAnswered) fate.echoes.add(`${sender} ${packet.dst} ${packet.src}`);
  // A guest answers at its own addresses, of which a range is none.
  const { answer } = path;
  if (answer?.ending.outcome === 'internet' && receiver?.ips.includes(path.packet.dst) === true)
    fate.echoes.add(`internet ${answer.packet.src} ${answer.packet.dst}`);
  if (answer?.ending.outcome === 'delivered' && receiver?.ips.includes(path.packet.dst) === true)
    fate.echoes.add(`${answer.ending.to} ${answer.packet.src} ${answer.packet.dst}`);
  return fate;
}

const INTERNET_MAC = '02:00:00:00:00:fe';
const PARTS = ['guests', 'routers', 'echoes'] as const;

function hasArrived({ wanted }: Case, fate: Fate | undefined): boolean {
  return PARTS.every((part) => [...wanted[part]].every((one) => fate?.[part].has(one)));
}

function differenceOf({ wanted, packet, path }: Case, fate: Fate | undefined): string | undefined {
  const lines = PARTS.flatMap((part) => {
    const [model, kernel] = [textOf(wanted[part]), textOf(fate?.[part] ?? new Set())];
    return model === kernel ? [] : [`  ${part}: evaluator ${model || 'none'}, kernels ${kernel || 'none'}`];
  });
  if (lines.length === 0) return undefined;
  return [JSON.stringify(packet), ...lines, ...path.steps.map(({ at, host, detail }) => `    ${host} ${at}: ${detail}`)].join('\n');
}

function textOf(of: ReadonlySet<string>): string {
  return [...of].sort().join(', ');
}

/** A destination that is no single address. */
const OF_RANGE = /^\S+ is \S+\/(?!32 |128 )\d+ of /;

/** What a packet has met, for counts. */
export function featuresOf(path: Path, { protocol, dst }: Packet): readonly string[] {
  const at = new Set(path.steps.map((step) => step.at));
  const refused = path.outcome === 'dropped' ? [path.reason] : [];
  const vnis = new Set(path.steps.flatMap(({ vni }) => (vni === undefined ? [] : [vni])));
  const isAdmitted = path.steps.some(({ at: where, detail }) => where.startsWith('policy') && detail.startsWith('a policy admits'));
  return [
    path.outcome,
    ...refused,
    protocol,
    dst.includes(':') ? 'IPv6' : 'IPv4',
    ...(path.outcome === 'delivered' && !at.has('tunnel') && !at.has('peering') ? ['on one host'] : []),
    ...(path.outcome === 'delivered' && at.has('tunnel') ? ['across hosts'] : []),
    ...(vnis.size > 1 ? [at.has('peering') ? 'peered on one host' : 'peered across hosts'] : []),
    ...(path.steps.some(({ at: where, detail }) => where === 'route' && OF_RANGE.test(detail)) ? ['to a range'] : []),
    ...(at.has('balancer') ? ['balanced'] : []),
    ...(at.has('balancer') && at.has('internet') ? ['balanced from the internet'] : []),
    ...(at.has('virtual-ip') ? ['by a VirtualIP'] : []),
    ...(at.has('nat') ? ['by a slot'] : []),
    ...(at.has('internet') ? ['from the internet'] : []),
    ...(at.has('hairpin') ? ['hairpin'] : []),
    ...(isAdmitted ? ['admitted by a policy'] : []),
    ...(path.steps.some(({ staged }) => staged !== undefined) ? ['counted by a staged policy'] : []),
    ...(at.has('policy egress') || at.has('policy ingress')
      ? refused.flatMap((reason) => (reason.startsWith('Policy') ? ['refused by a policy'] : []))
      : []),
  ];
}
