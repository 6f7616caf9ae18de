/** Time, passed in: tests run it by hand. */
export interface Timers {
  /** Monotonic, in ms. */
  nowMs(): number;
  /** Calls `run` once after `ms`, never within the call. Returns what takes it back. */
  after(ms: number, run: () => void): () => void;
}

export const systemTimers: Timers = {
  nowMs: () => performance.now(),
  after: (ms, run) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};
