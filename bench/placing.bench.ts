/**
 * Very many interfaces in Networks of 1,000, placed on ten hosts with agents, each Network on two of them: how long until all are created, and until the
 * agents have reported all of them applied; how long the gateway's callers and readers waited meanwhile.
 */
import { inParallel } from '@weft/api';
import { until } from '@weft/testing/waiting';
import { atMost, type Bench, type PlacingSize, type Result } from './bench.ts';
import { Agents, Probe } from './beside.ts';
import { Control } from './control.ts';
import { address, interfacesOf, machine, namespaceNamed, network, nic, within } from './objects.ts';
import { bareAppendsPerSecond, upTo } from './reference.ts';
import { summarize } from './stats.ts';
import { System } from './system.ts';

const HOSTS = 10;
const PER_NETWORK = 1_000;
const SLOTS = 100;
/** A list of 1,000 costs the gateway 10 ms and more. */
const LOOK_EVERY_MS = 1_000;
const QUICK: readonly PlacingSize[] = [{ count: 2_000, seconds: 8 }];
const WHOLE: readonly PlacingSize[] = [
  { count: 10_000, seconds: 8 },
  { count: 100_000, seconds: 60 },
];

type Nic = Readonly<{ status?: Readonly<{ state?: string }> }>;

export const placingBench: Bench = {
  name: 'placing',
  async run({ quick, sizes = quick ? QUICK : WHOLE, say }) {
    const results: Result[] = [];
    for (const size of sizes) {
      say(`placing ${size.count} interfaces`);
      results.push(...(await placed(size, say)));
    }
    return results;
  },
};

async function placed(
  { count, seconds: goal, secondsAfter: goalAfter }: PlacingSize,
  say: (line: string) => void,
): Promise<readonly Result[]> {
  const reference = await bareAppendsPerSecond(10_000);
  const system = await System.start('none');
  let agents: Agents | undefined;
  const control = await Control.connect(system.data);
  try {
    agents = await Agents.start(system, HOSTS, 'placing-', 'fd00:79::');
    const namespaces = upTo(Math.ceil(count / PER_NETWORK)).map((n) => `placing-${n}`);
    await inParallel(namespaces, 16, async (name) => {
      await control.create('Namespace', namespaceNamed(name));
      await control.create('Network', within(name, network('one')));
    });
    const namespaceOf = (i: number) => `placing-${Math.floor(i / PER_NETWORK)}`;
    const probe = new Probe(system, '/apis/networking.ironcore.dev/v1alpha1/namespaces/placing-0/networks/one');
    const [started, cpu] = [performance.now(), system.cpuSeconds('weft')];
    const since = () => (performance.now() - started) / 1000;
    await inParallel(upTo(count), 256, (i) =>
      control.create('NetworkInterface', within(namespaceOf(i), nic(`p-${i}`, 'one', address(i % PER_NETWORK)))),
    );
    const createdSeconds = since();
    const cpuCreated = system.cpuSeconds('weft') - cpu;
    say(`created in ${createdSeconds.toFixed(1)} s (CPU ${cpuCreated.toFixed(1)} s)`);
    await inParallel(upTo(Math.ceil(count / SLOTS)), 16, async (group) => {
      const first = group * SLOTS;
      const host = (Math.floor(first / PER_NETWORK) + (group % 2)) % HOSTS;
      const names = upTo(Math.min(SLOTS, count - first)).map((i) => `p-${first + i}`);
      await control.create('Machine', within(namespaceOf(first), machine(`m-${group}`, `placing-${host}`, names)));
    });
    await allAvailable(system, namespaces, 60_000 + count * 10);
    const seconds = since();
    const { aloneMs, readMs, refused, refusal } = await probe.stop();
    say(`all Available after ${seconds.toFixed(1)} s; ${refused} requests refused${refusal === undefined ? '' : ` (${refusal})`}`);
    const delay = [...aloneMs].sort((a, b) => a - b)[Math.ceil(aloneMs.length * 0.999) - 1] ?? 0;
    const of = `${count} interfaces on ${HOSTS} hosts`;
    const used = system.cpuSeconds('weft') - cpu;
    const lost = system.timesInLog('weft', /"msg":"[^"]*leases? (were |was )?lost/);
    const after = seconds - createdSeconds;
    return [
      { name: `${of}: all created`, figure: `${createdSeconds.toFixed(1)} s`, perSecond: count / createdSeconds },
      {
        name: `${of}: all applied and Available (CPU ${used.toFixed(1)} s, ${system.memoryMb('weft')} MB)`,
        figure: `${seconds.toFixed(1)} s`,
        perSecond: count / seconds,
        ratio: { value: count / seconds / reference, to: 'bare appends' },
        ...(goal !== undefined && { goal: atMost(goal, seconds, 's') }),
      },
      {
        name: `– after the last creation (CPU ${(used - cpuCreated).toFixed(1)} s, of the agents ${agents.cpuSeconds.toFixed(1)} s in all)`,
        figure: `${after.toFixed(1)} s`,
        ...(goalAfter !== undefined && { goal: atMost(goalAfter, after, 's') }),
      },
      {
        name: '– a request that asks for nothing, meanwhile',
        latencyMs: summarize(aloneMs),
        figure: `p99.9 ${delay.toFixed(0)} ms`,
        goal: atMost(100, delay, 'ms p99.9'),
      },
      {
        name: `– reads meanwhile (${refused} requests refused, leases lost ${lost} times)`,
        latencyMs: summarize(readMs),
        goal: { want: 'none refused, none > 1 s, no lease lost', met: refused === 0 && lost === 0 && Math.max(...readMs) <= 1_000 },
      },
    ];
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : error}\n${system.log('weft')}\n${system.log('agents')}`);
  } finally {
    await control.close();
    await agents?.stop();
    await system.stop();
  }
}

/** Looks at one namespace until all of it is Available, then at the next, so that looking costs little. */
async function allAvailable(system: System, namespaces: readonly string[], limitMs: number): Promise<void> {
  const deadline = performance.now() + limitMs;
  for (const namespace of namespaces) {
    await until(
      `the interfaces of ${namespace} Available`,
      async () => {
        const { items } = await system.call<{ items: readonly Nic[] }>('GET', interfacesOf(namespace));
        return items.length > 0 && items.every(({ status }) => status?.state === 'Available');
      },
      Math.max(1, deadline - performance.now()),
      LOOK_EVERY_MS,
    );
  }
}
