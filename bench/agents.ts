/**
 * A process of its own with many host agents: unchanged agents with simulated kernels, each with its own connection to the bus. Argument: one JSON object
 * (AgentsJob). Each line on standard input asks "since when is nothing wrong with any agent?"; the answer, a line of JSON, comes once that is so.
 */
import 'reflect-metadata';
import { createInterface } from 'node:readline';
import { registry, systemClock } from '@weft/api';
import type { Bus } from '@weft/bus';
import { createAgent, type RunningAgent } from '@weft/dataplane-agent';
import { createLog, openBus, platformConfig, systemIds, weftDomains } from '@weft/service';
import { until } from '@weft/testing/waiting';

export type AgentsJob = Readonly<{ data: string; hosts: readonly string[]; underlay: string }>;
/** `wellAt`: Unix time in ms at which the last agent became well. */
export type AgentsAnswer = Readonly<{ wellAt: number; hadTrouble: boolean; connections: number }>;

const job = JSON.parse(process.argv[2] ?? '{}') as AgentsJob;
const { bus: busConfig } = platformConfig({ WEFT_DATA: job.data });
const log = createLog('error', 'agents');
const domains = registry(weftDomains);
const agents: RunningAgent[] = [];
const buses: Bus[] = [];
for (const [index, host] of job.hosts.entries()) {
  const bus = openBus(busConfig, `agent ${host}`, log);
  buses.push(bus);
  agents.push(
    await createAgent(
      { bus, clock: systemClock, ids: systemIds, log, registry: domains },
      { host, driver: 'simulated', underlay: `${job.underlay}${(index + 1).toString(16)}` },
    ),
  );
}

/** Asking all of them costs. */
const LOOK_EVERY_MS = 100;

let wellAt = 0;
let hadTrouble = true;
setInterval(() => {
  const well = buses.every(({ connected }) => connected) && agents.every((agent) => agent.problems().length === 0);
  if (!well) {
    hadTrouble = true;
    wellAt = 0;
  } else if (wellAt === 0) wellAt = Date.now();
}, LOOK_EVERY_MS);

const lines = createInterface({ input: process.stdin });
lines.on('line', () => {
  const sample = () => `${agents.length} agents well; ${agents.flatMap((agent) => agent.problems())[0] ?? ''}`;
  void until(sample, () => hadTrouble && wellAt > 0, 240_000, 20)
    .then(
      () => process.stdout.write(`${JSON.stringify({ wellAt, hadTrouble, connections: agents.length } satisfies AgentsAnswer)}\n`),
      (error: unknown) => process.stdout.write(`${JSON.stringify({ failed: String(error) })}\n`),
    )
    .finally(() => {
      hadTrouble = false;
    });
});
// They end with the benchmark that started them, however that ends.
lines.on('close', () => process.exit(0));
