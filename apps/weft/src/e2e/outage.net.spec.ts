/** Whole processes are killed while packets flow between two machines (DESIGN 8). */

import { KernelWatch, whyNoNetlab } from '@weft/testing';
import { until } from '@weft/testing/waiting';
import { type ApiObject, HOSTS, MACHINES, machine, must, NETWORKS, NICS, network, nic, stateOf } from './api.ts';
import { INNER_WAYS, ProbedPaths } from './probes/probed-paths.ts';
import { withProcesses } from './processes.ts';
import { answers, CONTROL_PLANE, twoHosts } from './two-hosts.ts';

const unfit = whyNoNetlab();

if (unfit === undefined) {
  describe('While packets flow between two machines', () => {
    it(
      'packet P-101: 1 kHz probes through plain, peered, policed and balanced ways, from and to the internet, lose nothing when an agent, the control plane and the bus are killed, and changes made meanwhile take effect',
      withProcesses(580_000, async (workspace) => {
        const hosts = await twoHosts(workspace, { uplinks: ['host-1'] });
        const { weft, mounts, startAgent, hostsHoldAll: settled } = hosts;
        const paths = await ProbedPaths.create(workspace, hosts, [...INNER_WAYS, 'vip', 'nat', 'public']);
        const phases: string[] = [];
        let [passed, startedMs] = [await paths.received(), performance.now()];
        const phaseEnds = async (what: string) => {
          const received = await paths.received();
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

        // Its rows change while it is away, and so does its kernel: what is nobody's is swept.
        await weft.kill('host-1');
        const effect = await paths.change();
        const { status } = await must<ApiObject>(weft.url, 'GET', `${HOSTS}/host-1`);
        const routers = `weft-${status?.['index']}-`;
        const ofNetwork = (name: string) => name.startsWith(routers) && name !== `${routers}r1`;
        const [router = '', left] = [mounts.namespaces().find(ofNetwork), `${routers}r4000`];
        await mounts.run('ip', 'netns', 'add', left);
        await mounts.run('ip', '-n', router, 'route', 'add', 'blackhole', '10.0.0.200');
        await startAgent('host-1');
        await weft.agentReady('host-1');
        await effect();
        await settled();
        expect(mounts.namespaces()).not.toContain(left);
        expect(await mounts.run('ip', '-n', router, 'route', 'show', '10.0.0.200')).toBe('');
        await phaseEnds('agent and changes');

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
        await (await paths.change())();
        await phaseEnds('bus');

        const results = await paths.stop();
        const sent = Object.values(results).map((result) => result.sent);
        process.stdout.write(`1 kHz on ${sent.length} ways: ${sent.join(', ')} sent; ${phases.join('; ')}\n`);
        const nothing = { lost: 0, doubled: 0, reordered: 0 };
        expect(results).toMatchObject({ plain: nothing, back: nothing, peered: nothing, policed: nothing, balanced: nothing });
        expect(results).toMatchObject({ vip: nothing, nat: nothing, public: nothing });
        expect(Math.min(...sent)).toBeGreaterThan(3_000);
      }),
      600_000,
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
