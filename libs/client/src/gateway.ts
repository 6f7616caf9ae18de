/** A gateway over HTTP: events from any place, and checkpoints. */
import type { EventFilter, WeftEvent } from './cloud-event.ts';
import { serverSent } from './server-sent.ts';
import { pause, type Timers } from './timers.ts';

/** What a source of events says: one of them, or how far it has read. */
export type Item =
  | Readonly<{ event: WeftEvent }>
  /** Everything up to `cursor` was delivered. `caughtUp`: and that is all there is at present. */
  | Readonly<{ position: string; cursor: string; source: string; caughtUp: boolean }>;

/** The gateway refuses: the request makes no sense (400), or its position is none of this log (410). A repeat would be refused as well. */
export class WeftRefusedError extends Error {
  readonly code: number;
  constructor(code: number, message: string) {
    super(`${code}: ${message}`);
    this.name = 'WeftRefusedError';
    this.code = code;
  }
}

/** Parts are counted from 1. */
export type GroupReport = Readonly<{
  from?: string;
  parts?: number;
  done: Readonly<Record<number, string>>;
  released: readonly number[];
  leaves: boolean;
}>;
export type GroupAnswer = Readonly<{
  parts: number;
  /** So many it may hold. */
  share: number;
  hold: Readonly<Record<number, string>>;
  /** Of these, what it is to give back. */
  release: readonly number[];
  leaseMs: number;
}>;

export type GatewayOptions = Readonly<{
  /** `http://127.0.0.1:7480`. Several: one after the other is tried. */
  servers: readonly string[];
  timers: Timers;
  /** Told of each failure that is tried again. */
  onRetry: (error: Error) => void;
}>;

const RETRY_MS_MIN = 100;
const RETRY_MS_MAX = 10_000;
/** The gateway tells how far it is each 10 s: one that is silent for so long is not there any more. */
const SILENCE_MS_MAX = 35_000;
const ANSWER_MS_MAX = 10_000;

export class Gateway {
  readonly #options: GatewayOptions;
  #server = 0;

  constructor(options: GatewayOptions) {
    this.#options = options;
  }

  /**
   * What comes after `from`, each once and in order, over any number of connections. Ends when the signal says so, or, unless it follows, once it has caught
   * up. Throws a WeftRefusedError.
   */
  async *events(asked: Readonly<{ filter: EventFilter; from?: string; follow: boolean; signal: AbortSignal }>): AsyncGenerator<Item> {
    const { filter, follow, signal } = asked;
    let { from } = asked;
    let failures = 0;
    while (!signal.aborted) {
      try {
        for await (const { id, event, data } of this.#connection(questionOf(filter, from, follow), signal)) {
          failures = 0;
          from = id ?? from;
          if (event === undefined) yield { event: JSON.parse(data) as WeftEvent };
          else if (event === 'caught-up' || event === 'progress') {
            const { position, cursor, source } = JSON.parse(data) as { position: string; cursor: string; source: string };
            yield { position, cursor, source, caughtUp: event === 'caught-up' };
            if (event === 'caught-up' && !follow) return;
          }
        }
      } catch (error) {
        if (signal.aborted) return;
        await this.#failed(error as Error, failures++, signal);
      }
    }
  }

  /** What was saved under this name; undefined when there is none. */
  async checkpoint(name: string, signal: AbortSignal): Promise<string | undefined> {
    for (let failures = 0; !signal.aborted; failures++) {
      try {
        const response = await this.#fetch(`/weft/v1/checkpoints/${encodeURIComponent(name)}`, {
          signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS_MAX)]),
        });
        if (response.status === 404) return undefined;
        await throwUnlessOk(response);
        return ((await response.json()) as { cursor: string }).cursor;
      } catch (error) {
        await this.#failed(error as Error, failures, signal);
      }
    }
    return undefined;
  }

  /** Durable once it resolves. It is tried once. Gives where it was before, if that was somewhere else. */
  async save(name: string, cursor: string): Promise<string | undefined> {
    const response = await this.#put(`/weft/v1/checkpoints/${encodeURIComponent(name)}`, { cursor });
    return ((await response.json()) as { previous?: string }).previous;
  }

  /** What a member of a group says, and what it is told. It is tried once; the next time another gateway is asked when this one failed. */
  async report(group: string, member: string, report: GroupReport): Promise<GroupAnswer> {
    try {
      const path = `/weft/v1/groups/${encodeURIComponent(group)}/members/${encodeURIComponent(member)}`;
      return (await (await this.#put(path, report)).json()) as GroupAnswer;
    } catch (error) {
      if (!(error instanceof WeftRefusedError)) this.#server += 1;
      throw error;
    }
  }

  async #put(path: string, body: object): Promise<Response> {
    const response = await this.#fetch(path, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(ANSWER_MS_MAX),
    });
    await throwUnlessOk(response);
    return response;
  }

  async *#connection(question: string, signal: AbortSignal) {
    const silence = new AbortController();
    const { timers } = this.#options;
    const arm = () => timers.after(SILENCE_MS_MAX, () => silence.abort(new Error(`nothing was heard for ${SILENCE_MS_MAX} ms`)));
    let timer = arm();
    try {
      const response = await this.#fetch(`/weft/v1/events${question}`, { signal: AbortSignal.any([signal, silence.signal]) });
      await throwUnlessOk(response);
      for await (const each of serverSent(response.body as unknown as AsyncIterable<Uint8Array>)) {
        timer.cancel();
        timer = arm();
        yield each;
      }
      throw new Error('the gateway ended the stream');
    } finally {
      timer.cancel();
      silence.abort();
    }
  }

  async #fetch(path: string, init: RequestInit): Promise<Response> {
    const { servers } = this.#options;
    const server = servers[this.#server % servers.length];
    try {
      return await fetch(`${server}${path}`, init);
    } catch (error) {
      const { message, cause } = error as Error & { cause?: Partial<Record<'code' | 'message', string>> };
      throw new Error(`no Weft answers at ${server} (${cause?.code ?? cause?.message ?? message})`, { cause: error });
    }
  }

  async #failed(error: Error, failures: number, signal: AbortSignal): Promise<void> {
    if (error instanceof WeftRefusedError) throw error;
    this.#server += 1;
    this.#options.onRetry(error);
    await pause(this.#options.timers, Math.min(RETRY_MS_MIN * 2 ** Math.min(failures, 10), RETRY_MS_MAX), signal);
  }
}

async function throwUnlessOk(response: Response): Promise<void> {
  if (response.ok) return;
  const text = await response.text();
  const message = messageOf(text);
  if (response.status === 400 || response.status === 404 || response.status === 410) throw new WeftRefusedError(response.status, message);
  throw new Error(`the gateway answered ${response.status}: ${message}`);
}

function messageOf(text: string): string {
  try {
    return (JSON.parse(text) as { message?: string }).message ?? text;
  } catch {
    return text;
  }
}

function questionOf(
  { kinds = [], namespaces = [], names = [], types = [], labelSelector, share }: EventFilter,
  from: string | undefined,
  follow: boolean,
): string {
  const query = new URLSearchParams();
  for (const [name, values] of Object.entries({ kind: kinds, namespace: namespaces, name: names, type: types }))
    for (const value of values) query.append(name, value);
  if (labelSelector !== undefined) query.set('labelSelector', labelSelector);
  if (share !== undefined) query.set('share', share);
  if (from !== undefined) query.set('from', from);
  if (!follow) query.set('follow', 'false');
  return `?${query}`;
}
