/**
 * `npm run sim -- --seed S --steps N`: runs the simulation, in rounds of 20,000 steps, each with a world and a seed of its own (S, S + 1, …). What fails is made small,
 * and the command that repeats it is printed; exit code 1.
 *
 *   --only 0-4,7    carries out only these decisions          --print       prints what processes log and what is decided
 *   --round N       steps of a round                          --no-shrink   leaves a failure as it is
 *   --bug NAME      puts a deliberate bug into the code       --bugs        says for each such bug at which step it is found, in three rounds at most
 */
import { register } from 'node:module';
import { parseArgs } from 'node:util';
import { BUGS, findBugs } from './bugs.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    steps: { type: 'string', default: '20000' },
    round: { type: 'string', default: '20000' },
    only: { type: 'string' },
    print: { type: 'boolean', default: false },
    shrink: { type: 'boolean', default: true },
    bug: { type: 'string' },
    bugs: { type: 'boolean', default: false },
  },
  allowNegative: true,
});
const { only, print, shrink, bug: bugName, bugs } = values;
const [seed, steps, round] = [values.seed, values.steps, values.round].map(Number) as [number, number, number];
if (![seed, steps, round].every((number) => Number.isInteger(number) && number > 0))
  throw new Error('seed, steps and round are numbers above 0');
if (bugs) process.exit((await findBugs(seed, steps)) ? 0 : 1);
if (bugName !== undefined) {
  const bug = BUGS.find(({ name }) => name === bugName);
  if (bug === undefined) throw new Error(`no bug is called ${bugName}: ${BUGS.map(({ name }) => name).join(', ')}`);
  register(new URL('../../../../../tools/loader/bugs.mjs', import.meta.url), { data: bug });
}
// Loaded only now, since the bug goes into what is loaded.
const { runRounds } = await import('./rounds.ts');
process.exit(await runRounds({ seed, steps, round, only, print, shrink }));
