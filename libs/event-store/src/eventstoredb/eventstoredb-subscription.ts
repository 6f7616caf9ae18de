/**
 * A subscription that outlives what the server does to it: a lost connection, a subscriber thrown out because it lagged (eventstoredb E-25,
 * E-26). Each time it subscribes again behind the last append it delivered, with what was delivered before left out.
 */
import type { AllStreamResolvedEvent, AllStreamSubscription, ResolvedEvent, StreamSubscription } from '@eventstore/db-client';
import { type Append, type Clock, type RecordedEvent, systemRandom } from '@weft/api';
import { AppendGrouping } from '../append-grouping.ts';
import { StoreError, UnavailableError } from '../errors.ts';
import type { Subscription, SubscriptionHandlers } from '../port.ts';
import type { Connection } from './connection.ts';
import { fromResolved } from './event.codec.ts';
import { toStoreError } from './fault.mapping.ts';

/** `empty`: the server never reports that it caught up with a stream that does not exist yet. */
export type Opened = Readonly<{ source: AllStreamSubscription | StreamSubscription; empty: boolean }>;

export type SubscriptionOptions = Readonly<{
  after: bigint;
  handlers: SubscriptionHandlers;
  /** Subscribes on the server behind a position, which may be no record's. Each call is one attempt. */
  open: (after: bigint) => Promise<Opened>;
  /** The events of its append that stand before an event. */
  readBeginning: (event: RecordedEvent) => Promise<readonly RecordedEvent[]>;
  /** What passed by, for the position index. */
  onPage: (after: bigint, events: readonly RecordedEvent[]) => void;
  onDone: (subscription: EventStoreDbSubscription) => void;
  retry: RetryPolicy;
  clock: Clock;
  connection: Connection;
  /** A server that does not confirm a subscription within this time is frozen, and is given up. */
  openedWithinMs: number;
}>;

/** Pauses between attempts, doubled from one to the next. */
export type RetryPolicy = Readonly<{ pauseMsMin: number; pauseMsMax: number }>;

/** Events taken from the server ahead of the handler. */
const BUFFERED_MAX = 1_024;
const CAUGHT_UP = Symbol('caught up');
type Item = ResolvedEvent | AllStreamResolvedEvent | typeof CAUGHT_UP;

export class EventStoreDbSubscription implements Subscription {
  readonly #options: SubscriptionOptions;
  /** Position of the last append that was delivered. */
  #cursor: bigint;
  /** Position of the last event that was taken. */
  #taken: bigint;
  #grouping = new AppendGrouping();
  #caughtUp = false;
  #stopped = false;
  #interrupt = () => {};
  readonly #done: Promise<void>;

  constructor(options: SubscriptionOptions) {
    this.#options = options;
    this.#cursor = this.#taken = options.after;
    this.#done = this.#run().then(() => options.onDone(this));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#interrupt();
    await this.#done;
  }

  /** Ends it, with a reason for the owner. */
  async end(cause: Error): Promise<void> {
    if (!this.#stopped) {
      this.#stopped = true;
      this.#options.handlers.onEnded?.(cause);
    }
    this.#interrupt();
    await this.#done;
  }

  async #run(): Promise<void> {
    const { pauseMsMin, pauseMsMax } = this.#options.retry;
    let pauseMs = pauseMsMin;
    let lost: StoreError | undefined;
    while (!this.#stopped) {
      const before = this.#cursor;
      try {
        await this.#once(() => {
          if (lost !== undefined) this.#options.handlers.onResumed?.(lost);
          lost = undefined;
        });
      } catch (error) {
        if (this.#stopped) return;
        if (error instanceof HandlerFailed || (error instanceof StoreError && error.retry === 'no')) {
          this.#stopped = true;
          this.#options.handlers.onEnded?.(error instanceof HandlerFailed ? error.error : error);
          return;
        }
        lost = toStoreError(error, 'subscription lost');
      }
      if (this.#stopped) return;
      pauseMs = this.#cursor > before ? pauseMsMin : Math.min(pauseMs * 2, pauseMsMax);
      await this.#pause(pauseMs * (0.5 + systemRandom() / 2));
    }
  }

  /** One subscription on the server, until it is lost. */
  async #once(onOpened: () => void): Promise<void> {
    this.#grouping = new AppendGrouping();
    this.#taken = this.#cursor;
    this.#caughtUp = false;
    const { clock, connection, openedWithinMs } = this.#options;
    const opened = await this.#openOrStop();
    if (opened === undefined) return;
    const { source, empty } = opened;
    const line = connection.line();
    let items: Item[] = [];
    let failure: unknown;
    let emitted = 0;
    let caughtUpAfter = -1;
    let wake = () => {};
    // Stays after the end: some errors are emitted twice, and one that nobody hears ends the process (E-25).
    source.on('error', (error: unknown) => {
      failure ??= error;
      wake();
    });
    source.on('end', () => {
      failure ??= new UnavailableError('the server ended the subscription');
      wake();
    });
    const noteCaughtUp = () => {
      if (caughtUpAfter < 0 || caughtUpAfter > emitted) return;
      caughtUpAfter = -1;
      items.push(CAUGHT_UP);
    };
    const late = clock.after(openedWithinMs, () => {
      failure ??= new UnavailableError(`the server confirmed no subscription within ${openedWithinMs} ms`);
      if (clock.monotonicMs() - connection.heardAtMs >= openedWithinMs) line.giveUp();
      wake();
    });
    source.on('confirmation', () => {
      late.cancel();
      onOpened();
      if (empty) items.push(CAUGHT_UP);
      wake();
    });
    source.on('caughtUp' as 'confirmation', () => {
      if (empty) return;
      caughtUpAfter = emitted + source.readableLength; // The client reports it ahead of the events that it still holds.
      noteCaughtUp();
      wake();
    });
    source.on('data', (event: ResolvedEvent) => {
      connection.heardAtMs = clock.monotonicMs();
      emitted++;
      items.push(event);
      noteCaughtUp();
      if (items.length >= BUFFERED_MAX) source.pause();
      wake();
    });
    this.#interrupt = () => wake();
    try {
      while (!this.#stopped) {
        if (items.length > 0) {
          const page = items;
          items = [];
          if (source.isPaused()) source.resume();
          await this.#deliver(page);
        } else if (failure !== undefined) {
          throw failure;
        } else {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      }
    } finally {
      this.#interrupt = () => {};
      late.cancel();
      drop(source);
    }
  }

  /** Undefined when it was stopped meanwhile: what a frozen server may still open is dropped when it comes. */
  async #openOrStop(): Promise<Opened | undefined> {
    const opening = this.#options.open(this.#cursor);
    const stopped = new Promise<undefined>((resolve) => {
      this.#interrupt = () => resolve(undefined);
    });
    const opened = await Promise.race([opening, stopped]);
    if (opened === undefined) opening.then(({ source }) => drop(source)).catch(() => {});
    return opened;
  }

  async #deliver(items: readonly Item[]): Promise<void> {
    const from = this.#taken;
    const taken: RecordedEvent[] = [];
    try {
      for (const item of items) {
        if (this.#stopped) return;
        if (item === CAUGHT_UP) this.#caughtUp = true;
        else {
          const event = fromResolved(item);
          if (event === undefined || event.position <= this.#taken) continue;
          const beginning = await this.#beginningOf(event);
          this.#taken = event.position;
          taken.push(event);
          await this.#hand(this.#grouping.add([...beginning, event]));
        }
        await this.#tellCaughtUp();
      }
    } finally {
      this.#options.onPage(from, taken);
    }
  }

  /** Where it begins in the middle of an append: the events before. */
  async #beginningOf(event: RecordedEvent): Promise<readonly RecordedEvent[]> {
    const isFirst = this.#taken === this.#options.after && !this.#grouping.isOpen;
    return isFirst ? this.#options.readBeginning(event) : [];
  }

  async #hand(appends: readonly Append[]): Promise<void> {
    for (const append of appends) {
      if (this.#stopped) return;
      this.#cursor = append.position;
      await handled(() => this.#options.handlers.onAppend(append));
    }
  }

  /** The server may go live in the middle of an append. */
  async #tellCaughtUp(): Promise<void> {
    if (!this.#caughtUp || this.#grouping.isOpen || this.#stopped) return;
    this.#caughtUp = false;
    await handled(() => this.#options.handlers.onCaughtUp?.(this.#cursor));
  }

  async #pause(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = this.#options.clock.after(ms, resolve);
      this.#interrupt = () => {
        timer.cancel();
        resolve();
      };
    });
    this.#interrupt = () => {};
  }
}

function drop(source: Opened['source']): void {
  source.on('error', () => {}); // Nobody else may listen, and one that nobody hears ends the process (E-25).
  source.unsubscribe().catch(() => {}); // It never began.
  source.destroy();
}

/** A handler threw: unlike everything else, this ends the subscription. */
class HandlerFailed extends Error {
  constructor(readonly error: Error) {
    super(error.message);
  }
}

async function handled(call: () => void | Promise<void>): Promise<void> {
  try {
    const result = call();
    if (result !== undefined) await result;
  } catch (error) {
    throw new HandlerFailed(error instanceof Error ? error : new Error(String(error)));
  }
}
