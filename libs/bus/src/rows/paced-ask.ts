import type { Clock, Random } from '@weft/api';
import { Backoff } from '../backoff.ts';
import type { BusLog } from '../log.ts';

export type PacedAskOptions = Readonly<{
  clock: Clock;
  random: Random;
  log: BusLog;
  /** Wait after an ask that failed; doubles. */
  retryMsFirst: number;
  retryMsMax: number;
}>;

/** Repeats one kind of ask: one at a time, and after a failure only after a growing pause. */
export class PacedAsk {
  readonly #options: PacedAskOptions;
  readonly #backoff: Backoff;
  #dueMs = 0;
  #isUnderWay = false;

  constructor(options: PacedAskOptions) {
    this.#options = options;
    this.#backoff = new Backoff(options.retryMsFirst, options.retryMsMax, options.random);
  }

  get isUnderWay(): boolean {
    return this.#isUnderWay;
  }

  /** Time on the monotonic clock before which it should not be asked. */
  get dueMs(): number {
    return this.#dueMs;
  }

  /** From now on it may be asked at once, and pauses begin short again. */
  reset(): void {
    this.#backoff.reset();
    this.#dueMs = 0;
  }

  /** Never rejects: a failure is logged. `pauseMs`: how long to wait before the next ask, though this one succeeded. */
  async run(ask: () => Promise<void>, failed: Readonly<{ fields: object; message: string }>, pauseMs = 0): Promise<void> {
    const { clock, log } = this.#options;
    this.#isUnderWay = true;
    try {
      await ask();
      this.#backoff.reset();
      if (pauseMs > 0) this.#dueMs = clock.monotonicMs() + pauseMs;
    } catch (error) {
      this.#dueMs = clock.monotonicMs() + this.#backoff.nextMs();
      log.debug({ err: error, ...failed.fields }, failed.message);
    }
    this.#isUnderWay = false;
  }
}
