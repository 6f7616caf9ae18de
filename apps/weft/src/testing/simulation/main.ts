/**
 * `npm run sim -- --seed S --steps N`: runs the simulation, in rounds of 20,000 steps, each with a world and a seed of its own (S, S + 1, …). What fails is made small,
 * and the command that repeats it is printed; exit code 1.
 *
 *   --only 0-4,7    carries out only these decisions          --print       prints what processes log and what is decided
 *   --round N       steps of a round                          --no-shrink   leaves a failure as it is
 */
import { parseArgs } from 'node:util';
import { systemClock } from '@weft/api';
import { inRanges, rangesOf, shrink } from './shrink.ts';
import { type RunOptions, simulate } from './simulation.ts';

const SHRINKS_MAX = 120;

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    steps: { type: 'string', default: '20000' },
    round: { type: 'string', default: '20000' },
    only: { type: 'string' },
    print: { type: 'boolean', default: false },
    shrink: { type: 'boolean', default: true },
  },
  allowNegative: true,
});
const [seed, steps, round] = [values.seed, values.steps, values.round].map(Number) as [number, number, number];
if (![seed, steps, round].every((number) => Number.isInteger(number) && number > 0))
  throw new Error('seed, steps and round are numbers above 0');
const { only } = values;
const startedMs = systemClock.monotonicMs();
const counts = new Map<string, number>();
let made = 0;

for (let number = 0; made < steps; number++) {
  const options: RunOptions = {
    seed: seed + number,
    steps: Math.min(round, steps - made),
    ...(only !== undefined && { keeps: inRanges(only) }),
    ...(values.print && { print: (line: string) => console.log(line.slice(0, 600)) }),
  };
  const report = await simulate(options);
  made += Math.max(options.steps, 1);
  for (const [name, count] of report.counts) counts.set(name, (counts.get(name) ?? 0) + count);
  const { digest, appends, decisions } = report;
  console.log(
    `seed ${options.seed}: ${report.steps} steps, ${Math.round(report.seconds)} s, ${decisions} decisions, ${appends} appends, ${digest.slice(0, 16)}`,
  );
  if (report.failures.length === 0) continue;
  for (const failure of report.failures) console.log(`  ${failure}`);
  console.log(`again: ${commandOf(options.seed, options.steps, only)}`);
  if (values.shrink) {
    const { print: _, ...silent } = options;
    const small = await shrink({
      run: silent,
      report,
      runsMax: SHRINKS_MAX,
      onProgress: ({ kept, steps: left }) => console.log(`  fails with ${kept.length} decisions, ${left} steps`),
    });
    for (const failure of small.report.failures) console.log(`  ${failure}`);
    console.log(`small: ${commandOf(small.seed, small.steps, rangesOf(small.kept))}`);
  }
  process.exit(1);
}

const seconds = (systemClock.monotonicMs() - startedMs) / 1_000;
console.log(
  [...counts]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, count]) => `${name} ${count}`)
    .join(', '),
);
console.log(`${made} steps in ${seconds.toFixed(1)} s, ${Math.round(made / seconds)} a second, all well`);
process.exit(0);

function commandOf(ofSeed: number, ofSteps: number, decisions: string | undefined): string {
  return `npm run sim -- --seed ${ofSeed} --steps ${ofSteps}${ofSteps > 20_000 ? ` --round ${ofSteps}` : ''}${decisions === undefined ? '' : ` --only ${decisions}`}`;
}
