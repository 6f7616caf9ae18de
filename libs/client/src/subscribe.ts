/**
 * A subscription: each event at least once, those of one resource in order, each again until its handler has done it. How far everything is done is kept
 * at the server under a name, so whoever comes back under that name goes on there.
 */
import { Acknowledged } from './acknowledged.ts';
import { busEvents, canFollowBus, type EventBus } from './bus-source.ts';
import type { EventFilter, WeftEvent } from './cloud-event.ts';
import { Gateway, type Item } from './gateway.ts';
import { Lanes } from './lanes.ts';
import { machineTimers, pause, type Timers } from './timers.ts';

export type SubscribeOptions = Readonly<{
  /** A gateway, or several: `http://127.0.0.1:7480`. */
  server: string | readonly string[];
  /** Live from here; without it, and for label selectors and shares, over HTTP alone. */
  bus?: EventBus;
  filter?: EventFilter;
  /** Keeps how far everything is done under this name: lower-case letters, digits, `-`, `.`. */
  checkpoint?: string;
  /** Where it begins when there is no checkpoint yet: `0` is the start; an id; a time. Default: now. */
  from?: string;
  /** Its return acknowledges the event. When it throws it is called again, after 0.1 s, 0.2 s, … 30 s; later events of that resource wait. */
  handle: (event: WeftEvent) => void | Promise<void>;
  /** Resources whose events are handled side by side. Default 1: everything in the order of the log. */
  atOnce?: number;
  /** Default 5 s. */
  checkpointEveryMs?: number;
  /** Told each time that everything there is has been delivered; it may not be done yet. */
  onCaughtUp?: (position: string) => void;
  /** Told of what is tried again: connections, handlers, checkpoints. */
  onRetry?: (error: Error) => void;
  timers?: Timers;
}>;

export interface WeftSubscription {
  /** Everything up to here is done. It begins with the position. */
  readonly cursor: string | undefined;
  /** Resolves when it was stopped; rejects with a WeftRefusedError when it cannot go on: its position is none of this log, or its filter makes no sense. */
  readonly ended: Promise<void>;
  /** Takes no more, waits for handlers that run, saves the checkpoint. */
  stop(): Promise<void>;
  /** Stops as if the process had been killed: nothing is waited for or saved. */
  abandon(): void;
}

const UNDER_WAY_MAX = 1_000;
const RETRY_MS_MIN = 100;
const RETRY_MS_MAX = 30_000;
/** Progress without an event is worth a checkpoint now and then. */
const IDLE_CHECKPOINT_EVERY = 12;

export function subscribe(options: SubscribeOptions): WeftSubscription {
  return new Following(options);
}

class Following implements WeftSubscription {
  readonly #options: SubscribeOptions;
  readonly #timers: Timers;
  readonly #gateway: Gateway;
  readonly #lanes: Lanes;
  readonly #acknowledged = new Acknowledged();
  readonly #abort = new AbortController();
  readonly ended: Promise<void>;
  #saved: string | undefined;
  #doneSinceSaved = false;
  #idleRounds = 0;

  constructor(options: SubscribeOptions) {
    const { server, timers = machineTimers, onRetry = () => {}, atOnce = 1 } = options;
    this.#options = options;
    this.#timers = timers;
    this.#gateway = new Gateway({ servers: [server].flat().map((each) => each.replace(/\/+$/, '')), timers, onRetry });
    this.#lanes = new Lanes(atOnce);
    this.#abort.signal.addEventListener('abort', () => this.#acknowledged.end());
    this.ended = this.#run();
    this.ended.catch(() => {}); // Whoever wants to know awaits it.
  }

  get cursor(): string | undefined {
    return this.#acknowledged.cursor;
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await this.ended.catch(() => {});
    await this.#lanes.done();
    await this.#save(true);
  }

  abandon(): void {
    this.#abort.abort();
  }

  async #run(): Promise<void> {
    const { signal } = this.#abort;
    const saving = this.#saveNowAndThen();
    try {
      for await (const item of await this.#items()) {
        if (signal.aborted) return;
        if ('event' in item) await this.#deliver(item.event);
        else {
          this.#acknowledged.add(item.cursor)();
          if (item.caughtUp) this.#options.onCaughtUp?.(item.position);
        }
      }
    } finally {
      this.#abort.abort();
      await saving;
    }
  }

  async #items(): Promise<AsyncIterable<Item>> {
    const { bus, filter = {}, checkpoint, from } = this.#options;
    const { signal } = this.#abort;
    const saved = checkpoint === undefined ? undefined : await this.#gateway.checkpoint(checkpoint, signal);
    this.#saved = saved;
    const start = saved ?? from;
    const asked = { filter, signal, ...(start !== undefined && { from: start }) };
    if (bus === undefined || !canFollowBus(filter)) return this.#gateway.events({ ...asked, follow: true });
    return busEvents({ ...asked, bus, gateway: this.#gateway, timers: this.#timers });
  }

  async #deliver(event: WeftEvent): Promise<void> {
    const { signal } = this.#abort;
    const { atOnce = 1 } = this.#options;
    await this.#acknowledged.room(UNDER_WAY_MAX);
    if (signal.aborted) return;
    const done = this.#acknowledged.add(event.cursor);
    this.#lanes.put(atOnce === 1 ? '' : event.subject, async () => {
      if (await this.#handle(event)) {
        this.#doneSinceSaved = true;
        done();
      }
    });
  }

  /** False when it was stopped before the event was done. */
  async #handle(event: WeftEvent): Promise<boolean> {
    const { handle, onRetry } = this.#options;
    const { signal } = this.#abort;
    for (let failures = 0; !signal.aborted; failures++) {
      try {
        await handle(event);
        return true;
      } catch (error) {
        onRetry?.(error as Error);
        await pause(this.#timers, Math.min(RETRY_MS_MIN * 2 ** Math.min(failures, 10), RETRY_MS_MAX), signal);
      }
    }
    return false;
  }

  async #saveNowAndThen(): Promise<void> {
    const { checkpoint, checkpointEveryMs = 5_000 } = this.#options;
    const { signal } = this.#abort;
    while (checkpoint !== undefined && !signal.aborted) {
      await pause(this.#timers, checkpointEveryMs, signal);
      if (!signal.aborted) await this.#save(false);
    }
  }

  async #save(now: boolean): Promise<void> {
    const { checkpoint, onRetry } = this.#options;
    const { cursor } = this.#acknowledged;
    if (checkpoint === undefined || cursor === undefined || cursor === this.#saved) return;
    if (!now && !this.#doneSinceSaved && ++this.#idleRounds < IDLE_CHECKPOINT_EVERY) return;
    try {
      await this.#gateway.save(checkpoint, cursor);
      this.#saved = cursor;
      this.#doneSinceSaved = false;
      this.#idleRounds = 0;
    } catch (error) {
      onRetry?.(error as Error);
    }
  }
}
