/**
 * The bus without a server: a hub in this process, and any number of clients on it. Held to the same contract suite as NATS. Messages arrive in
 * order, asynchronously, each with its own copy of the bytes; a test may break connections and lose, double or hold back messages.
 */
import { type Clock, systemClock, type Timer, type Timers } from '@weft/api';
import { BusClosedError, BusDownError, BusTimeoutError, NoResponderError, PayloadTooLargeError } from '../errors.ts';
import type { BusLog } from '../log.ts';
import { type Bus, type BusSubscription, type Handler, type Message, type Responder, type ServeOptions } from '../port.ts';
import { ResponderPool } from '../responder-pool.ts';
import { checkPattern, checkQueue, checkSubject, mayMatchBelow, subjectMatches } from '../subject-rules.ts';

export type MemoryHubOptions = Readonly<{
  log?: BusLog;
  /** Default 4 MiB, as `startNatsServer` sets it. */
  payloadBytesMax?: number;
  /** For the time limits of requests; default: the system's. */
  clock?: Clock;
  /** Runs a turn of deliveries soon, never within the call; default setImmediate. */
  soon?: (turn: () => void) => void;
  /**
   * Asked for each delivery to one client: how often it happens (0 loses it, 2 doubles it). `hold` keeps the message back until the function that it
   * gets is called. It is not asked about replies.
   */
  fault?: (
    delivery: Readonly<{ subject: string; data: Uint8Array; to: string }>,
  ) => number | Readonly<{ hold: (release: () => void) => void }>;
}>;

const silent: BusLog = { debug() {}, info() {}, warn() {}, error() {} };

type Entry = { pattern: string; queue: string | undefined; pool: ResponderPool | undefined; handler: Handler | undefined };
type Waiting = { subject: string; timer: Timer; resolve: (data: Uint8Array) => void; reject: (error: Error) => void };

/** Takes the place of NATS's server: clients connect to it, and it routes their messages. */
export class MemoryHub {
  readonly #options: MemoryHubOptions;
  readonly payloadBytesMax: number;
  readonly log: BusLog;
  readonly timers: Timers;
  readonly #clients = new Set<MemoryBus>();
  readonly #soon: (turn: () => void) => void;
  #turns: (() => void)[] = [];
  #turnIsDue = false;
  #up = true;
  #nextInQueue = 0;

  constructor(options: MemoryHubOptions = {}) {
    this.#options = options;
    this.payloadBytesMax = options.payloadBytesMax ?? 4 * 1024 * 1024;
    this.log = options.log ?? silent;
    this.timers = options.clock ?? systemClock;
    this.#soon = options.soon ?? ((turn) => setImmediate(turn));
  }

  connect(name = `client-${this.#clients.size + 1}`): MemoryBus {
    const client = new MemoryBus(this, name);
    this.#clients.add(client);
    if (this.#up) client.setConnected(true);
    return client;
  }

  /** As if the server died: all clients lose their connection, and what is on its way is lost. */
  goDown(): void {
    this.#up = false;
    this.#turns = [];
    for (const client of this.#clients) client.setConnected(false);
  }

  comeUp(): void {
    this.#up = true;
    for (const client of this.#clients) client.setConnected(true);
  }

  get isUp(): boolean {
    return this.#up;
  }

  /** For MemoryBus: runs `turn` after everything that was handed over before. */
  enqueue(turn: () => void): void {
    this.#turns.push(turn);
    if (this.#turnIsDue) return;
    this.#turnIsDue = true;
    this.#soon(() => {
      this.#turnIsDue = false;
      const due = this.#turns;
      this.#turns = [];
      for (const each of due) each();
    });
  }

  /** For MemoryBus: hands a message to all clients whose patterns match. Answers how many of their subscriptions got it. */
  route(subject: string, data: Uint8Array, reply: ((data: Uint8Array) => void) | undefined): number {
    let responders = 0;
    const groups = new Map<string, { client: MemoryBus; entry: Entry }[]>();
    for (const client of this.#clients) {
      if (!client.connected) continue;
      for (const entry of client.entries) {
        if (!subjectMatches(entry.pattern, subject)) continue;
        responders++;
        if (entry.queue === undefined) this.#deliver(client, entry, subject, data, reply);
        else {
          const group = entry.queue;
          const members = groups.get(group);
          if (members === undefined) groups.set(group, [{ client, entry }]);
          else members.push({ client, entry });
        }
      }
    }
    for (const members of groups.values()) {
      const { client, entry } = members[this.#nextInQueue++ % members.length] as { client: MemoryBus; entry: Entry };
      this.#deliver(client, entry, subject, data, reply);
    }
    return responders;
  }

  isHeard(prefix: string): boolean {
    for (const client of this.#clients) {
      if (!client.connected) continue;
      for (const { pattern } of client.entries) if (mayMatchBelow(pattern, prefix)) return true;
    }
    return false;
  }

  forget(client: MemoryBus): void {
    this.#clients.delete(client);
  }

  #deliver(client: MemoryBus, entry: Entry, subject: string, data: Uint8Array, reply: ((data: Uint8Array) => void) | undefined): void {
    const give = () => {
      if (client.connected && client.entries.has(entry)) client.take(entry, { subject, data: Uint8Array.from(data) }, reply);
    };
    const fault = this.#options.fault?.({ subject, data, to: client.name }) ?? 1;
    if (typeof fault === 'number') for (let i = 0; i < fault; i++) give();
    else fault.hold(() => this.enqueue(give));
  }
}

/** One client of a hub. */
export class MemoryBus implements Bus {
  readonly #hub: MemoryHub;
  connected = false;
  readonly entries = new Set<Entry>();
  readonly #listeners = new Set<(connected: boolean) => void>();
  readonly #waiting = new Set<Waiting>();
  readonly #flushes = new Set<(error: Error) => void>();
  #closing: Promise<void> | undefined;
  #closed = false;
  #idleListeners: (() => void)[] = [];

  constructor(
    hub: MemoryHub,
    readonly name: string,
  ) {
    this.#hub = hub;
  }

  /** As if this client's connection broke, until `restore`. It misses the messages of that time. */
  disrupt(): void {
    this.setConnected(false);
  }

  restore(): void {
    if (this.#hub.isUp && !this.#closed) this.setConnected(true);
  }

  setConnected(connected: boolean): void {
    if (this.connected === connected) return;
    this.connected = connected;
    if (!connected) {
      for (const each of [...this.#waiting]) {
        this.#settle(each)?.reject(
          new BusTimeoutError(`the connection broke while ${each.subject} waited for its answer; it may have been carried out`),
        );
      }
      for (const fail of this.#flushes) fail(new BusDownError('the connection broke'));
      this.#flushes.clear();
    }
    for (const listener of [...this.#listeners]) this.#notify(listener);
  }

  publish(subject: string, data: Uint8Array): void {
    checkSubject(subject);
    this.#assertOpen();
    this.#assertSize(subject, data);
    if (!this.connected) return;
    const copy = Uint8Array.from(data);
    this.#hub.enqueue(() => this.#hub.route(subject, copy, undefined));
  }

  subscribe(subject: string, handler: Handler): BusSubscription {
    checkPattern(subject);
    return this.#add({ pattern: subject, queue: undefined, pool: undefined, handler });
  }

  serve(subject: string, responder: Responder, options: ServeOptions = {}): BusSubscription {
    checkPattern(subject);
    checkQueue(options.queue);
    const pool = new ResponderPool(subject, responder, options, this.#hub.log);
    return this.#add({ pattern: subject, queue: options.queue, pool, handler: undefined });
  }

  async request(subject: string, data: Uint8Array, { timeoutMs }: Readonly<{ timeoutMs: number }>): Promise<Uint8Array> {
    checkSubject(subject);
    this.#assertOpen();
    this.#assertSize(subject, data);
    if (!this.connected) throw new BusDownError(`the bus is not connected; ${subject} was not sent`);
    const copy = Uint8Array.from(data);
    return new Promise((resolve, reject) => {
      const timer = this.#hub.timers.after(timeoutMs, () => {
        this.#settle(waiting)?.reject(new BusTimeoutError(`no answer to ${subject} within ${timeoutMs} ms; it may have been carried out`));
      });
      const waiting: Waiting = { subject, timer, resolve, reject };
      this.#waiting.add(waiting);
      const reply = (answer: Uint8Array) => this.#hub.enqueue(() => this.#settle(waiting)?.resolve(answer));
      this.#hub.enqueue(() => {
        if (this.#hub.route(subject, copy, reply) > 0) return;
        this.#hub.enqueue(() => this.#settle(waiting)?.reject(new NoResponderError(`nobody serves ${subject}`)));
      });
    });
  }

  async flush(): Promise<void> {
    this.#assertOpen();
    if (!this.connected) throw new BusDownError('the bus is not connected');
    return new Promise((resolve, reject) => {
      this.#flushes.add(reject);
      this.#hub.enqueue(() => {
        this.#flushes.delete(reject);
        resolve();
      });
    });
  }

  async isHeard(prefix: string): Promise<boolean> {
    return this.#hub.isHeard(prefix);
  }

  onConnection(listener: (connected: boolean) => void): () => void {
    const each = (connected: boolean) => listener(connected);
    this.#listeners.add(each);
    this.#notify(each);
    return () => this.#listeners.delete(each);
  }

  close(): Promise<void> {
    this.#closing ??= this.#drainAndClose();
    return this.#closing;
  }

  take(entry: Entry, message: Message, reply: ((data: Uint8Array) => void) | undefined): void {
    if (entry.pool !== undefined) {
      entry.pool.take(message, (answer) => {
        this.#assertSize(message.subject, answer);
        if (this.connected) reply?.(Uint8Array.from(answer));
      });
      return;
    }
    try {
      entry.handler?.(message);
    } catch (error) {
      this.#hub.log.error({ err: error, subject: message.subject }, 'a message handler failed');
    }
  }

  async #drainAndClose(): Promise<void> {
    await Promise.all([...this.entries].map((entry) => this.#stopEntry(entry)));
    if (this.#waiting.size > 0) await new Promise<void>((resolve) => this.#idleListeners.push(resolve));
    if (this.connected) await this.flush().catch(() => {});
    this.#closed = true;
    this.#hub.forget(this);
    this.setConnected(false);
    this.#listeners.clear();
  }

  #add(entry: Entry): BusSubscription {
    if (this.#closing !== undefined) throw new BusClosedError('this bus was closed');
    this.entries.add(entry);
    let stopping: Promise<void> | undefined;
    return {
      stop: () => {
        stopping ??= this.#stopEntry(entry);
        return stopping;
      },
    };
  }

  async #stopEntry(entry: Entry): Promise<void> {
    // As with a server, requests that are on their way are still served.
    if (entry.pool !== undefined && this.connected) await this.flush().catch(() => {});
    this.entries.delete(entry);
    await entry.pool?.idle();
  }

  #settle(waiting: Waiting): Waiting | undefined {
    if (!this.#waiting.delete(waiting)) return undefined;
    waiting.timer.cancel();
    if (this.#waiting.size === 0) {
      const listeners = this.#idleListeners;
      this.#idleListeners = [];
      for (const listener of listeners) listener();
    }
    return waiting;
  }

  #assertOpen(): void {
    if (this.#closed) throw new BusClosedError('this bus was closed');
  }

  #assertSize(subject: string, data: Uint8Array): void {
    if (data.length > this.#hub.payloadBytesMax) {
      throw new PayloadTooLargeError(`${subject}: a message of ${data.length} bytes; the bus takes ${this.#hub.payloadBytesMax} at most`);
    }
  }

  #notify(listener: (connected: boolean) => void): void {
    try {
      listener(this.connected);
    } catch (error) {
      this.#hub.log.error({ err: error }, 'a listener to the connection failed');
    }
  }
}

export function createMemoryHub(options: MemoryHubOptions = {}): MemoryHub {
  return new MemoryHub(options);
}

/** A hub with one client, for tests that need no second one. */
export function createMemoryBus(options: MemoryHubOptions = {}): MemoryBus {
  return createMemoryHub(options).connect();
}
