/**
 * The bus over core NATS. The client library keeps one connection; this file keeps the bus: it dials again for ever, gives each connection the
 * subscriptions, and makes sure that no message is kept and sent later. (The library's own reconnect keeps publishes and requests in a buffer and
 * sends them when the server is back, dials addresses that it was given once, and cannot end a connection whose peer is frozen.)
 *
 *   disconnected --dial--> connected --closed, or no pong--> disconnected --wait, read the target again, dial--> …
 */
import { type Clock, Nap, type Random, systemClock, systemRandom, within } from '@weft/api';
import { Backoff } from '../backoff.ts';
import { BusClosedError, BusDownError } from '../errors.ts';
import type { BusLog } from '../log.ts';
import type { Bus, BusSubscription, Handler, Message, Responder, ServeOptions } from '../port.ts';
import { ResponderPool } from '../responder-pool.ts';
import { checkPattern, checkQueue, checkSubject } from '../subject-rules.ts';
import { Interest } from './interest.ts';
import { type DiallerOptions, dial } from './nats-dialler.ts';
import type { NatsLink } from './nats-link.ts';
import { type Registration, Registrations } from './registrations.ts';

export type NatsBusOptions = Pick<DiallerOptions, 'target' | 'name' | 'log'> &
  Readonly<{
    clock?: Clock;
    timing?: Partial<NatsBusTiming>;
    /** Where the server is asked who is subscribed to what (its monitoring, `http://host:port`); absent, or undefined when asked: that is not known. */
    monitor?: () => string | undefined;
    /** Spreads reconnects. */
    random?: Random;
  }>;

export type NatsBusTiming = Readonly<{
  /** Wait before the second dial in a row; doubles. */
  backoffMsFirst: number;
  backoffMsMax: number;
  /** For one server's greeting, and again for the handshake. */
  dialMs: number;
  /** Between pings of a connection. */
  pingMs: number;
  /** A ping without pong for so long means the connection is gone. */
  pongMs: number;
  /** How long `close` and `stop` wait for running responders and own requests, and again for the server to have what is left. */
  drainMs: number;
}>;

const TIMING: NatsBusTiming = { backoffMsFirst: 50, backoffMsMax: 2_000, dialMs: 3_000, pingMs: 1_000, pongMs: 3_000, drainMs: 5_000 };
/** How long a lost connection is not spoken of. */
const SAID_AFTER_MS = 50;

export interface NatsBus extends Bus {
  /** Why there is no connection, for people; undefined while there is one. */
  readonly problem: string | undefined;
  /** Resolves at the first (or present) connection; rejects with a BusDownError after `waitMs`. */
  untilConnected(waitMs: number): Promise<void>;
}

/** Returns at once and dials in the background, for ever, until it is closed. */
export function openNatsBus(options: NatsBusOptions): NatsBus {
  return new ReconnectingBus(options);
}

/** As `openNatsBus`, but waits for the first connection. After `waitMs` (default 10,000) rejects with a BusDownError, having given up. */
export async function connectBus(options: NatsBusOptions & Readonly<{ waitMs?: number }>): Promise<NatsBus> {
  const bus = openNatsBus(options);
  try {
    await bus.untilConnected(options.waitMs ?? 10_000);
    return bus;
  } catch (error) {
    await bus.close();
    throw error;
  }
}

class ReconnectingBus implements NatsBus {
  problem: string | undefined = 'not connected yet';
  readonly #dialler: DiallerOptions;
  readonly #timing: NatsBusTiming;
  readonly #clock: Clock;
  readonly #log: BusLog;
  readonly #registrations: Registrations;
  readonly #interest: Interest;
  readonly #listeners = new Set<(connected: boolean) => void>();
  /** Between two dials. */
  readonly #nap: Nap;
  readonly #dialling: Promise<void>;
  #link: NatsLink | undefined;
  #closing: Promise<void> | undefined;
  #closed = false;
  /** Messages published while there was no connection. */
  #dropped = 0;

  constructor({ target, name, log, clock = systemClock, random = systemRandom, timing, monitor }: NatsBusOptions) {
    this.#timing = { ...TIMING, ...timing };
    this.#clock = clock;
    this.#log = log;
    const { dialMs, pingMs, pongMs, drainMs } = this.#timing;
    this.#dialler = { target, name, clock, random, log, dialMs, link: { clock, log, pingMs, pongMs } };
    this.#registrations = new Registrations({ timers: clock, log, drainMs });
    this.#interest = new Interest(monitor ?? (() => undefined), clock);
    this.#nap = new Nap(clock);
    this.#dialling = this.#keepConnected();
  }

  get connected(): boolean {
    return this.#link !== undefined;
  }

  publish(subject: string, data: Uint8Array): void {
    checkSubject(subject);
    this.#assertOpen();
    if (this.#link?.send(subject, data) !== true) this.#dropped++;
  }

  subscribe(subject: string, handler: Handler): BusSubscription {
    checkPattern(subject);
    const take = (message: Message) => {
      try {
        handler(message);
      } catch (error) {
        this.#log.error({ err: error, subject: message.subject }, 'a message handler failed');
      }
    };
    return this.#add({ pattern: subject, take });
  }

  serve(subject: string, responder: Responder, options: ServeOptions = {}): BusSubscription {
    checkPattern(subject);
    checkQueue(options.queue);
    const pool = new ResponderPool(subject, responder, options, this.#log);
    const take = (message: Message, replyTo: string | undefined) =>
      pool.take(message, (data) => {
        // By the connection of that time: the asker's inbox outlives ours.
        if (replyTo !== undefined) this.#link?.send(replyTo, data);
      });
    return this.#add({ pattern: subject, take, pool, ...(options.queue === undefined ? {} : { queue: options.queue }) });
  }

  async request(subject: string, data: Uint8Array, { timeoutMs }: Readonly<{ timeoutMs: number }>): Promise<Uint8Array> {
    checkSubject(subject);
    this.#assertOpen();
    const link = this.#link;
    if (link === undefined) throw new BusDownError(`the bus is not connected (${this.problem}); ${subject} was not sent`);
    return link.requests.begin(subject, timeoutMs, (replyTo) => {
      if (!link.send(subject, data, replyTo)) throw new BusDownError(`the bus server takes no more; ${subject} was not sent`);
    });
  }

  async flush(): Promise<void> {
    this.#assertOpen();
    if (this.#link === undefined) throw new BusDownError(`the bus is not connected (${this.problem})`);
    await this.#link.confirmed();
  }

  isHeard(prefix: string): Promise<boolean> {
    return this.#interest.isHeard(prefix);
  }

  onConnection(listener: (connected: boolean) => void): () => void {
    // Wrapped: the same function may be added twice.
    const each = (connected: boolean) => listener(connected);
    this.#listeners.add(each);
    this.#notify(each);
    return () => this.#listeners.delete(each);
  }

  untilConnected(waitMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = this.#clock.after(waitMs, () => {
        remove();
        reject(new BusDownError(`no connection to the bus within ${waitMs} ms: ${this.problem}`));
      });
      let remove = () => {};
      let done = false;
      remove = this.onConnection((connected) => {
        if (!connected || done) return;
        done = true;
        timer.cancel();
        resolve();
        queueMicrotask(() => remove());
      });
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#drainAndClose();
    return this.#closing;
  }

  async #drainAndClose(): Promise<void> {
    await this.#registrations.stopAll();
    const link = this.#link;
    if (link !== undefined) {
      await within(this.#clock, this.#timing.drainMs, link.requests.idle());
      await within(this.#clock, this.#timing.drainMs, link.confirmed()).catch(() => {});
    }
    this.#closed = true;
    this.problem = 'closed';
    this.#nap.wake();
    this.#link?.requests.abandon('the bus was closed');
    this.#link?.end();
    this.#interest.close();
    await this.#dialling;
    this.#listeners.clear();
  }

  #assertOpen(): void {
    if (this.#closed) throw new BusClosedError('this bus was closed');
  }

  #add(registration: Registration): BusSubscription {
    if (this.#closing !== undefined) throw new BusClosedError('this bus was closed');
    return this.#registrations.add(registration, this.#link);
  }

  async #keepConnected(): Promise<void> {
    const { backoffMsFirst, backoffMsMax } = this.#timing;
    const backoff = new Backoff(backoffMsFirst, backoffMsMax, this.#dialler.random);
    while (!this.#closed) {
      const dialled = await dial(this.#dialler, () => this.#closed);
      if ('link' in dialled) {
        backoff.reset();
        if (this.#closed) dialled.link.close('the bus was closed');
        else await this.#use(dialled.link);
      } else if (!this.#closed) this.#dialFailed(dialled.problem);
      if (!this.#closed) await this.#nap.pause(backoff.nextMs());
    }
  }

  /** Works with the link until it is over. */
  async #use(link: NatsLink): Promise<void> {
    this.#link = link;
    this.problem = undefined;
    this.#interest.forget();
    link.begin();
    this.#registrations.putAllOn(link);
    this.#log.info({ server: link.server, dropped: this.#dropped }, 'connected to the bus');
    this.#dropped = 0;
    this.#notifyAll();

    await link.over;

    this.#link = undefined;
    this.#registrations.linkIsOver();
    link.close('the connection to the bus broke');
    if (!this.#closed) {
      this.problem = `the connection to ${link.server} broke`;
      this.#warn({ server: link.server }, 'lost the bus');
    }
    this.#notifyAll();
  }

  #dialFailed(problem: string): void {
    if (this.problem !== problem) this.#warn({ problem }, 'no bus; trying again and again');
    this.problem = problem;
  }

  /** Logs a moment later: at Ctrl-C the server may be gone before this process hears of the signal, which silences the log. */
  #warn(fields: object, message: string): void {
    this.#clock.after(SAID_AFTER_MS, () => this.#log.warn(fields, message));
  }

  #notifyAll(): void {
    for (const listener of [...this.#listeners]) this.#notify(listener);
  }

  #notify(listener: (connected: boolean) => void): void {
    try {
      listener(this.connected);
    } catch (error) {
      this.#log.error({ err: error }, 'a listener to the connection failed');
    }
  }
}
