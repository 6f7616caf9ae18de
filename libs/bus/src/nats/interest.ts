/**
 * Who is subscribed to what at a NATS server, by its monitoring: the protocol does not tell. The server counts the subscriptions that it has taken, so the
 * list of them is read only when that number is another one than last time.
 */
import { Agent, get } from 'node:http';
import type { Clock } from '@weft/api';
import { mayMatchBelow } from '../subject-rules.ts';

/** Somebody who listens is taken to do so for as long. */
const HEARD_MS = 1_000;
const ANSWER_MS_MAX = 500;
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;
/** More subscriptions are not looked through. */
const LIST_MAX = 100_000;

type Figures = Readonly<{ num_inserts: number; total?: number; subscriptions_list?: readonly Readonly<{ subject: string }>[] }>;
/** `inserts`: subscriptions that the server had taken when the list was read. */
type Known = Readonly<{ monitor: string; inserts: number; isHeard: boolean; atMs: number }>;

export class Interest {
  readonly #monitor: () => string | undefined;
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  /** By prefix. */
  readonly #known = new Map<string, Known>();

  constructor(monitor: () => string | undefined, clock: Pick<Clock, 'monotonicMs'>) {
    this.#monitor = monitor;
    this.#clock = clock;
  }

  /** As `Bus.isHeard`. */
  async isHeard(prefix: string): Promise<boolean> {
    try {
      const known = this.#known.get(prefix);
      if (known?.isHeard === true && this.#clock.monotonicMs() - known.atMs < HEARD_MS) return true;
      const monitor = known?.monitor ?? this.#monitor();
      if (monitor === undefined) return true;
      // Before the list: what comes between the two is looked at again.
      const { num_inserts: inserts } = await this.#ask(`${monitor}/subsz`);
      if (known?.isHeard === false && known.inserts === inserts) return false;
      const { total = LIST_MAX, subscriptions_list: list } = await this.#ask(`${monitor}/subsz?subs=1&limit=${LIST_MAX}`);
      const isHeard = list === undefined || total >= LIST_MAX || list.some(({ subject }) => mayMatchBelow(subject, prefix));
      this.#known.set(prefix, { monitor, inserts, isHeard, atMs: this.#clock.monotonicMs() });
      return isHeard;
    } catch {
      this.forget();
      return true;
    }
  }

  /** The server may be another one. */
  forget(): void {
    this.#known.clear();
  }

  close(): void {
    this.#agent.destroy();
  }

  #ask(url: string): Promise<Figures> {
    return new Promise((resolve, reject) => {
      const request = get(url, { agent: this.#agent, timeout: ANSWER_MS_MAX }, (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (piece: string) => {
          text += piece;
          if (text.length > ANSWER_BYTES_MAX) request.destroy(new Error(`${url} answers more than ${ANSWER_BYTES_MAX} bytes`));
        });
        response.on('error', reject);
        response.on('end', () => {
          try {
            const figures = JSON.parse(text) as Figures;
            if (typeof figures.num_inserts !== 'number') throw new Error(`${url} does not tell how many subscriptions there were`);
            resolve(figures);
          } catch (error) {
            reject(error as Error);
          }
        });
      });
      request.on('timeout', () => request.destroy(new Error(`${url} does not answer`)));
      request.on('error', reject);
    });
  }
}
