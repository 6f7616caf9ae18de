/**
 * `npm run test:probes`: 1 kHz probes through plain, peered, policed and balanced ways while the agents of both hosts are upgraded from another version, killed,
 * and made to sweep what is nobody's, with changes made while they are away. Needs root.
 *
 *   -- --from=HEAD   the revision of git whose agents run first
 *   -- --rounds=3    how often each agent is killed after the upgrade
 *   -- --busy=0      busy loops beside it
 *   -- --ways=plain,back,peered,policed,balanced   those with probes: all that the version of --from has
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { whyNoNetlab } from '@weft/testing';
import { Workspace } from '../processes.ts';
import { twoHosts } from '../two-hosts.ts';
import { copyOf } from './other-copy.ts';
import { ProbedPaths, WAYS } from './probed-paths.ts';

const { values } = parseArgs({
  options: {
    from: { type: 'string', default: 'HEAD' },
    rounds: { type: 'string', default: '3' },
    busy: { type: 'string', default: '0' },
    ways: { type: 'string', default: WAYS.join() },
  },
});
const unfit = whyNoNetlab();
if (unfit !== undefined) {
  console.error(`probes: ${unfit}`);
  process.exit(2);
}

/** Ends with its standard input, so it never outlives this process. */
const LOOP = `process.stdin.on('end', () => process.exit()).resume(); (function go() { const end = Date.now() + 50; while (Date.now() < end); setImmediate(go); })();`;
const workspace = new Workspace();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void workspace.close().then(() => process.exit(1)));

async function run(): Promise<boolean> {
  const from = join(workspace.directory, 'from');
  copyOf(values.from, from);
  for (let n = 0; n < Number(values.busy); n++) spawn(process.execPath, ['-e', LOOP], { stdio: ['pipe', 'ignore', 'ignore'] });
  const hosts = await twoHosts(workspace, from);
  const { weft, startAgent, hostsHoldAll } = hosts;
  const paths = await ProbedPaths.create(workspace, hosts, values.ways.split(','));
  console.log(`probes arrive, with agents of ${values.from}`);
  const away = async (what: string, host: string, end: () => Promise<void>): Promise<void> => {
    await end();
    const effect = await paths.change();
    await startAgent(host);
    await weft.agentReady(host);
    await effect();
    await hostsHoldAll();
    console.log(`${what} ${host}: what changed meanwhile is in effect; ${await paths.received()} datagrams so far`);
  };
  for (const host of ['host-1', 'host-2']) await away('upgraded', host, () => weft.stop(host));
  for (let round = 0; round < Number(values.rounds); round++)
    for (const host of ['host-1', 'host-2']) await away('killed', host, () => weft.kill(host));
  const results = Object.entries(await paths.stop());
  for (const [name, { sent, lost, doubled, reordered, gapMsMax }] of results)
    console.log(`${name.padEnd(9)} ${sent} sent, ${lost} lost, ${doubled} doubled, ${reordered} reordered; longest gap ${gapMsMax} ms`);
  return results.every(([, { lost, doubled, reordered }]) => lost + doubled + reordered === 0);
}

let passed = false;
try {
  passed = await run();
} catch (error) {
  console.log((error as Error).stack ?? String(error), workspace.logs());
}
await workspace.close();
console.log(
  `${passed ? 'passed' : 'FAILED'}: npm run test:probes -- --from=${values.from} --rounds=${values.rounds} --busy=${values.busy} --ways=${values.ways}`,
);
process.exit(passed ? 0 : 1);
