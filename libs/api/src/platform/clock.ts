/**
 * Time is passed in: nothing but the platform's own files reads the machine's clock or sets its timers. So a test or a simulation can let hours pass
 * in a moment, always in the same order.
 */

/** A call that is due later. */
export interface Timer {
  /** The call will not be made. Does nothing when it was made or cancelled already. */
  cancel(): void;
}

export type TimerOptions = Readonly<{
  /** The process may end while this timer is set. */
  background?: boolean;
}>;

export interface Timers {
  /** Calls `run` once after `ms`, never within this call. A timer further off than TIMER_MS_MAX is due then. */
  after(ms: number, run: () => void, options?: TimerOptions): Timer;
  /** Calls `run` once, as soon as what has arrived by now was handled: between slices of long work. */
  soon(run: () => void): Timer;
  /** Calls `run` each `ms`, the first time after `ms`. */
  every(ms: number, run: () => void, options?: TimerOptions): Timer;
  /** Resolves after `ms`. */
  pause(ms: number): Promise<void>;
}

/** About 24 days: what the machine's timers can count. */
export const TIMER_MS_MAX = 2 ** 31 - 1;

export interface Clock extends Timers {
  /** Wall clock. */
  now(): Date;
  /** Monotonic, in ms. Only differences mean something. */
  monotonicMs(): number;
}

/** Gives a number in [0, 1), for what has to differ from one process to the next: pauses, orders. */
export type Random = () => number;
