/**
 * What questions about packets of the past cost beside many interfaces, as CPU time: traces at random positions, blame, and why.
 *
 *   node tools/run.mjs bench/past.bench.ts <interfaces> [<directory of a log that long-log.ts has written>]
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createFold, registry, Slices, systemClock } from '@weft/api';
import { openEmbeddedStore } from '@weft/event-store';
import { readByRows } from '@weft/fabric';
import { weftDomains } from '@weft/service';
import { blame } from '../apps/gateway/src/blame/blame.ts';
import { why } from '../apps/gateway/src/blame/why.ts';
import { PastPart } from '../apps/gateway/src/trace/past-fabric.ts';
import { traced } from '../apps/gateway/src/trace/trace.ts';
import { writeLongLog } from './long-log.ts';

const QUESTIONS = 20;

const interfaces = Number(process.argv[2] ?? 10_000);
const given = process.argv[3];
const directory = given ?? mkdtempSync(join(tmpdir(), 'weft-past-bench-'));
if (given === undefined || !existsSync(directory)) await writeLongLog(directory, interfaces);
const store = await openEmbeddedStore({ directory });
const kinds = registry(weftDomains);
const today = createFold(kinds, { followed: readByRows(kinds) });

const cpuMs = () => process.cpuUsage().user / 1_000 + process.cpuUsage().system / 1_000;
let began = cpuMs();
let events = 0;
for await (const page of store.readAppendPages())
  for (const append of page) {
    today.apply(append);
    events += append.events.length;
  }
console.log(
  `${today.count('NetworkInterface')} interfaces, ${events} events, folded in ${(cpuMs() - began).toFixed(0)} ms of CPU; ${[...today.former.all()].length} that left are known`,
);

const slices = new Slices(systemClock);
const part = (upTo: bigint) => new PastPart({ store, registry: kinds, slices, today, upTo });
let seed = 7;
const random = (below: number) => (seed = (seed * 48_271) % 2_147_483_647) % below;
/** Two of the same Network. */
const question = () => {
  const [one, other] = [random(interfaces / 10), random(interfaces / 10)];
  const network = random(10);
  return { from: `nic/default/nic${one * 10 + network}`, to: `nic/default/nic${other * 10 + network}:80` };
};

async function measured(what: string, ask: () => Promise<PastPart>): Promise<void> {
  const [costs, sizes]: [number[], number[]] = [[], []];
  for (let i = 0; i < QUESTIONS; i++) {
    began = cpuMs();
    sizes.push((await ask()).events);
    costs.push(cpuMs() - began);
  }
  const at = (of: number[], share: number) =>
    [...of].sort((a, b) => a - b)[Math.min(of.length - 1, Math.floor(of.length * share))] as number;
  console.log(
    `${what.padEnd(34)} p50 ${at(costs, 0.5).toFixed(0)} ms, p95 ${at(costs, 0.95).toFixed(0)} ms of CPU; events read p50 ${at(sizes, 0.5)}, most ${at(sizes, 1)}`,
  );
}

await measured('trace at a random position', async () => {
  const [asked, request] = [part(today.position - BigInt(random(Number(today.position) / 2))), question()];
  await asked.answer((rows, facts) => traced(rows, facts, request)).catch(() => undefined);
  return asked;
});
await measured('blame', async () => {
  const asked = part(today.position);
  await blame(asked, today.position, question(), { limit: 20 });
  return asked;
});
await measured('why', async () => {
  const asked = part(today.position);
  await why(asked, question());
  return asked;
});
await store.close();
if (given === undefined) rmSync(directory, { recursive: true });
