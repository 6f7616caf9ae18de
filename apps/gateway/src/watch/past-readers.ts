/**
 * Watches that have fallen behind the changes at hand read the log again, each for itself: a few at a time, since many together would cost more than all
 * else that a gateway does. Who does not get a turn is told to list again.
 *
 *   behind ──> in line ──(turn)──> reads and folds ──> at hand again
 *                 └──(no turn in time)──> 410
 */
import type { Timers } from '@weft/api';

const READERS_MAX = 8;
const WAIT_MS_MAX = 5_000;

export class PastReaders {
  readonly #timers: Timers;
  /** In the order in which they came. */
  readonly #waiting = new Set<(isIn: boolean) => void>();
  #reading = 0;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  /** True when it is the caller's turn, who says `leave` when it is over; false when no turn came in time. */
  enter(): Promise<boolean> {
    if (this.#reading < READERS_MAX) {
      this.#reading += 1;
      return Promise.resolve(true);
    }
    return new Promise((resolve) => {
      const settle = (isIn: boolean) => {
        timer.cancel();
        this.#waiting.delete(settle);
        resolve(isIn);
      };
      const timer = this.#timers.after(WAIT_MS_MAX, () => settle(false));
      this.#waiting.add(settle);
    });
  }

  leave(): void {
    const [next] = this.#waiting;
    if (next === undefined) this.#reading -= 1;
    else next(true);
  }
}
