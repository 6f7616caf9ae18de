import type { Clock } from './clock.ts';

/** How long one piece of work may keep the event loop from everything else (DESIGN 10.20). */
export const SLICE_MS = 5;

/**
 * Cuts long work into slices, between which timers and sockets have their turn. What else runs in the same turn of the event loop counts, too, so it does
 * not matter who calls, and how often.
 */
export class Slices {
  readonly #clock: Pick<Clock, 'monotonicMs' | 'soon'>;
  /** Since when this turn of the event loop works on it. */
  #sinceMs: number | undefined;

  constructor(clock: Pick<Clock, 'monotonicMs' | 'soon'>) {
    this.#clock = clock;
  }

  /** To be called after each piece: undefined when the next one may follow at once, else a promise of the next slice, to be awaited. */
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

  /** For many who share one slice, before each piece: undefined when it may begin, which it must at once, else a promise of its turn. */
  turn(): Promise<void> | undefined {
    const next = this.next();
    return next && this.#later(next);
  }

  async #later(first: Promise<void>): Promise<void> {
    for (let next: Promise<void> | undefined = first; next !== undefined; next = this.next()) await next;
  }
}
