/**
 * A start of `weft up` on a long log: first without a snapshot, then, after SIGKILL, with the one that the first start wrote. Beside it a bare read of that log
 * through the store's port, by a process of its own. Its hosts have no agents: who is ready does not wait for them.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '@weft/testing/waiting';
import { atMost, type Bench, type Result } from './bench.ts';
import { answerOf } from './commands.bench.ts';
import { writeLongLog } from './long-log.ts';
import type { ReplayFigures } from './replay.ts';
import { System } from './system.ts';

const START_MS_MAX = 900_000;
const WRITTEN_MS_MAX = 300_000;

export const restartBench: Bench = {
  name: 'restart',
  async run({ quick, say }) {
    const system = new System();
    try {
      const events = join(system.data, 'events');
      const { events: count } = await writeLongLog(events, quick ? 10_000 : 100_000);
      say(`restart: a log of ${count} events`);
      const { readPerSecond } = await answerOf<ReplayFigures>('replay', events);
      const readMs = (count / readPerSecond) * 1_000;
      const cold = await timedStart(system);
      const snapshots = join(system.data, 'snapshots');
      const isWritten = () => existsSync(snapshots) && readdirSync(snapshots).some((name) => name.endsWith('.snap'));
      await until('a snapshot', isWritten, WRITTEN_MS_MAX, 200);
      await system.kill('weft');
      const warm = await timedStart(system);
      const reference = { to: 'a bare read of that log' };
      const result = (name: string, { readyMs, cpuSeconds }: Timed): Result => ({
        name: `${name}: ready, of ${count} events (${cpuSeconds.toFixed(1)} s of CPU)`,
        figure: `${(readyMs / 1_000).toFixed(1)} s`,
        ratio: { value: readyMs / readMs, ...reference },
      });
      return [
        result('start from the log', cold),
        { ...result('start from a snapshot, after SIGKILL', warm), goal: atMost(3, warm.readyMs / 1_000, 's') },
        { name: '– the bare read', figure: `${(readMs / 1_000).toFixed(1)} s` },
      ];
    } finally {
      await system.stop();
    }
  },
};

type Timed = Readonly<{ readyMs: number; cpuSeconds: number }>;

async function timedStart(system: System): Promise<Timed> {
  const started = performance.now();
  await system.launch('none', {}, { withinMs: START_MS_MAX });
  return { readyMs: performance.now() - started, cpuSeconds: system.cpuSeconds('weft') };
}
