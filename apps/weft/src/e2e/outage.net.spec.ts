/** Whole processes are killed while packets flow between two machines (DESIGN 8). */

import { OWNING_SERVICES } from '@weft/service';
import { KernelWatch, Probe, run, whyNoNetlab } from '@weft/testing';
import { until } from '@weft/testing/waiting';
import { type ApiObject, HOSTS, list, MACHINES, machine, must, NETWORKS, NICS, network, nic, stateOf } from './api.ts';
import { Installation } from './installation.ts';
import { PrivateMounts } from './private-mounts.ts';
import { type Workspace, withProcesses } from './processes.ts';

const unfit = whyNoNetlab();
const CONTROL_PLANE = [...OWNING_SERVICES, 'gateway'] as const;

type Lab = Readonly<{
  weft: Installation;
  mounts: PrivateMounts;
  startAgent: (host: string) => Promise<void>;
  /** Resolves when every host says that it holds what was decided up to now. */
  hostsHoldAll: () => Promise<void>;
  /** The NIC once its host has programmed it, and its guest's namespace. */
  available: (nicName: string) => Promise<Readonly<{ object: ApiObject; netns: string }>>;
}>;

/** Two hosts on one underlay, the control plane one process each, and an agent for each host. */
async function twoHosts(workspace: Workspace): Promise<Lab> {
  const mounts = await PrivateMounts.create(workspace);
  const weft = await Installation.create(workspace);
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
  const startAgent = (host: string) => weft.startAgent(host, { WEFT_HOST_NETNS: host, WEFT_UNDERLAY_IP: underlay(host) }, mounts.wrapper);
  await Promise.all(['host-1', 'host-2'].map(startAgent));
  await weft.ready();
  await Promise.all(['host-1', 'host-2'].map((host) => weft.agentReady(host)));
  return {
    weft,
    mounts,
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

async function answers(netns: string, address: string): Promise<void> {
  await until(`an answer from ${address}`, async () => {
    const { code } = await run(netns, ['ping', '-n', '-c', '1', '-W', '1', address]);
    return code === 0;
  });
}

if (unfit === undefined) {
  describe('While packets flow between two machines', () => {
    it(
      'a 1 kHz probe loses nothing when an agent, then the control plane, then the bus are killed and started again',
      withProcesses(240_000, async (workspace) => {
        const { weft, mounts, startAgent, hostsHoldAll: settled, available } = await twoHosts(workspace);
        const { url } = weft;
        await must(url, 'POST', NETWORKS, network('red'));
        for (const at of [1, 2]) {
          await must(url, 'POST', NICS, nic(`red-${at}`, 'red', `10.0.0.${at}`, `fd10::${at}`));
          await must(url, 'POST', MACHINES, machine(`machine-${at}`, `host-${at}`, `red-${at}`));
        }
        const [one, two] = [await available('red-1'), await available('red-2')];
        await answers(one.netns, '10.0.0.2');
        await answers(two.netns, 'fd10::1');
        await settled();
        const probe = async (from: string, to: string, address: string): Promise<Probe> => {
          const started = await Probe.start(from, to, address);
          workspace.atEnd(() => started.stop());
          return started;
        };
        const probes = { there: await probe(one.netns, two.netns, '10.0.0.2'), back: await probe(two.netns, one.netns, 'fd10::1') };
        const phases: string[] = [];
        let [passed, startedMs] = [0, performance.now()];
        const phaseEnds = async (what: string) => {
          const received = (await probes.there.received()) + (await probes.back.received());
          phases.push(`${what}: ${received - passed} datagrams in ${Math.round(performance.now() - startedMs)} ms`);
          [passed, startedMs] = [received, performance.now()];
        };

        const ours = mounts.namespaces().filter((name) => name === 'host-1' || name.startsWith('weft'));
        const watch = await KernelWatch.start(ours.map((name) => mounts.netns(name)));
        workspace.atEnd(() => watch.stop());
        await weft.kill('host-1');
        await startAgent('host-1');
        await weft.agentReady('host-1');
        await settled();
        expect(await watch.stop()).toEqual([]);
        await phaseEnds('agent');

        await weft.kill(...CONTROL_PLANE);
        weft.startServices(...CONTROL_PLANE);
        await weft.ready();
        await settled();
        await phaseEnds('control plane');

        await weft.kill('nats-server');
        weft.startBus();
        await weft.ready();
        await settled();
        // What is decided now still reaches the hosts.
        await must(url, 'POST', NICS, nic('red-3', 'red', '10.0.0.3'));
        await must(url, 'POST', MACHINES, machine('machine-3', 'host-1', 'red-3'));
        await available('red-3');
        await answers(two.netns, '10.0.0.3');
        await phaseEnds('bus');

        const [there, back] = [await probes.there.stop(), await probes.back.stop()];
        process.stdout.write(`1 kHz both ways: ${there.sent} and ${back.sent} sent; ${phases.join('; ')}\n`);
        expect({ there, back }).toMatchObject({
          there: { lost: 0, doubled: 0, reordered: 0 },
          back: { lost: 0, doubled: 0, reordered: 0 },
        });
        expect(Math.min(there.sent, back.sent)).toBeGreaterThan(3_000);
      }),
      260_000,
    );

    it(
      'a NIC that was created and placed while its agent was down works once it is back',
      withProcesses(180_000, async (workspace) => {
        const { weft, startAgent, hostsHoldAll: settled, available } = await twoHosts(workspace);
        const { url } = weft;
        await must(url, 'POST', NETWORKS, network('red'));
        await must(url, 'POST', NICS, nic('red-2', 'red', '10.0.0.2'));
        await must(url, 'POST', MACHINES, machine('machine-2', 'host-2', 'red-2'));
        await available('red-2');
        await settled();
        await weft.kill('host-1');
        await must(url, 'POST', NICS, nic('red-1', 'red', '10.0.0.1'));
        await must(url, 'POST', MACHINES, machine('machine-1', 'host-1', 'red-1'));
        // It was decided, and nobody claims that it works.
        await until('the NIC to be placed', async () => {
          const { spec } = await must<ApiObject>(url, 'GET', `${NICS}/red-1`);
          return (spec['machineRef'] as { name?: string } | undefined)?.name === 'machine-1';
        });
        expect(stateOf(await must<ApiObject>(url, 'GET', `${NICS}/red-1`))).toBe('Pending');
        await startAgent('host-1');
        const { netns } = await available('red-1');
        await answers(netns, '10.0.0.2');
      }),
      200_000,
    );
  });
} else it.skip(`Outages with real packets (${unfit})`, () => {});
