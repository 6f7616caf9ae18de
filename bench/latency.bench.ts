/**
 * From an HTTP request to the dataplane of a host: a Machine is posted that attaches an existing interface; the time ends when a watch shows the
 * interface Available, which its host's agent reports only when the driver has answered for all of it.
 */
import { inParallel } from '@weft/api';
import { until } from '@weft/testing/waiting';
import { Control } from './control.ts';
import { makeHost, removeHost } from './host-netns.ts';
import { address, COMPUTE, machine, NETWORKING, network, nic } from './objects.ts';
import { summarize } from './stats.ts';
import { System } from './system.ts';

export type LatencyFigures = {
  name: string;
  driver: 'simulated' | 'linux';
  interfaces: number;
  latencyMs: ReturnType<typeof summarize>;
  rawLatenciesMs: number[];
};

const FILLER_HOSTS = 10;
const SLOTS = 100;
/** Samples that are sent before the counting ones. */
const WARM = 50;

/** Resolves at the moment the watch shows the named interface Available. */
class Availability {
  readonly #waiting = new Map<string, (at: number) => void>();
  readonly #abort = new AbortController();

  async start(http: string): Promise<void> {
    const { metadata } = (await (await fetch(`${http}${NETWORKING}/networkinterfaces?limit=1`)).json()) as {
      metadata: { resourceVersion: string };
    };
    const response = await fetch(`${http}${NETWORKING}/networkinterfaces?watch=true&resourceVersion=${metadata.resourceVersion}`, {
      signal: this.#abort.signal,
    });
    if (!response.ok || response.body === null) throw new Error(`watch: ${response.status}`);
    void this.#read(response.body).catch(() => undefined);
  }

  async #read(body: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    let rest = '';
    for await (const chunk of body) {
      rest += decoder.decode(chunk, { stream: true });
      const lines = rest.split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const { object } = JSON.parse(line) as { object: { metadata: { name: string }; status?: { state?: string } } };
        if (object.status?.state === 'Available') this.#waiting.get(object.metadata.name)?.(performance.now());
      }
    }
  }

  of(name: string, timeoutMs: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${name} did not become Available in ${timeoutMs / 1000} s`)), timeoutMs);
      this.#waiting.set(name, (at) => {
        clearTimeout(timer);
        this.#waiting.delete(name);
        resolve(at);
      });
    });
  }

  stop(): void {
    this.#abort.abort();
  }
}

export async function latencyBench(options: {
  interfaces: number;
  samples: number;
  drivers: readonly ('simulated' | 'linux')[];
  say: (line: string) => void;
}): Promise<LatencyFigures[]> {
  const { interfaces, samples, drivers, say } = options;
  const system = await System.start('none');
  const control = await Control.connect(system.data);
  const availability = new Availability();
  const figures: LatencyFigures[] = [];
  const netns = `weftbench-${process.pid}`;
  const guests: string[] = [];
  let hostIndex: number | undefined;
  try {
    await system.call('POST', `${NETWORKING}/networks`, network('one'));
    for (let index = 0; index < FILLER_HOSTS; index++) await control.registerHost(`filler-${index}`, `fd00:77::1:${index + 1}`);
    say(`placing ${interfaces} interfaces on ${FILLER_HOSTS} other hosts`);
    await inParallel(upTo(interfaces), 256, (index) => control.create('NetworkInterface', nic(`f-${index}`, 'one', address(index))));
    await inParallel(upTo(Math.ceil(interfaces / SLOTS)), 8, async (group) => {
      const names = Array.from({ length: Math.min(SLOTS, interfaces - group * SLOTS) }, (_, index) => `f-${group * SLOTS + index}`);
      await control.create('Machine', machine(`filler-${group}`, `filler-${group % FILLER_HOSTS}`, names));
    });
    await until(
      'all of them placed',
      async () => {
        const { items } = await system.call<{ items: { status?: { networkInterfaces?: unknown[] } }[] }>('GET', `${COMPUTE}/machines`);
        const placed = items.reduce((sum, { status }) => sum + (status?.networkInterfaces?.length ?? 0), 0);
        return placed === interfaces;
      },
      400_000,
      200,
    );
    for (const driver of drivers) {
      const host = `bench-${driver}`;
      if (driver === 'linux') makeHost(netns, 'fd00:77::2');
      system.spawn(host, ['apps/dataplane-agent/src/main.ts'], {
        WEFT_DATA: system.data,
        WEFT_DATAPLANE: driver,
        WEFT_HOST: host,
        WEFT_UNDERLAY_IP: driver === 'linux' ? 'fd00:77::2' : 'fd00:77::3',
        ...(driver === 'linux' ? { WEFT_HOST_NETNS: netns } : {}),
      });
      const count = samples + WARM;
      await inParallel(upTo(count), 32, (index) =>
        control.create(
          'NetworkInterface',
          nic(`${driver}-${index}`, 'one', address(10_000_000 + index + (driver === 'linux' ? 100_000 : 0)), { measured: driver }),
        ),
      );
      if (driver === 'linux') {
        const { items } = await system.call<{ items: { metadata: { name: string; uid: string } }[] }>(
          'GET',
          `${NETWORKING}/networkinterfaces?labelSelector=measured=linux`,
        );
        for (const { metadata } of items) guests.push(`weftguest-${metadata.uid.replaceAll('-', '').slice(0, 12)}`);
      }
      if (figures.length === 0) await availability.start(system.http);
      const rawLatenciesMs: number[] = [];
      for (let index = 0; index < count; index++) {
        const name = `${driver}-${index}`;
        // The first one brings the whole network to the host.
        const done = availability.of(name, index === 0 ? 180_000 : 30_000);
        const sent = performance.now();
        await system.call('POST', `${COMPUTE}/machines`, machine(`m-${name}`, host, [name]));
        const at = await done;
        if (driver === 'linux' && index === 0) {
          hostIndex = (await system.call<{ status: { index: number } }>('GET', `/apis/fabric.weft.dev/v1alpha1/hosts/${host}`)).status
            .index;
        }
        if (index >= WARM) rawLatenciesMs.push(Math.round((at - sent) * 1000) / 1000);
        if (index === 0) say(`${driver}: first interface with all ${interfaces} routes after ${Math.round(at - sent)} ms`);
      }
      const title = `HTTP request → applied ${driver === 'linux' ? 'in a real kernel' : 'on a simulated host'}, ${interfaces} interfaces`;
      figures.push({ name: title, driver, interfaces, latencyMs: summarize(rawLatenciesMs), rawLatenciesMs });
      await system.end(host);
    }
  } catch (error) {
    throw new Error(
      `${error instanceof Error ? error.message : error}\n${system.log('weft')}\n${drivers.map((each) => system.log(`bench-${each}`)).join('\n')}`,
    );
  } finally {
    availability.stop();
    await control.close();
    await system.stop();
    if (drivers.includes('linux')) removeHost(netns, hostIndex, guests);
  }
  return figures;
}

/** 0 … count-1. */
function upTo(count: number): number[] {
  return [...Array(count).keys()];
}
