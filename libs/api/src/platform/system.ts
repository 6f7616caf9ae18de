/** The machine's clock and random numbers, for main programs and for parts that are given no others. */
import { type Clock, type Random, TIMER_MS_MAX, type Timer } from './clock.ts';

export const systemClock: Clock = {
  now: () => new Date(),
  monotonicMs: () => performance.now(),
  after(ms, run, options) {
    const timer = setTimeout(run, Math.min(ms, TIMER_MS_MAX));
    if (options?.background === true) timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
  soon(run) {
    const turn = setImmediate(run);
    return { cancel: () => clearImmediate(turn) };
  },
  every(ms, run, options): Timer {
    const timer = setInterval(run, Math.min(ms, TIMER_MS_MAX));
    if (options?.background === true) timer.unref();
    return { cancel: () => clearInterval(timer) };
  },
  pause: (ms) => new Promise((resolve) => setTimeout(resolve, Math.min(ms, TIMER_MS_MAX))),
};

export const systemRandom: Random = Math.random;
