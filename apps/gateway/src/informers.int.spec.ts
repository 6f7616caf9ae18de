/**
 * Informers hold exactly what a list shows, whatever happens on the way: random writes, broken connections, absences that are too long, restarts of the
 * server. `INFORMER_SECONDS=600` (`npm run test:informers`) goes on for so long; else for two hundred writes.
 */
import { connect, createServer, type Socket } from 'node:net';
import { CustomObjectsApi, type Informer, KubeConfig, type KubernetesObject, makeInformer } from '@kubernetes/client-node';
import type { JsonObject } from '@weft/api';
import { below, randomOf } from '@weft/testing';
import { until } from '@weft/testing/waiting';
import { call, openWatch, type WatchReader } from './testing/requests.ts';
import { type System, startSystem } from './testing/system.ts';

const SECONDS = Number(process.env['INFORMER_SECONDS'] ?? 0);
const STEPS = 90;
const FAULTS = ['cuts', 'absences', 'cuts', 'restarts', 'cuts'] as const;
/** So many steps from one fault to the next, at most. */
const BETWEEN = 24;
const NAMES = 12;
const SEED = 11;
const SELECTED = 'tier=front';
/** So little that who is away for some writes has to list again. */
const SHORT_MEMORY = { ringCapacity: 8, watchDistanceMax: 40, watchMs: 500, bookmarkEveryMs: 50 };

const group = { group: 'test.weft.dev', version: 'v1', plural: 'widgets', namespace: 'default' };
const path = '/apis/test.weft.dev/v1/namespaces/default/widgets';
const merge = { 'content-type': 'application/merge-patch+json' };

/** What is between clients and a server that comes and goes. */
class Line {
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer((client) => this.#take(client));
  #port: number | undefined;
  url = '';

  async open(port: number): Promise<void> {
    this.#port = port;
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    this.url = `http://127.0.0.1:${(this.#server.address() as { port: number }).port}`;
  }

  /** Undefined: nobody answers. All connections break. */
  leadsTo(port: number | undefined): void {
    this.#port = port;
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    this.leadsTo(undefined);
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #take(client: Socket): void {
    if (this.#port === undefined) return void client.destroy();
    const server = connect(this.#port, '127.0.0.1');
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  }
}

type Contents = readonly string[];
const brief = ({ metadata = {} }: KubernetesObject) => `${metadata.name} ${metadata.uid} ${metadata.resourceVersion}`;

/** As client-go does it from 0.35 on: a watch that begins with the state, from there on bookmarks and events; anew after 410. */
class Reflector {
  readonly #url: string;
  #objects = new Map<string, KubernetesObject>();
  #version: string | undefined;
  #stopped = false;
  #reader: WatchReader | undefined;
  relists = 0;
  readonly done: Promise<void>;

  constructor(url: string) {
    this.#url = url;
    this.done = this.#run();
  }

  get contents(): Contents {
    return [...this.#objects.values()].map(brief).sort();
  }

  stop(): Promise<void> {
    this.#stopped = true;
    this.#reader?.close();
    return this.done;
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      const begins = this.#version === undefined;
      const question = begins ? 'sendInitialEvents=true&resourceVersionMatch=NotOlderThan' : `resourceVersion=${this.#version}`;
      try {
        this.#reader = await openWatch(this.#url, `${path}?watch=true&allowWatchBookmarks=true&${question}`);
        if (begins) this.relists += 1;
        await this.#follow(this.#reader, begins);
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }
  }

  async #follow(reader: WatchReader, begins: boolean): Promise<void> {
    const listed = new Map<string, KubernetesObject>();
    let isListed = !begins;
    for (let at = 0; ; at += 1) {
      while (reader.events.length <= at && reader.ended === undefined && !this.#stopped)
        await new Promise((resolve) => setTimeout(resolve, 2));
      const event = reader.events[at];
      if (event === undefined) return reader.close();
      const { metadata } = event.object as KubernetesObject;
      if (event.type === 'ERROR') {
        expect(event.object['code']).toBe(410);
        this.#version = undefined;
        return reader.close();
      }
      const version = metadata?.resourceVersion as string;
      const objects = isListed ? this.#objects : listed;
      if (event.type === 'DELETED') objects.delete(metadata?.name as string);
      else if (event.type !== 'BOOKMARK') objects.set(metadata?.name as string, event.object as KubernetesObject);
      else if (metadata?.annotations?.['k8s.io/initial-events-end'] === 'true') {
        isListed = true;
        this.#objects = listed;
      }
      if (!isListed) continue;
      // Nothing comes twice, nothing goes back.
      if (this.#version !== undefined) expect(BigInt(version)).toBeGreaterThanOrEqual(BigInt(this.#version));
      this.#version = version;
    }
  }
}

/** An informer of client-node, started again by its user after each error that is not a 410, as its documentation asks. */
function informerOf(url: string, labelSelector?: string) {
  const config = new KubeConfig();
  config.loadFromOptions({
    clusters: [{ name: 'weft', server: url, skipTLSVerify: true }],
    users: [{ name: 'me' }],
    contexts: [{ name: 'weft', cluster: 'weft', user: 'me' }],
    currentContext: 'weft',
  });
  const custom = config.makeApiClient(CustomObjectsApi);
  let [lists, stopped] = [0, false];
  const listed = async () => {
    lists += 1;
    return (await custom.listNamespacedCustomObject({ ...group, ...(labelSelector && { labelSelector }) })) as never;
  };
  const informer = makeInformer(config, path, listed, labelSelector) as Informer<KubernetesObject> & {
    list: () => readonly KubernetesObject[];
  };
  const begin = () => {
    if (!stopped) informer.start().catch(again);
  };
  const again = () => void setTimeout(begin, 5);
  informer.on('error', again);
  begin();
  return {
    get contents(): Contents {
      return informer.list().map(brief).sort();
    },
    get lists() {
      return lists;
    },
    stop: async () => {
      stopped = true;
      await informer.stop();
    },
  };
}

describe('Informers', () => {
  let system: System;
  const line = new Line();

  it(
    'hold exactly what a list shows, after random writes, broken connections, long absences and restarts',
    async () => {
      system = await startSystem();
      let served = await system.another(SHORT_MEMORY);
      const portOf = () => Number(new URL(served.gateway.url).port);
      await line.open(portOf());
      const random = randomOf(SEED);
      const happened = { writes: 0, cuts: 0, absences: 0, restarts: 0 };
      const write = async () => {
        const name = `w${below(random, NAMES)}`;
        const labels = { tier: below(random, 2) === 0 ? 'front' : 'back' };
        const spec = { size: 20 + below(random, 70) };
        const answer = await (() => {
          switch (below(random, 4)) {
            case 0:
              return call(system.url, 'DELETE', `${path}/${name}`);
            case 1:
              return call(system.url, 'PATCH', `${path}/${name}`, { metadata: { labels }, spec }, merge);
            default:
              return call(system.url, 'POST', path, { metadata: { name, labels }, spec });
          }
        })();
        if (![200, 201, 404, 409].includes(answer.code)) throw new Error(answer.text);
        happened.writes += 1;
      };
      const clients = [informerOf(line.url), informerOf(line.url, SELECTED), new Reflector(line.url)] as const;
      const listOf = async (question: string): Promise<Contents> =>
        ((await call(system.url, 'GET', `${path}${question}`)).json as unknown as { items: KubernetesObject[] }).items.map(brief).sort();
      const agree = async () => {
        const selected = `?labelSelector=${encodeURIComponent(SELECTED)}`;
        const wanted: JsonObject[] = [await listOf(''), await listOf(selected), await listOf('')] as never;
        await until('all hold what a list shows', () => clients.every(({ contents }, i) => String(contents) === String(wanted[i])), 60_000);
      };
      try {
        const deadline = performance.now() + SECONDS * 1_000;
        let [faults, next] = [0, 5];
        for (let step = 0; step < STEPS || performance.now() < deadline; step++) {
          await write();
          if (step % 50 === 0) await agree();
          if (step < next) continue;
          next = step + 1 + below(random, BETWEEN);
          const fault = FAULTS[faults++ % FAULTS.length] as (typeof FAULTS)[number];
          happened[fault] += 1;
          if (fault === 'cuts') line.leadsTo(portOf());
          else if (fault === 'absences') {
            line.leadsTo(undefined);
            for (let i = 0; i < 2 * SHORT_MEMORY.watchDistanceMax; i++) await write();
            line.leadsTo(portOf());
          } else {
            await served.stop();
            served = await system.another(SHORT_MEMORY);
            line.leadsTo(portOf());
          }
        }
        await agree();
        for (const [what, count] of Object.entries(happened)) expect(`${what} ${count > 0}`).toBe(`${what} true`);
        expect(clients[2].relists).toBeGreaterThan(1);
      } finally {
        for (const client of clients) await client.stop();
        await line.close();
        await system.stop();
      }
    },
    120_000 + SECONDS * 2_000,
  );
});
