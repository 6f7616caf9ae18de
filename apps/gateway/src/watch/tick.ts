import type { Clock } from '@weft/api';

const GATHER_MS_MAX = 100;
const TOLD_PER_MS = 10;

/** When to tell those who wait: at once where they are few; the more are told at a time, the rarer, since each of them costs a write of its own. */
export class Tick {
  readonly #clock: Clock;
  readonly #tell: () => void;
  #isDue = false;
  #toldMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, tell: () => void) {
    this.#clock = clock;
    this.#tell = tell;
  }

  /** There is something for so many. A repeat before they are told does nothing. */
  due(count: number): void {
    if (this.#isDue || count === 0) return;
    this.#isDue = true;
    const waitMs = this.#toldMs + Math.min(GATHER_MS_MAX, count / TOLD_PER_MS) - this.#clock.monotonicMs();
    const tell = () => {
      this.#isDue = false;
      this.#toldMs = this.#clock.monotonicMs();
      this.#tell();
    };
    if (waitMs <= 0) this.#clock.soon(tell);
    else this.#clock.after(waitMs, tell);
  }
}
