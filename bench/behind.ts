/**
 * What those pay who come late or look back, on a log that long-log.ts has written: a subscriber that begins at its start, objects and lists of the past,
 * histories. One gateway in this process, asked over HTTP; clocks and CPU.
 *
 *   node --max-semi-space-size=64 tools/run.mjs bench/behind.ts <directory of the store>
 */
import { createMemoryBus } from '@weft/bus';
import { openEmbeddedStore } from '@weft/event-store';
import { createGateway } from '@weft/gateway';
import { createPlatform, weftDomains } from '@weft/service';

const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: console.error };
const store = await openEmbeddedStore({ directory: process.argv[2] ?? '' });
const platform = createPlatform({ store, bus: createMemoryBus(), log: quiet, domains: weftDomains });
const gateway = await createGateway(platform, { port: 0, services: [], publishesEvents: false });
await platform.follower.start();
await platform.follower.whenCaughtUp();
const end = Number(await store.head());
const nics = '/apis/networking.ironcore.dev/v1alpha1/namespaces/default/networkinterfaces';
const networks = '/apis/networking.ironcore.dev/v1alpha1/namespaces/default/networks';
const at = (share: number) => `at=${Math.floor(end * share)}`;

async function timed(what: string, path: string, read = (response: Response): Promise<unknown> => response.text()): Promise<void> {
  const [cpu, started] = [process.cpuUsage(), performance.now()];
  const response = await fetch(gateway.url + path);
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  const more = await read(response);
  const { user, system } = process.cpuUsage(cpu);
  const ms = performance.now() - started;
  console.log(`${what.padEnd(52)} ${ms.toFixed(0).padStart(6)} ms, ${((user + system) / 1_000).toFixed(0).padStart(6)} ms of CPU`);
  if (typeof more === 'number')
    console.log(`${`  ${more} events`.padEnd(52)} ${((more * 1_000) / ms).toFixed(0).padStart(6)} events/s, reader included`);
}

/** Events in a stream of them, without a look into each. */
async function counted(response: Response): Promise<number> {
  const mark = Buffer.from('data: {"specversion"');
  let [events, rest] = [0, Buffer.alloc(0)];
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    const bytes = Buffer.concat([rest, chunk]);
    let from = 0;
    for (let found = bytes.indexOf(mark); found >= 0; found = bytes.indexOf(mark, from)) {
      events += 1;
      from = found + mark.length;
    }
    rest = Buffer.from(bytes.subarray(Math.max(from, bytes.length - mark.length + 1)));
  }
  return events;
}

for (const share of [0.3, 0.6, 0.9]) {
  // An interface has ten events or so.
  for (const which of [0.2, 0.5, 0.8])
    await timed(`an interface at ${share} of the log`, `${nics}/nic${Math.floor((end / 12) * share * which)}?${at(share)}`);
}
for (const nic of [17, 34, 51]) await timed('the history of an interface', `/weft/v1/history/networkinterfaces/default/nic${nic}`);
await timed('all networks at half of the log', `${networks}?${at(0.5)}`);
await timed('a hundredth of all interfaces at 0.9 of the log', `${nics}?labelSelector=app%3Dapp7&${at(0.9)}`);
await timed('a subscriber from the start until caught up', '/weft/v1/events?from=0&follow=false', counted);
process.exit(0);
