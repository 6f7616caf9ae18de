/**
 * A subscription: each event at least once, those of one resource in order, each again until its handler has done it. How far everything is done is kept
 * at the server under a name, so whoever comes back under that name goes on there.
 */
import { Acknowledged } from './acknowledged.ts';
import type { WeftEvent } from './cloud-event.ts';
import type { Gateway, Item } from './gateway.ts';
import { handled } from './handled.ts';
import { Lanes } from './lanes.ts';
import { Member } from './member.ts';
import { gatewayOf, IDLE_CHECKPOINT_EVERY, itemsOf, type SubscribeOptions, UNDER_WAY_MAX, type WeftSubscription } from './subscription.ts';
import { machineTimers, pause, type Timers } from './timers.ts';

export function subscribe(options: SubscribeOptions): WeftSubscription {
  return options.group === undefined ? new Following(options) : new Member(options);
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
  /** Whether the last answer was lost: nobody knows what was saved then. */
  #isUnsure = false;
  #doneSinceSaved = false;
  #idleRounds = 0;

  constructor(options: SubscribeOptions) {
    const { timers = machineTimers, atOnce = 1 } = options;
    this.#options = options;
    this.#timers = timers;
    this.#gateway = gatewayOf(options, timers);
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
    const { filter = {}, checkpoint, from } = this.#options;
    const { signal } = this.#abort;
    const saved = checkpoint === undefined ? undefined : await this.#gateway.checkpoint(checkpoint, signal);
    this.#saved = saved;
    const start = saved ?? from;
    const asked = { filter, signal, ...(start !== undefined && { from: start }) };
    return itemsOf(this.#options, asked, this.#gateway, this.#timers);
  }

  async #deliver(event: WeftEvent): Promise<void> {
    const { signal } = this.#abort;
    const { atOnce = 1 } = this.#options;
    await this.#acknowledged.room(UNDER_WAY_MAX);
    if (signal.aborted) return;
    const done = this.#acknowledged.add(event.cursor);
    this.#lanes.put(atOnce === 1 ? '' : event.subject, async () => {
      if (await handled(event, this.#options, this.#timers, signal)) {
        this.#doneSinceSaved = true;
        done();
      }
    });
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
      const previous = await this.#gateway.save(checkpoint, cursor);
      if (previous !== undefined && previous !== this.#saved && !this.#isUnsure) onRetry?.(takenError(checkpoint, previous));
      this.#saved = cursor;
      this.#isUnsure = false;
      this.#doneSinceSaved = false;
      this.#idleRounds = 0;
    } catch (error) {
      this.#isUnsure = true;
      onRetry?.(error as Error);
    }
  }
}

function takenError(checkpoint: string, cursor: string): Error {
  return new Error(
    `checkpoint "${checkpoint}" was moved to ${cursor} by another subscriber: a name of its own for each, or one \`group\` for all that share the work`,
  );
}
