/** Runs the responders of one subscription: some at once, the next ones in order, the rest refused. Shared by all buses. */

import type { BusLog } from './log.ts';
import type { Message, Responder, ServeOptions } from './port.ts';

export type Reply = (data: Uint8Array) => void;

const CONCURRENCY_DEFAULT = 1024;
const WAITING_DEFAULT = 4096;

export class ResponderPool {
  readonly #subject: string;
  readonly #responder: Responder;
  readonly #options: ServeOptions;
  readonly #log: BusLog;
  #running = 0;
  readonly #waiting: { message: Message; reply: Reply }[] = [];
  #head = 0;
  #refused = 0;
  #idleListeners: (() => void)[] = [];
  readonly #concurrencyMax: number;
  readonly #waitingMax: number;

  constructor(subject: string, responder: Responder, options: ServeOptions, log: BusLog) {
    this.#subject = subject;
    this.#responder = responder;
    this.#options = options;
    this.#log = log;
    this.#concurrencyMax = options.concurrencyMax ?? CONCURRENCY_DEFAULT;
    this.#waitingMax = options.waitingMax ?? WAITING_DEFAULT;
    if (!(this.#concurrencyMax >= 1)) throw new TypeError(`concurrencyMax must be at least 1, not ${this.#concurrencyMax}`);
    if (!(this.#waitingMax >= 0)) throw new TypeError(`waitingMax must be at least 0, not ${this.#waitingMax}`);
  }

  take(message: Message, reply: Reply): void {
    if (this.#running < this.#concurrencyMax) void this.#run(message, reply);
    else if (this.#waiting.length - this.#head < this.#waitingMax) this.#waiting.push({ message, reply });
    else this.#refuse(message, reply);
  }

  /** Resolves when nothing runs or waits. */
  idle(): Promise<void> {
    if (this.#running === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idleListeners.push(resolve));
  }

  async #run(message: Message, reply: Reply): Promise<void> {
    this.#running++;
    try {
      // Awaited also when it is no promise, so that a long queue does not become a deep recursion.
      reply(await this.#responder(message));
    } catch (error) {
      this.#log.error({ err: error, subject: message.subject }, 'a responder failed; the request gets no answer');
    }
    this.#running--;
    this.#next();
  }

  #next(): void {
    const first = this.#waiting[this.#head];
    if (first !== undefined) {
      this.#waiting[this.#head++] = undefined as never;
      if (this.#head === this.#waiting.length || this.#head >= 1024) {
        this.#waiting.splice(0, this.#head);
        this.#head = 0;
      }
      void this.#run(first.message, first.reply);
      return;
    }
    this.#refused = 0;
    if (this.#running > 0) return;
    const listeners = this.#idleListeners;
    this.#idleListeners = [];
    for (const listener of listeners) listener();
  }

  #refuse(message: Message, reply: Reply): void {
    // Logged once for each time of overload: a line for each request would make it worse.
    if (this.#refused++ === 0)
      this.#log.warn({ subject: this.#subject, waiting: this.#waitingMax }, 'too many requests wait; refusing more');
    if (this.#options.overloaded === undefined) return;
    try {
      reply(this.#options.overloaded(message));
    } catch (error) {
      this.#log.error({ err: error, subject: message.subject }, 'the refusal of a request failed; it gets no answer');
    }
  }
}
