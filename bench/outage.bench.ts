/**
 * How long writes stand still when the leader of an EventStoreDB cluster dies, is frozen, or is cut off in a way that only silence tells: appends through
 * the store port beside appends of the bare client and creations of a whole Weft, each in a process of its own, in the same outage. Not a part of `npm run bench`, which has no server.
 *
 *   WEFT_BENCH_EVENTSTOREDB=/path/to/EventStore.ClusterNode node tools/run.mjs bench/outage.bench.ts [--nodes=3] [--rounds=3] [--json=FILE]
 *
 * It starts so many nodes of that program on loopback, with files in a directory that is removed at the end. A single node that is killed is started again, one
 * that is frozen wakes after 8 s.
 */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { EventStoreDBClient, jsonEvent, NO_STREAM } from '@eventstore/db-client';
import { systemClock } from '@weft/api';
import { freePort } from '@weft/bus';
import { openEventStore, UnavailableError } from '@weft/event-store';
import { until } from '@weft/testing/waiting';
import { NETWORKING, network } from './objects.ts';
import { table } from './stats.ts';
import { System } from './system.ts';

/** Appends under way; creates of Weft over HTTP. */
const WRITERS = { 'store port': 8, 'bare client': 8, Weft: 64 } as const;
const RETRY_MS = 50;
const OUTAGE_MS_MAX = 60_000;
/** Until the nodes have a leader, all follow and all write: on a busy machine a node takes a minute to start. */
const START_MS_MAX = 300_000;
/** Of a single node. */
const FROZEN_MS = 8_000;
type Kind = keyof typeof WRITERS;
const KINDS = Object.keys(WRITERS) as readonly Kind[];
/** What a writer tells: appends acknowledged so far, and when the last one was. */
type Told = Readonly<{ acknowledged: number; atMs: number; longestGapMs: number; missing?: number; doubled?: number }>;

type Result = Readonly<{ outage: string; round: number; gapMs: readonly number[]; leaderMs: number | undefined; isOver: boolean }>;

/** Appends to one stream until it is refused; `expected` is the revision before. */
type Append = (stream: string, expected: bigint | 'none', id: string) => Promise<void>;

// A writer, in a process of its own.

/** `count` gives the ids that are there. */
type Appender = Readonly<{ append: Append; count: (stream: string) => Promise<string[]>; end?: () => Promise<void> }>;

async function appenderOf(kind: Kind, url: string): Promise<Appender> {
  if (kind === 'store port') {
    const store = await openEventStore(url);
    return {
      append: async (stream, expected, id) => {
        const metadata = {
          uid: id,
          requestId: id,
          $correlationId: id,
          $causationId: id,
          actor: { user: 'bench', verified: false },
          time: systemClock.now().toISOString(),
          append: { index: 0, count: 1 },
        };
        await store.append(stream, expected, [{ id, type: 'Benched.v1', data: {}, metadata }]);
      },
      count: async (stream) => {
        const ids: string[] = [];
        for await (const event of store.readStream(stream)) ids.push(event.id);
        return ids;
      },
    };
  }
  if (kind === 'Weft') return weftAppender(url);
  const client = EventStoreDBClient.connectionString(url);
  return {
    append: async (stream, expected, id) => {
      await client.appendToStream(stream, jsonEvent({ id, type: 'Benched.v1', data: {} }), {
        expectedRevision: expected === 'none' ? NO_STREAM : expected,
      });
    },
    count: async (stream) => {
      const ids: string[] = [];
      for await (const { event } of client.readStream(stream)) if (event !== undefined) ids.push(event.id);
      return ids;
    },
  };
}

/** The whole of `weft up` on that store, over HTTP: an append is the creation of a Network, whose name is the id. */
async function weftAppender(url: string): Promise<Appender> {
  const system = await System.start('simulated', { WEFT_EVENT_STORE: url });
  const path = `${NETWORKING}/networks`;
  return {
    append: async (stream, _expected, id) => {
      const object = { ...network(id), metadata: { name: id, labels: { stream } } };
      const answer = await fetch(`${system.http}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'idempotency-key': id },
        body: JSON.stringify(object),
      });
      const said = await answer.text();
      if (answer.status === 429 || answer.status > 501) throw new UnavailableError(said);
      if (answer.status !== 201) throw new Error(`${answer.status} ${said}`);
    },
    count: async (stream) => {
      // After an outage on a busy machine the view may be behind for a while: a list waits three seconds for it, then says so.
      let names: string[] | undefined;
      await until(
        'the list of what was created',
        async () => {
          const list = system.call<{ items: { metadata: { name: string } }[] }>('GET', `${path}?labelSelector=stream=${stream}`);
          names = (await list.catch(() => undefined))?.items.map(({ metadata }) => metadata.name);
          return names !== undefined;
        },
        OUTAGE_MS_MAX,
      );
      return names ?? [];
    },
    end: () => system.stop(),
  };
}

/** A connection that is refused or breaks, as the HTTP client tells it, or the store's and Weft's word for an outage. */
const isTrouble = (error: unknown) => error instanceof UnavailableError || (error instanceof TypeError && error.message === 'fetch failed');

async function writer(kind: Kind, url: string): Promise<void> {
  process.on('uncaughtException', (error) => {
    if (kind !== 'bare client') throw error; // The bare client throws where nobody can catch it when a connection breaks.
  });
  const { append, count, end } = await appenderOf(kind, url);
  process.once('disconnect', async () => {
    await end?.();
    process.exit(0);
  });
  const run = randomUUID();
  const ids = new Map<string, string[]>();
  let acknowledged = 0;
  let lastMs = performance.now();
  let longestGapMs = 0;
  let stopped = false;
  const writing = Array.from({ length: WRITERS[kind] }, async (_, i) => {
    const stream = `Bench-${run}.${i}`;
    const written: string[] = [];
    ids.set(stream, written);
    while (!stopped) {
      const id = randomUUID();
      const expected = written.length === 0 ? 'none' : BigInt(written.length - 1);
      for (;;) {
        try {
          await append(stream, expected, id);
          break;
        } catch (error) {
          if (kind !== 'bare client' && !isTrouble(error)) throw error;
          await systemClock.pause(RETRY_MS);
        }
      }
      written.push(id);
      const nowMs = performance.now();
      longestGapMs = Math.max(longestGapMs, nowMs - lastMs);
      lastMs = nowMs;
      acknowledged++;
      await systemClock.pause(2); // What is measured is the standstill, not the rate.
    }
  });
  process.on('message', async (message) => {
    if (message === 'again') longestGapMs = 0;
    let found = {};
    if (message === 'stop') {
      stopped = true;
      await Promise.all(writing);
      let [missing, doubled] = [0, 0];
      for (const [stream, written] of ids) {
        const read = await count(stream);
        missing += written.filter((id) => !read.includes(id)).length;
        doubled += read.length - new Set(read).size;
      }
      found = { missing, doubled };
    }
    process.send?.({ acknowledged, atMs: performance.now() - lastMs, longestGapMs, ...found } satisfies Told);
  });
}

// The cluster.

type Node = { port: number; replication: number; child?: ChildProcess };

class Cluster {
  readonly #directory = mkdtempSync(join(tmpdir(), 'weft-outage-'));
  readonly #nodes: Node[] = [];

  constructor(
    readonly program: string,
    readonly size: number,
  ) {}

  async start(): Promise<void> {
    for (let i = 0; i < this.size; i++) this.#nodes.push({ port: await freePort(), replication: await freePort() });
    await this.whole();
  }

  get url(): string {
    return `esdb://${this.#nodes.map(({ port }) => `127.0.0.1:${port}`).join(',')}?tls=false`;
  }

  startNode(index: number): void {
    const node = this.#nodes[index] as Node;
    const seeds = this.#nodes.filter((other) => other !== node).map(({ port }) => `127.0.0.1:${port}`);
    const log = openSync(join(this.#directory, `${index}.log`), 'a');
    node.child = spawn(
      this.program,
      [
        '--insecure',
        ...(this.size === 1 ? [] : [`--cluster-size=${this.size}`, '--discover-via-dns=false', `--gossip-seed=${seeds.join(',')}`]),
        `--db=${join(this.#directory, `${index}`, 'db')}`,
        `--log=${join(this.#directory, `${index}`, 'log')}`,
        `--node-port=${node.port}`,
        `--replication-port=${node.replication}`,
        '--run-projections=None',
      ],
      { cwd: dirname(this.program), stdio: ['ignore', log, log] },
    );
    closeSync(log);
  }

  signal(index: number, signal: NodeJS.Signals): void {
    this.#nodes[index]?.child?.kill(signal);
  }

  /** The one node that says so of itself, and others follow. */
  async leader(): Promise<number | undefined> {
    const states = await Promise.all(
      this.#nodes.map(async ({ port }) => {
        try {
          const answer = await fetch(`http://127.0.0.1:${port}/info`, { signal: AbortSignal.timeout(500) });
          return ((await answer.json()) as { state?: string }).state;
        } catch {
          return undefined;
        }
      }),
    );
    const leaders = states.flatMap((state, i) => (state === 'leader' ? [i] : []));
    return leaders.length === 1 ? leaders[0] : undefined;
  }

  async whole(): Promise<void> {
    await until(
      'all nodes',
      async () => {
        // One may end by itself at the first election (eventstoredb E-36).
        for (const [i, { child }] of this.#nodes.entries()) if (child?.exitCode !== null || child.signalCode !== null) this.startNode(i);
        const states = await Promise.all(
          this.#nodes.map(({ port }) =>
            fetch(`http://127.0.0.1:${port}/info`, { signal: AbortSignal.timeout(500) })
              .then((answer) => answer.json() as Promise<{ state?: string }>)
              .then(({ state }) => state)
              .catch(() => undefined),
          ),
        );
        return states.filter((state) => state === 'follower').length === this.size - 1 && states.includes('leader');
      },
      START_MS_MAX,
    );
  }

  end(): void {
    for (const { child } of this.#nodes) child?.kill('SIGKILL');
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

function ask(child: ChildProcess, message: 'look' | 'again' | 'stop'): Promise<Told> {
  return new Promise((resolve, reject) => {
    const ended = () => reject(new Error('the writer ended'));
    child.once('message', (told) => {
      child.off('exit', ended);
      resolve(told as Told);
    });
    child.once('exit', ended);
    child.send(message);
  });
}

async function measure(program: string, size: number, rounds: number, json: string | undefined): Promise<void> {
  const cluster = new Cluster(program, size);
  const writers: ChildProcess[] = [];
  const results: Result[] = [];
  // Nothing is left running, however this ends.
  process.once('exit', () => cluster.end());
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1));
  try {
    await cluster.start();
    for (const kind of KINDS)
      writers.push(fork(join(import.meta.dirname, '../tools/run.mjs'), [import.meta.filename, '--writer', kind, cluster.url]));
    const progress = async () => Promise.all(writers.map((each) => ask(each, 'look')));
    for (let round = 0; round < rounds; round++) {
      for (const outage of ['SIGKILL', 'SIGSTOP'] as const) {
        await until(
          'all write',
          async () => (await progress()).every(({ atMs, acknowledged }) => acknowledged > 0 && atMs < 200),
          START_MS_MAX,
        );
        const leader = (await cluster.leader()) as number;
        for (const each of writers) await ask(each, 'again');
        const before = await progress();
        const startMs = performance.now();
        let leaderMs: number | undefined;
        const outcome = async () => {
          const now = await cluster.leader();
          if (leaderMs === undefined && now !== undefined && (size === 1 || now !== leader)) leaderMs = performance.now() - startMs;
          return (await progress()).every(
            (told, i) => told.longestGapMs > 1_000 && told.acknowledged > (before[i] as Told).acknowledged && told.atMs < 500,
          );
        };
        cluster.signal(leader, outage);
        // A single node has to come back itself.
        if (size === 1 && outage === 'SIGKILL') cluster.startNode(leader);
        if (size === 1 && outage === 'SIGSTOP') systemClock.after(FROZEN_MS, () => cluster.signal(leader, 'SIGCONT'));
        // A frozen leader may be elected again and again, since its kernel still takes connections: then nobody can write until it wakes.
        const isOver = await until('all write again', outcome, OUTAGE_MS_MAX).catch(() => false);
        const gaps = await progress();
        cluster.signal(leader, 'SIGCONT');
        const gapMs = gaps.map((told) => Math.round(Math.max(told.longestGapMs, told.atMs)));
        results.push({ outage, round, gapMs, leaderMs, isOver });
        console.error(`outage: ${outage} ${round + 1} of ${rounds}: ${JSON.stringify(results.at(-1))}`);
        await systemClock.pause(2_000); // A deposed leader ends by itself once it notices (eventstoredb E-36).
        await cluster.whole();
      }
    }
    const ends = await Promise.all(writers.map((each) => ask(each, 'stop')));
    const seconds = (ms: number | undefined) => (ms === undefined ? 'none' : `${(ms / 1_000).toFixed(1)} s`);
    console.log(
      table([
        ['leader', 'new leader after', ...KINDS.map((kind) => `no writes, ${kind}`)],
        ...results.map(({ outage, leaderMs, gapMs }) => [outage, seconds(leaderMs), ...gapMs.map(seconds)]),
      ]),
    );
    for (const [i, end] of ends.entries())
      console.log(`${KINDS[i]}: ${end.acknowledged} acknowledged, ${end.missing} missing, ${end.doubled} doubled`);
    if (json !== undefined) writeFileSync(json, JSON.stringify({ results, ends }, null, 2));
  } finally {
    for (const each of writers.filter(({ connected }) => connected)) each.disconnect();
    const ended = () => writers.every(({ exitCode, signalCode }) => exitCode !== null || signalCode !== null);
    await until('the writers to end', ended, 30_000).finally(() => cluster.end());
  }
}

const [first, ...rest] = process.argv.slice(2);
if (first === '--writer') {
  await writer(rest[0] as Kind, rest[1] as string);
} else {
  const flags = new Map(
    process.argv.slice(2).map((flag) => {
      const [name = '', value = ''] = flag.replace(/^--/, '').split('=');
      return [name, value] as const;
    }),
  );
  const program = process.env['WEFT_BENCH_EVENTSTOREDB'];
  if (!program) throw new Error('WEFT_BENCH_EVENTSTOREDB=/path/to/EventStore.ClusterNode is not set');
  await measure(program, Number(flags.get('nodes') ?? 3), Number(flags.get('rounds') ?? 3), flags.get('json'));
}
