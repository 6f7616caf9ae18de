/**
 * `npm run bench`: a table on standard output, and everything (raw samples too) as JSON in `bench/results/`. Each figure stands beside a reference load of
 * the same run where there is one.
 *
 *   -- --quick           fewer samples and smaller worlds, about two minutes
 *   -- --only=commands   one or more of the names below, comma separated
 *   -- --busy=2          so many busy loops beside it
 *   -- --sizes=20000x40  of `placing`: so many interfaces, and the goal in s from the last creation; or several
 *   -- --json=FILE       where the JSON goes
 */
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { dirname, join } from 'node:path';
import { weftDomains } from '@weft/service';
import { applyBench } from './apply.bench.ts';
import { balancingBench } from './balancing.bench.ts';
import type { Bench, PlacingSize, Result } from './bench.ts';
import { commandsBench } from './commands.bench.ts';
import { deriveBench } from './derive.bench.ts';
import { firstPacketBench } from './first-packet.bench.ts';
import { forwardingBench } from './forwarding.bench.ts';
import { hostsBench } from './hosts.bench.ts';
import { kernelLoadBench } from './kernel-load.bench.ts';
import { latencyBench } from './latency.bench.ts';
import { listsBench } from './lists.bench.ts';
import { machineBench } from './machine.bench.ts';
import { memoryBench } from './memory.bench.ts';
import { KINDS_MADE } from './objects.ts';
import { placingBench } from './placing.bench.ts';
import { policiesBench } from './policies.bench.ts';
import { restartBench } from './restart.bench.ts';
import { ms, table } from './stats.ts';
import { stopAll } from './system.ts';
import { updatesBench } from './updates.bench.ts';
import { subscribersBench, watchersBench } from './watchers.bench.ts';

const benches: readonly Bench[] = [
  commandsBench,
  latencyBench,
  placingBench,
  updatesBench,
  applyBench,
  listsBench,
  watchersBench,
  subscribersBench,
  hostsBench,
  machineBench,
  memoryBench,
  restartBench,
  deriveBench,
  balancingBench,
  policiesBench,
  kernelLoadBench,
  forwardingBench,
  firstPacketBench,
];

// Whose terminal or pipe is gone still measures, writes its JSON and ends what it started.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});

const flags = new Map(
  process.argv.slice(2).map((argument) => {
    const [name = '', value = ''] = argument.replace(/^--/, '').split('=');
    return [name, value] as const;
  }),
);
/** Of one bench; busy loops take their share of the time. */
const LIMIT_MINUTES = 15;
const FLAGS = ['quick', 'only', 'busy', 'sizes', 'json'];
for (const name of flags.keys())
  if (!FLAGS.includes(name)) throw new Error(`--${name} is not understood, only ${FLAGS.map((each) => `--${each}`).join(', ')}`);
const known = benches.map(({ name }) => name);
const only = flags.get('only')?.split(',') ?? known;
for (const name of only) if (!known.includes(name)) throw new Error(`--only: there is no "${name}", only ${known.join(', ')}`);

const quick = flags.has('quick');
const busy = Number(flags.get('busy') ?? 0);
const limitMinutes = LIMIT_MINUTES * (1 + busy / 2);
const sizes = flags.get('sizes')?.split(',').map(sizeOf);
if (sizes !== undefined && !only.includes('placing')) throw new Error('--sizes is of "placing", which --only leaves out');
const root = join(import.meta.dirname, '..');
const jsonPath = flags.get('json') ?? join(root, 'bench', 'results', `${new Date().toISOString().replaceAll(':', '-').slice(0, 19)}.json`);
const say = (line: string) => console.error(`bench: ${line}`);

const notMade = weftDomains.flatMap(({ kinds }) => kinds.map(({ kind }) => kind)).filter((kind) => !KINDS_MADE.includes(kind));
if (notMade.length > 0) say(`no load makes ${notMade.join(', ')}`);

// A loop ends with its standard input, so it never outlives this process.
const LOOP = `process.stdin.on('end', () => process.exit()).resume(); (function go() { const end = Date.now() + 50; while (Date.now() < end); setImmediate(go); })();`;
const loops = Array.from({ length: busy }, () => spawn(process.execPath, ['-e', LOOP], { stdio: ['pipe', 'ignore', 'ignore'] }));

const results: Result[] = [];
const seconds: Record<string, number> = {};
let failed = false;
// What goes wrong beside a bench, where nobody waits for it, ends none.
for (const happens of ['uncaughtException', 'unhandledRejection'])
  process.on(happens, (error: unknown) => {
    failed = true;
    say(`beside it: ${error instanceof Error ? error.stack : error}`);
  });
for (const bench of benches) {
  if (!only.includes(bench.name)) continue;
  say(bench.name);
  const started = performance.now();
  try {
    results.push(...(await withinLimit(bench)));
  } catch (error) {
    // What follows is still worth measuring.
    failed = true;
    const problem = error instanceof Error ? error.message : String(error);
    say(`${bench.name} ended early: ${problem}`);
    results.push({ name: `${bench.name}: ended early`, problem, goal: { want: 'to finish', met: false } });
    await stopAll();
  }
  seconds[bench.name] = Math.round((performance.now() - started) / 1000);
  say(`${bench.name} took ${seconds[bench.name]} s`);
}
for (const loop of loops) loop.kill('SIGKILL');

mkdirSync(dirname(jsonPath), { recursive: true });
const machine = { cpu: cpus()[0]?.model, cpus: cpus().length, node: process.version, platform: process.platform, busy, load: loadavg() };
writeFileSync(jsonPath, `${JSON.stringify({ at: new Date().toISOString(), machine, quick, seconds, results })}\n`);
const short = (value: number) => (value >= 10 ? value.toFixed(0) : value.toPrecision(2));
console.log(
  table([
    ['', 'per second', 'p50 ms', 'p90 ms', 'p99 ms', 'max ms', 'samples', 'other', 'to its reference', 'goal', ''],
    ...results.map(({ name, perSecond, latencyMs, figure, ratio, goal }) => [
      name,
      perSecond === undefined ? '' : String(Math.round(perSecond)),
      ...(latencyMs === undefined
        ? ['', '', '', '', '']
        : [ms(latencyMs.p50), ms(latencyMs.p90), ms(latencyMs.p99), ms(latencyMs.max), String(latencyMs.samples)]),
      figure ?? '',
      ratio === undefined ? '' : `${short(ratio.value)} × ${ratio.to}`,
      goal?.want ?? '',
      goal === undefined ? '' : goal.met ? 'met' : 'MISSED',
    ]),
  ]),
);
const beside = busy === 0 ? '' : `, ${busy} busy loops beside it`;
console.log(
  `\n${machine.cpus} × ${machine.cpu}, Node ${machine.node}${beside}, load ${ms(machine.load[0] ?? 0)}. Raw samples: ${jsonPath}`,
);
process.exitCode = failed ? 1 : 0;
// A bench that ended early may have left something open.
setTimeout(() => process.exit(), 5_000).unref();

async function withinLimit(bench: Bench): Promise<readonly Result[]> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done after ${limitMinutes} minutes`)), limitMinutes * 60_000);
  });
  try {
    return await Promise.race([bench.run({ quick, say, ...(sizes && { sizes }) }), limit]);
  } finally {
    clearTimeout(timer);
  }
}

/** `20000x40` */
function sizeOf(text: string): PlacingSize {
  const [count = 0, secondsAfter = 0] = text.split('x').map(Number);
  if (!(count > 0 && secondsAfter > 0)) throw new Error(`--sizes: "${text}" is not understood, only such as 20000x40`);
  return { count, secondsAfter };
}
