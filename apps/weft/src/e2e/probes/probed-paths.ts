/**
 * Ways between two hosts, each with a 1 kHz probe that must lose nothing, and changes to each of them that must take effect meanwhile.
 *
 *   host-1                                   host-2
 *   client  ── plain, and back ───────────── server
 *           ── peered ────────────────────── far, in another Network
 *           ── balanced ── 10.0.0.80 ─────── web
 *   asker   ── policed, at both ends ─────── guarded
 *
 * The others lead to and from the internet (`public-ways.ts`).
 */
import { Inside, Probe, type ProbeResult, run } from '@weft/testing';
import { until } from '@weft/testing/waiting';
import { HOSTS, MACHINES, machine, must, NETWORKS, NICS, network, nic } from '../api.ts';
import type { Workspace } from '../processes.ts';
import { answers, type TwoHosts } from '../two-hosts.ts';
import {
  followEdge,
  makePublic,
  makeVirtualIp,
  PUBLIC_OTHER_PORT,
  PUBLIC_PORT,
  PUBLIC_WAYS,
  type PublicAddresses,
  publicAddresses,
  virtualIpAnswers,
} from './public-ways.ts';

const POLICIES = NETWORKS.replace('networks', 'networkpolicies');
const BALANCERS = NETWORKS.replace('networks', 'loadbalancers');
const NETWORKING = 'networking.ironcore.dev/v1alpha1';
const BALANCED = '10.0.0.80';
/** Of probes. */
const PORT = 9_000;
const OTHER_PORT = 9_001;

/** Those that do not leave the fabric. */
export const INNER_WAYS: readonly string[] = ['plain', 'back', 'peered', 'policed', 'balanced'];
export const WAYS: readonly string[] = [...INNER_WAYS, ...PUBLIC_WAYS];

/** By name: the namespace of its guest. */
type Guests = Readonly<Record<string, string>>;
type Labels = Readonly<Record<string, string>>;

const NICS_OF_PATHS: readonly (readonly [name: string, host: string, ips: readonly string[]])[] = [
  ['client', 'host-1', ['10.0.0.1', 'fd10::1']],
  ['server', 'host-2', ['10.0.0.2', 'fd10::2']],

  ['asker', 'host-1', ['10.0.0.3']],
  ['guarded', 'host-2', ['10.0.0.4']],
  ['web', 'host-2', ['10.0.0.5']],
  ['far', 'host-2', ['10.1.0.1']],
];
/** Each with a VirtualIP of its name. */
const HOLDERS: typeof NICS_OF_PATHS = [
  ['holder', 'host-2', ['10.0.0.6']],
  ['holder6', 'host-2', ['fd10::6']],
];

type Send = (request: () => Promise<unknown>) => Promise<unknown>;
/** What is asked for while something is away is asked again for so long. */
const OUTAGE_MS_MAX = 600_000;
type OnStep = (name: string) => void;
type Start = (way: string, limitMs?: number) => Promise<Probe>;
const FLOWS_TRIED_MAX = 30;
const FLOW_TRIED_MS = 3_000;

export class ProbedPaths {
  readonly #hosts: TwoHosts;
  readonly #guests: Guests;
  readonly #probes = new Map<string, Probe>();
  readonly #start: Start;
  /** Of probes that have ended, by their way. */
  readonly #ended: (readonly [way: string, result: ProbeResult])[] = [];
  /** Absent: no way leads to the internet. */
  readonly #addresses: PublicAddresses | undefined;
  readonly #onStep: OnStep;
  #changes = 0;

  private constructor(onStep: OnStep, hosts: TwoHosts, guests: Guests, start: Start, addresses: PublicAddresses | undefined) {
    this.#onStep = onStep;
    this.#hosts = hosts;
    this.#guests = guests;
    this.#start = start;
    this.#addresses = addresses;
  }

  /**
   * Resolves when all is in kernels, hosts hold all that was decided, and datagrams arrive on each way. `ways`: those with probes; agents of an old version may have
   * no others. `onStep`: hears of the parts of a change as they begin.
   */
  static async create(
    workspace: Workspace,
    hosts: TwoHosts,
    ways: readonly string[] = WAYS,
    onStep: OnStep = () => {},
  ): Promise<ProbedPaths> {
    const { weft, available, hostsHoldAll, internet } = hosts;
    const isPublic = PUBLIC_WAYS.some((way) => ways.includes(way));
    const post = (path: string, object: object) => must(weft.url, 'POST', path, object);
    for (const [name, other] of [
      ['red', 'blue'],
      ['blue', 'red'],
    ] as const)
      await post(NETWORKS, { ...network(name), spec: { peerings: [{ name: `to-${other}`, networkRef: { name: other } }] } });
    if (isPublic) await makePublic(weft.url);
    const nics = [...NICS_OF_PATHS, ...(isPublic ? HOLDERS : [])];
    for (const [name, host, ips] of nics) await place(weft.url, name, host, ips, { virtualIp: name.startsWith('holder') });
    const role = (name: string) => [{ objectSelector: { kind: 'NetworkInterface', matchLabels: { role: name } } }];
    await post(POLICIES, policy('asker', { egress: [{ to: role('guarded') }] }));
    await post(POLICIES, policy('guarded', { ingress: guardedBy('probe alone') }));
    await post(BALANCERS, {
      apiVersion: NETWORKING,
      kind: 'LoadBalancer',
      metadata: { name: 'web' },
      spec: {
        type: 'Internal',
        ipFamilies: ['IPv4'],
        networkRef: { name: 'red' },
        ips: [{ value: BALANCED }],
        networkInterfaceSelector: { matchLabels: { role: 'web' } },
        ports: [{ protocol: 'UDP', port: PORT, endPort: OTHER_PORT }],
      },
    });
    const guests: Record<string, string> = {};
    for (const [name] of nics) guests[name] = (await available(name)).netns;
    const { client = '', server = '', asker = '', guarded = '', web = '', far = '', holder = '', holder6 = '' } = guests;
    await answers(client, '10.0.0.2');
    await answers(server, 'fd10::1');
    const addresses = isPublic ? await publicAddresses(weft.url) : undefined;
    if (addresses !== undefined) {
      await followEdge(hosts, 'host-1', Object.values(addresses));
      for (const address of [addresses.vip, addresses.vip6, addresses.balancer]) await answers(internet.netns, address);
      for (const address of internet.ips) await answers(server, address);
    }
    await hostsHoldAll();
    const [far4 = '', far6 = ''] = internet.ips;
    const { vip = '', vip6 = '', balancer = '' } = addresses ?? {};
    const specs: Readonly<Record<string, readonly [from: string, to: string, address: string, at?: string]>> = {
      plain: [client, server, '10.0.0.2'],
      back: [server, client, 'fd10::1'],
      peered: [client, far, '10.1.0.1'],
      policed: [asker, guarded, '10.0.0.4'],
      balanced: [client, web, BALANCED, '10.0.0.5'],
      vip: [internet.netns, holder, vip, '10.0.0.6'],
      vip6: [internet.netns, holder6, vip6, 'fd10::6'],
      nat: [server, internet.netns, far4],
      nat6: [server, internet.netns, far6],
      public: [internet.netns, web, balancer, '10.0.0.5'],
    };
    const start: Start = async (way, limitMs) => {
      const [from, to, address, at = address] = specs[way]!;
      const answered = PUBLIC_WAYS.includes(way);
      const probe = await Probe.start(from, to, address, {
        port: answered ? PUBLIC_PORT : PORT,
        at,
        answered,
        ...(limitMs && { limitMs }),
      });
      workspace.atEnd(() => probe.stop());
      return probe;
    };
    const paths = new ProbedPaths(onStep, hosts, guests, start, addresses);
    await paths.begin(ways);
    return paths;
  }

  /** More ways get probes; resolves when datagrams arrive on each. Public ones only if there were some from the beginning. */
  async begin(ways: readonly string[]): Promise<void> {
    const { client = '', asker = '' } = this.#guests;
    if (ways.includes('peered')) await answers(client, '10.1.0.1');
    if (ways.includes('balanced')) await answers(client, BALANCED);
    if (ways.includes('policed')) {
      const isOpen = this.#changes % 2 === 1;
      const held = async () => (await reaches(asker, '10.0.0.4')) === isOpen && !(await reaches(asker, '10.0.0.2'));
      await until('the policies to be in the kernels', held);
    }
    for (const way of WAYS) {
      if (!ways.includes(way)) continue;
      if (way === 'balanced' && this.#changes > 0) await this.#startFlow(way);
      else this.#probes.set(way, await this.#start(way));
    }
  }

  /** Decides something new on each way: an interface more here, one in the peered Network, another policy, one target more. What it gives resolves when all has taken effect. `insists`: asks again what is not accepted, as long as an outage may take. */
  async change({ insists = false } = {}): Promise<() => Promise<void>> {
    const { internet } = this.#hosts;
    const { url } = this.#hosts.weft;
    const number = ++this.#changes;
    const [late, lateFar] = [`10.0.0.${100 + number}`, `10.1.0.${100 + number}`];
    const virtualIp = this.#addresses !== undefined;
    this.#onStep(`change ${number}: interfaces and targets`);
    const send: Send = insists ? untilAccepted : (request) => request();
    if (virtualIp) await send(() => makeVirtualIp(url, `far-${number}`));
    await place(url, `late-${number}`, 'host-1', [late], { labels: { role: 'web' }, send });
    await place(url, `far-${number}`, 'host-2', [lateFar], { virtualIp, send });
    const isOpen = number % 2 === 1;
    this.#onStep(`change ${number}: the policy of guarded`);
    const rules = { spec: { ingress: guardedBy(isOpen ? 'all of asker' : 'probe alone') } };
    await send(() => must(url, 'PATCH', `${POLICIES}/guarded`, rules, { 'content-type': 'application/merge-patch+json' }));
    this.#onStep(`change ${number}: decided`);
    return async () => {
      this.#onStep(`change ${number}: looking at its effect`);
      const { client = '', server = '', asker = '' } = this.#guests;
      const { netns } = await this.#hosts.available(`late-${number}`);
      await answers(server, late);
      if (this.#probes.has('peered')) {
        await this.#hosts.available(`far-${number}`);
        await answers(client, lateFar);
      }
      if (this.#probes.has('policed'))
        await until(`the policy to ${isOpen ? 'admit' : 'refuse'} pings`, async () => (await reaches(asker, '10.0.0.4')) === isOpen);
      if (this.#probes.has('balanced')) await balancedTo(client, BALANCED, OTHER_PORT, netns, late);
      if (this.#addresses === undefined) return;
      await answers(netns, internet.ips[0] as string);
      await virtualIpAnswers(url, internet, `far-${number}`);
      await balancedTo(internet.netns, this.#addresses.balancer, PUBLIC_OTHER_PORT, netns, late);
    };
  }

  /** Its agent starts again with an uplink; once it is ready, the internet sends to it as it tells where addresses are. */
  async edgeJoins(host: string): Promise<void> {
    const { weft, edges, startAgent, hostsHoldAll } = this.#hosts;
    await this.#beginAnew('public');
    edges.add(host);
    await weft.stop(host);
    await startAgent(host);
    await weft.agentReady(host);
    await this.#enterAt(host);
    await hostsHoldAll();
  }

  /** In order: nothing comes in there any more; hosts are told to send by another edge, and do; then its agent starts without an uplink. */
  async edgeLeaves(host: string): Promise<void> {
    const { weft, edges, startAgent, hostsHoldAll } = this.#hosts;
    edges.delete(host);
    for (const other of edges) await this.#enterAt(other);
    const patch = (unschedulable: boolean) =>
      must(weft.url, 'PATCH', `${HOSTS}/${host}`, { spec: { unschedulable } }, { 'content-type': 'application/merge-patch+json' });
    await patch(true);
    await hostsHoldAll();
    await weft.stop(host);
    await startAgent(host);
    await weft.agentReady(host);
    await patch(false);
    await hostsHoldAll();
  }

  /**
   * Of a balancer's flows a new edge knows none: those break whose bucket has got another target since they began (ADR 55). From here on it is a flow of the targets
   * of now: one that has come to the target which answers.
   */
  async #beginAnew(way: string): Promise<void> {
    const probe = this.#probes.get(way);
    if (probe === undefined || this.#changes === 0) return;
    this.#ended.push([way, await probe.stop()]);
    await this.#startFlow(way);
  }

  /** One flow after the other, until one has come to the target that counts, or answers. */
  async #startFlow(way: string): Promise<void> {
    for (let left = FLOWS_TRIED_MAX; ; left--) {
      try {
        this.#probes.set(way, await this.#start(way, FLOW_TRIED_MS));
        return;
      } catch (error) {
        if (left === 0) throw error;
      }
    }
  }

  async #enterAt(host: string): Promise<void> {
    if (this.#addresses !== undefined) await followEdge(this.#hosts, host, Object.values(this.#addresses));
  }

  /** Number of datagrams that have arrived, on all ways. */
  async received(): Promise<number> {
    let sum = 0;
    for (const probe of this.#probes.values()) sum += await probe.received();
    return sum;
  }

  /** What the probes of each way saw. */
  async stop(): Promise<Readonly<Record<string, ProbeResult>>> {
    for (const [way, probe] of this.#probes) this.#ended.push([way, await probe.stop()]);
    const results: Record<string, ProbeResult> = {};
    for (const [way, result] of this.#ended) results[way] = results[way] === undefined ? result : bothOf(results[way], result);
    return results;
  }
}

function bothOf(one: ProbeResult, other: ProbeResult): ProbeResult {
  const sum = (what: Exclude<keyof ProbeResult, 'gapMsMax' | 'gaps'>) => one[what] + other[what];
  return {
    ...{ sent: sum('sent'), lost: sum('lost'), overflowed: sum('overflowed'), doubled: sum('doubled'), reordered: sum('reordered') },
    gapMsMax: Math.max(one.gapMsMax, other.gapMsMax),
    gaps: [...one.gaps, ...other.gaps],
  };
}

/** The role of an interface is its name, if it has no other. `virtualIp`: it takes the one of its name. */
async function place(
  url: string,
  name: string,
  host: string,
  ips: readonly string[],
  {
    labels = { role: name },
    virtualIp = false,
    send = (request) => request(),
  }: Readonly<{ labels?: Labels; virtualIp?: boolean; send?: Send }> = {},
): Promise<void> {
  const object = nic(name, ips[0]?.startsWith('10.1.') === true ? 'blue' : 'red', ...ips);
  const spec = { ...object.spec, ...(virtualIp && { virtualIP: { virtualIPRef: { name } } }) };
  await send(() => must(url, 'POST', NICS, { ...object, metadata: { name, labels }, spec }));
  await send(() => must(url, 'POST', MACHINES, machine(`machine-${name}`, host, name)));
}

/** A repeat that finds the object there was accepted before, without an answer. */
async function untilAccepted(request: () => Promise<unknown>): Promise<void> {
  let said = 'no answer';
  await until(
    () => `a request is not accepted: ${said}`,
    async () => {
      try {
        await request();
        return true;
      } catch (error) {
        said = (error as Error).message;
        return said.includes('AlreadyExists');
      }
    },
    OUTAGE_MS_MAX,
    250,
  );
}

function policy(name: string, rules: object): object {
  const spec = { networkRef: { name: 'red' }, networkInterfaceSelector: { matchLabels: { role: name } }, ...rules };
  return { apiVersion: NETWORKING, kind: 'NetworkPolicy', metadata: { name }, spec };
}

function guardedBy(what: 'probe alone' | 'all of asker'): readonly object[] {
  const from = [{ objectSelector: { kind: 'NetworkInterface', matchLabels: { role: 'asker' } } }];
  return [{ from, ...(what === 'probe alone' && { ports: [{ protocol: 'UDP', port: PORT }] }) }];
}

async function reaches(netns: string, address: string): Promise<boolean> {
  return (await run(netns, ['ping', '-n', '-c', '1', '-W', '0.5', address])).code === 0;
}

/** Resolves when the balancer has given a flow to this target: each datagram is a flow of its own. */
async function balancedTo(client: string, balancer: string, port: number, netns: string, address: string): Promise<void> {
  const flows = `for flow in 1 2 3 4 5 6 7 8; do printf '\\0\\0\\0\\1' > /dev/udp/${balancer}/${port}; done`;
  const receiver = Inside.helper(netns, 'receive', address, String(port));
  try {
    await receiver.answer('ready');
    await until(`a flow through the balancer to ${address}`, async () => {
      await run(client, ['bash', '-c', flows]);
      receiver.write('?\n');
      return ((await receiver.answer('received'))['received'] ?? 0) > 0;
    });
  } finally {
    await receiver.end();
  }
}
