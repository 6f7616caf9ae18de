/** Repeats an append, with the same ids and expected revision, until its outcome is known or the time is up. */
import type { NewEvent } from '@weft/api';
import { type AppendResult, ClosedError, type EventStore, type ExpectedRevision, UnavailableError } from '@weft/event-store';
import type { Clock } from '../platform.ts';

const BACKOFF_MS_MIN = 20;
const BACKOFF_MS_MAX = 500;
const ATTEMPTS_MAX = 100;

/** Rejects as `EventStore.append` does; with UnavailableError only once `deadlineMs()` (monotonic) has passed. */
export async function appendSurely(
  port: Readonly<{ store: EventStore; clock: Clock }>,
  stream: string,
  expected: ExpectedRevision,
  events: readonly NewEvent[],
  deadlineMs: () => number,
): Promise<AppendResult> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await port.store.append(stream, expected, events);
    } catch (error) {
      // A closed store may have been closed under an append that it had begun.
      if (error instanceof ClosedError) throw new UnavailableError(error.message, { cause: error });
      if (!(error instanceof UnavailableError) || attempt >= ATTEMPTS_MAX) throw error;
      const pauseMs = Math.min(BACKOFF_MS_MIN * 2 ** Math.min(attempt, 6), BACKOFF_MS_MAX);
      if (port.clock.monotonicMs() + pauseMs >= deadlineMs()) throw error;
      await port.clock.pause(pauseMs);
    }
  }
}
