/**
 * Ways between two hosts, each with a 1 kHz probe that must lose nothing, and changes to each of them that must take effect meanwhile.
 *
 *   host-1                                   host-2
 *   client  ── plain, and back ───────────── server
 *           ── peered ────────────────────── far, in another Network
 *           ── balanced ── 10.0.0.80 ─────── web
 *   asker   ── policed, at both ends ─────── guarded
 */
import { Inside, Probe, run } from '@weft/testing';
import { until } from '@weft/testing/waiting';
import { MACHINES, machine, must, NETWORKS, NICS, network, nic } from '../api.ts';
import type { Workspace } from '../processes.ts';
import { answers, type TwoHosts } from '../two-hosts.ts';

const POLICIES = NETWORKS.replace('networks', 'networkpolicies');
const BALANCERS = NETWORKS.replace('networks', 'loadbalancers');
const NETWORKING = 'networking.ironcore.dev/v1alpha1';
const BALANCED = '10.0.0.80';
/** Of probes. */
const PORT = 9_000;
const OTHER_PORT = 9_001;

export const WAYS: readonly string[] = ['plain', 'back', 'peered', 'policed', 'balanced'];

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

export class ProbedPaths {
  readonly #hosts: TwoHosts;
  readonly #guests: Guests;
  readonly #probes: ReadonlyMap<string, Probe>;
  #changes = 0;

  private constructor(hosts: TwoHosts, guests: Guests, probes: ReadonlyMap<string, Probe>) {
    this.#hosts = hosts;
    this.#guests = guests;
    this.#probes = probes;
  }

  /**
   * Resolves when all is in kernels, hosts hold all that was decided, and datagrams arrive on each way. `ways`: those with probes; agents of an old version may have
   * no others.
   */
  static async create(workspace: Workspace, hosts: TwoHosts, ways: readonly string[] = WAYS): Promise<ProbedPaths> {
    const { weft, available, hostsHoldAll } = hosts;
    const post = (path: string, object: object) => must(weft.url, 'POST', path, object);
    for (const [name, other] of [
      ['red', 'blue'],
      ['blue', 'red'],
    ] as const)
      await post(NETWORKS, { ...network(name), spec: { peerings: [{ name: `to-${other}`, networkRef: { name: other } }] } });
    for (const [name, host, ips] of NICS_OF_PATHS) await place(weft.url, name, host, ips);
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
    for (const [name] of NICS_OF_PATHS) guests[name] = (await available(name)).netns;
    const { client = '', server = '', asker = '', guarded = '', web = '', far = '' } = guests;
    await answers(client, '10.0.0.2');
    await answers(server, 'fd10::1');
    if (ways.includes('peered')) await answers(client, '10.1.0.1');
    if (ways.includes('balanced')) await answers(client, BALANCED);
    if (ways.includes('policed')) {
      const open = async () => (await reaches(asker, '10.0.0.4')) || (await reaches(asker, '10.0.0.2'));
      await until('the policies to be in the kernels', async () => !(await open()));
    }
    await hostsHoldAll();
    const probes = new Map<string, Probe>();
    for (const [name, from, to, address, at] of [
      ['plain', client, server, '10.0.0.2'],
      ['back', server, client, 'fd10::1'],
      ['peered', client, far, '10.1.0.1'],
      ['policed', asker, guarded, '10.0.0.4'],
      ['balanced', client, web, BALANCED, '10.0.0.5'],
    ] as const) {
      if (!ways.includes(name)) continue;
      const probe = await Probe.start(from, to, address, { port: PORT, ...(at !== undefined && { at }) });
      workspace.atEnd(() => probe.stop());
      probes.set(name, probe);
    }
    return new ProbedPaths(hosts, guests, probes);
  }

  /** Decides something new on each way: an interface more here, one in the peered Network, another policy, one target more. What it gives resolves when all has taken effect. */
  async change(): Promise<() => Promise<void>> {
    const { url } = this.#hosts.weft;
    const number = ++this.#changes;
    const [late, lateFar] = [`10.0.0.${100 + number}`, `10.1.0.${100 + number}`];
    await place(url, `late-${number}`, 'host-1', [late], { role: 'web' });
    await place(url, `far-${number}`, 'host-2', [lateFar]);
    const isOpen = number % 2 === 1;
    const rules = { spec: { ingress: guardedBy(isOpen ? 'all of asker' : 'probe alone') } };
    await must(url, 'PATCH', `${POLICIES}/guarded`, rules, { 'content-type': 'application/merge-patch+json' });
    return async () => {
      const { client = '', server = '', asker = '' } = this.#guests;
      const { netns } = await this.#hosts.available(`late-${number}`);
      await answers(server, late);
      if (this.#probes.has('peered')) {
        await this.#hosts.available(`far-${number}`);
        await answers(client, lateFar);
      }
      if (this.#probes.has('policed'))
        await until(`the policy to ${isOpen ? 'admit' : 'refuse'} pings`, async () => (await reaches(asker, '10.0.0.4')) === isOpen);
      if (this.#probes.has('balanced')) await balancedTo(client, netns, late);
    };
  }

  /** Number of datagrams that have arrived, on all ways. */
  async received(): Promise<number> {
    let sum = 0;
    for (const probe of this.#probes.values()) sum += await probe.received();
    return sum;
  }

  /** What the probe of each way saw. */
  async stop(): Promise<Readonly<Record<string, Awaited<ReturnType<Probe['stop']>>>>> {
    const results: Record<string, Awaited<ReturnType<Probe['stop']>>> = {};
    for (const [name, probe] of this.#probes) results[name] = await probe.stop();
    return results;
  }
}

/** The role of an interface is its name, if it has no other. */
async function place(url: string, name: string, host: string, ips: readonly string[], labels: Labels = { role: name }): Promise<void> {
  const object = nic(name, ips[0]?.startsWith('10.1.') === true ? 'blue' : 'red', ...ips);
  await must(url, 'POST', NICS, { ...object, metadata: { name, labels } });
  await must(url, 'POST', MACHINES, machine(`machine-${name}`, host, name));
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
async function balancedTo(client: string, netns: string, address: string): Promise<void> {
  const flows = `for flow in 1 2 3 4 5 6 7 8; do printf '\\0\\0\\0\\1' > /dev/udp/${BALANCED}/${OTHER_PORT}; done`;
  const receiver = Inside.helper(netns, 'receive', address, String(OTHER_PORT));
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
