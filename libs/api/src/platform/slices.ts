import type { Clock } from './clock.ts';

/** How long one piece of work may keep the event loop from everything else (DESIGN 10.20). */
export const SLICE_MS = 5;

type Time = Pick<Clock, 'monotonicMs' | 'soon'>;

/**
 * Cuts long work into slices, between which timers and sockets have their turn. What else runs in the same turn of the event loop counts, too, so it does
 * not matter who calls, and how often. Those who take turns have a slice of their own beside it: work that goes on piece by piece would take all of a
 * common one where the processor is short, and they would wait for ever.
 */
export class Slices {
  readonly #pieces: Slice;
  readonly #turns: Slice;

  constructor(clock: Time) {
    this.#pieces = new Slice(clock);
    this.#turns = new Slice(clock);
  }

  /** To be called after each piece: undefined when the next one may follow at once, else a promise of the next slice, to be awaited. */
  next(): Promise<void> | undefined {
    return this.#pieces.next();
  }

  /** For many who share one slice, before each piece: undefined when it may begin, which it must at once, else a promise of its turn. */
  turn(): Promise<void> | undefined {
    const next = this.#turns.next();
    return next && this.#later(next);
  }

  async #later(first: Promise<void>): Promise<void> {
    for (let next: Promise<void> | undefined = first; next !== undefined; next = this.#turns.next()) await next;
  }
}

class Slice {
  readonly #clock: Time;
  /** Since when this turn of the event loop works on it. */
  #sinceMs: number | undefined;

  constructor(clock: Time) {
    this.#clock = clock;
  }

  next(): Promise<void> | undefined {
    const nowMs = this.#clock.monotonicMs();
    if (this.#sinceMs === undefined) {
      this.#sinceMs = nowMs;
      this.#clock.soon(() => {
        this.#sinceMs = undefined;
      });
      return undefined;
    }
    if (nowMs - this.#sinceMs < SLICE_MS) return undefined;
    return new Promise((resolve) => {
      this.#clock.soon(resolve);
    });
  }
}
