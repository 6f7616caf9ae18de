/**
 * A steady load of changes, sent at its rate whether or not the answers keep up: labels of placed interfaces. The time of an update counts from the moment
 * when it was due, so a queue that grows shows.
 */
import { inParallel } from '@weft/api';
import { until } from '@weft/testing/waiting';
import { type Bench, type Result } from './bench.ts';
import { Agents } from './beside.ts';
import { Control, connectTo, replyTo, requestOf } from './control.ts';
import { address, machine, NETWORKING, network, nic } from './objects.ts';
import { bareAppendsPerSecond, upTo } from './reference.ts';
import { summarize } from './stats.ts';
import { System } from './system.ts';

const RATE = 2_000;
const HOSTS = 10;
const SLOTS = 100;
const TICK_MS = 5;

export const updatesBench: Bench = {
  name: 'updates',
  run: ({ quick, say }) => (quick ? updated(1_000, 5, say) : updated(10_000, 60, say)),
};

async function updated(interfaces: number, seconds: number, say: (line: string) => void): Promise<readonly Result[]> {
  const reference = await bareAppendsPerSecond(10_000);
  const system = await System.start('none');
  const control = await Control.connect(system.data);
  const bus = await connectTo(system.data, 'bench-updates');
  let agents: Agents | undefined;
  try {
    agents = await Agents.start(system, HOSTS, 'updates-', 'fd00:79::');
    await control.create('Network', network('one'));
    await inParallel(upTo(interfaces), 256, (i) => control.create('NetworkInterface', nic(`u-${i}`, 'one', address(i))));
    await inParallel(upTo(interfaces / SLOTS), 8, (group) =>
      control.create(
        'Machine',
        machine(
          `m-${group}`,
          `updates-${group % HOSTS}`,
          upTo(SLOTS).map((i) => `u-${group * SLOTS + i}`),
        ),
      ),
    );
    await until(
      'all Available',
      async () => {
        const { items } = await system.call<{ items: { status?: { state?: string } }[] }>('GET', `${NETWORKING}/networkinterfaces`);
        return items.every(({ status }) => status?.state === 'Available');
      },
      300_000,
      500,
    );
    say(`${RATE} updates a second for ${seconds} s`);
    const total = RATE * seconds;
    const ageMs: number[] = [];
    let refused = 0;
    let refusal: string | undefined;
    const under: Promise<void>[] = [];
    const [started, cpu] = [performance.now(), system.cpuSeconds('weft')];
    const update = async (index: number): Promise<void> => {
      const due = started + (index * 1000) / RATE;
      const key = { kind: 'NetworkInterface', namespace: 'default', name: `u-${index % interfaces}` };
      const patch = { metadata: { labels: { round: String(Math.floor(index / interfaces)), step: String(index) } } };
      try {
        const reply = await replyTo(bus, 'default', requestOf({ verb: 'patch', key, patchType: 'merge', patch }));
        if (!reply.ok) throw new Error(reply.status.message);
      } catch (error) {
        refused++;
        refusal ??= String(error);
      }
      ageMs.push(performance.now() - due);
    };
    for (let sent = 0; sent < total; ) {
      const due = Math.min(total, Math.floor(((performance.now() - started) * RATE) / 1000));
      for (; sent < due; sent++) under.push(update(sent));
      await new Promise((resolve) => setTimeout(resolve, TICK_MS));
    }
    await Promise.all(under);
    const used = system.cpuSeconds('weft') - cpu;
    say(`${refused} refused${refusal === undefined ? '' : ` (${refusal})`}`);
    const latencyMs = summarize(ageMs);
    const perSecond = (total * 1000) / (performance.now() - started);
    return [
      {
        name: `${RATE} interface updates/s for ${seconds} s among ${interfaces}: age when answered (${refused} refused)`,
        perSecond,
        latencyMs,
        figure: `${Math.round((used * 1e6) / total)} ms CPU per 1,000`,
        ratio: { value: perSecond / reference, to: 'bare appends' },
        goal: { want: '< 1 s, none refused', met: latencyMs.max < 1_000 && refused === 0 },
      },
    ];
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : error}\n${system.log('weft')}\n${system.log('agents')}`);
  } finally {
    await bus.close();
    await control.close();
    await agents?.stop();
    await system.stop();
  }
}
