/**
 * `npm run test:faults`: real processes under load, killed at random, with their disk full, their disk read-only, and without their bus. Afterwards everything that was
 * acknowledged is there once, nothing has two holders, hosts have what they should, and memory is back.
 *
 *   -- --seconds=300   for how long processes are killed; starts and the other faults come to that
 *   -- --seed=1        what is killed when
 *   -- --busy=2        busy loops beside it
 *
 * With root, on Linux: a disk and a host of its own, with a real kernel. Else the host is simulated, and the faults of the disk are left out.
 */
import { systemClock } from '@weft/api';
import { randomOf } from '@weft/testing';
import { Workspace } from '../processes.ts';
import { FaultRun } from './fault-run.ts';

const flags = new Map(
  process.argv.slice(2).map((argument) => {
    const [name = '', value = ''] = argument.replace(/^--/, '').split('=');
    return [name, value] as const;
  }),
);
const number = (name: string, preset: number) => {
  const value = flags.get(name);
  flags.delete(name);
  if (value === undefined) return preset;
  if (!/^\d+$/.test(value)) throw new Error(`--${name}=${value} is no number`);
  return Number(value);
};
const seconds = number('seconds', 300);
const seed = number('seed', systemClock.now().getTime() % 1_000_000);
const busy = number('busy', 2);
if (flags.size > 0) throw new Error(`not understood: --${[...flags.keys()].join(', --')}; known are --seconds=, --seed=, --busy=`);

const startedMs = systemClock.monotonicMs();
const say = (line: string) => console.log(`${((systemClock.monotonicMs() - startedMs) / 1_000).toFixed(1).padStart(7)} s  ${line}`);
const workspace = new Workspace();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void workspace.close().then(() => process.exit(1)));
const run = new FaultRun({ workspace, seconds, busy, random: randomOf(seed), say });
try {
  await run.run();
} catch (error) {
  run.failures.push((error as Error).stack ?? String(error), workspace.logs());
}
const { failures } = run;
await workspace.close();
for (const failure of failures) console.log(`FAILED  ${failure}`);
console.log(`${failures.length === 0 ? 'passed' : 'FAILED'}: npm run test:faults -- --seconds=${seconds} --seed=${seed} --busy=${busy}`);
process.exit(failures.length === 0 ? 0 : 1);
