/**
 * Group commit: while one batch is being made durable, the next one gathers. Nobody is answered before the batch is durable, and
 * answers leave in the order of the calls.
 *
 *   append ─┐                      ┌─ commit(take): judge and write the batch, resolve when durable
 *   append ─┼─> queue ── flush ────┤
 *   append ─┘                      ├─ settle: resolve or reject each append with its own outcome
 *                                  └─ publish: hand what was written to the subscriptions, behind the replies
 */
import { type Clock, type NewEvent, Slices, systemClock } from '@weft/api';
import type { Revision } from './append.rules.ts';
import { ClosedError, type StoreError, UnavailableError } from './errors.ts';
import type { LivePage } from './local-log.ts';
import type { AppendResult } from './port.ts';

export type PendingAppend = {
  readonly stream: string;
  readonly expected: Revision;
  readonly events: readonly NewEvent[];
  /** Set by the commit, answered to the caller once the batch is durable. */
  outcome: AppendResult | StoreError | undefined;
  readonly resolve: (result: AppendResult) => void;
  readonly reject: (error: Error) => void;
};

/**
 * Writes a batch and answers what it wrote, if anything. `take` empties the queue into the batch: called as late as possible, so
 * that a batch holds all that came until then.
 */
export type Commit = (take: () => readonly PendingAppend[]) => Promise<LivePage | undefined>;

/** Stands around each commit. Tests hold a flush back, or make it fail before or after. */
export type FlushSeam = (commit: () => Promise<void>) => Promise<void>;

/** Bounds one transaction: 1,024 appends take about 10 ms. */
const BATCH_APPENDS_MAX = 1_024;
/** What they set off takes about 2 ms. */
const ANSWERS_AT_ONCE = 16;
/** A failed commit that nobody has tried to repeat for so long says nothing about now. */
const TROUBLE_MS_MAX = 10_000;

export class GroupCommit {
  #queue: PendingAppend[] = [];
  #closed = false;
  #running: Promise<void> | undefined;
  /** Answers and publishes one batch after the other, while the next one is being committed already. */
  #settled: Promise<void> = Promise.resolve();
  readonly #slices: Slices;
  #failure: Readonly<{ error: Error; atMs: number }> | undefined;
  readonly #commit: Commit;
  readonly #flush: FlushSeam;
  readonly #clock: Clock;
  readonly #publish: (page: LivePage) => void;

  constructor({
    commit,
    publish,
    flush = (run) => run(),
    clock = systemClock,
  }: {
    commit: Commit;
    publish: (page: LivePage) => void;
    flush?: FlushSeam | undefined;
    clock?: Clock | undefined;
  }) {
    this.#commit = commit;
    this.#publish = publish;
    this.#flush = flush;
    this.#clock = clock;
    this.#slices = new Slices(clock);
  }

  push(stream: string, expected: Revision, events: readonly NewEvent[]): Promise<AppendResult> {
    if (this.#closed) return Promise.reject(new ClosedError('the store was closed'));
    return new Promise((resolve, reject) => {
      this.#queue.push({ stream, expected, events, outcome: undefined, resolve, reject });
      this.#running ??= this.#run();
    });
  }

  /** Why the last commit failed, when that was a moment ago. */
  get trouble(): Error | undefined {
    const failure = this.#failure;
    return failure !== undefined && this.#clock.monotonicMs() - failure.atMs < TROUBLE_MS_MAX ? failure.error : undefined;
  }

  /** Refuses further appends; resolves when those accepted before have been answered. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#running;
    await this.#settled;
  }

  async #run(): Promise<void> {
    await Promise.resolve(); // The appends of one turn share a batch.
    while (this.#queue.length > 0) {
      let batch: readonly PendingAppend[] = [];
      let written: LivePage | undefined;
      const take = () => {
        if (this.#queue.length <= BATCH_APPENDS_MAX) {
          batch = this.#queue;
          this.#queue = [];
        } else {
          batch = this.#queue.slice(0, BATCH_APPENDS_MAX);
          this.#queue = this.#queue.slice(BATCH_APPENDS_MAX);
        }
        return batch;
      };
      try {
        await this.#flush(async () => {
          written = await this.#commit(take);
        });
        this.#failure = undefined;
        this.#settled = this.#settle(this.#settled, batch, written);
      } catch (cause) {
        this.#failure = { error: new UnavailableError(`appends fail: ${textOf(cause)}`, { cause }), atMs: this.#clock.monotonicMs() };
        if (batch.length === 0) take(); // Failed before it took any: whoever waits gets the error, and decides about a retry.
        for (const append of batch) append.reject(unavailable(append, cause));
      }
    }
    this.#running = undefined;
  }

  /**
   * What some answers set off runs before the next ones are given, so that a large batch does not keep the process from everything else. Some at a time,
   * since what is sent for them then leaves in one write to the bus.
   */
  async #settle(former: Promise<void>, batch: readonly PendingAppend[], written: LivePage | undefined): Promise<void> {
    await former;
    for (let first = 0; first < batch.length; first += ANSWERS_AT_ONCE) {
      for (const append of batch.slice(first, first + ANSWERS_AT_ONCE)) settle(append);
      await this.#slices.next();
    }
    if (written !== undefined) this.#publish(written);
  }
}

function settle(append: PendingAppend): void {
  const { outcome } = append;
  if (outcome === undefined) append.reject(unavailable(append, new Error('the commit left it out')));
  else if (outcome instanceof Error) append.reject(outcome);
  else append.resolve(outcome);
}

function unavailable(append: PendingAppend, cause: unknown): Error {
  return new UnavailableError(`append to "${append.stream}": outcome unknown: ${textOf(cause)}`, { cause });
}

const textOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));
