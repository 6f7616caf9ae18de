/** Asks a Weft over HTTP. On Node's own http: fetch would cost a quarter of the time that a command may take to start. */
import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import type { Command } from 'commander';
import { CommandError, NO, NO_ANSWER, NOT_ASKED } from './exit-codes.ts';
import { type Call, textOf } from './verb.ts';

const LOCAL = 'http://127.0.0.1:7480';
const ANSWER_MS_MAX = 60_000;

/** `body`: it is sent by POST, as JSON. */
export type Ask = Readonly<{ accept?: string; query?: Readonly<Record<string, string | undefined>>; body?: unknown }>;

/** Declares how a verb finds its server. */
export function takesServer(command: Command): Command {
  return command.option('--server <url>', 'where Weft serves (default: $WEFT_SERVER, else the Weft of $WEFT_DATA, else this machine)');
}

export function serverOf({ options, terminal: { env } }: Pick<Call, 'options' | 'terminal'>): Server {
  return new Server(textOf(options, 'server') ?? (env['WEFT_SERVER'] || servedFrom(env['WEFT_DATA'] || '.weft') || LOCAL));
}

/** What the Weft that holds a data directory has written down there. */
function servedFrom(data: string): string | undefined {
  try {
    const { url } = JSON.parse(readFileSync(join(data, 'weft.lock'), 'utf8')) as Readonly<{ url?: unknown }>;
    return typeof url === 'string' ? url : undefined;
  } catch {
    return undefined;
  }
}

export class Server {
  readonly url: string;

  /** `127.0.0.1:7480` is http. Throws a CommandError when it is no address. */
  constructor(text: string) {
    const address = /^https?:\/\//.test(text) ? text : `http://${text}`;
    if (!URL.canParse(address)) throw new CommandError(`"${text}" is no server: for example ${LOCAL}`);
    this.url = new URL(address).href.replace(/\/+$/, '');
  }

  /** The JSON of an answer. Throws a CommandError with what the server says against it. */
  async json<T>(path: string, ask: Ask = {}): Promise<T> {
    const text = await this.text(path, { accept: 'application/json', ...ask });
    try {
      return JSON.parse(text) as T;
    } catch {
      throw new CommandError(`${this.url} answers, but not as Weft does: does --server or WEFT_SERVER name it rightly?`, NO_ANSWER);
    }
  }

  async text(path: string, ask: Ask = {}): Promise<string> {
    let text = '';
    for await (const piece of await this.#ask(path, ask, AbortSignal.timeout(ANSWER_MS_MAX))) text += piece;
    return text;
  }

  /** A body without an end, line by line, until `ended`. */
  async *lines(path: string, ask: Ask, ended: AbortSignal): AsyncGenerator<string> {
    let rest = '';
    try {
      for await (const piece of await this.#ask(path, ask, ended)) {
        const lines = (rest + piece).split('\n');
        rest = lines.pop() as string;
        yield* lines;
      }
    } catch (error) {
      if (!ended.aborted) throw error;
    }
  }

  /** Resolves with the body of a good answer. */
  async #ask(path: string, { accept = '*/*', query = {}, body: sent }: Ask, signal: AbortSignal): Promise<AsyncIterable<string>> {
    const { request } = await import(this.url.startsWith('https:') ? 'node:https' : 'node:http');
    const url = new URL(this.url + path);
    for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, value);
    const headers = { accept, ...(sent !== undefined && { 'content-type': 'application/json' }) };
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const asking = request(url, { method: sent === undefined ? 'GET' : 'POST', headers, signal }, resolve);
      asking.once('error', (error: Error) => reject(this.#noAnswer(error)));
      asking.end(sent === undefined ? undefined : JSON.stringify(sent));
    });
    response.setEncoding('utf8');
    if (response.statusCode === 200) return this.#bodyOf(response);
    let body = '';
    for await (const piece of this.#bodyOf(response)) body += piece;
    throw refused(response.statusCode as number, body, this.url);
  }

  async *#bodyOf(response: IncomingMessage): AsyncGenerator<string> {
    try {
      for await (const piece of response) yield piece as string;
    } catch (error) {
      throw this.#noAnswer(error as Error);
    }
  }

  #noAnswer(error: Error): CommandError {
    const why =
      error.name === 'TimeoutError'
        ? `no answer within ${ANSWER_MS_MAX / 1_000} s`
        : ((error as NodeJS.ErrnoException).code ?? error.message);
    return new CommandError(
      `no Weft answers at ${this.url} (${why}): start one with "weft up", or name another with --server or WEFT_SERVER`,
      NO_ANSWER,
    );
  }
}

/** The words of a Status; of anything else, its beginning. */
function refused(code: number, body: string, url: string): CommandError {
  let said: string | undefined;
  try {
    const { message } = JSON.parse(body) as Readonly<{ message?: unknown }>;
    if (typeof message === 'string') said = message;
  } catch {
    // Answered by something else than Weft.
  }
  return new CommandError(
    said ?? `${url} answers ${code}: ${body.slice(0, 200)}`,
    code >= 500 ? NO_ANSWER : code === 400 || code === 422 ? NOT_ASKED : NO,
  );
}
