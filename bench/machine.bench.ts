/**
 * A Machine with many inline interfaces on a simulated host: how long until all are Available, and until nothing of it is left after its deletion. The
 * processor time of Weft is taken beside it: on a shared machine that tells more.
 */
import { readFileSync } from 'node:fs';
import { until } from '@weft/testing/waiting';
import { atMost, type Bench } from './bench.ts';
import { address, COMPUTE, NETWORKING, network } from './objects.ts';
import { summarize } from './stats.ts';
import { System } from './system.ts';

type Taken = Readonly<{ ms: number; cpuMs: number }>;
type MachineFigure = Readonly<{ interfaces: number; created: Taken; deleted: Taken }>;

const WAIT_MS_MAX = 300_000;
/** A list of all interfaces costs more than the wait. */
const POLL_MS = 50;
/** Of /proc/<pid>/stat. */
const TICKS_PER_SECOND = 100;

export const machineBench: Bench = {
  name: 'machine',
  async run({ quick, say }) {
    const size = quick ? 250 : 1_000;
    // The first one warms Weft up.
    const figures = (await measured([100, size, size], say)).slice(1);
    return figures.flatMap(({ interfaces, created, deleted }) =>
      [
        { what: 'all Available', ...created },
        { what: 'deleted with all of them', ...deleted },
      ].map(({ what, ms, cpuMs }) => ({
        name: `machine with ${interfaces} inline interfaces, ${what} (${Math.round(cpuMs)} ms of CPU)`,
        latencyMs: summarize([ms]),
        goal: atMost(3_000, ms, 'ms'),
      })),
    );
  },
};

async function measured(counts: readonly number[], say: (line: string) => void): Promise<readonly MachineFigure[]> {
  const figures: MachineFigure[] = [];
  const system = await System.start('simulated');
  try {
    await system.call('POST', `${NETWORKING}/networks`, network('bench'));
    for (const [round, interfaces] of counts.entries()) {
      const created = await timed(system, async () => {
        await system.call('POST', `${COMPUTE}/machines`, machine(`m${round}`, interfaces));
        await until(`${interfaces} interfaces Available`, async () => (await available(system)) === interfaces, WAIT_MS_MAX, POLL_MS);
      });
      const deleted = await timed(system, async () => {
        await system.call('DELETE', `${COMPUTE}/machines/m${round}`);
        await until('no interface left', async () => (await available(system)) === -1, WAIT_MS_MAX, POLL_MS);
      });
      say(`machine with ${interfaces} interfaces: up after ${created.ms} ms, gone after ${deleted.ms} ms`);
      figures.push({ interfaces, created, deleted });
    }
  } finally {
    await system.stop();
  }
  return figures;
}

function machine(name: string, interfaces: number) {
  const networkInterfaces = Array.from({ length: interfaces }, (_, i) => ({
    name: `s${i}`,
    ephemeral: {
      networkInterfaceTemplate: { spec: { networkRef: { name: 'bench' }, ipFamilies: ['IPv4'], ips: [{ value: address(i) }] } },
    },
  }));
  return {
    apiVersion: 'compute.ironcore.dev/v1alpha1',
    kind: 'Machine',
    metadata: { namespace: 'default', name },
    spec: { machinePoolRef: { name: 'bench-own' }, networkInterfaces },
  };
}

/** How many interfaces are Available; -1 when there is none at all. */
async function available(system: System): Promise<number> {
  type Item = Readonly<{ status?: Readonly<{ state?: string }> }>;
  const { items } = await system.call<{ items: readonly Item[] }>('GET', `${NETWORKING}/networkinterfaces`);
  return items.length === 0 ? -1 : items.filter(({ status }) => status?.state === 'Available').length;
}

async function timed(system: System, run: () => Promise<void>): Promise<Taken> {
  const [startedMs, usedMs] = [performance.now(), cpuMsOf(system.pidOf('weft'))];
  await run();
  return { ms: Math.round(performance.now() - startedMs), cpuMs: cpuMsOf(system.pidOf('weft')) - usedMs };
}

/** Processor time of a process so far, user and system. */
function cpuMsOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return ((Number(fields[11]) + Number(fields[12])) * 1_000) / TICKS_PER_SECOND;
}
