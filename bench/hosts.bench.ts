/**
 * Many hosts: one new interface on each of 100 at once, and 500 agents that come back together after the bus was gone.
 */
import { readFileSync } from 'node:fs';
import { inParallel } from '@weft/api';
import { until } from '@weft/testing/waiting';
import { atMost, type Bench, type Result } from './bench.ts';
import { Agents } from './beside.ts';
import { Control } from './control.ts';
import { address, machine, NETWORKING, network, nic } from './objects.ts';
import { bareRequests, upTo } from './reference.ts';
import { summarize } from './stats.ts';
import { System } from './system.ts';

const AT_ONCE = 100;
const ROUNDS = 3;

export const hostsBench: Bench = {
  name: 'hosts',
  async run({ quick, say }) {
    const hosts = quick ? 100 : 500;
    const system = await System.start('none');
    const control = await Control.connect(system.data);
    let agents: Agents | undefined;
    try {
      const started = performance.now();
      agents = await Agents.start(system, hosts, 'many-', 'fd00:79::');
      say(`${hosts} agents registered after ${((performance.now() - started) / 1000).toFixed(1)} s`);
      await control.create('Network', network('one'));
      const results: Result[] = [];
      const takenMs: number[] = [];
      const { aloneMs } = await bareRequests(system.data, 2_000);
      for (const round of upTo(ROUNDS)) {
        const names = upTo(AT_ONCE).map((i) => `h${round}-${i}`);
        await inParallel([...names.entries()], 64, ([i, name]) =>
          control.create('NetworkInterface', nic(name, 'one', address(round * AT_ONCE + i))),
        );
        const sent = performance.now();
        await inParallel([...names.entries()], AT_ONCE, ([i, name]) =>
          control.create('Machine', machine(`m-${name}`, `many-${i}`, [name])),
        );
        await until('all of them Available', async () => (await availableOf(system, `h${round}-`)) === AT_ONCE, 120_000, 20);
        takenMs.push(performance.now() - sent);
      }
      const latencyMs = summarize(takenMs);
      results.push({
        name: `an interface on each of ${AT_ONCE} hosts at once, until all are applied`,
        latencyMs,
        ratio: { value: latencyMs.p50 / summarize(aloneMs).p50, to: 'a bare request' },
      });
      const reconnected = await reconnect(system, agents);
      say(`${hosts} agents well again ${(reconnected / 1000).toFixed(1)} s after the bus had died`);
      results.push({
        name: `${hosts} agents well again after their bus was killed`,
        figure: `${(reconnected / 1000).toFixed(1)} s`,
        goal: atMost(10, reconnected / 1000, 's'),
      });
      return results;
    } catch (error) {
      throw new Error(`${error instanceof Error ? error.message : error}\n${system.log('weft')}\n${system.log('agents')}`);
    } finally {
      await control.close();
      await agents?.stop();
      await system.stop();
    }
  },
};

async function availableOf(system: System, prefix: string): Promise<number> {
  type Item = Readonly<{ metadata: Readonly<{ name: string }>; status?: Readonly<{ state?: string }> }>;
  const { items } = await system.call<{ items: readonly Item[] }>('GET', `${NETWORKING}/networkinterfaces`);
  return items.filter(({ metadata, status }) => metadata.name.startsWith(prefix) && status?.state === 'Available').length;
}

/** Milliseconds from the end of the bus server, which Weft starts again, until no agent has any trouble. */
async function reconnect(system: System, agents: Agents): Promise<number> {
  const killedAt = Date.now();
  process.kill(busPid(system.pidOf('weft')), 'SIGKILL');
  for (;;) {
    const wellAt = await agents.well(); // The first may tell of trouble before the kill.
    if (wellAt > killedAt) return wellAt - killedAt;
  }
}

/** The child of Weft that is its bus server. */
function busPid(weft: number): number {
  const children = readFileSync(`/proc/${weft}/task/${weft}/children`, 'utf8').trim().split(' ').map(Number);
  const bus = children.find((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('nats-server'));
  if (bus === undefined) throw new Error('Weft has no bus server of its own');
  return bus;
}
