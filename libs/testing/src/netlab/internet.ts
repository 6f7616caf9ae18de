/**
 * An internet for a lab: one namespace, on a wire with the uplinks of some hosts. It answers pings at its own addresses, and sends packets for the public
 * ranges to one edge at a time, as a router does that has learned them.
 *
 *   internet ── br0 ── up0 of host h1 ── `uplink` of its public side
 *                 └─── up0 of host h2 …
 */
import type { Uplink } from '@weft/linux';
import type { LabHost, Netlab } from './netlab.ts';
import { linksSettled, must } from './run.ts';

const GATEWAYS = ['100.64.0.254', '2001:db8:fffe::fe'];
/** Documentation ranges: what the fabric gives away. */
export const PUBLIC_RANGES = ['203.0.113.0/24', '2001:db8:100::/48'];

export const INTERNET_IPS: readonly string[] = ['198.51.100.1', '2001:db8:51::1'];

export type Edge = Pick<LabHost, 'name' | 'netns'>;

export class Internet<E extends Edge = LabHost> {
  readonly netns: string;
  /** Its own, of both families: what it sends from, and answers at. */
  readonly ips = INTERNET_IPS;
  readonly edges: readonly E[];

  private constructor(netns: string, edges: readonly E[]) {
    this.netns = netns;
    this.edges = edges;
  }

  static async create<E extends Edge>(lab: Pick<Netlab, 'namespace'>, edges: readonly E[]): Promise<Internet<E>> {
    const netns = await lab.namespace('internet');
    const lines = ['link set lo up', 'link add br0 type bridge forward_delay 0 mcast_snooping 0', 'link set br0 up'];
    for (const gateway of GATEWAYS) lines.push(`addr add ${gateway}/${gateway.includes(':') ? '64 dev br0 nodad' : '24 dev br0'}`);
    const internet = new Internet(netns, edges);
    for (const ip of internet.ips) lines.push(`addr add ${ip}/${ip.includes(':') ? 128 : 32} dev lo`);
    for (const { name, netns: host } of edges) {
      lines.push(`link add ${name} type veth peer name up0 netns /run/netns/${host}`, `link set ${name} master br0`, `link set ${name} up`);
    }
    await must(netns, ['ip', '-batch', '-'], lines.join('\n'));
    for (const { netns: host } of edges) await must(host, ['ip', 'link', 'set', 'up0', 'up']);
    await linksSettled(netns);
    const [first] = edges;
    if (first !== undefined) await internet.enterAt(first);
    return internet;
  }

  /** What the driver of an edge is told. */
  uplinkOf(edge: E): Uplink {
    return { device: 'up0', addresses: this.#addressesOf(edge).map((ip) => `${ip}/${ip.includes(':') ? 64 : 24}`), gateways: GATEWAYS };
  }

  /** From now on public packets come in at this edge, or those for these addresses. */
  async enterAt(edge: E, addresses: readonly string[] = PUBLIC_RANGES): Promise<void> {
    const hops = this.#addressesOf(edge);
    const lines = addresses.map((address) => {
      const at = address.includes(':') ? 1 : 0;
      return `route replace ${address} via ${hops[at]} src ${this.ips[at]}`;
    });
    await must(this.netns, ['ip', '-batch', '-'], lines.join('\n'));
  }

  #addressesOf(edge: E): readonly string[] {
    const number = this.edges.indexOf(edge) + 1;
    return [`100.64.0.${number}`, `2001:db8:fffe::${number}`];
  }
}
