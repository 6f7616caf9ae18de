/**
 * A clock that stands still until a test moves it. Timers that are due run in the order of their time, those of the same time in the order in which
 * they were set, so the same test always runs the same way.
 */
import { type Clock, systemClock, type Timer } from '@weft/api';

export type VirtualClockOptions = Readonly<{
  /** Wall clock at the beginning; default 2026-01-01. */
  startAt?: Date;
  /** Turns of the event loop that `advance` waits after each timer, so that promises and messages are handled; default 10. */
  turns?: number;
}>;

type Due = Readonly<{ id: number; atMs: number; everyMs: number | undefined; run: () => void }>;

export class VirtualClock implements Clock {
  readonly #startMs: number;
  readonly #turns: number;
  readonly #due = new Map<number, Due>();
  #elapsedMs = 0;
  #lastId = 0;

  constructor({ startAt = new Date('2026-01-01T00:00:00Z'), turns: turnsAfterEach = 10 }: VirtualClockOptions = {}) {
    this.#startMs = startAt.getTime();
    this.#turns = turnsAfterEach;
  }

  now(): Date {
    return new Date(this.#startMs + this.#elapsedMs);
  }

  /** 0 at the beginning. */
  monotonicMs(): number {
    return this.#elapsedMs;
  }

  after(ms: number, run: () => void): Timer {
    return this.#set({ id: ++this.#lastId, atMs: this.#elapsedMs + Math.max(0, ms), everyMs: undefined, run });
  }

  soon(run: () => void): Timer {
    return this.after(0, run);
  }

  every(ms: number, run: () => void): Timer {
    const everyMs = Math.max(1, ms); // As the machine's timers do; with 0, time would never go on.
    return this.#set({ id: ++this.#lastId, atMs: this.#elapsedMs + everyMs, everyMs, run });
  }

  pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.after(ms, resolve);
    });
  }

  /** When the next timer is due, on the monotonic clock; undefined when none is set. */
  get nextDueMs(): number | undefined {
    return this.#next()?.atMs;
  }

  /** Moves time on by `ms`, timer by timer, and lets promises and messages be handled before and after each. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#elapsedMs + ms;
    await turns(this.#turns);
    while (this.#runNext(endMs)) await turns(this.#turns);
    this.#elapsedMs = endMs;
    await turns(this.#turns);
  }

  /** As `advance`, without a wait: for simulations whose parts are synchronous. */
  jump(ms: number): void {
    const endMs = this.#elapsedMs + ms;
    while (this.#runNext(endMs)) {
      // The next one may have been set by this one.
    }
    this.#elapsedMs = endMs;
  }

  #set(due: Due): Timer {
    this.#due.set(due.id, due);
    return { cancel: () => void this.#due.delete(due.id) };
  }

  #next(): Due | undefined {
    let next: Due | undefined;
    for (const due of this.#due.values()) {
      if (next === undefined || due.atMs < next.atMs || (due.atMs === next.atMs && due.id < next.id)) next = due;
    }
    return next;
  }

  /** Runs the next timer that is due up to `endMs`; false when there is none. */
  #runNext(endMs: number): boolean {
    const next = this.#next();
    if (next === undefined || next.atMs > endMs) return false;
    this.#elapsedMs = next.atMs;
    if (next.everyMs === undefined) this.#due.delete(next.id);
    else this.#due.set(next.id, { ...next, atMs: next.atMs + next.everyMs });
    next.run();
    return true;
  }
}

/** Waits for many turns of the event loop, since what runs in one may wait for another. */
export async function turns(count = 20): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}

/**
 * The machine's timers, with a time that goes on by 2 ms at each look, or else by `pass`: slices end after a few pieces of work, however fast the machine
 * is. `turns` counts the slices that have ended.
 */
export function slowClock(lookMs = 2): Clock & Readonly<{ turns: () => number; pass: (ms: number) => void }> {
  let elapsedMs = 0;
  let turns = 0;
  return {
    ...systemClock,
    monotonicMs: () => (elapsedMs += lookMs),
    soon: (run) =>
      systemClock.soon(() => {
        turns++;
        run();
      }),
    turns: () => turns,
    pass: (ms) => {
      elapsedMs += ms;
    },
  };
}

/** How often the value that comes most often comes. */
export function mostOfOne(values: readonly number[]): number {
  const counts = new Map<number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return Math.max(...counts.values());
}
