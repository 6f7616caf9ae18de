/** An internal LoadBalancer from its manifest to its packets: whole processes, real kernels on two hosts. */

import { Inside, run, whyNoNetlab } from '@weft/testing';
import { until } from '@weft/testing/waiting';
import { call, MACHINES, machine, must, NETWORKS, NICS, network, nic } from './api.ts';
import { withProcesses } from './processes.ts';
import { answers, twoHosts } from './two-hosts.ts';

const unfit = whyNoNetlab();
const BALANCERS = NETWORKS.replace('networks', 'loadbalancers');
const IP = '10.0.0.80';

const SERVER = `
  require('node:net').createServer((socket) => socket.on('error', () => {}).end(process.argv[1])).listen(80, '0.0.0.0', () => console.log('{"ready":1}'));
  process.stdin.on('end', () => process.exit()).resume();`;
/** The names of those who answer a number of calls, one after the other; '-' for none. */
const CLIENT = `
  const { connect } = require('node:net');
  const call = () => new Promise((done) => {
    const socket = connect({ host: '${IP}', port: 80 });
    const end = (text) => { socket.destroy(); clearTimeout(timer); done(text); };
    const timer = setTimeout(() => end('-'), 500);
    socket.on('data', (text) => end(String(text))).on('error', () => end('-'));
  });
  (async () => {
    const found = [];
    for (let i = 0; i < Number(process.argv[1]); i++) found.push(await call());
    console.log(found.join(' '));
    process.exit();
  })();`;

if (unfit !== undefined) it.skip(`An internal balancer with real kernels (${unfit})`, () => {});
else
  it(
    'an internal LoadBalancer spreads flows over what it selects, goes on while an agent is dead, and leaves its address to an interface when it goes',
    withProcesses(240_000, async (workspace) => {
      const { weft, startAgent, available } = await twoHosts(workspace);
      const { url } = weft;
      await must(url, 'POST', NETWORKS, network('red'));
      for (const [name, host, ip] of [
        ['client', 'host-1', '10.0.0.1'],
        ['here', 'host-1', '10.0.0.2'],
        ['there', 'host-2', '10.0.0.3'],
      ] as const) {
        const object = nic(name, 'red', ip);
        await must(url, 'POST', NICS, { ...object, metadata: { name, ...(name !== 'client' && { labels: { app: 'web' } }) } });
        await must(url, 'POST', MACHINES, machine(`machine-${name}`, host, name));
      }
      await must(url, 'POST', BALANCERS, {
        apiVersion: 'networking.ironcore.dev/v1alpha1',
        kind: 'LoadBalancer',
        metadata: { name: 'web' },
        spec: {
          type: 'Internal',
          ipFamilies: ['IPv4'],
          networkRef: { name: 'red' },
          ips: [{ value: IP }],
          networkInterfaceSelector: { matchLabels: { app: 'web' } },
          ports: [{ protocol: 'TCP', port: 80 }],
        },
      });
      const servers: Inside[] = [];
      const client = await available('client');
      for (const name of ['here', 'there']) {
        const { netns } = await available(name);
        const server = new Inside(netns, [process.execPath, '-e', SERVER, name]);
        servers.push(server);
        await server.answer('ready');
      }
      const called = async (count: number): Promise<readonly string[]> => {
        const { stdout } = await run(client.netns, [process.execPath, '-e', CLIENT, String(count)]);
        return stdout.trim().split(' ');
      };
      const answered = (by: readonly string[]) =>
        until(`answers from ${by.join(', ')} alone`, async () => {
          const found = new Set(await called(12));
          return found.size === by.length && by.every((name) => found.has(name));
        });
      await answered(['here', 'there']);

      await weft.kill('host-1');
      expect(await called(12)).not.toContain('-');
      await startAgent('host-1');

      await must(
        url,
        'PATCH',
        `${NICS}/there`,
        { metadata: { labels: { app: null } } },
        { 'content-type': 'application/merge-patch+json' },
      );
      await answered(['here']);

      await must(url, 'DELETE', `${BALANCERS}/web`);
      // Its address is given back by a control loop, right after its end.
      await until('nobody holds the address', async () => (await call(url, 'POST', NICS, nic('heir', 'red', IP))).code === 201);
      await must(url, 'POST', MACHINES, machine('machine-heir', 'host-2', 'heir'));
      await available('heir');
      await answers(client.netns, IP);
      for (const server of servers) await server.end();
    }),
    260_000,
  );
