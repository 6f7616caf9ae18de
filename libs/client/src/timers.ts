/** Time, passed in so that tests need not wait. The default is the machine's. */
export interface Timers {
  after(ms: number, run: () => void): Readonly<{ cancel(): void }>;
}

export const machineTimers: Timers = {
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return { cancel: () => clearTimeout(timer) };
  },
};

/** Resolves after `ms`, or at once when the signal says so. */
export function pause(timers: Timers, ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const settle = () => {
      timer.cancel();
      signal.removeEventListener('abort', settle);
      resolve();
    };
    const timer = timers.after(ms, settle);
    signal.addEventListener('abort', settle);
  });
}

/** A rest that can be ended: the present one, or else the next one. */
export class Nap {
  readonly #timers: Timers;
  #isEnded = false;
  #wake: () => void = () => {};

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  end(): void {
    this.#isEnded = true;
    this.#wake();
  }

  async rest(ms: number): Promise<void> {
    if (!this.#isEnded) {
      await new Promise<void>((resolve) => {
        const timer = this.#timers.after(ms, resolve);
        this.#wake = () => {
          timer.cancel();
          resolve();
        };
      });
    }
    this.#isEnded = false;
  }
}
