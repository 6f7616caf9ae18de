/** How many NIC creates are accepted and durable a second, and how long one takes alone. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { until } from '@weft/testing/waiting';
import { address, NETWORKING, network, nic } from './objects.ts';
import type { SenderJob, SenderResult } from './sender.ts';
import { summarize } from './stats.ts';
import { System } from './system.ts';

export type CommandFigures = {
  name: string;
  perSecond?: number;
  seconds?: number;
  latencyMs: ReturnType<typeof summarize>;
  rawLatenciesMs: number[];
};

function send(job: SenderJob): Promise<SenderResult> {
  const root = join(import.meta.dirname, '..');
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      [join(root, 'tools/run.mjs'), join(root, 'bench/sender.ts'), JSON.stringify(job)],
      { cwd: root, maxBuffer: 256 * 1024 * 1024 },
      (error, stdout, stderr) =>
        error === null ? resolve(JSON.parse(stdout) as SenderResult) : reject(new Error(`sender: ${error.message}\n${stderr}`)),
    );
  });
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

/** `afterwards` gets the directory of the embedded store, once Weft has been stopped. */
export async function commandsBench(options: {
  count: number;
  single: number;
  say: (line: string) => void;
  afterwards?: (storeDirectory: string) => Promise<void>;
}): Promise<CommandFigures[]> {
  const { count, single, say, afterwards } = options;
  const system = await System.start('none');
  const figures: CommandFigures[] = [];
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
    const warm: SenderJob = {
      data: system.data,
      count: Math.min(2_000, count),
      inFlight: 256,
      networks: ['one'],
      prefix: 'warm-',
      firstAddress: 10_000_000,
    };
    await send(warm);
    for (const [title, prefix, spread] of [
      ['NIC creates over the bus, 256 in flight, 100 Networks', 'a-', networks],
      ['NIC creates over the bus, 256 in flight, one Network', 'b-', ['one']],
    ] as const) {
      const result = await send({ data: system.data, count, inFlight: 256, networks: [...spread], prefix, firstAddress: 0 });
      if (result.refusals.length > 0) throw new Error(`${title}: refused: ${result.refusals[0]}`);
      await check(system, prefix, result.uids);
      figures.push({
        name: title,
        perSecond: count / result.seconds,
        seconds: result.seconds,
        latencyMs: summarize(result.latenciesMs),
        rawLatenciesMs: result.latenciesMs,
      });
      say(`${title}: ${Math.round(count / result.seconds)}/s, none lost, doubled or refused`);
    }
    const rawLatenciesMs: number[] = [];
    for (let index = 0; index < single + 50; index++) {
      const sent = performance.now();
      await system.call('POST', `${NETWORKING}/networkinterfaces`, nic(`c-${index}`, 'one', address(5_000_000 + index)));
      if (index >= 50) rawLatenciesMs.push(Math.round((performance.now() - sent) * 1000) / 1000);
    }
    figures.push({ name: 'NIC create over HTTP, one at a time', latencyMs: summarize(rawLatenciesMs), rawLatenciesMs });
    await system.end('weft');
    await afterwards?.(join(system.data, 'events'));
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : error}\n${system.log('weft')}`);
  } finally {
    await system.stop();
  }
  return figures;
}
