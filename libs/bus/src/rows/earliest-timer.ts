import type { Timer, Timers } from '@weft/api';

/** A timer that may be set again and again: the earliest time counts. */
export class EarliestTimer {
  readonly #clock: Timers & Readonly<{ monotonicMs(): number }>;
  readonly #run: () => void;
  #timer: Timer | undefined;
  #dueMs = 0;

  constructor(clock: Timers & Readonly<{ monotonicMs(): number }>, run: () => void) {
    this.#clock = clock;
    this.#run = run;
  }

  get isSet(): boolean {
    return this.#timer !== undefined;
  }

  /** Runs after `ms`, or before when it was set to an earlier time. */
  set(ms: number): void {
    const afterMs = Math.max(0, ms);
    const dueMs = this.#clock.monotonicMs() + afterMs;
    if (this.#timer !== undefined && this.#dueMs <= dueMs) return;
    this.#timer?.cancel();
    this.#dueMs = dueMs;
    this.#timer = this.#clock.after(afterMs, () => {
      this.#timer = undefined;
      this.#run();
    });
  }

  cancel(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}
