/** Lists over HTTP, whole and in pages, as clients ask for them: kubectl for Tables in pages of 500. */
import { inParallel } from '@weft/api';
import { atMost, type Bench, type Result } from './bench.ts';
import { Control } from './control.ts';
import { address, NETWORKING, network, nic } from './objects.ts';
import { upTo } from './reference.ts';
import { summarize } from './stats.ts';
import { System } from './system.ts';

const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io';
const PATH = `${NETWORKING}/networkinterfaces`;
const PAGE = 500;
const MEMORY_MB_MAX = 100;

export const listsBench: Bench = {
  name: 'lists',
  run: ({ quick, say }) => listed(10_000, quick ? 10_000 : 100_000, say),
};

async function listed(whole: number, paged: number, say: (line: string) => void): Promise<readonly Result[]> {
  const system = await System.start('none');
  const control = await Control.connect(system.data);
  try {
    await control.create('Network', network('one'));
    const create = (from: number, to: number) =>
      inParallel(upTo(to - from), 128, (i) => control.create('NetworkInterface', nic(`l-${from + i}`, 'one', address(from + i))));
    await create(0, whole);
    say(`${whole} interfaces`);
    const read = async (path: string, accept: string) => {
      const started = performance.now();
      const response = await fetch(system.http + path, { headers: { accept, 'accept-encoding': 'identity' } });
      const text = await response.text();
      if (response.status !== 200) throw new Error(`${path}: ${text.slice(0, 200)}`);
      return { ms: performance.now() - started, text };
    };
    const often = async (accept: string) => {
      const ms: number[] = [];
      for (let i = 0; i < 10; i++) ms.push((await read(PATH, accept)).ms);
      return summarize(ms);
    };
    const [json, table, bare] = [
      await often('application/json'),
      await often(TABLE),
      summarize(await Promise.all(upTo(10).map(async () => (await read('/livez', '*/*')).ms))),
    ];

    await create(whole, paged);
    const before = system.memoryMb('weft');
    let most = before;
    const pageMs: number[] = [];
    let count = 0;
    for (let token: string | undefined = ''; token !== undefined; ) {
      const { ms, text } = await read(`${PATH}?limit=${PAGE}&continue=${token}`, TABLE);
      const { rows, metadata } = JSON.parse(text) as { rows: unknown[]; metadata: { continue?: string } };
      count += rows.length;
      pageMs.push(ms);
      token = metadata.continue;
      most = Math.max(most, system.memoryMb('weft'));
    }
    if (count !== paged) throw new Error(`${count} of ${paged} interfaces were in pages`);
    const pages = summarize(pageMs);
    const reference = (p50: number) => ({ value: p50 / bare.p50, to: 'an empty request' });
    return [
      { name: `list of ${whole} interfaces`, latencyMs: json, ratio: reference(json.p50), goal: atMost(300, json.p50, 'ms') },
      { name: `the same as Table`, latencyMs: table, ratio: reference(table.p50), goal: atMost(500, table.p50, 'ms') },
      {
        name: `${paged} interfaces as Table in pages of ${PAGE}: one page`,
        latencyMs: pages,
        ratio: reference(pages.p50),
        figure: `${before} MB before, at most ${most} MB`,
        goal: atMost(MEMORY_MB_MAX, most - before, 'MB more'),
      },
    ];
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : error}\n${system.log('weft')}`);
  } finally {
    await control.close();
    await system.stop();
  }
}
