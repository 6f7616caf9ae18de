/**
 * Loads without Weft in them: what the machine gives while a benchmark runs. Machines differ twofold, and from minute to minute; the ratio to the reference
 * of the same run does not.
 */
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inParallel, type NewEvent, toEvents } from '@weft/api';
import { openEmbeddedStore } from '@weft/event-store';
import { connectTo } from './control.ts';
import { makeHost, removeHost } from './host-netns.ts';
import { address, nic } from './objects.ts';

const IN_FLIGHT = 256;

/** Durable appends a second to an embedded store of its own: one event of the size of an interface's first, each to a stream of its own. */
export async function bareAppendsPerSecond(count: number): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'weft-bench-store-'));
  try {
    const store = await openEmbeddedStore({ directory, ids: randomUUID });
    const appends = upTo(count).map((i) => [`Bench-${i}`, anInterface(i)] as const);
    const started = performance.now();
    await inParallel(appends, IN_FLIGHT, async ([stream, events]) => void (await store.append(stream, 'none', events)));
    const seconds = (performance.now() - started) / 1000;
    await store.close();
    return count / seconds;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function anInterface(index: number): readonly NewEvent[] {
  const requestId = randomUUID();
  const cause = { requestId, actor: { user: 'bench', verified: false }, correlationId: requestId, causationId: requestId };
  const data = nic(`reference-${index}`, 'one', address(index));
  const stream = `Bench-${index}`;
  return toEvents([{ type: 'NetworkInterfaceCreated.v1', data }], cause, { stream, expected: 'none', now: new Date().toISOString() });
}

/** Requests a second that another connection of this process answers, over the bus of the Weft whose data directory this is, and one alone in ms. */
export async function bareRequests(data: string, count: number): Promise<Readonly<{ perSecond: number; aloneMs: readonly number[] }>> {
  const [server, client] = [await connectTo(data, 'bench-echo'), await connectTo(data, 'bench-asks')];
  try {
    const subject = `bench.echo.${process.pid}`;
    const body = new Uint8Array(900);
    server.serve(subject, (message) => message.data, { concurrencyMax: 2 * IN_FLIGHT });
    await server.flush();
    const ask = () => client.request(subject, body, { timeoutMs: 10_000 });
    await inParallel(upTo(1_000), IN_FLIGHT, async () => void (await ask()));
    const started = performance.now();
    await inParallel(upTo(count), IN_FLIGHT, async () => void (await ask()));
    const perSecond = (count * 1000) / (performance.now() - started);
    const aloneMs: number[] = [];
    for (let i = 0; i < 200; i++) {
      const sent = performance.now();
      await ask();
      aloneMs.push(performance.now() - sent);
    }
    return { perSecond, aloneMs };
  } finally {
    await client.close();
    await server.close();
  }
}

/** Milliseconds for one `ip -batch` with this many routes, in a network namespace of its own. Needs root. */
export function bareBatchMs(routes: number): number {
  const netns = `weftbench-ref-${process.pid}`;
  const directory = mkdtempSync(join(tmpdir(), 'weft-bench-ip-'));
  makeHost(netns, 'fd00:78::1');
  try {
    const file = join(directory, 'batch');
    writeFileSync(
      file,
      upTo(routes)
        .map((i) => `route add ${address(i)}/32 dev lo table 100\n`)
        .join(''),
    );
    const started = performance.now();
    execFileSync('ip', ['-n', netns, '-batch', file], { stdio: ['ignore', 'ignore', 'pipe'] });
    return performance.now() - started;
  } finally {
    removeHost(netns, undefined, []);
    rmSync(directory, { recursive: true, force: true });
  }
}

/** 0 … count-1. */
export function upTo(count: number): number[] {
  return [...Array(count).keys()];
}
