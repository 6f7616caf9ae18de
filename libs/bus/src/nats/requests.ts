/** Requests in flight on one connection: who waits for which reply, and until when. */
import { BusTimeoutError, NoResponderError } from '../errors.ts';

type Waiting = { subject: string; timer: NodeJS.Timeout; resolve: (data: Uint8Array) => void; reject: (error: Error) => void };

export class Requests {
  private readonly waiting = new Map<string, Waiting>();
  private lastToken = 0;
  private idleListeners: (() => void)[] = [];

  /** Reply subjects are `${prefix}.${token}`; `prefix` must be this connection's alone. */
  constructor(readonly prefix: string) {}

  get pattern(): string {
    return `${this.prefix}.*`;
  }

  /** `send` is given the reply subject; when it throws, so does the promise. */
  begin(subject: string, timeoutMs: number, send: (replyTo: string) => void): Promise<Uint8Array> {
    const token = (++this.lastToken).toString(36);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.end(token)?.reject(new BusTimeoutError(`no answer to ${subject} within ${timeoutMs} ms; it may have been carried out`));
      }, timeoutMs);
      this.waiting.set(token, { subject, timer, resolve, reject });
      try {
        send(`${this.prefix}.${token}`);
      } catch (error) {
        this.end(token)?.reject(error as Error);
      }
    });
  }

  /** A second reply, or one that comes too late, meets nobody. */
  take(replySubject: string, data: Uint8Array, noResponders: boolean): void {
    const waiting = this.end(replySubject.slice(this.prefix.length + 1));
    if (waiting === undefined) return;
    if (noResponders) waiting.reject(new NoResponderError(`nobody serves ${waiting.subject}`));
    else waiting.resolve(data);
  }

  /** Ends all: their replies can no longer arrive. */
  abandon(reason: string): void {
    for (const token of [...this.waiting.keys()]) {
      const waiting = this.end(token);
      waiting?.reject(new BusTimeoutError(`${reason} while ${waiting.subject} waited for its answer; it may have been carried out`));
    }
  }

  /** Resolves when none is left. */
  idle(): Promise<void> {
    if (this.waiting.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.idleListeners.push(resolve));
  }

  private end(token: string): Waiting | undefined {
    const waiting = this.waiting.get(token);
    if (waiting === undefined) return undefined;
    this.waiting.delete(token);
    clearTimeout(waiting.timer);
    if (this.waiting.size === 0) {
      const listeners = this.idleListeners;
      this.idleListeners = [];
      for (const listener of listeners) listener();
    }
    return waiting;
  }
}
