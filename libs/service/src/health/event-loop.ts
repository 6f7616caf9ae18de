/**
 * How long the event loop of this process stands still (DESIGN 10.29): while one piece of work runs, no timer and no socket has its turn. Work is cut
 * into slices so that this stays short; where it does not, `/readyz` says so and `/metrics` says how long.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Timer, Timers } from '@weft/api';
import type { EventLoop, LoopDelays } from '../platform.ts';

export interface LoopDelayMeter {
  start(): void;
  /** What was measured since the last call. */
  take(): LoopDelays;
  stop(): void;
}

const PERIOD_MS = 10_000;
/**
 * Announcements of a lease are due well within the 1.2 s for which one is proof, and heartbeats each second: who stands still for half a second at a time
 * is about to miss them, and each read that comes meanwhile waits as long.
 */
const BAD_MS = 500;
/** Once may be a machine that was paused, or a start. */
const BAD_PERIODS = 3;

const NOTHING: LoopDelays = { p50Ms: 0, p99Ms: 0, p999Ms: 0, maxMs: 0 };

export class EventLoopWatch implements EventLoop {
  readonly name = 'event loop';
  readonly #timers: Timers;
  readonly #meter: LoopDelayMeter;
  #periods: Timer | undefined;
  #last = NOTHING;
  #badPeriods = 0;
  #worstMs = 0;

  constructor(timers: Timers, meter: LoopDelayMeter = createLoopDelayMeter()) {
    this.#timers = timers;
    this.#meter = meter;
  }

  /** Of the last whole period of 10 s. */
  get delays(): LoopDelays {
    return this.#last;
  }

  /** A repeat does nothing. */
  async start(): Promise<void> {
    if (this.#periods !== undefined) return;
    this.#meter.start();
    this.#periods = this.#timers.every(PERIOD_MS, () => this.#endPeriod(), { background: true });
  }

  async stop(): Promise<void> {
    this.#periods?.cancel();
    this.#meter.stop();
  }

  problems(): readonly string[] {
    if (this.#badPeriods < BAD_PERIODS) return [];
    const seconds = (PERIOD_MS * this.#badPeriods) / 1000;
    return [`the event loop stands still too long: for up to ${Math.round(this.#worstMs)} ms in the last ${seconds} s`];
  }

  #endPeriod(): void {
    this.#last = this.#meter.take();
    const { maxMs } = this.#last;
    if (maxMs < BAD_MS) {
      this.#badPeriods = 0;
      this.#worstMs = 0;
      return;
    }
    this.#badPeriods++;
    this.#worstMs = Math.max(this.#worstMs, maxMs);
  }
}

const RESOLUTION_MS = 10;

function createLoopDelayMeter(): LoopDelayMeter {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  // It measures from one of its timers to the next, in ns.
  const toMs = (ns: number) => Math.max(0, ns / 1e6 - RESOLUTION_MS);
  return {
    start: () => void histogram.enable(),
    take: () => {
      const delays = {
        p50Ms: toMs(histogram.percentile(50)),
        p99Ms: toMs(histogram.percentile(99)),
        p999Ms: toMs(histogram.percentile(99.9)),
        maxMs: toMs(histogram.max),
      };
      histogram.reset();
      return delays;
    },
    stop: () => void histogram.disable(),
  };
}
