/**
 * `npm run test:probes`: 1 kHz probes through plain, peered, policed and balanced ways, and from and to the internet through VirtualIPs, NATGateways and a public
 * LoadBalancer, while the agents of both hosts are upgraded from another version, killed, and made to sweep what is nobody's, with changes made while they are away;
 * while another edge joins and the first one leaves; and while the bus, and all that reads and writes the store, are away. Needs root.
 *
 *   -- --from=HEAD   the revision of git whose agents run first; none: no upgrade
 *   -- --rounds=3    how often each agent is killed after the upgrade
 *   -- --edges=1     how often another edge joins, and the one before leaves in order
 *   -- --outage=0    for so many seconds each the bus is away, the control plane killed, and frozen (with an embedded store); 0: none of it. Changes are asked for meanwhile
 *   -- --store=PROGRAM   a server of EventStoreDB (its EventStore.ClusterNode) in place of the embedded store, frozen and killed as well by --outage
 *   -- --busy=0      busy loops beside it
 *   -- --ways=plain,back,peered,policed,balanced,vip,vip6,nat,nat6,public   those with probes: all that the version of --from has
 *   -- --later=      those of the first five whose probes begin when all agents are upgraded, since the version of --from has them not
 *   -- --json=FILE   writes there what each way saw, and each gap
 *
 * Of each gap it tells the way, when it began (ms since probes began to run), its length, the numbers of the datagrams, and what was under way.
 */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { whyNoNetlab } from '@weft/testing';
import { Workspace } from '../processes.ts';
import { twoHosts } from '../two-hosts.ts';
import { copyOf } from './other-copy.ts';
import { outagesOf, startStoreServer } from './outages.ts';
import { ProbedPaths, WAYS } from './probed-paths.ts';
import { PUBLIC_WAYS } from './public-ways.ts';
import { Steps, sentenceOf } from './steps.ts';

const { values } = parseArgs({
  options: {
    from: { type: 'string', default: 'HEAD' },
    rounds: { type: 'string', default: '3' },
    edges: { type: 'string', default: '1' },
    outage: { type: 'string', default: '0' },
    store: { type: 'string' },
    busy: { type: 'string', default: '0' },
    ways: { type: 'string', default: WAYS.join() },
    later: { type: 'string', default: '' },
    json: { type: 'string' },
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
  const isUpgraded = values.from !== 'none';
  const from = join(workspace.directory, 'from');
  if (isUpgraded) copyOf(values.from, from);
  for (let n = 0; n < Number(values.busy); n++) spawn(process.execPath, ['-e', LOOP], { stdio: ['pipe', 'ignore', 'ignore'] });
  const store = values.store === undefined ? undefined : await startStoreServer(workspace, values.store);
  const hosts = await twoHosts(workspace, {
    ...{ uplinks: ['host-1'], ...(isUpgraded && { agentRoot: from }) },
    ...(store !== undefined && { eventStore: store.url }),
  });
  const { weft, startAgent, hostsHoldAll } = hosts;
  const steps = new Steps(Date.now());
  const begin = (step: string): void => steps.begin(step, Date.now());
  const paths = await ProbedPaths.create(workspace, hosts, values.ways.split(','), begin);
  console.log(isUpgraded ? `probes arrive, with agents of ${values.from}` : 'probes arrive');
  const done = async (what: string): Promise<void> => console.log(`${what}; ${await paths.received()} datagrams so far`);
  const away = async (what: string, host: string, end: () => Promise<void>): Promise<void> => {
    begin(`${host} is ${what}`);
    await end();
    const effect = await paths.change();
    begin(`the agent of ${host} starts`);
    await startAgent(host);
    await weft.agentReady(host);
    await effect();
    begin('hosts come to rest');
    await hostsHoldAll();
    await done(`${what} ${host}: what changed meanwhile is in effect`);
  };
  if (isUpgraded) for (const host of ['host-1', 'host-2']) await away('upgraded', host, () => weft.stop(host));
  if (values.later !== '') {
    begin(`probes begin on ${values.later}`);
    await paths.begin(values.later.split(','));
  }
  for (let round = 0; round < Number(values.rounds); round++)
    for (const host of ['host-1', 'host-2']) await away('killed', host, () => weft.kill(host));
  for (let round = 0; round < Number(values.edges); round++) {
    const [before = '', next = ''] = round % 2 === 0 ? ['host-1', 'host-2'] : ['host-2', 'host-1'];
    begin(`${next} gets an uplink`);
    await paths.edgeJoins(next);
    await done(`${next} has an uplink, and the internet sends to it`);
    begin(`${before} loses its uplink`);
    await paths.edgeLeaves(before);
    await done(`${before} has no uplink any more`);
  }
  const seconds = Number(values.outage);
  if (seconds > 0) {
    for (const { what, ...outage } of [...outagesOf(hosts), ...(store?.outages ?? [])]) {
      begin(what);
      await outage.begin();
      const meanwhile = paths.change({ insists: true });
      await setTimeout(seconds * 1_000);
      begin(`no longer: ${what}`);
      outage.end();
      await weft.ready();
      await (await meanwhile)();
      begin('hosts come to rest');
      await hostsHoldAll();
      await (await paths.change())();
      await done(`${what}, for ${seconds} s: what was asked for meanwhile, and afterwards, is in effect`);
    }
  }
  begin('probes end');
  const seen = await paths.stop();
  const gaps = steps.gapsOf(seen);
  for (const gap of gaps) console.log(sentenceOf(gap));
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify({ options: values, ways: seen, gaps }, null, 2)}\n`);
  const results = Object.entries(seen);
  for (const [name, { sent, lost, doubled, reordered, gapMsMax }] of results)
    console.log(`${name.padEnd(9)} ${sent} sent, ${lost} lost, ${doubled} doubled, ${reordered} reordered; longest gap ${gapMsMax} ms`);
  // What comes by another edge may overtake what is on its way by the one before.
  const isMoved = (way: string) => PUBLIC_WAYS.includes(way) && Number(values.edges) > 0;
  return results.every(([way, { lost, doubled, reordered }]) => lost + doubled + (isMoved(way) ? 0 : reordered) === 0);
}

let passed = false;
try {
  passed = await run();
} catch (error) {
  console.log((error as Error).stack ?? String(error), workspace.logs());
}
await workspace.close();
const given = Object.entries(values).map(([name, value]) => ` --${name}=${value}`);
console.log(`${passed ? 'passed' : 'FAILED'}: npm run test:probes --${given.join('')}`);
process.exit(passed ? 0 : 1);
