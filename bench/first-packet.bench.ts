/**
 * From a command to the first packet that a kernel treats otherwise: on two hosts with kernels, a control plane of one process each, and an internet. A sender sends a
 * datagram each millisecond that gets nowhere, until the command is in effect; then the command is taken back, and the first datagram is lost again. Beside it what
 * one `ip route` of one's own takes to do the same. Needs root.
 */
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { Inside, whyNoNetlab } from '@weft/testing';
import { until } from '@weft/testing/waiting';
import { type ApiObject, call, machine, must, NETWORKS, NICS, network, nic } from '../apps/weft/src/e2e/api.ts';
import { Workspace } from '../apps/weft/src/e2e/processes.ts';
import { type TwoHosts, twoHosts } from '../apps/weft/src/e2e/two-hosts.ts';
import { atMost, type Bench, type Result } from './bench.ts';
import { summarize } from './stats.ts';

const PROGRAM = fileURLToPath(new URL('./first-packet-program.mjs', import.meta.url));
const API = 'networking.ironcore.dev/v1alpha1';
const path = (plural: string) => NETWORKS.replace('networks', plural);
const MACHINES = '/apis/compute.ironcore.dev/v1alpha1/namespaces/default/machines';
const MERGE = { 'content-type': 'application/merge-patch+json' };
const ATTEMPTS_MAX = 3;
const GONE_MS_MAX = 120_000;
/** So long without a datagram is taken for none any more: a busy machine may let the sender wait. */
const SILENT_MS = 300;
const CASE_MS_MAX = 60_000;
const SAMPLES_MIN = 5;
/** Goals of the public side, and within networks. */
const [PUBLIC_MS, INNER_MS] = [100, 60];

/** `port`: of its sender. `receivers`: by turns. `refuses`: the first one that is lost counts, too. */
type Case = Readonly<{
  name: string;
  port: number;
  limitMs?: number;
  receivers: readonly Inside[];
  change: (sample: number) => Promise<unknown>;
  undo: (sample: number) => Promise<unknown>;
  refuses?: boolean;
}>;

const now = (): number => Number(process.hrtime.bigint()) / 1e6;

async function lastSent(receiver: Inside): Promise<number> {
  receiver.write('last\n');
  return (await receiver.answer('last'))['last'] ?? 0;
}

/** When the last one was sent that arrived. */
async function silent(receiver: Inside): Promise<number> {
  for (let before = -1; ; ) {
    const last = await lastSent(receiver);
    if (last === before && now() - last > SILENT_MS) return last;
    before = last;
    await new Promise((resolve) => setTimeout(resolve, SILENT_MS / 2));
  }
}

/** Takes `count` samples of a case; once they have taken a minute, only the first few, so that all cases end within the time of this part. */
async function measured({ name, limitMs, receivers, change, undo, refuses }: Case, count: number): Promise<readonly Result[]> {
  const [forwarded, refused]: [number[], number[]] = [[], []];
  // The first one brings what only the first one needs.
  const enoughMs = now() + CASE_MS_MAX;
  for (let sample = 0; sample <= count && (sample <= SAMPLES_MIN || now() < enoughMs); sample++) {
    const receiver = receivers[sample % receivers.length]!;
    await silent(receiver);
    receiver.write('arm\n');
    const began = now();
    await change(sample);
    const { first = 0 } = await receiver.answer('first');
    const undone = now();
    await undo(sample);
    if (receivers.length === 1) refused.push((await silent(receiver)) + 1 - undone);
    if (sample > 0) forwarded.push(first - began);
  }
  const result = (what: string, rawLatenciesMs: readonly number[]): Result => {
    const latencyMs = summarize(rawLatenciesMs);
    return { name: `${name} → ${what}`, latencyMs, rawLatenciesMs, ...(limitMs && { goal: atMost(limitMs, latencyMs.p99, 'ms p99') }) };
  };
  return [
    result('first packet forwarded', forwarded),
    ...(refuses ? [result('first packet refused, once taken back', refused.slice(1))] : []),
  ];
}

class World {
  readonly #workspace: Workspace;
  readonly #hosts: TwoHosts;
  readonly #senders = new Map<number, Inside>();

  constructor(workspace: Workspace, hosts: TwoHosts) {
    this.#workspace = workspace;
    this.#hosts = hosts;
  }

  get internet() {
    return this.#hosts.internet;
  }

  post(plural: string, kind: string, name: string, spec: object): Promise<ApiObject> {
    return this.#write('POST', path(plural), { apiVersion: API, kind, metadata: { name }, spec });
  }

  /** Resolves when it is no more: what has drained first may take some steps. */
  async delete(plural: string, name: string): Promise<unknown> {
    const { url } = this.#hosts.weft;
    await this.#write('DELETE', `${path(plural)}/${name}`);
    return until(`the end of ${name}`, async () => (await call(url, 'GET', `${path(plural)}/${name}`)).code === 404, GONE_MS_MAX);
  }

  patch(plural: string, name: string, body: object): Promise<unknown> {
    return this.#write('PATCH', `${path(plural)}/${name}`, body, MERGE);
  }

  /** Repeats a write whose outcome is not known: a machine with much beside it may stand still for seconds. It is carried out once. */
  async #write<T>(method: string, at: string, body?: object, headers: Readonly<Record<string, string>> = {}): Promise<T> {
    const known = { ...headers, 'idempotency-key': randomUUID() };
    for (let attempt = 1; ; attempt++) {
      const { code, json, text } = await call(this.#hosts.weft.url, method, at, body, known);
      if (code >= 200 && code <= 299) return json as T;
      if ((code !== 503 && code !== 504) || attempt === ATTEMPTS_MAX) throw new Error(`${method} ${at}: ${code} ${text}`);
    }
  }

  label(name: string, role: string): Promise<unknown> {
    return this.patch('networkinterfaces', name, { metadata: { labels: { role } } });
  }

  async object(name: string, networkName: string, ip: string, more: object = {}): Promise<ApiObject> {
    const made = nic(name, networkName, ip);
    return must(this.#hosts.weft.url, 'POST', NICS, { ...made, spec: { ...made.spec, ...more } });
  }

  place(name: string, host: string): Promise<unknown> {
    return must(this.#hosts.weft.url, 'POST', MACHINES, machine(`machine-${name}`, host, name));
  }

  unplace(name: string): Promise<unknown> {
    return must(this.#hosts.weft.url, 'DELETE', `${MACHINES}/machine-${name}`);
  }

  /** The namespace of the guest of an interface that its host has. */
  async guest(name: string, host: string, networkName: string, ip: string, more: object = {}): Promise<string> {
    await this.object(name, networkName, ip, more);
    await this.place(name, host);
    return (await this.#hosts.available(name)).netns;
  }

  async namespace(name: string, ...lines: readonly string[]): Promise<string> {
    const { mounts } = this.#hosts;
    await mounts.run('ip', 'netns', 'add', name);
    for (const line of lines) await this.ip(name, line);
    return mounts.netns(name);
  }

  ip(netns: string, line: string): Promise<unknown> {
    return this.#hosts.mounts.run('ip', '-n', netns, ...line.split(' '));
  }

  /** Sends only between `go` and `rest`: the senders of all cases together would fill the machine. */
  async send(netns: string, address: string, port: number, flows: 'one' | 'many' = 'one'): Promise<void> {
    this.#senders.set(port, await this.#start(netns, 'send', address, String(port), flows));
  }

  tell(port: number, what: 'go' | 'rest'): void {
    this.#senders.get(port)?.write(`${what}\n`);
  }

  receive(netns: string, address: string, port: number): Promise<Inside> {
    return this.#start(netns, 'receive', address, String(port));
  }

  async #start(netns: string, ...args: readonly string[]): Promise<Inside> {
    const inside = new Inside(netns, [process.execPath, PROGRAM, ...args]);
    this.#workspace.atEnd(() => inside.end());
    await inside.answer('ready');
    return inside;
  }

  /** A public address that something has got. */
  address(plural: string, name: string): Promise<string> {
    return until(`a public address of ${name}`, async () => {
      const { status } = await must<ApiObject>(this.#hosts.weft.url, 'GET', `${path(plural)}/${name}`);
      const { ip, ips: [first] = [] } = (status ?? {}) as { ip?: string; ips?: readonly string[] };
      return ip ?? first;
    });
  }
}

async function byHand(world: World): Promise<Case> {
  const far = await world.namespace('hand-b', 'link set lo up', 'addr add 10.99.1.1/32 dev lo');
  const near = await world.namespace('hand-a', 'link add v0 type veth peer name v1 netns hand-b', 'addr add 10.99.0.1/24 dev v0');
  for (const line of ['addr add 10.99.0.2/24 dev v1', 'link set v1 up']) await world.ip('hand-b', line);
  await world.ip('hand-a', 'link set v0 up');
  await world.send(near, '10.99.1.1', 9_100);
  const route = (verb: string) => () => world.ip('hand-a', `route ${verb} 10.99.1.1 via 10.99.0.2`);
  const receivers = [await world.receive(far, '10.99.1.1', 9_100)];
  return { name: 'reference: `ip route add` in a namespace', port: 9_100, receivers, change: route('add'), undo: route('del') };
}

async function virtualIps(world: World): Promise<readonly Case[]> {
  const [outside = ''] = world.internet.ips;
  const named = (name: string) => ({ virtualIP: { virtualIPRef: { name } } });
  const spec = { type: 'Public', ipFamily: 'IPv4' };
  const waits = await world.guest('waits', 'host-2', 'red', '10.0.0.11', named('made'));
  await world.send(waits, outside, 9_101);
  const made: Case = {
    name: 'VirtualIP created',
    port: 9_101,
    limitMs: PUBLIC_MS,
    receivers: [await world.receive(world.internet.netns, outside, 9_101)],
    change: () => world.post('virtualips', 'VirtualIP', 'made', spec),
    undo: () => world.delete('virtualips', 'made'),
  };
  await world.post('virtualips', 'VirtualIP', 'moves', spec);
  const holders = ['holds-1', 'holds-2'];
  const receivers: Inside[] = [];
  for (const [at, name] of holders.entries()) {
    const ip = `10.0.0.2${at}`;
    receivers.push(await world.receive(await world.guest(name, `host-${at + 1}`, 'red', ip, named('moves')), ip, 9_102));
  }
  await world.send(world.internet.netns, await world.address('virtualips', 'moves'), 9_102);
  const holding = (sample: number) => holders[sample % 2]!;
  const moved: Case = {
    name: 'VirtualIP moved',
    port: 9_102,
    limitMs: PUBLIC_MS,
    // The other one waits for it, and gets it when its holder names it no more.
    receivers: receivers.toReversed(),
    change: (sample) => world.patch('networkinterfaces', holding(sample), { spec: { virtualIP: null } }),
    undo: (sample) => world.patch('networkinterfaces', holding(sample), { spec: named('moves') }),
  };
  return [made, moved];
}

async function gateway(world: World): Promise<Case> {
  const [outside = ''] = world.internet.ips;
  await world.send(await world.guest('app', 'host-2', 'blue', '10.0.0.1'), outside, 9_103);
  const spec = { type: 'Public', ipFamily: 'IPv4', networkRef: { name: 'blue' } };
  return {
    name: 'NATGateway created, ports for an interface',
    port: 9_103,
    limitMs: PUBLIC_MS,
    receivers: [await world.receive(world.internet.netns, outside, 9_103)],
    change: () => world.post('natgateways', 'NATGateway', 'nat', spec),
    undo: () => world.delete('natgateways', 'nat'),
  };
}

async function balancer(world: World, type: 'Public' | 'Internal', port: number): Promise<Case> {
  const [name, role, last] = [`lb-${port}`, `web-${port}`, port - 9_000];
  const ports = [{ protocol: 'UDP', port }];
  const selects = { networkInterfaceSelector: { matchLabels: { role } }, networkRef: { name: 'green' }, ports };
  const ips = type === 'Internal' ? { ips: [{ value: `10.0.0.${last}` }] } : {};
  await world.post('loadbalancers', 'LoadBalancer', name, { type, ipFamilies: ['IPv4'], ...selects, ...ips });
  await world.guest(`stays-${port}`, 'host-1', 'green', `10.0.1.${last}`);
  await world.label(`stays-${port}`, role);
  const joins = await world.guest(`joins-${port}`, 'host-2', 'green', `10.0.2.${last}`);
  const from = type === 'Public' ? world.internet.netns : await world.guest(`asks-${port}`, 'host-1', 'green', `10.0.3.${last}`);
  await world.send(from, await world.address('loadbalancers', name), port, 'many');
  return {
    name: `target added to a balancer, ${type}`,
    port,
    limitMs: type === 'Public' ? PUBLIC_MS : INNER_MS,
    receivers: [await world.receive(joins, `10.0.2.${last}`, port)],
    change: () => world.label(`joins-${port}`, role),
    undo: () => world.label(`joins-${port}`, 'none'),
  };
}

async function interfaces(world: World): Promise<readonly Case[]> {
  const server = await world.guest('server', 'host-2', 'red', '10.0.0.2');
  const { metadata } = await world.object('comes', 'red', '10.0.0.3');
  // Whose namespace is there before: it may try to send all the time.
  const comes = await world.namespace(`weftguest-${metadata.uid.replaceAll('-', '').slice(0, 12)}`);
  await world.send(comes, '10.0.0.2', 9_106);
  const placed: Case = {
    name: 'interface placed',
    port: 9_106,
    limitMs: INNER_MS,
    receivers: [await world.receive(server, '10.0.0.2', 9_106)],
    change: () => world.place('comes', 'host-1'),
    undo: () => world.unplace('comes'),
  };
  const asks = await world.guest('asks', 'host-1', 'red', '10.0.0.4');
  const rules = (port: number) => ({
    ingress: [
      { from: [{ objectSelector: { kind: 'NetworkInterface', matchLabels: { role: 'friend' } } }], ports: [{ protocol: 'UDP', port }] },
    ],
  });
  const guarded = async (name: string, role: string, ip: string, port: number): Promise<Inside> => {
    const netns = await world.guest(name, 'host-2', 'red', ip);
    await world.label(name, name);
    await world.post('networkpolicies', 'NetworkPolicy', name, {
      ...{ networkRef: { name: 'red' }, networkInterfaceSelector: { matchLabels: { role: name } } },
      ...rules(role === 'friend' ? 1 : port),
    });
    await world.send(role === 'friend' ? friend : asks, ip, port);
    return world.receive(netns, ip, port);
  };
  const friend = await world.guest('friend', 'host-1', 'red', '10.0.0.5');
  await world.label('friend', 'friend');
  const labelled: Case = {
    name: 'label that a policy admits',
    port: 9_107,
    limitMs: INNER_MS,
    receivers: [await guarded('guarded', 'none', '10.0.0.6', 9_107)],
    change: () => world.label('asks', 'friend'),
    undo: () => world.label('asks', 'none'),
    refuses: true,
  };
  const policed: Case = {
    name: 'policy changed',
    port: 9_108,
    limitMs: INNER_MS,
    receivers: [await guarded('policed', 'friend', '10.0.0.7', 9_108)],
    change: () => world.patch('networkpolicies', 'policed', { spec: rules(9_108) }),
    undo: () => world.patch('networkpolicies', 'policed', { spec: rules(1) }),
    refuses: true,
  };
  return [placed, labelled, policed];
}

export const firstPacketBench: Bench = {
  name: 'first-packet',
  async run({ quick, say }) {
    const unfit = whyNoNetlab();
    if (unfit !== undefined) {
      say(`first-packet: ${unfit}, left out`);
      return [];
    }
    const workspace = new Workspace();
    try {
      const hosts = await twoHosts(workspace, { uplinks: ['host-1'] });
      const world = new World(workspace, hosts);
      for (const name of ['red', 'blue', 'green']) await must(hosts.weft.url, 'POST', NETWORKS, network(name));
      const cases = [
        await byHand(world),
        ...(await virtualIps(world)),
        await gateway(world),
        await balancer(world, 'Public', 9_104),
        await balancer(world, 'Internal', 9_105),
        ...(await interfaces(world)),
      ];
      await hosts.hostsHoldAll();
      const results: Result[] = [];
      for (const each of cases) {
        world.tell(each.port, 'go');
        const found = await measured(each, quick ? 10 : 40);
        world.tell(each.port, 'rest');
        for (const { name, latencyMs } of found) say(`${name}: p50 ${latencyMs?.p50.toFixed(1)} ms, p99 ${latencyMs?.p99.toFixed(1)} ms`);
        results.push(...found);
      }
      const [reference, ...others] = results as [Result, ...Result[]];
      const alone = reference.latencyMs?.p50 ?? Number.NaN;
      return [
        reference,
        ...others.map((each) => ({ ...each, ratio: { value: (each.latencyMs?.p50 ?? Number.NaN) / alone, to: 'one `ip route add`' } })),
      ];
    } catch (error) {
      throw new Error(`${error instanceof Error ? error.message : error}\n${workspace.logs()}`);
    } finally {
      await workspace.close();
    }
  },
};
