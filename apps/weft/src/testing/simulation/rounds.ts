/** Rounds of the simulation, one after the other, until one fails. */
import { systemClock } from '@weft/api';
import { inRanges, rangesOf, shrink } from './shrink.ts';
import { type RunOptions, simulate } from './simulation.ts';

const SHRINKS_MAX = 120;

export type Rounds = Readonly<{
  /** Of the first round; each one after it has the next. */
  seed: number;
  /** In all, and of a round. */
  steps: number;
  round: number;
  /** Ranges of the decisions that are carried out; absent: all. */
  only: string | undefined;
  print: boolean;
  /** Whether a failure is made small. */
  shrink: boolean;
}>;

/** Prints what becomes of them, and gives the exit code. */
export async function runRounds({ seed, steps, round, only, print, shrink: shrinks }: Rounds): Promise<number> {
  const startedMs = systemClock.monotonicMs();
  const counts = new Map<string, number>();
  let made = 0;

  for (let number = 0; made < steps; number++) {
    const options: RunOptions = {
      seed: seed + number,
      steps: Math.min(round, steps - made),
      ...(only !== undefined && { keeps: inRanges(only) }),
      ...(print && { print: (line: string) => console.log(line.slice(0, 600)) }),
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
    if (shrinks) {
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
    return 1;
  }

  const seconds = (systemClock.monotonicMs() - startedMs) / 1_000;
  console.log(
    [...counts]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, count]) => `${name} ${count}`)
      .join(', '),
  );
  console.log(`${made} steps in ${seconds.toFixed(1)} s, ${Math.round(made / seconds)} a second, all well`);
  return 0;
}

function commandOf(ofSeed: number, ofSteps: number, decisions: string | undefined): string {
  return `npm run sim -- --seed ${ofSeed} --steps ${ofSteps}${ofSteps > 20_000 ? ` --round ${ofSteps}` : ''}${decisions === undefined ? '' : ` --only ${decisions}`}`;
}
