/**
 * Many watches of one kind, or as many subscribers to its events, while its objects change at a steady rate. Each watch is held to what the first one got,
 * byte by byte (their checksums and lengths), each subscriber to the number of events; the first one to every change, in order.
 */
import { connect, type Socket } from 'node:net';
import { crc32 } from 'node:zlib';
import { inParallel } from '@weft/api';
import { freePort } from '@weft/bus';
import { until } from '@weft/testing/waiting';
import { type Bench, type Result } from './bench.ts';
import { Control } from './control.ts';
import { eventsOverGrpc, GrpcReader } from './grpc-reader.ts';
import { address, NETWORKING, network, nic } from './objects.ts';
import { upTo } from './reference.ts';
import { summarize } from './stats.ts';
import { System } from './system.ts';

const RATE = 500;
const OBJECTS = 1_000;
const TICK_MS = 5;
/** Readers on a busy machine take much longer than the changes. */
const TOLD_MS_MAX = 180_000;

export const watchersBench: Bench = {
  name: 'watchers',
  run: ({ quick, say }) => (quick ? watched('watches of one kind', 100, 5, say) : watched('watches of one kind', 1_000, 20, say)),
};

export const subscribersBench: Bench = {
  name: 'subscribers',
  run: async ({ quick, say }) => [
    ...(await watched('subscribers (SSE)', quick ? 100 : 1_000, quick ? 5 : 10, say)),
    ...(await watched('subscribers (gRPC)', quick ? 20 : 100, quick ? 5 : 10, say)),
  ],
};

async function watched(
  what: 'watches of one kind' | 'subscribers (SSE)' | 'subscribers (gRPC)',
  watchers: number,
  seconds: number,
  say: (line: string) => void,
): Promise<readonly Result[]> {
  const grpc = `127.0.0.1:${await freePort()}`;
  const system = await System.start('none', what === 'subscribers (gRPC)' ? { WEFT_GRPC: grpc } : {});
  const control = await Control.connect(system.data);
  const readers: (Reader | GrpcReader)[] = [];
  try {
    await control.create('Network', network('one'));
    await inParallel(upTo(OBJECTS), 64, (i) => control.create('NetworkInterface', nic(`w-${i}`, 'one', address(i))));
    let step = 0;
    const sentMs: number[] = [];
    const changed: Promise<unknown>[] = [];
    /** A change that is refused for now is sent again; the next one of the same object waits for it. */
    const change = async () => {
      const number = step++;
      const [object, patch] = [number % OBJECTS, { metadata: { labels: { step: String(number) } } }];
      const key = { kind: 'NetworkInterface', namespace: 'default', name: `w-${object}` };
      sentMs[number] = performance.now();
      const before = changed[object];
      changed[object] = (async () => {
        await before;
        await control.send('default', { verb: 'patch', key, patchType: 'merge', patch });
      })();
      await changed[object];
    };
    const load = async (forSeconds: number) => {
      const [started, cpu, under] = [performance.now(), system.cpuSeconds('weft'), [] as Promise<void>[]];
      const total = RATE * forSeconds;
      for (let sent = 0; sent < total; ) {
        const due = Math.min(total, Math.floor(((performance.now() - started) * RATE) / 1_000));
        for (; sent < due; sent++) under.push(change());
        await new Promise((resolve) => setTimeout(resolve, TICK_MS));
      }
      await Promise.all(under);
      return { cpu, started, forSeconds };
    };
    /** Of the time that the changes span, however long a busy machine takes to tell them. */
    const cpuShare = ({ cpu, forSeconds }: { cpu: number; forSeconds: number }) => (system.cpuSeconds('weft') - cpu) / forSeconds;
    const alone = cpuShare(await load(Math.min(5, seconds)));

    const { metadata } = await system.call<{ metadata: { resourceVersion: string } }>('GET', `${NETWORKING}/networkinterfaces`);
    const watches = what === 'watches of one kind';
    const from = metadata.resourceVersion;
    const path = watches
      ? `${NETWORKING}/networkinterfaces?watch=true&resourceVersion=${from}`
      : `/weft/v1/events?kind=NetworkInterface&from=${from}`;
    const stubAt = what === 'subscribers (gRPC)' ? await eventsOverGrpc(system.http) : undefined;
    for (let i = 0; i < watchers; i++)
      readers.push(
        stubAt === undefined
          ? await Reader.open(system.http, path, { parses: i === 0, counts: !watches })
          : await GrpcReader.open(stubAt(grpc), { from, kinds: ['NetworkInterface'], batched: true }, i === 0),
      );
    say(`${watchers} ${what}, ${RATE} changes a second for ${seconds} s`);
    const [first, begin] = [readers[0] as Reader | GrpcReader, step];
    const ageMs: number[] = [];
    first.onStep = (number) => ageMs.push(performance.now() - (sentMs[number] as number));
    const run = await load(seconds);
    // Answers to writes are there before the watches have told all.
    const total = step - begin;
    const told = async (what: string, isTold: () => boolean) => {
      const ended = () => readers.filter(({ isEnded }) => isEnded).length;
      await until(what, () => ended() > 0 || isTold(), TOLD_MS_MAX);
      if (ended() > 0) throw new Error(`${ended()} of ${watchers} were ended before they had all`);
    };
    await told('the first one has all', () => first.steps.length >= total);
    await told('all have what the first one has', () => readers.every(({ length }) => length === first.length));
    const used = cpuShare(run);
    const isOrdered = first.steps.length === total && inOrderOfObjects(first.steps, begin);
    const isSame = readers.every(({ checksum }) => checksum === first.checksum);
    const latencyMs = summarize(ageMs);
    return [
      {
        name: `${watchers} ${what}, ${RATE} changes/s for ${seconds} s: age of a change there`,
        perSecond: (watchers * total * 1_000) / (performance.now() - run.started),
        latencyMs,
        figure: `${used.toFixed(2)} cores, ${alone.toFixed(2)} without them, ${Math.round((watchers * first.bytes) / 1e6)} MB`,
        goal: watches
          ? { want: 'all complete and in order, < 1 core', met: isOrdered && isSame && used < 1 }
          : { want: 'all complete and in order, p99 ≤ 250 ms', met: isOrdered && isSame && latencyMs.p99 <= 250 },
      },
    ];
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : error}\n${system.log('weft')}`);
  } finally {
    for (const reader of readers) reader.close();
    await control.close();
    await system.stop();
  }
}

/** Each step once; those of one object in order. */
function inOrderOfObjects(steps: readonly number[], begin: number): boolean {
  const last = new Map<number, number>();
  for (const step of steps) {
    if (step < begin || step <= (last.get(step % OBJECTS) ?? -1)) return false;
    last.set(step % OBJECTS, step);
  }
  return new Set(steps).size === steps.length;
}

type Reading = Readonly<{
  parses: boolean;
  /** Frames of events are counted: what else a stream tells has the time in it, which is another one for each. */
  counts: boolean;
}>;

const FRAME = Buffer.from('data: {"specversion"');

/** Reads a stream as cheaply as it can be: a bare socket, chunks put together. */
class Reader {
  readonly #socket: Socket;
  readonly steps: number[] = [];
  onStep: (step: number) => void = () => {};
  bytes = 0;
  isEnded = false;
  /** Of a stream that is counted: events. */
  length = 0;
  checksum = 0;
  readonly #reading: Reading;
  #head = true;
  #rest: Buffer = Buffer.alloc(0);
  /** Bytes of the present chunk that are still to come, its line end included. */
  #left = 0;
  #line = '';

  private constructor(socket: Socket, reading: Reading) {
    this.#socket = socket;
    this.#reading = reading;
  }

  static open(url: string, path: string, reading: Reading): Promise<Reader> {
    const { hostname, port } = new URL(url);
    return new Promise((resolve, reject) => {
      const socket = connect(Number(port), hostname);
      const reader = new Reader(socket, reading);
      socket.on('error', reject);
      socket.on('close', () => (reader.isEnded = true));
      socket.once('data', () => resolve(reader));
      socket.on('data', (bytes) => reader.#take(bytes));
      socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(bytes: Buffer): void {
    let at = 0;
    if (this.#rest.length > 0) {
      bytes = Buffer.concat([this.#rest, bytes]);
      this.#rest = Buffer.alloc(0);
    }
    if (this.#head) {
      const end = bytes.indexOf('\r\n\r\n');
      if (end < 0) return void (this.#rest = bytes);
      this.#head = false;
      at = end + 4;
    }
    while (at < bytes.length) {
      if (this.#left === 0) {
        const end = bytes.indexOf('\r\n', at);
        if (end < 0) break;
        const size = Number.parseInt(bytes.toString('latin1', at, end), 16);
        if (size === 0) this.isEnded = true;
        this.#left = size + 2;
        at = end + 2;
      }
      const part = bytes.subarray(at, Math.min(bytes.length, at + this.#left));
      const body = part.subarray(0, Math.max(0, Math.min(part.length, this.#left - 2)));
      this.bytes += body.length;
      if (this.#reading.counts) this.#count(body);
      else {
        this.length += body.length;
        this.checksum = crc32(body, this.checksum);
      }
      if (this.#reading.parses) this.#parse(body);
      this.#left -= part.length;
      at += part.length;
    }
    this.#rest = bytes.subarray(at);
  }

  /** A frame is looked for where it may begin in one piece and end in the next. */
  #end: Buffer = Buffer.alloc(0);
  #count(body: Buffer): void {
    const bytes = this.#end.length === 0 ? body : Buffer.concat([this.#end, body]);
    let at = 0;
    for (let found = bytes.indexOf(FRAME); found >= 0; found = bytes.indexOf(FRAME, at)) {
      this.length += 1;
      at = found + FRAME.length;
    }
    this.#end = Buffer.from(bytes.subarray(Math.max(at, bytes.length - FRAME.length + 1)));
  }

  #parse(body: Buffer): void {
    const lines = (this.#line + body.toString()).split('\n');
    this.#line = lines.pop() as string;
    for (const line of lines) {
      const text = /"step":"(\d+)"/.exec(line)?.[1];
      if (text === undefined) continue;
      const step = Number(text);
      this.steps.push(step);
      this.onStep(step);
    }
  }
}
