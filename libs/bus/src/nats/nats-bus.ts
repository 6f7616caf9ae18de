/**
 * The bus over core NATS. The client library keeps one connection; this file keeps the bus: it dials again for ever, puts subscriptions back, and
 * makes sure that nothing is held for later. (The library's own reconnect keeps publishes and requests in a buffer and sends them when the server
 * is back, dials addresses that it was given once, and cannot end a connection whose peer is frozen.)
 *
 *   disconnected --dial--> connected --closed, or no pong--> disconnected --wait, read the target again, dial--> …
 */
import { connect, createInbox, type Msg, type NatsConnection, type Subscription } from '@nats-io/transport-node';
import { Backoff } from '../backoff.ts';
import { BusClosedError, BusDownError, PayloadTooLargeError } from '../errors.ts';
import type { BusLog } from '../log.ts';
import { type Bus, type BusSubscription, type Handler, type Message, type Responder, type ServeOptions } from '../port.ts';
import { ResponderPool } from '../responder-pool.ts';
import { checkPattern, checkQueue, checkSubject } from '../subject-rules.ts';
import { readGreeting } from './greeting.ts';
import { Requests } from './requests.ts';
import { addressText, type NatsServerAddress, type NatsTarget, parseServer } from './target.ts';

export type NatsBusOptions = Readonly<{
  /** Asked at each dial: the child server's port and token are in a file and may have changed. May throw; that counts as a failed dial. */
  target: () => NatsTarget | Promise<NatsTarget>;
  /** Shown by the server's monitoring. */
  name: string;
  log: BusLog;
  timing?: Partial<NatsBusTiming>;
  /** In [0, 1); spreads reconnects. */
  random?: () => number;
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

/** Bytes handed over and not yet confirmed by the server; beyond it messages are dropped as if the connection were down. */
const UNCONFIRMED_BYTES_MAX = 64 * 1024 * 1024;
const CONFIRM_EACH_BYTES = 1024 * 1024;

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

/** One dialled connection with what lives and dies with it. */
type Link = {
  readonly nc: NatsConnection;
  readonly server: string;
  readonly requests: Requests;
  readonly payloadBytesMax: number;
  unconfirmedBytes: number;
  sinceConfirmBytes: number;
  /** Settles when the link is over. */
  readonly over: Promise<void>;
  readonly end: () => void;
  /** Called when the link is over: pongs that are waited for never come. */
  readonly onEnd: Set<() => void>;
  watchdog: NodeJS.Timeout | undefined;
};

type Entry = {
  readonly pattern: string;
  readonly queue: string | undefined;
  readonly take: (message: Message, replyTo: string | undefined) => void;
  readonly pool: ResponderPool | undefined;
  live: Subscription | undefined;
};

class ReconnectingBus implements NatsBus {
  problem: string | undefined = 'not connected yet';
  private link: Link | undefined;
  private readonly entries = new Set<Entry>();
  private readonly listeners = new Set<(connected: boolean) => void>();
  private readonly timing: NatsBusTiming;
  private readonly random: () => number;
  private readonly log: BusLog;
  private closing: Promise<void> | undefined;
  private closed = false;
  private wakeDialler: () => void = () => {};
  private readonly dialling: Promise<void>;
  private dropped = 0;

  constructor(private readonly options: NatsBusOptions) {
    this.timing = { ...TIMING, ...options.timing };
    this.random = options.random ?? Math.random;
    this.log = options.log;
    this.dialling = this.keepConnected();
  }

  get connected(): boolean {
    return this.link !== undefined;
  }

  publish(subject: string, data: Uint8Array): void {
    checkSubject(subject);
    this.assertOpen();
    if (this.link === undefined) this.dropped++;
    else if (!this.send(this.link, subject, data, undefined)) this.dropped++;
  }

  subscribe(subject: string, handler: Handler): BusSubscription {
    checkPattern(subject);
    const take = (message: Message) => {
      try {
        handler(message);
      } catch (error) {
        this.log.error({ err: error, subject: message.subject }, 'a message handler failed');
      }
    };
    return this.add({ pattern: subject, queue: undefined, take, pool: undefined, live: undefined });
  }

  serve(subject: string, responder: Responder, options: ServeOptions = {}): BusSubscription {
    checkPattern(subject);
    checkQueue(options.queue);
    const pool = new ResponderPool(subject, responder, options, this.log);
    const take = (message: Message, replyTo: string | undefined) =>
      pool.take(message, (data) => {
        // By today's connection: the asker's inbox outlives ours.
        if (replyTo !== undefined && this.link !== undefined) this.send(this.link, replyTo, data, undefined);
      });
    return this.add({ pattern: subject, queue: options.queue, take, pool, live: undefined });
  }

  async request(subject: string, data: Uint8Array, { timeoutMs }: Readonly<{ timeoutMs: number }>): Promise<Uint8Array> {
    checkSubject(subject);
    this.assertOpen();
    const link = this.link;
    if (link === undefined) throw new BusDownError(`the bus is not connected (${this.problem}); ${subject} was not sent`);
    return link.requests.begin(subject, timeoutMs, (replyTo) => {
      if (!this.send(link, subject, data, replyTo)) throw new BusDownError(`the bus server takes no more; ${subject} was not sent`);
    });
  }

  async flush(): Promise<void> {
    this.assertOpen();
    const link = this.link;
    if (link === undefined) throw new BusDownError(`the bus is not connected (${this.problem})`);
    await confirmed(link);
  }

  onConnection(listener: (connected: boolean) => void): () => void {
    // Wrapped: the same function may be added twice.
    const each = (connected: boolean) => listener(connected);
    this.listeners.add(each);
    this.tell(each);
    return () => this.listeners.delete(each);
  }

  untilConnected(waitMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        remove();
        reject(new BusDownError(`no connection to the bus within ${waitMs} ms: ${this.problem}`));
      }, waitMs);
      let remove = () => {};
      let done = false;
      remove = this.onConnection((connected) => {
        if (!connected || done) return;
        done = true;
        clearTimeout(timer);
        resolve();
        queueMicrotask(() => remove());
      });
    });
  }

  close(): Promise<void> {
    this.closing ??= this.drainAndClose();
    return this.closing;
  }

  private async drainAndClose(): Promise<void> {
    const entries = [...this.entries];
    await Promise.all(entries.map((entry) => this.stopEntry(entry)));
    const link = this.link;
    if (link !== undefined) {
      await within(this.timing.drainMs, link.requests.idle());
      await within(this.timing.drainMs, confirmed(link)).catch(() => {});
    }
    this.closed = true;
    this.problem = 'closed';
    this.wakeDialler();
    this.link?.requests.abandon('the bus was closed');
    this.link?.end();
    await this.dialling;
    this.listeners.clear();
  }

  private assertOpen(): void {
    if (this.closed) throw new BusClosedError('this bus was closed');
  }

  /** False when the link is over or choked: the message was certainly not sent. */
  private send(link: Link, subject: string, data: Uint8Array, replyTo: string | undefined): boolean {
    if (data.length > link.payloadBytesMax) {
      throw new PayloadTooLargeError(`${subject}: a message of ${data.length} bytes; the bus takes ${link.payloadBytesMax} at most`);
    }
    if (link !== this.link || link.nc.isClosed() || link.unconfirmedBytes > UNCONFIRMED_BYTES_MAX) return false;
    link.nc.publish(subject, data, replyTo === undefined ? undefined : { reply: replyTo });
    link.sinceConfirmBytes += data.length + subject.length + 32;
    if (link.sinceConfirmBytes >= CONFIRM_EACH_BYTES) {
      const bytes = link.sinceConfirmBytes;
      link.sinceConfirmBytes = 0;
      link.unconfirmedBytes += bytes;
      void confirmed(link).then(
        () => {
          link.unconfirmedBytes -= bytes;
        },
        () => {},
      );
    }
    return true;
  }

  private add(entry: Entry): BusSubscription {
    if (this.closing !== undefined) throw new BusClosedError('this bus was closed');
    this.entries.add(entry);
    if (this.link !== undefined) this.putOn(this.link, entry);
    let stopping: Promise<void> | undefined;
    return {
      stop: () => {
        stopping ??= this.stopEntry(entry);
        return stopping;
      },
    };
  }

  private async stopEntry(entry: Entry): Promise<void> {
    if (!this.entries.delete(entry)) return;
    const { live } = entry;
    entry.live = undefined;
    if (entry.pool === undefined) {
      live?.unsubscribe();
      return;
    }
    // The server may have handed us requests that are still on their way: serve those too.
    if (live !== undefined && !live.isClosed()) await within(this.timing.drainMs, live.drain()).catch(() => {});
    await within(this.timing.drainMs, entry.pool.idle());
  }

  private putOn(link: Link, entry: Entry): void {
    if (link.nc.isClosed()) return; // The next connection gets it.
    entry.live = link.nc.subscribe(entry.pattern, {
      ...(entry.queue === undefined ? {} : { queue: entry.queue }),
      // Must not throw: the library's reader would end without a word.
      callback: (error, message) => {
        if (error !== null) this.log.error({ err: error, subject: entry.pattern }, 'the bus refused a subscription');
        else entry.take({ subject: message.subject, data: message.data }, message.reply === '' ? undefined : message.reply);
      },
    });
  }

  private async keepConnected(): Promise<void> {
    const backoff = new Backoff(this.timing.backoffMsFirst, this.timing.backoffMsMax, this.random);
    while (!this.closed) {
      const link = await this.dial();
      if (link === undefined) {
        await this.pause(backoff.nextMs());
        continue;
      }
      backoff.reset();
      this.begin(link);
      await link.over;
      this.finish(link);
      await this.pause(backoff.nextMs());
    }
  }

  private begin(link: Link): void {
    this.link = link;
    this.problem = undefined;
    const { requests } = link;
    link.nc.subscribe(requests.pattern, {
      callback: (error, message) => {
        if (error !== null) this.log.error({ err: error }, 'the bus refused the inbox');
        else requests.take(message.subject, message.data, isNoResponders(message));
      },
    });
    for (const entry of this.entries) this.putOn(link, entry);
    this.watch(link);
    this.log.info({ server: link.server, dropped: this.dropped }, 'connected to the bus');
    this.dropped = 0;
    this.tellAll();
  }

  private finish(link: Link): void {
    this.link = undefined;
    clearTimeout(link.watchdog);
    for (const entry of this.entries) entry.live = undefined;
    link.requests.abandon('the connection to the bus broke');
    // At once, without waiting for a peer that may be frozen.
    link.nc.close().catch(() => {});
    if (this.closed) {
      this.tellAll();
      return;
    }
    this.problem = `the connection to ${link.server} broke`;
    this.warn({ server: link.server }, 'lost the bus');
    this.tellAll();
  }

  /** A frozen server, or a path that swallows everything, closes nothing: only a missing pong tells. */
  private watch(link: Link): void {
    const ping = () => {
      let answered = false;
      const giveUp = () => {
        if (answered || this.link !== link) return;
        this.log.warn({ server: link.server, pongMs: this.timing.pongMs }, 'the bus does not answer pings');
        link.end();
      };
      // After the sockets were read once more: it may be this process that was not running.
      const overdue = setTimeout(() => setImmediate(giveUp), this.timing.pongMs);
      link.watchdog = overdue;
      confirmed(link).then(
        () => {
          answered = true;
          clearTimeout(overdue);
          if (this.link === link) link.watchdog = setTimeout(ping, this.timing.pingMs);
        },
        () => clearTimeout(overdue),
      );
    };
    link.watchdog = setTimeout(ping, this.timing.pingMs);
  }

  private async dial(): Promise<Link | undefined> {
    let problem = 'no server is configured';
    try {
      const { servers, token } = await this.options.target();
      for (const server of shuffled(servers, this.random)) {
        if (this.closed) return undefined;
        try {
          return await this.dialOne(parseServer(server), token);
        } catch (error) {
          problem = error instanceof Error ? error.message : String(error);
          this.log.debug({ err: error }, 'could not connect to a bus server');
        }
      }
    } catch (error) {
      problem = error instanceof Error ? error.message : String(error);
    }
    if (this.problem !== problem) this.warn({ problem }, 'no bus; trying again and again');
    this.problem = problem;
    return undefined;
  }

  /** A turn later: a Ctrl-C that ended the server as well is heard first. */
  private warn(fields: object, message: string): void {
    setImmediate(() => this.log.warn(fields, message));
  }

  private async dialOne(address: NatsServerAddress, token: string | undefined): Promise<Link | undefined> {
    const server = addressText(address);
    // First a connection that we can cut: the library leaves its socket open when a frozen server never greets. TLS servers may wait for us to speak.
    if (!address.tls) await readGreeting(address.host, address.port, this.timing.dialMs);
    const { user, pass } = address;
    const tokenOrNone = address.token ?? (user === undefined ? token : undefined);
    const nc = await connect({
      servers: [server],
      name: this.options.name,
      reconnect: false,
      timeout: this.timing.dialMs,
      ignoreClusterUpdates: true,
      pingInterval: 2 ** 30, // `watch` does it.
      ...(tokenOrNone === undefined ? {} : { token: tokenOrNone }),
      ...(user === undefined ? {} : { user }),
      ...(pass === undefined ? {} : { pass }),
      ...(address.tls ? { tls: {} } : {}),
    });
    if (this.closed) {
      await nc.close();
      return undefined;
    }
    const onEnd = new Set<() => void>();
    let end = () => {};
    const over = new Promise<void>((resolve) => {
      end = () => {
        resolve();
        for (const each of onEnd) each();
        onEnd.clear();
      };
    });
    void nc.closed().then(end);
    return {
      nc,
      server,
      requests: new Requests(createInbox()),
      payloadBytesMax: nc.info?.max_payload ?? 1024 * 1024,
      unconfirmedBytes: 0,
      sinceConfirmBytes: 0,
      over,
      end,
      onEnd,
      watchdog: undefined,
    };
  }

  private pause(ms: number): Promise<void> {
    if (this.closed) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.wakeDialler = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  private tellAll(): void {
    for (const listener of [...this.listeners]) this.tell(listener);
  }

  private tell(listener: (connected: boolean) => void): void {
    try {
      listener(this.connected);
    } catch (error) {
      this.log.error({ err: error }, 'a listener to the connection failed');
    }
  }
}

/** Resolves at the server's pong; rejects with a BusDownError when the link is over first. */
function confirmed(link: Link): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = () => {
      link.onEnd.delete(fail);
      reject(new BusDownError('the connection to the bus broke'));
    };
    if (link.nc.isClosed()) {
      fail();
      return;
    }
    link.onEnd.add(fail);
    link.nc.flush().then(() => {
      link.onEnd.delete(fail);
      resolve();
    }, fail);
  });
}

function isNoResponders(message: Msg): boolean {
  return message.data.length === 0 && message.headers?.code === 503;
}

/** Resolves when `work` does, or after `ms`. */
async function within(ms: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  try {
    await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
  }
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const copy = [...items];
  for (let i = copy.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [copy[i], copy[j]] = [copy[j] as T, copy[i] as T];
  }
  return copy;
}
