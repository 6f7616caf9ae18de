/**
 * One replica of the test domain's service as a process, for tests that kill it: `<directory> <dies at flush n, 0 for never>`. It counts flushes once it
 * serves, and dies by SIGKILL right after flush n is durable, before it answers.
 */
import { natsTargetOf, openNatsBus } from '@weft/bus';
import { openEmbeddedStore } from '@weft/event-store';
import { createContextRuntime } from '../runtime/context-runtime.ts';
import { createPlatform } from '../runtime/platform.ts';
import { quietLog } from './runtime.ts';
import { thingDomain } from './things.ts';

const [directory = '', dieAt = '0'] = process.argv.slice(2);
let flushes = 0;
let serving = false;
const store = await openEmbeddedStore({
  directory: `${directory}/events`,
  flush: async (commit) => {
    await commit();
    if (serving && ++flushes === Number(dieAt)) process.kill(process.pid, 'SIGKILL');
  },
});
const log = quietLog();
const bus = openNatsBus({ target: natsTargetOf(`${directory}/nats`), name: 'replica', log });
const platform = createPlatform({ store, bus, log, domains: [thingDomain()] });
const runtime = createContextRuntime(platform, { context: 'network' });
for (const part of runtime.parts) await part.start();
await platform.follower.start();
const look = setInterval(() => {
  if (runtime.leases.partitions.length < 64) return;
  clearInterval(look);
  serving = true;
  void bus.flush().then(() => process.send?.('serving'));
}, 5);
process.on('disconnect', () => process.exit(0));
