/** What `kubectl apply -f` sends for 1,000 interfaces in one file, one request after the other: a look and a creation each; then a look and a patch each. */
import { atMost, type Bench, type Result } from './bench.ts';
import { Control } from './control.ts';
import { address, NETWORKING, network, nic } from './objects.ts';
import { upTo } from './reference.ts';
import { summarize } from './stats.ts';
import { System } from './system.ts';

const STEP_MS_MAX = 20;
const PATH = `${NETWORKING}/networkinterfaces`;

export const applyBench: Bench = {
  name: 'apply',
  run: ({ quick, say }) => applied(quick ? 200 : 1_000, say),
};

async function applied(count: number, say: (line: string) => void): Promise<readonly Result[]> {
  const system = await System.start('none');
  const control = await Control.connect(system.data);
  try {
    await control.create('Network', network('one'));
    say(`${count} interfaces in one file`);
    const step = async (ms: number[], method: string, path: string, wanted: number, body?: object, type = 'application/json') => {
      const started = performance.now();
      const response = await fetch(system.http + path, {
        method,
        headers: { accept: 'application/json', ...(body && { 'content-type': type }) },
        ...(body && { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      if (response.status !== wanted) throw new Error(`${method} ${path}: ${text.slice(0, 200)}`);
      ms.push(performance.now() - started);
    };
    const [looks, creations, patches, bare]: [number[], number[], number[], number[]] = [[], [], [], []];
    for (const i of upTo(count)) {
      const object = nic(`a-${i}`, 'one', address(i)) as object;
      await step(looks, 'GET', `${PATH}/a-${i}`, 404);
      await step(creations, 'POST', `${PATH}?fieldManager=kubectl-client-side-apply`, 201, object);
    }
    for (const i of upTo(count)) {
      await step(looks, 'GET', `${PATH}/a-${i}`, 200);
      const patch = { metadata: { labels: { applied: 'again' } } };
      await step(patches, 'PATCH', `${PATH}/a-${i}?fieldManager=kubectl-client-side-apply`, 200, patch, 'application/merge-patch+json');
      await step(bare, 'GET', '/livez', 200);
    }
    const reference = summarize(bare);
    return (
      [
        ['looking', looks],
        ['creating', creations],
        ['patching', patches],
      ] as const
    ).map(([what, ms]) => {
      const latencyMs = summarize(ms);
      const ratio = { value: latencyMs.p50 / reference.p50, to: 'an empty request' };
      return { name: `apply of ${count} interfaces: ${what}`, latencyMs, ratio, goal: atMost(STEP_MS_MAX, latencyMs.p99, 'ms p99') };
    });
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : error}\n${system.log('weft')}`);
  } finally {
    await control.close();
    await system.stop();
  }
}
