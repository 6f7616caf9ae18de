/** How many NIC creates are accepted and durable a second, and how long one takes alone. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { until } from '@weft/testing/waiting';
import { atLeast, atMost, type Bench, type Result } from './bench.ts';
import { address, NETWORKING, network, nic } from './objects.ts';
import { bareAppendsPerSecond, bareRequests } from './reference.ts';
import type { ReplayFigures } from './replay.ts';
import type { SenderJob, SenderResult } from './sender.ts';
import { summarize } from './stats.ts';
import { System } from './system.ts';

const root = join(import.meta.dirname, '..');

/** What a program of this directory prints. */
export function answerOf<T>(program: string, argument: string): Promise<T> {
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      ['--max-semi-space-size=64', join(root, 'tools/run.mjs'), join(root, `bench/${program}.ts`), argument],
      { cwd: root, maxBuffer: 256 * 1024 * 1024 },
      (error, stdout, stderr) =>
        error === null ? resolve(JSON.parse(stdout) as T) : reject(new Error(`${program}: ${error.message}\n${stderr}`)),
    );
  });
}

function send(job: SenderJob): Promise<SenderResult> {
  return answerOf<SenderResult>('sender', JSON.stringify(job));
}

type NicList = {
  items: {
    metadata: { name: string; uid: string };
    status?: { ips?: string[] };
    spec: { networkRef: { name: string }; ips: { value: string }[] };
  }[];
};

/** Every create is there exactly once, with the uid that its reply named, and no address twice in a Network. */
async function check(system: System, prefix: string, uids: readonly string[]): Promise<void> {
  const { items } = await system.call<NicList>('GET', `${NETWORKING}/networkinterfaces`);
  const found = new Map(items.filter(({ metadata }) => metadata.name.startsWith(prefix)).map((item) => [item.metadata.name, item]));
  if (found.size !== uids.length) throw new Error(`${prefix}: ${uids.length} were acknowledged, ${found.size} are there`);
  const held = new Set<string>();
  for (const [index, uid] of uids.entries()) {
    const item = found.get(`${prefix}${index}`);
    if (item?.metadata.uid !== uid) throw new Error(`${prefix}${index}: acknowledged as ${uid}, found as ${item?.metadata.uid}`);
    const key = `${item.spec.networkRef.name} ${item.spec.ips[0]?.value}`;
    if (held.has(key)) throw new Error(`${key} is held twice`);
    held.add(key);
  }
}

async function commands(options: {
  count: number;
  single: number;
  say: (line: string) => void;
  /** Gets the directory of the embedded store, once Weft has been stopped. */
  afterwards: (storeDirectory: string) => Promise<void>;
}): Promise<Result[]> {
  const { count, single, say, afterwards } = options;
  const system = await System.start('none');
  const results: Result[] = [];
  try {
    const networks = Array.from({ length: 100 }, (_, index) => `many-${index}`);
    for (const name of [...networks, 'one']) await system.call('POST', `${NETWORKING}/networks`, network(name));
    await until(
      'all networks Available',
      async () => {
        const { items } = await system.call<{ items: { status?: { state?: string } }[] }>('GET', `${NETWORKING}/networks`);
        return items.every(({ status }) => status?.state === 'Available');
      },
      30_000,
      200,
    );
    const common = { data: system.data, inFlight: 256, firstAddress: 0, count };
    await send({ ...common, count: Math.min(2_000, count), networks: ['one'], prefix: 'warm-', firstAddress: 10_000_000 });
    const loads: readonly (Readonly<{ title: string; goal: number; ofReference: number }> & SenderJob)[] = [
      { ...common, title: 'NIC creates over the bus, 256 in flight, 100 Networks', prefix: 'a-', networks, goal: 5_000, ofReference: 0.1 },
      {
        ...common,
        title: 'NIC creates over the bus, 256 in flight, one Network',
        prefix: 'b-',
        networks: ['one'],
        goal: 5_000,
        ofReference: 0.1,
      },
      {
        ...common,
        title: 'NIC creates over HTTP, 64 in flight, 100 Networks',
        prefix: 'h-',
        networks,
        http: system.http,
        inFlight: 64,
        count: Math.ceil(count / 3),
        firstAddress: 8_000_000,
        goal: 1_500,
        ofReference: 0,
      },
    ];
    for (const { title, goal, ofReference, ...job } of loads) {
      const reference = await bareAppendsPerSecond(10_000);
      const before = system.cpuSeconds('weft');
      const { seconds, latenciesMs, refusals, uids } = await send(job);
      const cpu = ((system.cpuSeconds('weft') - before) * 1e6) / job.count;
      if (refusals.length > 0) throw new Error(`${title}: refused: ${refusals[0]}`);
      await check(system, job.prefix, uids);
      const perSecond = job.count / seconds;
      const ratio = { value: perSecond / reference, to: 'bare appends' };
      const met = perSecond >= goal && ratio.value >= ofReference;
      results.push({
        name: title,
        perSecond,
        latencyMs: summarize(latenciesMs),
        rawLatenciesMs: latenciesMs,
        figure: `${Math.round(cpu)} ms CPU per 1,000`,
        ratio,
        goal: { want: `≥ ${goal}/s${ofReference === 0 ? '' : `, ≥ ${ofReference} of it`}`, met },
      });
      say(`${title}: ${Math.round(perSecond)}/s beside ${Math.round(reference)} bare appends/s; none lost, doubled or refused`);
    }
    const { perSecond, aloneMs } = await bareRequests(system.data, 20_000);
    const alone = summarize(aloneMs);
    results.push({ name: 'reference: a bare request over the bus (256 in flight; one at a time)', perSecond, latencyMs: alone });
    const rawLatenciesMs: number[] = [];
    for (let index = 0; index < single + 50; index++) {
      const sent = performance.now();
      await system.call('POST', `${NETWORKING}/networkinterfaces`, nic(`c-${index}`, 'one', address(5_000_000 + index)));
      if (index >= 50) rawLatenciesMs.push(Math.round((performance.now() - sent) * 1000) / 1000);
    }
    const latencyMs = summarize(rawLatenciesMs);
    results.push({
      name: 'NIC create over HTTP, one at a time',
      latencyMs,
      rawLatenciesMs,
      ratio: { value: latencyMs.p50 / alone.p50, to: 'a bare request' },
      goal: atMost(5, latencyMs.p50, 'ms p50'),
    });
    await system.end('weft');
    await afterwards(join(system.data, 'events'));
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : error}\n${system.log('weft')}`);
  } finally {
    await system.stop();
  }
  return results;
}

/** Creations, then the replay of the log that they made. */
export const commandsBench: Bench = {
  name: 'commands',
  async run({ quick, say }) {
    const replayed: Result[] = [];
    const results = await commands({
      count: quick ? 5_000 : 30_000,
      single: quick ? 200 : 1_000,
      say,
      afterwards: async (directory) => {
        const { events, readPerSecond, foldPerSecond } = await answerOf<ReplayFigures>('replay', directory);
        replayed.push(
          {
            name: `replay of ${events} events, embedded store, read only`,
            perSecond: readPerSecond,
            goal: atLeast(150_000, readPerSecond, '/s'),
          },
          {
            name: `replay of ${events} events, read and folded from zero`,
            perSecond: foldPerSecond,
            ratio: { value: foldPerSecond / readPerSecond, to: 'reading alone' },
          },
        );
      },
    });
    return [...results, ...replayed];
  },
};
