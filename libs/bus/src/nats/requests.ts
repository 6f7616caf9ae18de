/** Requests in flight on one connection: who waits for which reply, and until when. */
import type { Timer, Timers } from '@weft/api';
import { BusTimeoutError, NoResponderError } from '../errors.ts';

type Waiting = { subject: string; timer: Timer; resolve: (data: Uint8Array) => void; reject: (error: Error) => void };

export class Requests {
  readonly #waiting = new Map<string, Waiting>();
  #lastToken = 0;
  #idleListeners: (() => void)[] = [];

  readonly #prefix: string;
  readonly #timers: Timers;

  /** Reply subjects are `${prefix}.${token}`; `prefix` must be this connection's alone. */
  constructor(prefix: string, timers: Timers) {
    this.#prefix = prefix;
    this.#timers = timers;
  }

  get pattern(): string {
    return `${this.#prefix}.*`;
  }

  /** `send` is given the reply subject; when it throws, so does the promise. */
  begin(subject: string, timeoutMs: number, send: (replyTo: string) => void): Promise<Uint8Array> {
    const token = (++this.#lastToken).toString(36);
    return new Promise((resolve, reject) => {
      const timer = this.#timers.after(timeoutMs, () => {
        this.#end(token)?.reject(new BusTimeoutError(`no answer to ${subject} within ${timeoutMs} ms; it may have been carried out`));
      });
      this.#waiting.set(token, { subject, timer, resolve, reject });
      try {
        send(`${this.#prefix}.${token}`);
      } catch (error) {
        this.#end(token)?.reject(error as Error);
      }
    });
  }

  /** A second reply, or one that comes too late, is dropped: nobody waits for it. */
  take(replySubject: string, data: Uint8Array, noResponders: boolean): void {
    const waiting = this.#end(replySubject.slice(this.#prefix.length + 1));
    if (waiting === undefined) return;
    if (noResponders) waiting.reject(new NoResponderError(`nobody serves ${waiting.subject}`));
    else waiting.resolve(data);
  }

  /** Ends all: their replies can no longer arrive. */
  abandon(reason: string): void {
    for (const token of [...this.#waiting.keys()]) {
      const waiting = this.#end(token);
      waiting?.reject(new BusTimeoutError(`${reason} while ${waiting.subject} waited for its answer; it may have been carried out`));
    }
  }

  /** Resolves when none is left. */
  idle(): Promise<void> {
    if (this.#waiting.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idleListeners.push(resolve));
  }

  #end(token: string): Waiting | undefined {
    const waiting = this.#waiting.get(token);
    if (waiting === undefined) return undefined;
    this.#waiting.delete(token);
    waiting.timer.cancel();
    if (this.#waiting.size === 0) {
      const listeners = this.#idleListeners;
      this.#idleListeners = [];
      for (const listener of listeners) listener();
    }
    return waiting;
  }
}
