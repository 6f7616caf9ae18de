/**
 * From an HTTP request to the dataplane of a host: a Machine is posted that attaches an existing interface; the time ends when a watch shows the
 * interface Available, which its host's agent reports only when the driver has answered for all of it.
 */
import { inParallel } from '@weft/api';
import { until } from '@weft/testing/waiting';
import { atMost, type Bench, type Result } from './bench.ts';
import { Agents } from './beside.ts';
import { Control } from './control.ts';
import { makeHost, removeHost } from './host-netns.ts';
import { address, COMPUTE, machine, NETWORKING, network, nic } from './objects.ts';
import { bareBatchMs, bareRequests, upTo } from './reference.ts';
import { summarize } from './stats.ts';
import { System } from './system.ts';

type Driver = 'simulated' | 'linux';

/** Hosts with agents that hold the interfaces which are remote to the measured one. Each follows all rows of the Network, so a large one has few. */
function fillerHosts(interfaces: number): number {
  return interfaces > 10_000 ? 2 : 10;
}

const BATCH = 1_000;
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

export const latencyBench: Bench = {
  name: 'latency',
  async run({ quick, say }) {
    const canProgram = process.platform === 'linux' && process.getuid?.() === 0;
    const drivers: readonly Driver[] = canProgram ? ['simulated', 'linux'] : ['simulated'];
    if (!canProgram) say('the real kernel is left out: it needs Linux and root');
    const results: Result[] = [];
    const atThousand = new Map<Driver, number>();
    for (const interfaces of quick ? [1_000] : [1_000, 10_000, 100_000]) {
      say(`latency with ${interfaces} interfaces`);
      const batchMs = canProgram ? bareBatchMs(BATCH) / BATCH : undefined;
      const { requestMs, figures } = await latencies({ interfaces, samples: quick ? 50 : 200, drivers, say });
      results.push({ name: `reference: a bare request over the bus, ${interfaces} interfaces`, latencyMs: summarize(requestMs) });
      if (batchMs !== undefined) results.push({ name: 'reference: one route of a bare `ip -batch`', figure: `${batchMs.toFixed(3)} ms` });
      for (const { driver, rawLatenciesMs } of figures) {
        const latencyMs = summarize(rawLatenciesMs);
        const small = atThousand.get(driver) ?? latencyMs.p50;
        atThousand.set(driver, small);
        const limit = interfaces === 1_000 ? { simulated: 11, linux: 25 }[driver] : 1.5 * small;
        results.push({
          name: `HTTP request → applied ${driver === 'linux' ? 'in a real kernel' : 'on a simulated host'}, ${interfaces} interfaces`,
          latencyMs,
          rawLatenciesMs,
          ratio: { value: latencyMs.p50 / summarize(requestMs).p50, to: 'a bare request' },
          goal: atMost(Math.round(limit * 10) / 10, latencyMs.p50, 'ms p50'),
        });
      }
    }
    return results;
  },
};

type Latencies = Readonly<{ driver: Driver; rawLatenciesMs: readonly number[] }>;

async function latencies(options: {
  interfaces: number;
  samples: number;
  drivers: readonly Driver[];
  say: (line: string) => void;
}): Promise<Readonly<{ requestMs: readonly number[]; figures: readonly Latencies[] }>> {
  const { interfaces, samples, drivers, say } = options;
  const system = await System.start('none');
  const control = await Control.connect(system.data);
  const availability = new Availability();
  const figures: Latencies[] = [];
  let fillers: Agents | undefined;
  let requestMs: readonly number[] = [];
  const netns = `weftbench-${process.pid}`;
  const guests: string[] = [];
  let hostIndex: number | undefined;
  try {
    await system.call('POST', `${NETWORKING}/networks`, network('one'));
    const hosts = fillerHosts(interfaces);
    fillers = await Agents.start(system, hosts, 'filler-', 'fd00:77::1:');
    say(`placing ${interfaces} interfaces on ${hosts} other hosts`);
    await inParallel(upTo(interfaces), 256, (index) => control.create('NetworkInterface', nic(`f-${index}`, 'one', address(index))));
    await inParallel(upTo(Math.ceil(interfaces / SLOTS)), 8, async (group) => {
      const names = Array.from({ length: Math.min(SLOTS, interfaces - group * SLOTS) }, (_, index) => `f-${group * SLOTS + index}`);
      await control.create('Machine', machine(`filler-${group}`, `filler-${group % hosts}`, names));
    });
    await until(
      'all of them Available',
      async () => {
        const { items } = await system.call<{ items: { status?: { state?: string } }[] }>('GET', `${NETWORKING}/networkinterfaces`);
        return items.every(({ status }) => status?.state === 'Available');
      },
      600_000,
      Math.max(200, interfaces / 20), // A list of 100,000 takes most of a second.
    );
    requestMs = (await bareRequests(system.data, 2_000)).aloneMs;
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
      figures.push({ driver, rawLatenciesMs });
      await system.end(host);
    }
  } catch (error) {
    throw new Error(
      `${error instanceof Error ? error.message : error}\n${system.log('weft')}\n${system.log('agents')}\n${drivers.map((each) => system.log(`bench-${each}`)).join('\n')}`,
    );
  } finally {
    availability.stop();
    await control.close();
    await fillers?.stop();
    await system.stop();
    if (drivers.includes('linux')) removeHost(netns, hostIndex, guests);
  }
  return { requestMs, figures };
}
