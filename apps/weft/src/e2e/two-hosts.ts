/** Two hosts with real kernels on one underlay, and a control plane of one process each. */

import { OWNING_SERVICES } from '@weft/service';
import { type Edge, Internet, run } from '@weft/testing';
import { until } from '@weft/testing/waiting';
import { type ApiObject, HOSTS, list, must, NICS, stateOf } from './api.ts';
import { Installation } from './installation.ts';
import { PrivateMounts } from './private-mounts.ts';
import type { Workspace } from './processes.ts';

export const CONTROL_PLANE = [...OWNING_SERVICES, 'gateway'] as const;

export type TwoHosts = Readonly<{
  weft: Installation;
  mounts: PrivateMounts;
  internet: Internet<Edge>;
  /** Hosts whose agents are started with an uplink. */
  edges: Set<string>;
  /** `root`: of the copy of this repository that the agent is of. */
  startAgent: (host: string, root?: string) => Promise<void>;
  /** Resolves when every host says that it holds what was decided up to now. */
  hostsHoldAll: () => Promise<void>;
  /** The NIC once its host has programmed it, and its guest's namespace. */
  available: (nicName: string) => Promise<Readonly<{ object: ApiObject; netns: string }>>;
}>;

/**
 * Two hosts on one underlay, the control plane one process each, and an agent for each host: of the copy of this repository at `agentRoot`. `uplinks`: hosts whose
 * agents have one. `eventStore`: URL of another store than the embedded one.
 */
export async function twoHosts(
  workspace: Workspace,
  { agentRoot, uplinks = [], eventStore }: Readonly<{ agentRoot?: string; uplinks?: readonly string[]; eventStore?: string }> = {},
): Promise<TwoHosts> {
  const mounts = await PrivateMounts.create(workspace);
  const weft = await Installation.create(workspace, eventStore);
  weft.startBus();
  weft.startServices(...CONTROL_PLANE);
  const underlay = (host: string) => `fd00:77::${host.at(-1)}`;
  await mounts.run('ip', 'netns', 'add', 'wire');
  await mounts.run('ip', '-n', 'wire', 'link', 'add', 'br0', 'up', 'mtu', '1600', 'type', 'bridge');
  for (const host of ['host-1', 'host-2']) {
    await mounts.run('ip', 'netns', 'add', host);
    await mounts.run('ip', '-n', host, 'link', 'set', 'lo', 'up');
    await mounts.run('ip', '-n', 'wire', 'link', 'add', host, 'mtu', '1600', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', host);
    await mounts.run('ip', '-n', 'wire', 'link', 'set', host, 'master', 'br0', 'up');
    await mounts.run('ip', '-n', host, 'link', 'set', 'eth0', 'mtu', '1600', 'addrgenmode', 'none', 'up');
    await mounts.run('ip', '-n', host, 'address', 'add', `${underlay(host)}/64`, 'dev', 'eth0', 'nodad');
    // Without one the kernel cannot ask a neighbour again that it knows, forgets it every half minute and learns it anew.
    await mounts.run('ip', '-n', host, 'address', 'add', `fe80::77:${host.at(-1)}/64`, 'dev', 'eth0', 'nodad');
  }
  const namespace = async (name: string) => {
    await mounts.run('ip', 'netns', 'add', name);
    return mounts.netns(name);
  };
  const internet = await Internet.create(
    { namespace },
    ['host-1', 'host-2'].map((name) => ({ name, netns: mounts.netns(name) })),
  );
  const edges = new Set(uplinks);
  const startAgent = (host: string, root?: string) => {
    const env = { WEFT_HOST_NETNS: host, WEFT_UNDERLAY_IP: underlay(host), ...(edges.has(host) && uplinkEnv(internet, host)) };
    return weft.startAgent(host, env, mounts.wrapper, root);
  };
  await Promise.all(['host-1', 'host-2'].map((host) => startAgent(host, agentRoot)));
  await weft.ready();
  await Promise.all(['host-1', 'host-2'].map((host) => weft.agentReady(host)));
  return {
    weft,
    mounts,
    internet,
    edges,
    startAgent,
    hostsHoldAll: () => hostsHoldAll(weft.url),
    available: async (nicName) => {
      const object = await until(`NetworkInterface ${nicName} to be Available`, async () => {
        const found = await must<ApiObject>(weft.url, 'GET', `${NICS}/${nicName}`);
        return stateOf(found) === 'Available' && found;
      });
      return { object, netns: mounts.netns(`weftguest-${object.metadata.uid.replaceAll('-', '').slice(0, 12)}`) };
    },
  };
}

function uplinkEnv(internet: Internet<Edge>, host: string): Record<string, string> {
  const { device, addresses, gateways } = internet.uplinkOf(internet.edges.find(({ name }) => name === host)!);
  return { WEFT_UPLINK: device, WEFT_UPLINK_IPS: addresses.join(), WEFT_UPLINK_GATEWAYS: gateways.join() };
}

async function hostsHoldAll(url: string): Promise<void> {
  await until('both hosts to be Ready and without lag', async () => {
    const { items } = await list(url, HOSTS);
    return items.length === 2 && items.every(holdsAll);
  });
}

function holdsAll({ status = {} }: ApiObject): boolean {
  const conditions = (status['conditions'] ?? []) as readonly { type: string; status: string }[];
  return conditions.some(({ type, status: value }) => type === 'Ready' && value === 'True') && status['pendingSince'] === undefined;
}

export async function answers(netns: string, address: string): Promise<void> {
  await until(`an answer from ${address}`, async () => {
    const { code } = await run(netns, ['ping', '-n', '-c', '1', '-W', '1', address]);
    return code === 0;
  });
}
