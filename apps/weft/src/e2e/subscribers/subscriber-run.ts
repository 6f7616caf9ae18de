/**
 * One run: Weft, a second gateway and `nats-server` in processes of their own, under a steady load, with a subscriber for each way. Who runs is killed in random
 * order, all of them as often. Afterwards each subscriber has seen everything, and the events of each stream in order.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '@weft/api';
import { freePort } from '@weft/bus';
import { natsBus } from '@weft/client';
import { below, type Random } from '@weft/testing';
import { until } from '@weft/testing/waiting';
import { call, idempotent, isReady, NETWORKS } from '../api.ts';
import type { Started, Workspace } from '../processes.ts';
import type { FollowerSettings } from './follower.ts';

const WAYS = ['sse', 'nats', 'grpc'] as const;
const PARTS = ['weft', 'gateway', 'nats-server'] as const;
type Name = (typeof WAYS)[number] | (typeof PARTS)[number];

const OBJECTS = 24;
const KIND = 'Network';
/** A line of a follower that has just been started. */
const BEGINS = 'begins';
const WITHIN_MS = 120_000;
/** While all events are written; each of them finds a part of them under way, however slow the machine is. */
const KILLS = 60;

export type SubscriberRunOptions = Readonly<{
  workspace: Workspace;
  /** At least so many. */
  events: number;
  /** How often each is killed, at least. */
  rounds: number;
  /** Between two kills, at most. */
  pauseMsMax: number;
  random: Random;
  say: (line: string) => void;
}>;

export type SubscriberFigures = Readonly<{ events: number; kills: number; publishers: number; repeats: Readonly<Record<string, number>> }>;

export class SubscriberRun {
  readonly #options: SubscriberRunOptions;
  readonly #running = new Map<Name, Started>();
  readonly #commands = new Map<Name, () => Started>();
  /** One of them answers. */
  #servers: readonly string[] = [];
  #written = 0;
  #isOver = false;

  constructor(options: SubscriberRunOptions) {
    this.#options = options;
  }

  /** Throws what is wrong. */
  async run(): Promise<SubscriberFigures> {
    const { workspace } = this.#options;
    const settings = await this.#prepare();
    for (const part of PARTS) this.#start(part);
    await Promise.all(this.#servers.map((url) => until(`readiness of ${url}`, () => isReady(url).catch(() => false), WITHIN_MS)));
    const publishers = new Set<string>();
    const bus = await natsBus({ servers: settings.nats, token: settings.token });
    workspace.atEnd(() => bus.close());
    bus.subscribe('weft.log.progress', ({ data }) =>
      publishers.add((JSON.parse(new TextDecoder().decode(data)) as { since: string }).since),
    );
    await until('somebody to publish', () => publishers.size > 0, WITHIN_MS);
    for (const way of WAYS) this.#start(way);
    const writing = Promise.all(Array.from({ length: OBJECTS }, (_, object) => this.#write(object)));
    const killing = this.#killAll().finally(() => {
      this.#isOver = true;
    });
    const [kills] = await Promise.all([killing, writing]);
    // Whoever published at first was killed, and whoever does now says where it began, each second.
    await until('another one to publish', () => publishers.size > 1, WITHIN_MS);
    const all = await this.#everything();
    const repeats: Record<string, number> = {};
    for (const way of WAYS) repeats[way] = await this.#hasSeen(way, all);
    return { events: all.length, kills, publishers: publishers.size, repeats };
  }

  /** Gives how often somebody was killed. */
  async #killAll(): Promise<number> {
    const { rounds, events, pauseMsMax, random, say } = this.#options;
    let kills = 0;
    for (let round = 0; round < rounds || this.#written < events; round++) {
      for (const victim of shuffled([...WAYS, ...PARTS], random)) {
        await systemClock.pause(below(random, pauseMsMax));
        await this.#hasWritten((kills * events) / KILLS);
        await this.#killed(victim);
        kills += 1;
        if (below(random, 2) === 0) await this.#getsAhead(WAYS[below(random, WAYS.length)] as string);
      }
      say(`${kills} kills, ${this.#written} events`);
    }
    return kills;
  }

  async #prepare(): Promise<FollowerSettings> {
    const { workspace } = this.#options;
    const [natsPort, ...ports] = await Promise.all(Array.from({ length: 5 }, () => freePort()));
    const [http, grpc] = [ports.slice(0, 2), ports.slice(2)].map((two) => two.map((port) => `127.0.0.1:${port}`)) as [string[], string[]];
    const token = randomBytes(16).toString('hex');
    const config = join(workspace.directory, 'nats.conf');
    writeFileSync(config, `listen: "127.0.0.1:${natsPort}"\nauthorization { token: "${token}" }\nmax_payload: ${4 * 2 ** 20}\n`);
    const data = join(workspace.directory, 'data');
    mkdirSync(data);
    this.#servers = http.map((address) => `http://${address}`);
    const settings: FollowerSettings = { servers: this.#servers, grpc, nats: `nats://127.0.0.1:${natsPort}`, token, kind: KIND };
    const env = (at: number) => ({
      WEFT_DATA: data,
      WEFT_NATS: `nats://${token}@127.0.0.1:${natsPort}`,
      WEFT_HTTP: http[at] as string,
      WEFT_GRPC: grpc[at] as string,
      WEFT_HOST: 'here',
      WEFT_DATAPLANE: 'none',
      WEFT_LOG: 'info',
    });
    this.#commands.set('nats-server', () => workspace.start('nats-server', ['nats-server', '-c', config]));
    this.#commands.set('weft', () => workspace.program('weft', ['apps/weft/src/main.ts', 'up'], { env: env(0) }));
    this.#commands.set('gateway', () => workspace.program('gateway', ['apps/gateway/src/main.ts'], { env: env(1) }));
    for (const way of WAYS) {
      writeFileSync(this.#fileOf(way), '');
      const args = ['apps/weft/src/e2e/subscribers/follower.ts', way, this.#fileOf(way), JSON.stringify(settings)];
      this.#commands.set(way, () => workspace.program(`follower-${way}`, args));
    }
    return settings;
  }

  #fileOf(way: string): string {
    return join(this.#options.workspace.directory, `${way}.seen`);
  }

  #start(name: Name): void {
    const start = this.#commands.get(name) as () => Started;
    this.#running.set(name, start());
  }

  /** SIGKILL, and begun again. */
  async #killed(name: Name): Promise<void> {
    await this.#options.workspace.kill(this.#running.get(name) as Started);
    this.#start(name);
  }

  /** The load: one object's labels, again and again. What is not answered is sent again, under its key, to the other gateway. */
  async #write(object: number): Promise<void> {
    const name = `followed-${object}`;
    await this.#untilAnswered(`create ${object}`, 'POST', NETWORKS, { metadata: { name } }, 201);
    for (let step = 0; !this.#isOver; step++) {
      const patch = Buffer.from(JSON.stringify({ metadata: { labels: { step: `${step}` } } }));
      await this.#untilAnswered(`${name} ${step}`, 'PATCH', `${NETWORKS}/${name}`, patch, 200);
      this.#written += 1;
    }
  }

  async #untilAnswered(key: string, method: string, path: string, body: unknown, wanted: number): Promise<void> {
    const type = method === 'PATCH' ? { 'content-type': 'application/merge-patch+json' } : {};
    for (let turn = 0; ; turn++) {
      const url = this.#servers[turn % this.#servers.length] as string;
      const answer = await call(url, method, path, body, { ...idempotent(key), ...type }).catch(() => undefined);
      if (answer?.code === wanted) return;
      const isFinal = answer !== undefined && answer.code < 500 && answer.code !== 429;
      if (isFinal) throw new Error(`${method} ${path}: ${answer.code} ${answer.text}`);
      await systemClock.pause(50);
    }
  }

  #hasWritten(count: number): Promise<unknown> {
    return until(
      () => `${count} events to be written, after ${this.#written}`,
      () => this.#written >= Math.min(count, this.#options.events),
      WITHIN_MS,
    );
  }

  #getsAhead(way: string): Promise<unknown> {
    const before = this.#seenBy(way).length;
    return until(
      () => `more for ${way} than ${before} events; ${this.#written} were written`,
      () => this.#seenBy(way).length > before,
      WITHIN_MS,
    );
  }

  #seenBy(way: string): readonly string[] {
    return this.#linesOf(way).filter((line) => line !== BEGINS);
  }

  #linesOf(way: string): readonly string[] {
    return readFileSync(this.#fileOf(way), 'utf8').split('\n').slice(0, -1);
  }

  /** What the log holds: `subject id`, in order. */
  async #everything(): Promise<readonly string[]> {
    const url = this.#servers[0] as string;
    await until('readiness', () => isReady(url).catch(() => false), WITHIN_MS);
    const answer = await fetch(`${url}/weft/v1/events?from=0&follow=false&kind=${KIND}`);
    const events = [...(await answer.text()).matchAll(/^data: (\{"specversion".*)$/gm)].map(([, text]) => JSON.parse(text as string));
    return events.map(({ subject, id }: { subject: string; id: string }) => `${subject} ${id}`);
  }

  /** Gives how many events it saw more than once. */
  async #hasSeen(way: string, all: readonly string[]): Promise<number> {
    const seen = () => this.#seenBy(way);
    const named = (line: string) => line.replace(/ \S+ /, ' ');
    await until(`${way} to have seen all ${all.length}`, () => new Set(seen().map(named)).size >= all.length, WITHIN_MS);
    const firsts = [...new Set(seen().map(named))];
    const bySubject = (events: readonly string[]) => JSON.stringify([...groups(events)].sort());
    if (bySubject(firsts) !== bySubject(all)) throw new Error(`${way}: not what the log holds, or not in order`);
    let last = new Map<string, bigint>();
    for (const line of this.#linesOf(way)) {
      if (line === BEGINS) last = new Map();
      const [subject = '', cursor = '0'] = line.split(' ');
      const position = BigInt(cursor.split('-')[0] as string);
      if (position !== 0n && position <= (last.get(subject) ?? 0n)) throw new Error(`${way}: ${line} came out of order`);
      last.set(subject, position);
    }
    return seen().length - firsts.length;
  }
}

function groups(events: readonly string[]): Map<string, readonly string[]> {
  const found = new Map<string, string[]>();
  for (const event of events) {
    const [subject = '', id = ''] = event.split(' ');
    const of = found.get(subject) ?? [];
    of.push(id);
    found.set(subject, of);
  }
  return found;
}

function shuffled<T>(all: readonly T[], random: Random): readonly T[] {
  const rest = [...all];
  return all.map(() => rest.splice(below(random, rest.length), 1)[0] as T);
}
