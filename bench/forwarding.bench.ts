/**
 * What forwarding costs beside a path of the same hops that one would write by hand: TCP, and UDP of 64 bytes, by iperf3, in interleaved pairs. What a machine gives
 * differs from second to second, so a figure is the median of the ratios of pairs. Softirqs run in the process that sends, so its CPU time and the receiver's are that
 * of all hops: the ratio of CPU for each byte or packet holds on a busy machine, too. Needs root and iperf3.
 */
import { spawnSync } from 'node:child_process';
import { type MemberRow, type PolicyRow, policiesTable } from '@weft/fabric';
import { Inside, Internet, type LabNic, LabWorld, linksSettled, must, Netlab } from '@weft/testing';
import { atLeast, type Bench, type Result } from './bench.ts';
import { handMade } from './hand-made.ts';

const PORT = 5_201;
const PAIRS = 20;
/** Whole ones: iperf3 takes half a second for no end at all. */
const SECONDS = 1;
const POLICIES = 5_000;
const PORTS_OF_A_POLICY = 10;
const [BALANCED, PUBLIC, SHARED] = ['10.0.0.80', '203.0.113.7', '203.0.113.20'];
const MTU = 1_430;

type Way = Readonly<{ from: string; to: string; address: string }>;
/** `beside`: what it is compared with; by hand unless it says so. */
type Compared = Readonly<{ name: string; weft: Way; hand: Way; goal: number; beside?: string }>;
/** `rate`: bytes or packets a second. `cpu`: seconds of sender and receiver for each. */
type Measured = Readonly<{ rate: number; cpu: number }>;
type Protocol = 'TCP' | 'UDP';

const behind = { position: '900', because: [] };

/** What of a policy stands in its row, when it is enforced and when it is staged (ADR 73). */
type Said = Pick<PolicyRow, 'isolates' | 'ingress' | 'egress'>;
const asStaged = (said: Said) => ({ isolates: [], ingress: [], egress: [], staged: said });

/** Both ends are isolated, and 5,000 policies with ten ports each admit groups; the sender is in one of them. */
function police(world: LabWorld, from: LabNic, to: LabNic, { staged = false } = {}): void {
  const rows = world.table(policiesTable(to.port.vni));
  const admitted = POLICIES - 1;
  world.select(from, { targets: ['sends'], groups: [`g${admitted}`] });
  world.select(to, { targets: ['receives'], groups: ['receivers'] });
  const ports = Array.from({ length: PORTS_OF_A_POLICY }, (_, n) => {
    const port = n < 2 ? PORT : PORT + 2 * n;
    return { protocol: n === 0 ? ('UDP' as const) : ('TCP' as const), ports: { first: port, last: port } };
  });
  const policy = (name: string, { target, ...said }: Said & Pick<PolicyRow, 'target'>) =>
    rows.set(`policy/${name}`, { policy: name, namespace: 'ns', name, target, ...(staged ? asStaged(said) : said), ...behind });
  policy('sends', { target: 'sends', isolates: ['egress'], ingress: [], egress: [{ peers: [{ group: 'receivers' }], ports: 'any' }] });
  for (let n = 0; n < POLICIES; n++) {
    policy(`p${n}`, { target: 'receives', isolates: ['ingress'], ingress: [{ peers: [{ group: `g${n}` }], ports }], egress: [] });
    if (n === admitted) continue;
    const member: MemberRow = {
      ...{ kind: 'NetworkInterface', uid: `m${n}`, name: `m${n}`, targets: [], groups: [`g${n}`], ...behind },
      prefixes: [`10.1.${n >> 8}.${n & 255}/32`],
    };
    rows.set(`member/m${n}`, member);
  }
}

/** One staged policy for both ends, which would refuse everything: each packet is counted, twice. */
function watch(world: LabWorld, ...ends: readonly LabNic[]): void {
  for (const end of ends) {
    world.select(end, { targets: ['watched'], groups: [] });
    const said = asStaged({ isolates: ['egress', 'ingress'], egress: [], ingress: [] });
    const named = { policy: 'watching', namespace: 'ns', name: 'watching', target: 'watched' };
    world.table(policiesTable(end.port.vni)).set('policy/watching', { ...named, ...said, ...behind });
  }
}

async function ways(lab: Netlab): Promise<Readonly<{ compared: readonly Compared[]; close: () => Promise<void> }>> {
  const [here, there] = lab.hosts as [LabNic['host'], LabNic['host']];
  const internet = await Internet.create(lab, [there]);
  const world = new LabWorld(lab, lab.hosts, internet);
  const pair = (vni: number) => [world.add(`a${vni}`, here, vni, 1), world.add(`b${vni}`, there, vni, 2)] as const;
  const [plain, policed, balanced, published, shared] = [pair(300), pair(301), pair(302), pair(303), pair(304)];
  const [staged, watched] = [pair(305), pair(306)];
  police(world, ...policed);
  police(world, ...staged, { staged: true });
  watch(world, ...watched);
  const target = balanced[1];
  const ports = (['TCP', 'UDP'] as const).map((protocol) => ({ protocol, first: PORT, last: PORT }));
  const balancer = { balancer: 'lb', namespace: 'default', name: 'web', vni: 302, number: 7, scheme: 'Internal' as const };
  world.table('balancers.302').set('lb', { ...balancer, ips: [BALANCED], ports, ...behind });
  const { nic } = target.port;
  world.table('targets.302').set(`lb/${nic}`, { balancer: 'lb', target: nic, name: target.name, ips: [...target.ips], ...behind });
  world.virtualIp(PUBLIC, published[0]);
  world.slot(SHARED, 1_024, 1_024, shared[0]);
  await world.apply(); // A look at what came of it costs more than all the rest.
  const hand = await handMade(lab, internet, lab.hosts, MTU);
  const byHand: Way = { from: hand.guests[0], to: hand.guests[1], address: hand.address };
  const outside = internet.ips[0] as string;
  const way = ([from, to]: readonly [LabNic, LabNic], address = '10.0.0.2'): Way => ({ from: from.netns, to: to.netns, address });
  return {
    compared: [
      { name: 'within a network, across hosts', weft: way(plain), hand: byHand, goal: 0.95 },
      { name: `– with ${POLICIES} policies at both ends`, weft: way(policed), hand: byHand, goal: 0.9 },
      { name: `– with these ${POLICIES} staged`, weft: way(staged), hand: way(plain), goal: 0.97, beside: 'without' },
      { name: '– with a staged policy that would refuse all', weft: way(watched), hand: way(plain), goal: 0.97, beside: 'without' },
      { name: '– through an internal balancer', weft: way(balanced, BALANCED), hand: { ...byHand, address: hand.balanced }, goal: 0.9 },
      {
        name: 'from the internet through a VirtualIP',
        weft: { from: internet.netns, to: published[0].netns, address: PUBLIC },
        hand: { from: internet.netns, to: hand.published, address: hand.publicIp },
        goal: 0.9,
      },
      {
        name: 'to the internet through a NAT gateway',
        weft: { from: shared[0].netns, to: internet.netns, address: outside },
        hand: { from: hand.published, to: internet.netns, address: outside },
        goal: 0.9,
      },
    ],
    close: () => world.close(),
  };
}

type Report = Readonly<{
  error?: string;
  end: Readonly<{
    sum_received?: Readonly<{ bytes: number; seconds: number }>;
    sum?: Readonly<{ packets: number; lost_packets: number; seconds: number }>;
    cpu_utilization_percent: Readonly<{ host_total: number; remote_total: number }>;
  }>;
}>;

async function measure({ from, address }: Way, protocol: Protocol): Promise<Measured> {
  const udp = protocol === 'UDP' ? ['-u', '-l', '64', '-b', '0'] : [];
  const said = await must(from, ['iperf3', '-c', address, '-p', String(PORT), '-t', String(SECONDS), '-J', ...udp]);
  const { error, end } = JSON.parse(said) as Report;
  if (error !== undefined) throw new Error(`iperf3 to ${address}: ${error}`);
  const { host_total: host, remote_total: remote } = end.cpu_utilization_percent;
  const used = ((host + remote) / 100) * SECONDS;
  const { sum_received: received, sum } = end;
  if (protocol === 'TCP' && received !== undefined) return { rate: received.bytes / received.seconds, cpu: used / received.bytes };
  if (sum === undefined) throw new Error(`iperf3 to ${address} says nothing of packets`);
  return { rate: (sum.packets - sum.lost_packets) / sum.seconds, cpu: used / sum.packets };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

async function compare(
  { name, weft, hand, goal, beside = 'by hand' }: Compared,
  protocol: Protocol,
  pairs: number,
): Promise<readonly Result[]> {
  const found: (readonly [Measured, Measured])[] = [];
  for (let n = 0; n < pairs; n++) {
    // Each of both is first as often as the other.
    const first = await measure(n % 2 === 0 ? weft : hand, protocol);
    const second = await measure(n % 2 === 0 ? hand : weft, protocol);
    found.push(n % 2 === 0 ? [first, second] : [second, first]);
  }
  const of = (figure: keyof Measured) => median(found.map(([ours, theirs]) => ours[figure] / theirs[figure]));
  const [rate, cpu] = [of('rate'), 1 / of('cpu')];
  const [ours, theirs] = [0, 1].map((at) => median(found.map((each) => each[at as 0 | 1].rate))) as [number, number];
  const text = (value: number) =>
    protocol === 'TCP' ? `${((value * 8) / 1e9).toFixed(2)} Gbit/s` : `${Math.round(value / 1_000)}k packets/s`;
  const us = (at: 0 | 1) => (median(found.map((each) => each[at].cpu)) * (protocol === 'TCP' ? 1e12 : 1e6)).toFixed(2);
  const unit = protocol === 'TCP' ? 'ms of CPU for each GB' : 'µs of CPU for each packet';
  return [
    {
      name: `${name}, ${protocol}: rate`,
      figure: text(ours),
      ratio: { value: rate, to: `${beside}, ${text(theirs)}` },
      goal: atLeast(goal, rate, ' of it'),
    },
    {
      name: `${name}, ${protocol}: CPU`,
      figure: `${us(0)} ${unit}`,
      ratio: { value: cpu, to: `${beside}, ${us(1)}, so much for the same CPU` },
    },
  ];
}

export const forwardingBench: Bench = {
  name: 'forwarding',
  async run({ quick, say }) {
    if (process.getuid?.() !== 0 || spawnSync('iperf3', ['--version']).status !== 0) {
      say('forwarding: needs root and iperf3 (Debian package iperf3), left out');
      return [];
    }
    const lab = await Netlab.create({ hosts: 2 });
    const servers: Inside[] = [];
    try {
      const { compared, close } = await ways(lab);
      for (const { netns } of lab.hosts) await linksSettled(netns);
      for (const netns of new Set(compared.flatMap(({ weft, hand }) => [weft.to, hand.to])))
        servers.push(new Inside(netns, ['setpriv', '--pdeathsig', 'KILL', 'iperf3', '-s', '-p', String(PORT)]));
      const results: Result[] = [];
      for (const each of compared) {
        say(each.name);
        for (const way of [each.weft, each.hand]) await measure(way, 'TCP'); // Neighbours are found, code is warm.
        for (const protocol of ['TCP', 'UDP'] as const) {
          const found = await compare(each, protocol, quick ? 3 : PAIRS);
          for (const { name, figure, ratio } of found) say(`${name} ${figure}, ${ratio?.value.toFixed(3)} of ${ratio?.to}`);
          results.push(...found);
        }
      }
      await close();
      return results;
    } finally {
      await Promise.all(servers.map((server) => server.end()));
      await lab.close();
    }
  },
};
