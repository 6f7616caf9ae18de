/** Whole processes are killed while packets flow between two machines (DESIGN 8). */

import { KernelWatch, Probe, whyNoNetlab } from '@weft/testing';
import { until } from '@weft/testing/waiting';
import { type ApiObject, MACHINES, machine, must, NETWORKS, NICS, network, nic, stateOf } from './api.ts';
import { withProcesses } from './processes.ts';
import { answers, CONTROL_PLANE, twoHosts } from './two-hosts.ts';

const unfit = whyNoNetlab();

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
