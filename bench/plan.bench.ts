/**
 * What a plan costs beside many interfaces, as CPU time: the first one, for which loops and rows are derived from the whole fold, and those after it.
 *
 *   node tools/run.mjs bench/plan.bench.ts <interfaces> [<directory of a log that long-log.ts has written>]
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Command, createFold, type JsonObject, registry, uuidv5 } from '@weft/api';
import { openEmbeddedStore } from '@weft/event-store';
import { type Rehearsal, reachOf, Stage } from '@weft/fabric';
import { weftDomains } from '@weft/service';
import { writeLongLog } from './long-log.ts';
import { address, machine, nic } from './objects.ts';

const CHANGES = 100;
const ACTOR = { user: 'bench', verified: false };
const ID = '6f1d3c5e-0000-5000-8000-00000000000b';

const interfaces = Number(process.argv[2] ?? 10_000);
const given = process.argv[3];
const directory = given ?? mkdtempSync(join(tmpdir(), 'weft-plan-bench-'));
if (given === undefined || !existsSync(directory)) await writeLongLog(directory, interfaces);
const store = await openEmbeddedStore({ directory });
const kinds = registry(weftDomains);
const fold = createFold(kinds);
for await (const page of store.readAppendPages()) for (const append of page) fold.apply(append);
const memoryMb = () => Math.round(process.memoryUsage().heapUsed / 1e6);
const stage = new Stage({
  registry: kinds,
  world: fold,
  readStream: (stream, from) => store.readStream(stream, { from }),
  nowMs: () => performance.now(),
  breathe: () => new Promise((resolve) => setImmediate(resolve)),
});

/** Microseconds of CPU of what `work` does, and its outcome. */
async function measured<T>(what: string, work: () => Promise<T>): Promise<T> {
  const [began, from] = [process.cpuUsage(), performance.now()];
  const outcome = await work();
  const { user, system } = process.cpuUsage(began);
  console.log(
    `${what.padEnd(60)} ${((user + system) / 1000).toFixed(0).padStart(8)} ms of CPU ${(performance.now() - from).toFixed(0).padStart(8)} ms ${memoryMb()} MB`,
  );
  return outcome;
}

const plan = (commands: readonly Command[]) =>
  stage.rehearse(new Date('2026-06-01T00:00:00Z').toISOString(), async (rehearsal: Rehearsal) => {
    let refused = 0;
    for (const [i, command] of commands.entries()) {
      const reply = await rehearsal.send(command, uuidv5(ID, `${i}`), ACTOR);
      if (!reply.ok && refused++ === 0) console.log(reply.status.message);
      await rehearsal.settle();
    }
    const rows = await rehearsal.rowDifferences();
    const { flips, packets } = await reachOf(rehearsal, rows, () => undefined);
    return `${rehearsal.appends.length} appends, ${rows.length} rows, ${packets} packets, ${flips.length} flips, ${refused} refused`;
  });

const create = (object: JsonObject): Command => ({ verb: 'create', kind: object['kind'] as string, namespace: 'default', object });
const places = [...Array(CHANGES).keys()];
const [first] = [...fold.list('NetworkInterface')];
console.log(first?.key, fold.count('NetworkInterface'), `interfaces, ${memoryMb()} MB`);
console.log(await measured('the first plan, of nothing', () => plan([])));
console.log(await measured('a plan of nothing', () => plan([])));
const born = places.flatMap((i) => {
  const name = `planned-${i}`;
  const object = { ...nic(name, 'net0', address(interfaces + 1_000 + i)) };
  return [
    create(object),
    ...(i % 4 === 0
      ? [
          create(
            machine(
              `planned-${i}`,
              'host0',
              places.slice(i, i + 4).map((each) => `planned-${each}`),
            ),
          ),
        ]
      : []),
  ];
});
console.log(await measured('100 interfaces more, 25 machines', () => plan(born)));
console.log(await measured('the same once more', () => plan(born)));
const named = [...fold.list('NetworkInterface')].slice(0, CHANGES).map(({ key }) => key);
const labelled = named.map(
  (key): Command => ({ verb: 'patch', key, patchType: 'merge', patch: { metadata: { labels: { tier: 'planned' } } } }),
);
console.log(await measured('100 interfaces with another label', () => plan(labelled)));
const policy = create({
  apiVersion: 'networking.ironcore.dev/v1alpha1',
  kind: 'NetworkPolicy',
  metadata: { namespace: 'default', name: 'planned' },
  spec: {
    networkRef: { name: 'net0' },
    networkInterfaceSelector: { matchLabels: { tier: 'planned' } },
    ingress: [{ ports: [{ protocol: 'TCP', port: 443 }] }],
  },
} as JsonObject);
console.log(await measured('the same, and a policy of that label', () => plan([...labelled, policy])));
console.log(await measured('100 interfaces deleted', () => plan(named.map((key): Command => ({ verb: 'delete', key })))));
await store.close();
if (given === undefined) rmSync(directory, { recursive: true });
