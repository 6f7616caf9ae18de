/**
 * `npm run test:subscribers`: subscribers over SSE, from NATS and over gRPC, each a process that is killed at any instant, as are Weft, a second gateway and the bus.
 * Each of them misses nothing and sees the events of each stream in order.
 *
 *   -- --events=10000  how many there are, at least
 *   -- --seed=1        who is killed when
 */
import { parseArgs } from 'node:util';
import { systemClock } from '@weft/api';
import { randomOf } from '@weft/testing';
import { Workspace } from '../processes.ts';
import { SubscriberRun } from './subscriber-run.ts';

const { values } = parseArgs({ options: { events: { type: 'string', default: '10000' }, seed: { type: 'string' } } });
const events = Number(values.events);
const seed = Number(values.seed ?? systemClock.now().getTime() % 1_000_000);
if (!Number.isInteger(events) || !Number.isInteger(seed)) throw new Error('--events= and --seed= are whole numbers');
const startedMs = systemClock.monotonicMs();
const say = (line: string) => console.log(`${((systemClock.monotonicMs() - startedMs) / 1_000).toFixed(1).padStart(7)} s  ${line}`);
const workspace = new Workspace();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void workspace.close().then(() => process.exit(1)));
let failure: string | undefined;
try {
  say(JSON.stringify(await new SubscriberRun({ workspace, events, rounds: 3, pauseMsMax: 1_500, random: randomOf(seed), say }).run()));
} catch (error) {
  failure = `${(error as Error).stack}\n${workspace.logs()}`;
}
await workspace.close();
if (failure !== undefined) console.log(`FAILED  ${failure}`);
console.log(`${failure === undefined ? 'passed' : 'FAILED'}: npm run test:subscribers -- --events=${events} --seed=${seed}`);
process.exit(failure === undefined ? 0 : 1);
