/** The bus of the simulation: the hub in memory, whose messages take a while, and are lost, doubled, delayed and overtaken; and a client of it for each process. */
import { type Bus, type BusSubscription, BusTimeoutError, createMemoryHub, type MemoryHub, type Message } from '@weft/bus';
import type { Faults } from './faults.ts';
import { type Owner, type Scheduler, WORLD } from './scheduler.ts';
import { never, type SimProcess } from './sim-process.ts';

const DELAY_MS_MAX = 3_000;
const REORDER_MS_MAX = 60;

type MemoryBus = ReturnType<MemoryHub['connect']>;

export class SimHub {
  readonly #scheduler: Scheduler;
  readonly #faults: Faults;
  readonly #hub: MemoryHub;
  readonly #clients = new Map<string, SimProcess>();
  /** When the last message to each client arrives: without a fault none overtakes another. */
  readonly #lastMs = new Map<Owner, number>();

  constructor(scheduler: Scheduler, faults: Faults, onFault: (error: unknown, what: string) => void) {
    this.#scheduler = scheduler;
    this.#faults = faults;
    const after = (ms: number, run: () => void) => scheduler.after(ms, WORLD, 'bus timer', run);
    this.#hub = createMemoryHub({
      clock: {
        now: () => new Date(0),
        monotonicMs: () => scheduler.nowMs,
        after,
        soon: (run) => after(0, run),
        every: () => {
          throw new Error('the bus sets no such timer');
        },
        pause: () => never(),
      },
      soon: (turn) => queueMicrotask(turn),
      log: {
        debug() {},
        info() {},
        warn() {},
        error: (fields: object, message: string) => onFault((fields as { err?: unknown }).err ?? message, message),
      },
      fault: ({ subject, to }) => ({ hold: (release) => this.#deliver(subject, to, release) }),
    });
  }

  connect(process: SimProcess): SimBus {
    const client = this.#hub.connect(process.name);
    this.#clients.set(process.name, process);
    process.onEnd(() => {
      this.#clients.delete(process.name);
      this.#lastMs.delete(process);
      client.disrupt();
      this.#hub.forget(client);
    });
    return new SimBus(process, client, this.#faults);
  }

  #deliver(subject: string, to: string, release: () => void): void {
    const process = this.#clients.get(to);
    if (process === undefined || this.#faults.strikes('lose') || (ROWS.test(subject) && this.#faults.strikes('lose-rows'))) return;
    this.#send(process, subject, release);
    if (this.#faults.strikes('double')) this.#send(process, subject, release);
  }

  #send(to: SimProcess, subject: string, release: () => void): void {
    const faults = this.#faults;
    const lastMs = this.#lastMs.get(to) ?? 0;
    const atMs = this.#scheduler.nowMs + faults.way();
    if (faults.strikes('delay')) {
      this.#scheduler.at(atMs + faults.upTo(DELAY_MS_MAX), to, subject, release);
      return;
    }
    if (faults.strikes('reorder')) {
      this.#scheduler.at(atMs + faults.upTo(REORDER_MS_MAX), to, subject, release);
      return;
    }
    const inOrderMs = Math.max(atMs, lastMs);
    this.#lastMs.set(to, inOrderMs);
    this.#scheduler.at(inOrderMs, to, subject, release);
  }
}

/** What projectors say without being asked: changes, and how far they have read. */
const ROWS = /^weft\.rows\.[^.]+\.(delta|progress)/;

export class SimBus implements Bus {
  readonly #process: SimProcess;
  readonly #client: MemoryBus;
  readonly #faults: Faults;

  constructor(process: SimProcess, client: MemoryBus, faults: Faults) {
    this.#process = process;
    this.#client = client;
    this.#faults = faults;
  }

  /** The connection breaks, until `restore`. */
  cut(): void {
    if (this.#process.state !== 'dead') this.#client.disrupt();
  }

  restore(): void {
    if (this.#process.state !== 'dead') this.#client.restore();
  }

  get connected(): boolean {
    return this.#client.connected;
  }

  publish(subject: string, data: Uint8Array): void {
    if (this.#process.enter()) this.#client.publish(subject, data);
  }

  subscribe(subject: string, handler: (message: Message) => void): BusSubscription {
    return this.#process.enter() ? this.#client.subscribe(subject, handler) : DEAD;
  }

  serve(...args: Parameters<Bus['serve']>): BusSubscription {
    return this.#process.enter() ? this.#client.serve(...args) : DEAD;
  }

  request(subject: string, data: Uint8Array, options: Readonly<{ timeoutMs: number }>): Promise<Uint8Array> {
    const process = this.#process;
    if (!process.enter()) return never();
    const lateMs = process.scheduler.nowMs + options.timeoutMs;
    return new Promise((resolve, reject) => {
      this.#client.request(subject, data, options).then(
        (answer) => {
          if (!this.#faults.strikes('lose-answer')) return process.back(this.#faults.way(), subject, () => resolve(answer));
          process.back(lateMs - process.scheduler.nowMs, subject, () => reject(new BusTimeoutError(`no answer to ${subject}`)));
        },
        (error: unknown) => process.back(0, subject, () => reject(error as Error)),
      );
    });
  }

  isHeard(prefix: string): Promise<boolean> {
    return this.#process.enter() ? this.#client.isHeard(prefix) : never();
  }

  flush(): Promise<void> {
    const process = this.#process;
    if (!process.enter()) return never();
    return new Promise((resolve, reject) => {
      this.#client.flush().then(
        () => process.back(this.#faults.way(), 'flush', resolve),
        (error: unknown) => process.back(0, 'flush', () => reject(error as Error)),
      );
    });
  }

  onConnection(listener: (connected: boolean) => void): () => void {
    return this.#client.onConnection((connected) => {
      if (this.#process.state !== 'dead') listener(connected);
    });
  }

  close(): Promise<void> {
    return this.#process.enter() ? this.#client.close() : never();
  }
}

const DEAD: BusSubscription = { stop: () => never() };
