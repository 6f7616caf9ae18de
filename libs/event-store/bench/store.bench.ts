/**
 * Measures a store through its port: node --import ./tools/loader/register.mjs libs/event-store/bench/store.bench.ts [url] [events]
 */
import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NewEvent } from '@weft/api';
import { openEventStore } from '../src/open.ts';
import type { EventStore } from '../src/port.ts';

function event(i: number): NewEvent {
  const requestId = randomUUID();
  return {
    id: randomUUID(),
    type: 'NetworkInterfaceCreated.v1',
    data: {
      uid: randomUUID(),
      name: `nic-${i}`,
      namespace: 'default',
      networkRef: { name: `net-${i % 7}` },
      ipFamilies: ['IPv4', 'IPv6'],
      ips: [{ value: `10.0.0.${i % 250}` }, { value: `2001:db8::${i.toString(16)}` }],
      labels: { app: 'web', tier: 'front' },
      nodeName: 'host-3',
    },
    metadata: {
      uid: requestId,
      actor: { user: 'system:anonymous', verified: false },
      requestId,
      $correlationId: requestId,
      $causationId: requestId,
      time: new Date().toISOString(),
      append: { index: 0, count: 1 },
    },
  };
}

const seconds = (since: bigint) => Number(process.hrtime.bigint() - since) / 1e9;
const run = randomUUID().slice(0, 8);

async function inFlight(store: EventStore, count: number, width: number, streamOf: (i: number) => string): Promise<void> {
  const heads = new Map<string, bigint>();
  const latencies: number[] = [];
  let next = 0;
  const cpu = process.cpuUsage();
  const start = process.hrtime.bigint();
  await Promise.all(
    Array.from({ length: width }, async () => {
      while (next < count) {
        const i = next++;
        const stream = streamOf(i);
        const head = heads.get(stream) ?? -1n;
        heads.set(stream, head + 1n);
        const at = process.hrtime.bigint();
        await store.append(stream, head === -1n ? 'none' : head, [event(i)]);
        latencies.push(Number(process.hrtime.bigint() - at) / 1e6);
      }
    }),
  );
  const took = seconds(start);
  latencies.sort((a, b) => a - b);
  const { user, system } = process.cpuUsage(cpu);
  const p = (q: number) => latencies[Math.floor(latencies.length * q)]?.toFixed(2);
  console.log(
    `  ${width} in flight: ${Math.round(count / took)} appends/s, p50 ${p(0.5)} ms, p99 ${p(0.99)} ms, cpu ${Math.round((user + system) / count)} us each`,
  );
}

async function measure(name: string, store: EventStore, count: number): Promise<void> {
  console.log(name);
  await inFlight(store, Math.min(count, 2_000), 1, (i) => `Warm-${run}.${i}`);
  await inFlight(store, count, 256, (i) => `NetworkInterface-${run}.nic-${i}`);
  await inFlight(store, count, 256, (i) => (i % 2 === 0 ? `AddressBook-${run}.net` : `Nic-${run}.${i}`));
  for (let round = 0; round < 2; round++) {
    let start = process.hrtime.bigint();
    let events = 0;
    for await (const _ of store.readAll()) events++;
    console.log(`  readAll: ${Math.round(events / seconds(start))} events/s of ${events}`);
    start = process.hrtime.bigint();
    events = 0;
    for await (const page of store.readAllPages()) events += page.length;
    console.log(`  readAllPages: ${Math.round(events / seconds(start))} events/s`);
    start = process.hrtime.bigint();
    events = 0;
    await new Promise<void>((resolve) => {
      const subscription = store.subscribe(
        {},
        {
          onAppend: (append) => void (events += append.events.length),
          onCaughtUp: () => resolve(void setImmediate(() => subscription.stop())),
        },
      );
    });
    console.log(`  subscription catch-up: ${Math.round(events / seconds(start))} events/s`);
  }
  let start = process.hrtime.bigint();
  for (let i = 0; i < 2_000; i++) for await (const _ of store.readStream(`NetworkInterface-${run}.nic-${(i * 7) % count}`));
  console.log(`  small stream reads: ${Math.round(2_000 / seconds(start))} streams/s`);
  let seen: ((position: bigint) => void) | undefined;
  await new Promise<void>((resolve) => {
    void store
      .head()
      .then((after) => store.subscribe({ after }, { onAppend: ({ position }) => seen?.(position), onCaughtUp: () => resolve() }));
  });
  const delays: number[] = [];
  for (let i = 0; i < 500; i++) {
    start = process.hrtime.bigint();
    const delivered = new Promise<void>((resolve) => {
      seen = () => resolve();
    });
    await store.append(`Live-${run}.${i}`, 'none', [event(i)]);
    await delivered;
    delays.push(seconds(start) * 1e3);
  }
  delays.sort((a, b) => a - b);
  console.log(`  append until delivered: p50 ${delays[250]?.toFixed(2)} ms, p99 ${delays[495]?.toFixed(2)} ms`);
  await store.close();
}

const directory = join(tmpdir(), `event-store-bench-${process.pid}`);
const [url = `embedded:${directory}`, events = '50000'] = process.argv.slice(2);
await measure(url, await openEventStore(url), Number(events));
rmSync(directory, { recursive: true, force: true });
