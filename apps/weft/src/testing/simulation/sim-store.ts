/** The event store of the simulation: the one in memory, behind ways that take a while and fail; and a client of it for each process. */
import { type Append, type NewEvent, type Position, type RecordedEvent } from '@weft/api';
import {
  type AppendResult,
  createMemoryStore,
  type EventStore,
  type ExpectedRevision,
  type Subscription,
  UnavailableError,
} from '@weft/event-store';
import type { Faults } from './faults.ts';
import type { Scheduler } from './scheduler.ts';
import { never, type SimProcess } from './sim-process.ts';

type SubscribeOptions = Parameters<EventStore['subscribe']>[0];
type Handlers = Parameters<EventStore['subscribe']>[1];
type ReadOptions = Parameters<EventStore['readStream']>[1];
type ReadAllOptions = Parameters<EventStore['readAll']>[0];

const PAGE = 64;
const SLOW_MS_MAX = 1_500;
/** How long it takes to notice that the store does not answer. */
const DOWN_MS_MAX = 800;
/** Appends that a subscription hands over in one step. */
const DELIVERED_MAX = 8;

export class StoreServer {
  /** The log, in the appends that were made. */
  readonly appends: Append[] = [];
  readonly scheduler: Scheduler;
  readonly faults: Faults;
  readonly #subscriptions = new Set<SimSubscription>();
  readonly #onAppend: (append: Append) => void;
  #inner!: EventStore;

  private constructor(scheduler: Scheduler, faults: Faults, onAppend: (append: Append) => void) {
    this.scheduler = scheduler;
    this.faults = faults;
    this.#onAppend = onAppend;
  }

  static async open(
    scheduler: Scheduler,
    faults: Faults,
    surroundings: NonNullable<Parameters<typeof createMemoryStore>[0]>,
    onAppend: (append: Append) => void,
  ): Promise<StoreServer> {
    const server = new StoreServer(scheduler, faults, onAppend);
    server.#inner = await createMemoryStore(surroundings);
    server.#inner.subscribe(
      {},
      {
        onAppend: (append) => server.#took(append),
        // Thrown where nobody catches it: the simulation itself is wrong.
        onEnded: (cause) => void Promise.reject(cause),
      },
    );
    return server;
  }

  get inner(): EventStore {
    return this.#inner;
  }

  get head(): Position {
    return this.appends.at(-1)?.position ?? 0n;
  }

  /** The index of the first append whose position lies behind this one. */
  indexAfter(position: Position): number {
    let [low, high] = [0, this.appends.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.appends[middle] as Append).position <= position) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  add(subscription: SimSubscription): void {
    this.#subscriptions.add(subscription);
  }

  remove(subscription: SimSubscription): void {
    this.#subscriptions.delete(subscription);
  }

  #took(append: Append): void {
    this.appends.push(append);
    this.#onAppend(append);
    for (const subscription of this.#subscriptions) subscription.wake();
  }
}

export class SimStore implements EventStore {
  readonly #server: StoreServer;
  readonly #process: SimProcess;
  readonly #subscriptions = new Set<SimSubscription>();
  /** When the last append arrives there, and its answer here: their order is kept. */
  #arrivesMs = 0;
  #answersMs = 0;

  constructor(server: StoreServer, process: SimProcess) {
    this.#server = server;
    this.#process = process;
    process.onEnd(() => {
      for (const subscription of this.#subscriptions) server.remove(subscription);
    });
  }

  get storeId(): string {
    return this.#server.inner.storeId;
  }

  /** The subscriptions of this process are thrown out; they come back after a while. */
  throwOut(ms: number): void {
    for (const subscription of this.#subscriptions) subscription.interrupt(ms);
  }

  append(stream: string, expected: ExpectedRevision, events: readonly NewEvent[]): Promise<AppendResult> {
    const { faults, scheduler, inner } = this.#server;
    if (!this.#process.enter()) return never();
    const slowMs = faults.strikes('store-slow') ? faults.upTo(SLOW_MS_MAX) : 0;
    this.#arrivesMs = Math.max(this.#arrivesMs, scheduler.nowMs + faults.way() + slowMs);
    return new Promise((resolve, reject) => {
      const answer = (lateMs: number, run: () => void) => {
        this.#answersMs = Math.max(this.#answersMs, scheduler.nowMs + lateMs);
        scheduler.at(this.#answersMs, this.#process, `answer to append to ${stream}`, run);
      };
      const refuse = (why: string) =>
        answer(faults.upTo(DOWN_MS_MAX), () => reject(new UnavailableError(`append to "${stream}": outcome unknown: ${why}`)));
      scheduler.at(this.#arrivesMs, SERVER, `append to ${stream}`, () => {
        if (faults.strikes('store-down')) return refuse('the store is down');
        inner.append(stream, expected, events).then(
          (result) => {
            if (faults.strikes('store-lost-answer')) refuse('the answer was lost');
            else answer(faults.way(), () => resolve(result));
          },
          (error: unknown) => answer(faults.way(), () => reject(error as Error)),
        );
      });
    });
  }

  async *readStream(stream: string, options: ReadOptions = {}): AsyncGenerator<RecordedEvent, void, undefined> {
    const events = await this.#ask(`read ${stream}`, () => all(this.#server.inner.readStream(stream, options)));
    yield* this.#inPages(`read ${stream}`, events);
  }

  async *readAll(options: ReadAllOptions = {}): AsyncGenerator<RecordedEvent, void, undefined> {
    const events = await this.#ask('read all', () => all(this.#server.inner.readAll(options)));
    yield* this.#inPages('read all', events);
  }

  async *readAllPages(options: ReadAllOptions = {}): AsyncGenerator<readonly RecordedEvent[], void, undefined> {
    const events = await this.#ask('read all', () => all(this.#server.inner.readAll(options)));
    for (let at = 0; at < events.length; at += PAGE) {
      if (at > 0) await this.#ask('read all', async () => undefined);
      yield events.slice(at, at + PAGE);
    }
  }

  async *readAppendPages({ from = 0n }: Readonly<{ from?: Position }> = {}): AsyncGenerator<readonly Append[], void, undefined> {
    const { appends } = this.#server;
    const end = await this.#ask('read appends', async () => appends.length);
    for (let at = this.#server.indexAfter(from); at < end; at += PAGE) {
      await this.#ask('read appends', async () => undefined);
      yield appends.slice(at, Math.min(at + PAGE, end));
    }
  }

  subscribe(options: SubscribeOptions, handlers: Handlers): Subscription {
    if (!this.#process.enter()) return { stop: () => never() };
    const subscription = new SimSubscription(this.#server, this.#process, options, handlers, () =>
      this.#subscriptions.delete(subscription),
    );
    this.#subscriptions.add(subscription);
    this.#server.add(subscription);
    subscription.wake();
    return subscription;
  }

  head(): Promise<Position> {
    return this.#ask('head', () => this.#server.inner.head());
  }

  floor(position: Position): Promise<Position> {
    return this.#ask('floor', () => this.#server.inner.floor(position));
  }

  positionAt(time: Date): Promise<Position> {
    return this.#ask('position', () => this.#server.inner.positionAt(time));
  }

  ping(): Promise<void> {
    return this.#ask('ping', () => this.#server.inner.ping());
  }

  /** The server goes on: only this process has no more use for it. */
  async close(): Promise<void> {
    for (const subscription of this.#subscriptions) await subscription.stop();
  }

  #ask<T>(what: string, work: () => Promise<T>): Promise<T> {
    const { faults } = this.#server;
    const slowMs = faults.strikes('store-slow') ? faults.upTo(SLOW_MS_MAX) : 0;
    return this.#process.ask(what, { thereMs: faults.way() + slowMs, backMs: faults.way() }, async () => {
      if (faults.strikes('store-down')) throw new UnavailableError(`${what}: the store is down`);
      return work();
    });
  }

  async *#inPages(what: string, events: readonly RecordedEvent[]): AsyncGenerator<RecordedEvent, void, undefined> {
    for (let at = 0; at < events.length; at++) {
      if (at > 0 && at % PAGE === 0) await this.#ask(what, async () => undefined);
      yield events[at] as RecordedEvent;
    }
  }
}

const SERVER = { name: 'store', state: 'running' } as const;

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

export class SimSubscription implements Subscription {
  readonly #server: StoreServer;
  readonly #process: SimProcess;
  readonly #stream: string | undefined;
  readonly #handlers: Handlers;
  readonly #onDone: () => void;
  #after: Position;
  #live = false;
  #stopped = false;
  #scheduled = false;
  #delivering: Promise<void> | undefined;
  #outUntilMs = 0;
  #resumed: Error | undefined;

  constructor(server: StoreServer, process: SimProcess, { after = 0n, stream }: SubscribeOptions, handlers: Handlers, onDone: () => void) {
    this.#server = server;
    this.#process = process;
    this.#stream = stream;
    this.#handlers = handlers;
    this.#after = after;
    this.#onDone = onDone;
  }

  /** The log may have grown. */
  wake(): void {
    if (this.#stopped || this.#scheduled || this.#delivering !== undefined) return;
    this.#scheduled = true;
    const { scheduler, faults } = this.#server;
    const slowMs = faults.strikes('store-slow') ? faults.upTo(SLOW_MS_MAX) : 0;
    scheduler.at(Math.max(scheduler.nowMs + faults.way() + slowMs, this.#outUntilMs), this.#process, 'appends of the log', () => {
      this.#scheduled = false;
      if (this.#stopped) return;
      // Thrown out while this was on its way.
      if (scheduler.nowMs < this.#outUntilMs) return this.wake();
      this.#delivering = this.#deliver().finally(() => {
        this.#delivering = undefined;
        if (!this.#atEnd || !this.#live) this.wake();
      });
    });
  }

  interrupt(ms: number): void {
    if (this.#stopped) return;
    this.#outUntilMs = this.#server.scheduler.nowMs + ms;
    this.#resumed = new Error('the store has thrown the subscriber out');
    this.#live = false;
    this.wake();
  }

  async stop(): Promise<void> {
    if (this.#process.state === 'dead') return never();
    this.#stopped = true;
    this.#server.remove(this);
    this.#onDone();
    await this.#delivering;
  }

  get #atEnd(): boolean {
    return this.#after >= this.#server.head;
  }

  async #deliver(): Promise<void> {
    const { appends, inner } = this.#server;
    try {
      const resumed = this.#resumed;
      this.#resumed = undefined;
      if (resumed !== undefined) this.#handlers.onResumed?.(resumed);
      const first = this.#server.indexAfter(this.#after);
      for (const append of appends.slice(first, first + DELIVERED_MAX)) {
        if (this.#isOver) return;
        if (this.#stream === undefined || append.stream === this.#stream) await this.#handlers.onAppend(append);
        this.#after = append.position;
      }
      if (this.#live || !this.#atEnd || this.#isOver) return;
      this.#live = true;
      await this.#handlers.onCaughtUp?.(await inner.head());
    } catch (error) {
      if (this.#isOver) return;
      this.#stopped = true;
      this.#server.remove(this);
      this.#onDone();
      this.#handlers.onEnded?.(error as Error);
    }
  }

  get #isOver(): boolean {
    return this.#stopped || this.#process.state === 'dead';
  }
}
