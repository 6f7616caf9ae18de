/**
 * A subscription to a log of this process. It reads pages until it has reached the end, then takes what commits hand over. What it
 * cannot take (its queue is full, or another process wrote in between) it reads again from the log, so nothing is lost or doubled:
 *
 *   ... delivered | being delivered | queued |  not taken, to be read
 *                                            ^ tail
 *
 * A live page is taken only when it begins at `tail`; the log is read only when nothing is queued. Pages cut appends: what is delivered is whole.
 */
import type { Append, RecordedEvent, Timers } from '@weft/api';
import { AppendGrouping, beginningOf, eventsBefore } from './append-grouping.ts';
import type { LivePage, LocalLog } from './local-log.ts';
import type { Subscription, SubscriptionHandlers } from './port.ts';

const READ_EVENTS = 256;
const QUEUE_EVENTS_MAX = 8_192;

export type LocalSubscriptionOptions = Readonly<{
  log: LocalLog;
  stream: string | undefined;
  after: number;
  handlers: SubscriptionHandlers;
  clock: Pick<Timers, 'soon'>;
  /** Called once, when it has ended for whatever reason. */
  onDone: (subscription: LocalSubscription) => void;
}>;

export class LocalSubscription implements Subscription {
  readonly #log: LocalLog;
  readonly #stream: string | undefined;
  readonly #handlers: SubscriptionHandlers;
  readonly #clock: Pick<Timers, 'soon'>;
  readonly #grouping = new AppendGrouping();
  #begun = false;
  #tail: number;
  #queue: LivePage[] = [];
  #queuedEvents = 0;
  /** Events that were handed over from the queue since others had a turn. */
  #unpaused = 0;
  #live = false;
  #lagged = false;
  #stopped = false;
  #wake: (() => void) | undefined;
  readonly #done: Promise<void>;

  constructor({ log, stream, after, handlers, clock, onDone }: LocalSubscriptionOptions) {
    this.#log = log;
    this.#stream = stream;
    this.#tail = after;
    this.#handlers = handlers;
    this.#clock = clock;
    this.#done = this.#run().then(() => onDone(this));
  }

  /** Hands over what a commit wrote. */
  publish(page: LivePage): void {
    if (!this.#live || this.#stopped) return;
    if (page.after === this.#tail && this.#queuedEvents < QUEUE_EVENTS_MAX) {
      this.#queue.push(page);
      this.#queuedEvents += page.events.length;
      this.#tail = page.upTo;
    } else if (this.#queuedEvents >= QUEUE_EVENTS_MAX) {
      this.#lagged = true;
    }
    this.wake();
  }

  /** The log may have grown. */
  wake(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.wake();
    await this.#done;
  }

  /** Ends it, with a reason for the owner. */
  async end(cause: Error): Promise<void> {
    if (!this.#stopped) {
      this.#stopped = true;
      this.#handlers.onEnded?.(cause);
    }
    this.wake();
    await this.#done;
  }

  async #run(): Promise<void> {
    await Promise.resolve(); // No handler runs before `subscribe` has returned.
    try {
      while (!this.#stopped) await this.#step();
    } catch (error) {
      if (this.#stopped) return;
      this.#stopped = true;
      this.#handlers.onEnded?.(error instanceof Error ? error : new Error(String(error)));
    }
  }

  async #step(): Promise<void> {
    const queued = this.#queue.shift();
    if (queued !== undefined) {
      await this.#deliver(queued.events);
      this.#queuedEvents -= queued.events.length;
      this.#unpaused += queued.events.length;
      if (this.#unpaused >= READ_EVENTS && this.#queue.length > 0) await this.#pause();
      return;
    }
    if (this.#lagged) {
      this.#lagged = false;
      this.#live = false;
      this.#handlers.onResumed?.(new Error(`the subscriber lagged by more than ${QUEUE_EVENTS_MAX} events`));
    }
    const head = this.#log.headToFollow(); // Before the page: what comes later is behind it.
    if (head > this.#tail) {
      const page = this.#read(head);
      const last = page.at(-1);
      this.#tail = last !== undefined && page.length >= READ_EVENTS ? Number(last.position) : Math.max(head, Number(last?.position ?? 0n));
      await this.#deliver(page);
      if (page.length >= READ_EVENTS) await this.#pause();
      return;
    }
    // Appends become visible as a whole, so at the end of the log none is to be continued.
    const rest = this.#grouping.rest();
    if (rest !== undefined) return this.#hand([rest]);
    if (!this.#live) {
      this.#live = true;
      await this.#handlers.onCaughtUp?.(BigInt(this.#tail));
      return;
    }
    this.#unpaused = 0;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }

  /** A subscriber that is behind does not keep the process from everything else. */
  async #pause(): Promise<void> {
    this.#unpaused = 0;
    await new Promise<void>((resolve) => void this.#clock.soon(resolve));
  }

  #read(head: number): readonly RecordedEvent[] {
    // Positions of events differ by one at least.
    if (this.#stream === undefined) return this.#log.pageAfter(this.#tail, Math.min(READ_EVENTS, head - this.#tail));
    const from = this.#log.revisionAfter(this.#stream, this.#tail);
    return from > this.#log.headOf(this.#stream) ? [] : this.#log.streamPage(this.#stream, from, 'forwards', READ_EVENTS);
  }

  #deliver(events: readonly RecordedEvent[]): Promise<void> | undefined {
    const wanted = this.#stream === undefined ? events : events.filter(({ stream }) => stream === this.#stream);
    const [first] = wanted;
    if (first === undefined) return undefined;
    const beginning = this.#begun ? [] : this.#beginningOf(first);
    this.#begun = true;
    return this.#hand(this.#grouping.add(beginning.length === 0 ? wanted : [...beginning, ...wanted]));
  }

  async #hand(appends: readonly Append[]): Promise<void> {
    for (const append of appends) {
      if (this.#stopped) return;
      const handled = this.#handlers.onAppend(append);
      if (handled !== undefined) await handled;
    }
  }

  /** Where it begins in the middle of an append: the events before. */
  #beginningOf(event: RecordedEvent): readonly RecordedEvent[] {
    const count = eventsBefore(event);
    return count === 0 ? [] : beginningOf(event, this.#log.streamPage(event.stream, Number(event.revision) - count, 'forwards', count));
  }
}
