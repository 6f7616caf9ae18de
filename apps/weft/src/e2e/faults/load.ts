/**
 * Clients that create, label and delete, and know for certain what was acknowledged to them: each repeats a request under its key until the answer is final.
 * At the end the API must show exactly that.
 */
import { type Clock, systemClock } from '@weft/api';
import { below, type Random } from '@weft/testing';
import { type Answer, type ApiObject, call, idempotent, list, machine, network, nic } from '../api.ts';

const CLIENTS = 16;
/** Two clients share a Network, and want the same addresses now and then. */
const NAMESPACES = CLIENTS / 2;
/** Of one client: placed interfaces cost their host namespaces and links. */
const PLACED_MAX = 4;
const KEPT_MAX = 200;
const PAUSE_MS = 20;
const REPEAT_MS = 200;
const merge = { 'content-type': 'application/merge-patch+json' };

type Kept = { readonly name: string; readonly uid: string; tag: string | undefined; placed: boolean };
export type Refusal = Readonly<{ sentMs: number; answeredMs: number; code: number; text: string }>;

const namespaceOf = (client: number) => `faults-${client % NAMESPACES}`;
const at = (group: string, namespace: string, plural: string) => `/apis/${group}/v1alpha1/namespaces/${namespace}/${plural}`;
const nicsIn = (namespace: string) => at('networking.ironcore.dev', namespace, 'networkinterfaces');
const machinesIn = (namespace: string) => at('compute.ironcore.dev', namespace, 'machines');

export class Load {
  readonly counts = { acknowledged: 0, refused: 0, repeated: 0, givenUp: 0 };
  /** Final answers that no client should get, and answers in an outage. */
  readonly unexpected: string[] = [];
  readonly outages: Refusal[] = [];
  readonly #url: string;
  readonly #host: string;
  readonly #random: Random;
  readonly #clock: Clock = systemClock;
  readonly #kept: Kept[][] = Array.from({ length: CLIENTS }, () => []);
  /** Names whose deletion was acknowledged. */
  readonly #gone: Set<string>[] = Array.from({ length: CLIENTS }, () => new Set());
  #serial = 0;
  #stopped = false;
  #clients: Promise<void>[] = [];

  constructor(url: string, host: string, random: Random) {
    this.#url = url;
    this.#host = host;
    this.#random = random;
  }

  async begin(): Promise<void> {
    for (let i = 0; i < NAMESPACES; i++) {
      const name = namespaceOf(i);
      await this.#send('POST', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
      await this.#send('POST', at('networking.ironcore.dev', name, 'networks'), network('red'));
    }
    this.#clients = Array.from({ length: CLIENTS }, (_, client) => this.#run(client));
  }

  /** Resolves when every request has its final answer. */
  async end(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#clients);
  }

  get placed(): number {
    return this.#kept.flat().filter(({ placed }) => placed).length;
  }

  async #run(client: number): Promise<void> {
    while (!this.#stopped) {
      await this.#act(client);
      await this.#clock.pause(PAUSE_MS);
    }
  }

  async #act(client: number): Promise<void> {
    const kept = this.#kept[client] as Kept[];
    const one = kept[below(this.#random, Math.max(1, kept.length))];
    const dice = below(this.#random, 100);
    if (one === undefined || (dice < 45 && kept.length < KEPT_MAX)) return this.#create(client);
    if (dice < 75) return this.#label(client, one);
    if (dice < 85 && !one.placed && kept.filter(({ placed }) => placed).length < PLACED_MAX) return this.#place(client, one);
    return one.placed ? this.#label(client, one) : this.#delete(client, one);
  }

  async #create(client: number): Promise<void> {
    const name = `nic-${client}-${++this.#serial}`;
    // Few enough that two clients of a Network often want the same one.
    const address = `10.0.${below(this.#random, 4)}.${1 + below(this.#random, 250)}`;
    const answer = await this.#send('POST', nicsIn(namespaceOf(client)), nic(name, 'red', address), [201, 409, 422]);
    if (answer?.code !== 201) return;
    const { metadata } = answer.json as unknown as ApiObject;
    this.#kept[client]?.push({ name, uid: metadata.uid, tag: undefined, placed: false });
  }

  async #label(client: number, one: Kept): Promise<void> {
    const tag = `t${++this.#serial}`;
    const answer = await this.#send('PATCH', `${nicsIn(namespaceOf(client))}/${one.name}`, { metadata: { labels: { tag } } }, [200], merge);
    if (answer?.code === 200) one.tag = tag;
  }

  async #place(client: number, one: Kept): Promise<void> {
    const answer = await this.#send('POST', machinesIn(namespaceOf(client)), machine(one.name, this.#host, one.name), [201]);
    one.placed ||= answer?.code === 201;
  }

  async #delete(client: number, one: Kept): Promise<void> {
    const kept = this.#kept[client] as Kept[];
    const answer = await this.#send('DELETE', `${nicsIn(namespaceOf(client))}/${one.name}`, undefined, [200, 202]);
    if (answer === undefined) return;
    kept.splice(kept.indexOf(one), 1);
    this.#gone[client]?.add(one.name);
  }

  /** Repeats under one key until the answer is final. Undefined when the request was given up for good, which does nothing. */
  async #send(
    method: string,
    path: string,
    body: unknown,
    finals: readonly number[] = [201],
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Answer | undefined> {
    const key = idempotent(`faults ${++this.#serial}`);
    for (;;) {
      const sentMs = this.#clock.monotonicMs();
      const answer = await call(this.#url, method, path, body, { ...headers, ...key }).catch(() => undefined);
      const isOpen = answer === undefined || answer.code === 429 || answer.code === 503 || answer.code === 504;
      if (!isOpen) {
        if (answer.code === 409 && answer.text.includes('was given up')) {
          this.counts.givenUp++;
          return undefined;
        }
        if (!finals.includes(answer.code)) this.unexpected.push(`${method} ${path}: ${answer.code} ${answer.text.slice(0, 300)}`);
        this.counts[answer.code < 300 ? 'acknowledged' : 'refused']++;
        return answer;
      }
      if (answer !== undefined && answer.code !== 429)
        this.outages.push({ sentMs, answeredMs: this.#clock.monotonicMs(), code: answer.code, text: answer.text });
      this.counts.repeated++;
      await this.#clock.pause(REPEAT_MS);
    }
  }

  /** What the API shows other than what was acknowledged: nothing may be missing, doubled, changed, or there again. */
  async differences(): Promise<readonly string[]> {
    const found: string[] = [];
    for (let i = 0; i < NAMESPACES; i++) {
      const namespace = namespaceOf(i);
      const { items } = await list(this.#url, nicsIn(namespace));
      const present = new Map(items.map((item) => [item.metadata.name, item]));
      if (present.size < items.length) found.push(`${namespace}: ${items.length - present.size} interfaces are listed twice`);
      const clients = Array.from({ length: CLIENTS }, (_, client) => client).filter((client) => namespaceOf(client) === namespace);
      const expected = clients.flatMap((client) => this.#kept[client] ?? []);
      for (const { name, uid, tag } of expected) {
        const metadata = present.get(name)?.metadata as { uid: string; labels?: Record<string, string> } | undefined;
        if (metadata === undefined) found.push(`${namespace}/${name}: acknowledged, and missing`);
        else if (metadata.uid !== uid) found.push(`${namespace}/${name}: is another object`);
        else if (metadata.labels?.['tag'] !== tag) found.push(`${namespace}/${name}: labelled ${metadata.labels?.['tag']}, not ${tag}`);
        present.delete(name);
      }
      for (const name of present.keys()) {
        const isGone = clients.some((client) => this.#gone[client]?.has(name));
        found.push(`${namespace}/${name}: ${isGone ? 'deleted, and there again' : 'never acknowledged, and there'}`);
      }
    }
    return found;
  }

  /** Placed interfaces that are not Available. */
  async waiting(): Promise<readonly string[]> {
    const waiting: string[] = [];
    for (let i = 0; i < NAMESPACES; i++) {
      const placed = new Set(
        this.#kept
          .flatMap((kept, client) => (namespaceOf(client) === namespaceOf(i) ? kept.filter((one) => one.placed) : []))
          .map(({ name }) => name),
      );
      const { items } = await list(this.#url, nicsIn(namespaceOf(i)));
      for (const { metadata, status } of items)
        if (placed.has(metadata.name) && status?.['state'] !== 'Available') waiting.push(`${namespaceOf(i)}/${metadata.name}`);
    }
    return waiting;
  }
}
