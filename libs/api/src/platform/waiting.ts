import type { Timer, Timers } from './clock.ts';

/** A pause that somebody else may end early. One at a time. */
export class Nap {
  readonly #timers: Timers;
  #end: (() => void) | undefined;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  /** Resolves after `ms`, or when `wake` is called. */
  pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#timers.after(ms, () => this.wake());
      this.#end = () => {
        timer.cancel();
        resolve();
      };
    });
  }

  /** Ends the pause that is under way; without one it does nothing. */
  wake(): void {
    const end = this.#end;
    this.#end = undefined;
    end?.();
  }
}

/** The result of `work`, or undefined when it has not ended after `ms`. Rejects when `work` rejects before that. */
export async function within<T>(timers: Timers, ms: number, work: Promise<T>): Promise<T | undefined> {
  let limit: Timer | undefined;
  const late = new Promise<undefined>((resolve) => {
    limit = timers.after(ms, () => resolve(undefined));
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    limit?.cancel();
  }
}
