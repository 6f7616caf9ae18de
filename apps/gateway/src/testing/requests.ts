/** HTTP as the tests speak it. */
import { Agent, request } from 'node:http';
import { type JsonObject, type Position, resourceVersionOf } from '@weft/api';
import type { EventStore } from '@weft/event-store';

export type Answer = Readonly<{ code: number; headers: Headers; text: string; json: JsonObject }>;

const agent = new Agent({ keepAlive: true });
const CALL_MS_MAX = 30_000;
const WATCH_MS_MAX = 30_000;

/** A text or bytes are sent as they are and without a type, anything else as JSON. No headers but those that are needed and given. */
export function call(url: string, method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  const isRaw = typeof body === 'string' || body instanceof Uint8Array;
  const bytes = body === undefined ? undefined : Buffer.from(isRaw ? body : JSON.stringify(body));
  return new Promise((resolve, reject) => {
    const outgoing = request(
      url + path,
      {
        method,
        agent,
        headers: {
          ...(bytes === undefined ? {} : { 'content-length': bytes.length }),
          ...(bytes === undefined || isRaw ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        timeout: CALL_MS_MAX,
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          const given = new Headers();
          for (const [name, value] of Object.entries(response.headers)) given.set(name, String(value));
          const isJson = given.get('content-type')?.startsWith('application/json') === true;
          resolve({ code: response.statusCode as number, headers: given, text, json: isJson && text !== '' ? JSON.parse(text) : {} });
        });
      },
    );
    outgoing.on('timeout', () => outgoing.destroy(new Error(`${method} ${path}: no answer within ${CALL_MS_MAX} ms`)));
    outgoing.on('error', reject);
    outgoing.end(bytes);
  });
}

export type WatchEvent = Readonly<{ type: string; object: JsonObject & { metadata: JsonObject } }>;

export interface WatchReader {
  readonly events: readonly WatchEvent[];
  /** Set once the server ended the stream: true for a clean end. */
  readonly ended: boolean | undefined;
  /** Waits for a condition over the events so far. */
  until(what: string, condition: (events: readonly WatchEvent[]) => boolean): Promise<readonly WatchEvent[]>;
  untilEnded(): Promise<boolean>;
  close(): void;
}

/** Opens a watch and reads it. Resolves once the headers are there. */
export async function openWatch(url: string, path: string, headers: Record<string, string> = {}): Promise<WatchReader> {
  const abort = new AbortController();
  const response = await fetch(url + path, { headers, signal: abort.signal });
  if (response.status !== 200) throw new Error(`watch answered ${response.status}: ${await response.text()}`);
  const events: WatchEvent[] = [];
  let ended: boolean | undefined;
  let wake: () => void = () => {};
  void (async () => {
    const decoder = new TextDecoder();
    let rest = '';
    try {
      for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
        const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
        rest = lines.pop() as string;
        for (const line of lines) if (line !== '') events.push(JSON.parse(line));
        wake();
      }
      ended = rest === '';
    } catch {
      ended = false;
    }
    wake();
  })();
  const wakeOr = async (what: string, condition: () => boolean) => {
    const deadline = performance.now() + WATCH_MS_MAX;
    while (!condition()) {
      const leftMs = deadline - performance.now();
      if (leftMs <= 0) throw new Error(`not within ${WATCH_MS_MAX} ms: ${what}; got ${JSON.stringify(events).slice(0, 2_000)}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.min(leftMs, 50));
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  };
  return {
    events,
    get ended() {
      return ended;
    },
    until: async (what, condition) => {
      await wakeOr(what, () => condition(events));
      return events;
    },
    untilEnded: async () => {
      await wakeOr('the end of the watch', () => ended !== undefined);
      return ended as boolean;
    },
    close: () => abort.abort(),
  };
}

/** The resourceVersion of the event at a position. */
export async function versionAt(store: EventStore, position: Position): Promise<string> {
  for await (const event of store.readAll({ direction: 'backwards', from: position, limit: 1 })) return resourceVersionOf(event);
  throw new Error(`there is no event at ${position}`);
}
