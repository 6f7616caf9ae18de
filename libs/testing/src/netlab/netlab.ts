/**
 * A lab of network namespaces: an underlay (a bridge in a namespace of its own) and hosts on it, each a namespace with one underlay device. Drivers
 * and agents get such a namespace as their host.
 *
 *   host h1 --- br0 (underlay) --- host h2, h3, …
 *
 * All that is made on these hosts (routers, guests that `nic` named) is removed with the lab, also when the test is killed.
 */
import { readdirSync } from 'node:fs';
import { Inside } from './inside.ts';
import { claim, removeNow } from './ownership.ts';
import { must, run } from './run.ts';

export type LabHost = Readonly<{
  name: string;
  netns: string;
  /** Host index, which no other lab on this machine uses: namespaces `weft-<index>-…` are removed with the lab. */
  index: number;
  underlay: string;
}>;

export type NetlabOptions = Readonly<{
  hosts?: number;
  /** The family of underlay addresses. */
  family?: 'v4' | 'v6';
  underlayMtu?: number;
}>;

export type Pinged = Readonly<{ sent: number; received: number; text: string }>;

let labs = 0;

export class Netlab {
  readonly hosts: readonly LabHost[];
  readonly #prefix: string;
  readonly #patterns: string[];
  #nics = 0;

  private constructor(prefix: string, hosts: readonly LabHost[], patterns: readonly string[]) {
    this.#prefix = prefix;
    this.hosts = hosts;
    this.#patterns = [...patterns];
  }

  static async create({ hosts: count = 3, family = 'v6', underlayMtu = 1500 }: NetlabOptions = {}): Promise<Netlab> {
    const prefix = `weftlab-${process.pid}-${labs++}`;
    const first = freeIndexes(count);
    const hosts = Array.from({ length: count }, (_, at): LabHost => {
      const underlay = family === 'v6' ? `fd00:77::${at + 1}` : `10.77.0.${at + 1}`;
      return { name: `h${at + 1}`, netns: `${prefix}-h${at + 1}`, index: first + at, underlay };
    });
    const patterns = [`${prefix}-*`, ...hosts.map((host) => `weft-${host.index}-*`)];
    for (const pattern of patterns) claim(pattern);
    const lab = new Netlab(prefix, hosts, patterns);
    const bridge = `${prefix}-u`;
    const outside = [bridge, ...hosts.map((host) => host.netns)].map((netns) => `netns add ${netns}`);
    await must(undefined, ['ip', '-batch', '-'], outside.join('\n'));
    const inside = [`link add br0 mtu ${underlayMtu} type bridge forward_delay 0 mcast_snooping 0`, 'link set br0 up'];
    for (const host of hosts) {
      inside.push(`link add ${host.name} mtu ${underlayMtu} type veth peer name und0 mtu ${underlayMtu} netns ${host.netns}`);
      inside.push(`link set ${host.name} addrgenmode none`, `link set ${host.name} master br0`, `link set ${host.name} up`);
    }
    await must(bridge, ['ip', '-batch', '-'], inside.join('\n'));
    await Promise.all(
      hosts.map((host, at) => {
        const length = family === 'v6' ? '64 dev und0 nodad' : '24 dev und0';
        const lines = ['link set lo up', 'link set und0 addrgenmode none', 'link set und0 up', `addr add ${host.underlay}/${length}`];
        // Without a link-local address the kernel cannot confirm a known neighbour: it would forget and learn it again every half minute.
        lines.push(`addr add fe80::77:${at + 1}/64 dev und0 nodad`);
        return must(host.netns, ['ip', '-batch', '-'], lines.join('\n'));
      }),
    );
    return lab;
  }

  /** A unique uid for a NIC, and its guest's namespace, which is removed with the lab. */
  nic(): Readonly<{ uid: string; netns: string }> {
    const hex = `${process.pid.toString(16).padStart(6, '0')}${labs.toString(16).padStart(2, '0')}${(this.#nics++).toString(16).padStart(4, '0')}`;
    const netns = `weftguest-${hex}`;
    this.own(netns);
    return { uid: `${hex.slice(0, 8)}-${hex.slice(8)}-4000-8000-000000000000`, netns };
  }

  /** Makes a plain namespace in this lab. */
  async namespace(name: string): Promise<string> {
    const netns = `${this.#prefix}-${name}`;
    await must(undefined, ['ip', 'netns', 'add', netns]);
    return netns;
  }

  /** Notes a namespace that something else makes, so that it is removed with the lab. */
  own(netns: string): void {
    claim(netns);
    this.#patterns.push(netns);
  }

  /** Namespaces of this lab's hosts that drivers made. */
  routers(): readonly string[] {
    return namespaces().filter((name) => this.hosts.some((host) => name.startsWith(`weft-${host.index}-`)));
  }

  /** `size`: bytes of ICMP payload. `df`: forbid fragments. Waits at most `waitMs` for an answer to the last ping. */
  async ping(
    from: string,
    to: string,
    {
      count = 1,
      df = false,
      size = 56,
      waitMs = 1_000,
      hopLimit = 64,
    }: Readonly<{ count?: number; df?: boolean; size?: number; waitMs?: number; hopLimit?: number }> = {},
  ): Promise<Pinged> {
    const args = [
      '-t',
      String(hopLimit),
      '-n',
      '-c',
      String(count),
      '-i',
      '0.01',
      '-W',
      String(waitMs / 1_000),
      '-s',
      String(size),
      '-M',
      df ? 'do' : 'dont',
      to,
    ];
    const { stdout, stderr } = await run(from, ['ping', ...args]);
    const text = stdout + stderr;
    const [, sent = '0', received = '0'] = /(\d+) packets transmitted, (\d+) received/.exec(text) ?? [];
    return { sent: Number(sent), received: Number(received), text };
  }

  /** Starts a TCP and UDP echo on one port, which ends with the lab. */
  async echo(netns: string, address: string, port = 7): Promise<void> {
    const helper = Inside.helper(netns, 'echo', address, String(port));
    await helper.answer('ready');
  }

  /** Resolves when both TCP and UDP were answered by the echo at that address. */
  async call(netns: string, address: string, port = 7): Promise<void> {
    const helper = Inside.helper(netns, 'call', address, String(port));
    await helper.answer('called').finally(() => helper.end());
  }

  /** Number of pings of both families that have reached a namespace. Other packets are not counted: routers send some by themselves. */
  async pinged(netns: string): Promise<number> {
    const text = await must(netns, ['cat', '/proc/net/snmp', '/proc/net/snmp6']);
    const [names = '', values = ''] = text.split('\n').filter((line) => line.startsWith('Icmp: '));
    const v4 = values.split(' ')[names.split(' ').indexOf('InEchos')];
    const v6 = /^Icmp6InEchos\s+(\d+)$/m.exec(text)?.[1];
    return Number(v4) + Number(v6);
  }

  /** Number of flows that a namespace tracks from or to an address. */
  async conntracked(netns: string, address: string): Promise<number> {
    const text = await must(netns, ['conntrack', '-L', '-f', address.includes(':') ? 'ipv6' : 'ipv4']);
    return text.split('\n').filter((line) => line.split(/[ =]/).includes(address)).length;
  }

  /** Sum of the counters in an nft chain. */
  async counted(netns: string, table: string, chain: string): Promise<number> {
    const text = await must(netns, ['nft', 'list', 'chain', 'inet', table, chain]);
    return [...text.matchAll(/counter packets (\d+)/g)].reduce((sum, [, count]) => sum + Number(count), 0);
  }

  async close(): Promise<void> {
    const isOurs = (netns: string) =>
      this.#patterns.some((pattern) => (pattern.endsWith('*') ? netns.startsWith(pattern.slice(0, -1)) : netns === pattern));
    await Inside.endIn(isOurs);
    removeNow(this.#patterns);
  }
}

export function namespaces(): readonly string[] {
  try {
    return readdirSync('/run/netns');
  } catch {
    return [];
  }
}

/** The first of `count` consecutive host indexes that nobody uses. Labs that run at the same time begin their search at different indexes. */
function freeIndexes(count: number): number {
  const used = namespaces();
  for (let tries = 0; tries < 1_000; tries++) {
    const first = 20_000 + ((process.pid * 61 + labs * 16 + tries * 16) % 40_000);
    const wanted = Array.from({ length: count }, (_, at) => `weft-${first + at}-`);
    if (!used.some((name) => wanted.some((each) => name.startsWith(each)))) return first;
  }
  throw new Error('no host index is free on this machine');
}
