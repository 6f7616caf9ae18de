/** Repeats an append, with the same ids and expected revision, until its outcome is known or the time is up. */
import type { NewEvent } from '@weft/api';
import { type AppendResult, ClosedError, type EventStore, type ExpectedRevision, UnavailableError } from '@weft/event-store';
import type { Clock } from '../platform.ts';

const BACKOFF_MS_MIN = 20;
const BACKOFF_MS_MAX = 500;
const ATTEMPTS_MAX = 100;

/** A failure that nothing followed is shown for this long: a store that is asked for nothing may have come back meanwhile. */
const SHOWN_MS = 10_000;

/** Whether appends of this writer get through: a store may answer reads and take no writes (a full disk, a cluster without a leader). */
export class AppendHealth {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  #failure: Readonly<{ message: string; atMs: number }> | undefined;

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock;
  }

  /** The store judged an append, whatever it said. */
  judged(): void {
    this.#failure = undefined;
  }

  failed({ message }: Error): void {
    this.#failure = { message, atMs: this.#clock.monotonicMs() };
  }

  problems(): readonly string[] {
    const failure = this.#failure;
    if (failure === undefined || this.#clock.monotonicMs() - failure.atMs > SHOWN_MS) return [];
    return [`the event store does not take writes: ${failure.message}`];
  }
}

/** Rejects as `EventStore.append` does; with UnavailableError only once `deadlineMs()` (monotonic) has passed. */
export async function appendSurely(
  port: Readonly<{ store: EventStore; clock: Clock; appends: AppendHealth }>,
  stream: string,
  expected: ExpectedRevision,
  events: readonly NewEvent[],
  deadlineMs: () => number,
): Promise<AppendResult> {
  for (let attempt = 0; ; attempt++) {
    try {
      const result = await port.store.append(stream, expected, events);
      port.appends.judged();
      return result;
    } catch (error) {
      if (error instanceof UnavailableError) port.appends.failed(error);
      else port.appends.judged();
      // A closed store may have been closed under an append that it had begun.
      if (error instanceof ClosedError) throw new UnavailableError(error.message, { cause: error });
      if (!(error instanceof UnavailableError) || attempt >= ATTEMPTS_MAX) throw error;
      const pauseMs = Math.min(BACKOFF_MS_MIN * 2 ** Math.min(attempt, 6), BACKOFF_MS_MAX);
      if (port.clock.monotonicMs() + pauseMs >= deadlineMs()) throw error;
      await port.clock.pause(pauseMs);
    }
  }
}
