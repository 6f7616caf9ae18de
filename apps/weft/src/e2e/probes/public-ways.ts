/**
 * Ways between the internet and two hosts, for probes that are answered, and what changes on them meanwhile. At first host-1 alone is an edge, and whom it is about is on
 * host-2: each packet is relayed, in both directions.
 *
 *   internet ── vip, vip6 ── holder, holder6   a VirtualIP each
 *            ── public ───── web               a LoadBalancer, whose address is a VirtualIP's
 *   server   ── nat, nat6 ── internet          a NATGateway each
 */
import type { Edge, Internet } from '@weft/testing';
import { until } from '@weft/testing/waiting';
import { type ApiObject, must, NETWORKS } from '../api.ts';
import { answers, type TwoHosts } from '../two-hosts.ts';

const NETWORKING = 'networking.ironcore.dev/v1alpha1';
const VIPS = NETWORKS.replace('networks', 'virtualips');
const GATEWAYS = NETWORKS.replace('networks', 'natgateways');
const BALANCERS = NETWORKS.replace('networks', 'loadbalancers');

export const PUBLIC_WAYS: readonly string[] = ['vip', 'vip6', 'nat', 'nat6', 'public'];
/** The VirtualIP of the balancer. */
const FRONT = 'front';
/** Of probes; of flows that look for a target. */
export const [PUBLIC_PORT, PUBLIC_OTHER_PORT] = [9_003, 9_004];

export type PublicAddresses = Readonly<{ vip: string; vip6: string; nat: string; nat6: string; balancer: string }>;

/** For the interface of the same name. */
export async function makeVirtualIp(url: string, name: string, ipFamily = 'IPv4'): Promise<void> {
  await must(url, 'POST', VIPS, { apiVersion: NETWORKING, kind: 'VirtualIP', metadata: { name }, spec: { type: 'Public', ipFamily } });
}

/** Before interfaces: these find their ports and addresses as they come, of the pool that every store begins with. */
export async function makePublic(url: string): Promise<void> {
  for (const ipFamily of ['IPv4', 'IPv6']) {
    const spec = { type: 'Public', ipFamily, networkRef: { name: 'red' } };
    await must(url, 'POST', GATEWAYS, { apiVersion: NETWORKING, kind: 'NATGateway', metadata: { name: ipFamily.toLowerCase() }, spec });
  }
  await makeVirtualIp(url, 'holder');
  await makeVirtualIp(url, 'holder6', 'IPv6');
  await makeVirtualIp(url, FRONT);
  await must(url, 'POST', BALANCERS, {
    apiVersion: NETWORKING,
    kind: 'LoadBalancer',
    metadata: { name: 'public' },
    spec: {
      type: 'Public',
      ipFamilies: ['IPv4'],
      networkRef: { name: 'red' },
      virtualIPs: [{ virtualIPRef: { name: FRONT } }],
      networkInterfaceSelector: { matchLabels: { role: 'web' } },
      ports: [{ protocol: 'UDP', port: PUBLIC_PORT, endPort: PUBLIC_OTHER_PORT }],
    },
  });
}

/** Resolves when each of them has one. */
export async function publicAddresses(url: string): Promise<PublicAddresses> {
  const ip = (path: string) =>
    until(`a public address of ${path}`, async () => {
      const { status } = await must<ApiObject>(url, 'GET', path);
      const { ips: [first] = [], ip = first } = (status ?? {}) as { ip?: string; ips?: readonly (string | { ip?: string })[] };
      return typeof ip === 'object' ? ip.ip : ip;
    });
  return {
    vip: await ip(`${VIPS}/holder`),
    vip6: await ip(`${VIPS}/holder6`),
    nat: await ip(`${GATEWAYS}/ipv4`),
    nat6: await ip(`${GATEWAYS}/ipv6`),
    balancer: await ip(`${BALANCERS}/public`),
  };
}

/** The internet reaches the VirtualIP with this name, once its holder has it. */
export async function virtualIpAnswers(url: string, internet: Internet<Edge>, name: string): Promise<void> {
  const address = await until(`an address of VirtualIP ${name}`, async () => {
    const { status } = await must<ApiObject>(url, 'GET', `${VIPS}/${name}`);
    return status?.['ip'] as string | undefined;
  });
  await answers(internet.netns, address);
}

/**
 * The internet sends to this edge what it tells: as a routing daemon would, once they reach each other over the uplink, and each address as soon as its route is
 * on the public side of the host. Resolves when it tells all of these.
 */
export async function followEdge({ mounts, internet, weft }: TwoHosts, host: string, addresses: readonly string[]): Promise<void> {
  const { status } = await must<ApiObject>(weft.url, 'GET', `/apis/fabric.weft.dev/v1alpha1/hosts/${host}`);
  const side = `weft-${status?.['index']}-r1`;
  const edge = internet.edges.find(({ name }) => name === host)!;
  const missing = new Set(addresses);
  for (const each of internet.uplinkOf(edge).addresses) await answers(internet.netns, each.replace(/\/.*/, ''));
  await until(
    () => `${host} tells no route to ${[...missing].join()}`,
    async () => {
      const routes = `${await mounts.run('ip', '-4', '-n', side, 'route', 'show', 'proto', '201')}${await mounts.run('ip', '-6', '-n', side, 'route', 'show', 'proto', '201')}`;
      const told = new Set(routes.split('\n').map((line) => line.split(' ')[0] ?? ''));
      const found = [...missing].filter((address) => told.has(address));
      if (found.length > 0) await internet.enterAt(edge, found);
      for (const address of found) missing.delete(address);
      return missing.size === 0;
    },
    undefined,
    5,
  );
}
