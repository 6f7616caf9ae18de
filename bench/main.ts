/**
 * `npm run bench`: a table on standard output, and everything (raw samples too) as JSON in `bench/results/`.
 *
 *   -- --quick           fewer samples, 1k interfaces only
 *   -- --only=commands   one of commands, latency, machine, replay, derive, balancing, policies (comma separated)
 *   -- --json=FILE       where the JSON goes
 */
import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { weftDomains } from '@weft/service';
import { balancingBench, maglevBench } from './balancing.bench.ts';
import { commandsBench } from './commands.bench.ts';
import { deriveBench } from './derive.bench.ts';
import { latencyBench } from './latency.bench.ts';
import { machineBench } from './machine.bench.ts';
import { KINDS_MADE } from './objects.ts';
import { policyRowsBench, policySystemBench } from './policies.bench.ts';
import type { ReplayFigures } from './replay.ts';
import { ms, type Summary, summarize, table } from './stats.ts';

const flags = new Map(
  process.argv.slice(2).map((argument) => {
    const [name = '', value = ''] = argument.replace(/^--/, '').split('=');
    return [name, value] as const;
  }),
);
const quick = flags.has('quick');
const only = new Set((flags.get('only') ?? 'commands,latency,machine,replay,derive,balancing,policies').split(','));
const root = join(import.meta.dirname, '..');
const jsonPath = flags.get('json') ?? join(root, 'bench', 'results', `${new Date().toISOString().replaceAll(':', '-').slice(0, 19)}.json`);
const say = (line: string) => console.error(`bench: ${line}`);
const canProgram = process.platform === 'linux' && process.getuid?.() === 0;

type Goal = { want: string; met: boolean };
type Result = { name: string; perSecond?: number; latencyMs?: Summary; rawLatenciesMs?: number[]; goal?: Goal };
const results: Result[] = [];

function replay(directory: string): Promise<ReplayFigures> {
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      [join(root, 'tools/run.mjs'), join(root, 'bench/replay.ts'), directory],
      { cwd: root, maxBuffer: 1e8 },
      (error, stdout, stderr) =>
        error === null ? resolve(JSON.parse(stdout) as ReplayFigures) : reject(new Error(`replay: ${error.message}\n${stderr}`)),
    );
  });
}

async function replayOf(directory: string): Promise<void> {
  const figures = await replay(directory);
  results.push({
    name: `replay of ${figures.events} events, embedded store, read only`,
    perSecond: figures.readPerSecond,
    goal: { want: '≥ 150000/s', met: figures.readPerSecond >= 150_000 },
  });
  results.push({ name: `replay of ${figures.events} events, read and folded from zero`, perSecond: figures.foldPerSecond });
}

const notMade = weftDomains.flatMap(({ kinds }) => kinds.map(({ kind }) => kind)).filter((kind) => !KINDS_MADE.includes(kind));
if (notMade.length > 0) say(`no load makes ${notMade.join(', ')}`);

if (only.has('commands') || only.has('replay')) {
  say('commands');
  const figures = await commandsBench({
    count: quick ? 5_000 : 30_000,
    single: quick ? 200 : 1_000,
    say,
    ...(only.has('replay') ? { afterwards: replayOf } : {}),
  });
  for (const figure of only.has('commands') ? figures : []) {
    const goal: Goal =
      figure.perSecond === undefined
        ? { want: 'p50 ≤ 5 ms', met: figure.latencyMs.p50 <= 5 }
        : { want: '≥ 5000/s', met: figure.perSecond >= 5_000 };
    results.push({ ...figure, goal });
  }
}
if (only.has('latency')) {
  const drivers = canProgram ? (['simulated', 'linux'] as const) : (['simulated'] as const);
  if (!canProgram) say('the real kernel is left out: it needs Linux and root');
  const p99 = new Map<string, number>();
  for (const interfaces of quick ? [1_000] : [1_000, 100_000]) {
    say(`latency with ${interfaces} interfaces`);
    for (const figure of await latencyBench({ interfaces, samples: quick ? 50 : 200, drivers, say })) {
      const small = p99.get(figure.driver);
      const atHundredThousand: Goal | undefined =
        small === undefined ? undefined : { want: `p99 ≤ ${ms(2 * small)} ms`, met: figure.latencyMs.p99 <= 2 * small };
      const inKernel: Goal | undefined =
        figure.driver === 'linux'
          ? { want: 'p50 ≤ 25, p99 ≤ 100 ms', met: figure.latencyMs.p50 <= 25 && figure.latencyMs.p99 <= 100 }
          : undefined;
      if (small === undefined) p99.set(figure.driver, figure.latencyMs.p99);
      const goal = atHundredThousand ?? inKernel;
      results.push({ ...figure, ...(goal === undefined ? {} : { goal }) });
    }
  }
}

if (only.has('machine')) {
  say('machine');
  // The first one warms Weft up.
  for (const figure of (await machineBench([100, quick ? 250 : 1_000, quick ? 250 : 1_000], say)).slice(1)) {
    const { interfaces, created, deleted } = figure;
    for (const [what, { ms: took, cpuMs }] of [
      ['all Available', created],
      ['deleted with all of them', deleted],
    ] as const) {
      const name = `machine with ${interfaces} inline interfaces, ${what} (${Math.round(cpuMs)} ms of CPU)`;
      results.push({ name, latencyMs: summarize([took]), goal: { want: '≤ 3000 ms', met: took <= 3_000 } });
    }
  }
}

if (only.has('derive')) {
  say('derive');
  const { figures, bytesPerRow, bytesPerRowByHand } = deriveBench({ ports: 100_000 });
  for (const { name, perSecond, ratio } of figures) {
    results.push({
      name: `derived: ${name} (${ratio.toFixed(1)} times the time by hand)`,
      perSecond,
      goal: { want: '≤ 5 times', met: ratio <= 5 },
    });
  }
  say(`derive: ${Math.round(bytesPerRow)} bytes a row with its source, ${Math.round(bytesPerRowByHand)} by hand`);
}

if (only.has('balancing')) {
  const changes = quick ? 50 : 300;
  for (const balancers of [1, 10_000]) {
    say(`balancing with ${balancers} balancers`);
    const figures = balancingBench({ targets: 1_000, balancers, changes });
    for (const [i, { name, latencyMs, evaluations, rows, asked }] of figures.entries()) {
      if (evaluations !== undefined) say(`${name}: ${evaluations} derivations, ${rows} rows`);
      if (asked !== undefined) say(`${name}: loops asked ${asked} times, the label included`);
      results.push({ name, latencyMs, ...(i === 0 && { goal: { want: 'p50 ≤ 10 ms', met: latencyMs.p50 <= 10 } }) });
    }
  }
  for (const targets of [100, 1_000, 10_000]) {
    const { name, latencyMs } = maglevBench({ targets, rounds: quick ? 20 : 100 });
    results.push({ name, latencyMs, ...(targets === 1_000 && { goal: { want: 'p50 ≤ 10 ms', met: latencyMs.p50 <= 10 } }) });
  }
}

if (only.has('policies')) {
  say('policies');
  const size = quick ? { interfaces: 1_000, policies: 100 } : { interfaces: 10_000, policies: 1_000 };
  const { foldMs, rowsMs, appliedMs, referenceMs, bytesPerMember } = await policyRowsBench({ ...size, samples: quick ? 200 : 1_000 });
  const of = `${size.interfaces} interfaces, ${size.policies} policies`;
  results.push(
    { name: `a label moves an interface to another policy, ${of}: folded`, latencyMs: foldMs },
    { name: '– rows made', latencyMs: rowsMs, goal: { want: 'p50 ≤ 5 ms', met: foldMs.p50 + rowsMs.p50 <= 5 } },
    { name: '– at one who follows the rows, in one process', latencyMs: appliedMs },
    { name: '– the reference load beside it', latencyMs: referenceMs },
  );
  say(`policies: ${Math.round(bytesPerMember)} bytes for the row of an interface that one policy selects`);
  const many = quick ? 1_000 : 10_000;
  const { labelMs, labelCpuMs, createdSeconds, resolvedSeconds, cpuSeconds } = await policySystemBench({
    ...size,
    many,
    samples: quick ? 50 : 200,
    say,
  });
  results.push(
    {
      name: `HTTP request for a label → row at one who follows (CPU ${ms(labelCpuMs)} ms)`,
      latencyMs: labelMs,
      goal: { want: 'p50 ≤ 50 ms', met: labelMs.p50 <= 50 },
    },
    {
      name: `${many} NetworkPolicies: created in ${ms(createdSeconds)} s, resolved after ${ms(resolvedSeconds)} s (CPU ${ms(cpuSeconds)} s)`,
      perSecond: many / createdSeconds,
      goal: { want: '10000 in ≤ 20 s', met: createdSeconds <= many / 500 },
    },
  );
}

mkdirSync(dirname(jsonPath), { recursive: true });
const machine = { cpu: cpus()[0]?.model, cpus: cpus().length, node: process.version, platform: process.platform };
writeFileSync(jsonPath, `${JSON.stringify({ at: new Date().toISOString(), machine, quick, results })}\n`);
console.log(
  table([
    ['', 'per second', 'p50 ms', 'p90 ms', 'p99 ms', 'max ms', 'samples', 'goal', ''],
    ...results.map(({ name, perSecond, latencyMs, goal }) => [
      name,
      perSecond === undefined ? '' : String(Math.round(perSecond)),
      ...(latencyMs === undefined
        ? ['', '', '', '', '']
        : [ms(latencyMs.p50), ms(latencyMs.p90), ms(latencyMs.p99), ms(latencyMs.max), String(latencyMs.samples)]),
      goal?.want ?? '',
      goal === undefined ? '' : goal.met ? 'met' : 'MISSED',
    ]),
  ]),
);
console.log(`\n${machine.cpus} × ${machine.cpu}, Node ${machine.node}. Raw samples: ${jsonPath}`);
