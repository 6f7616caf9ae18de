import { Gauge, type Registry } from 'prom-client';
import type { EventLoop } from '../platform.ts';

/** How long the event loop of this process stood still, in the last 10 s. */
export function addEventLoopFigures(registry: Registry, watch: Pick<EventLoop, 'delays'>): void {
  new Gauge({
    name: 'weft_event_loop_delay_seconds',
    help: 'For how long timers of this process were late since its event loop stood still, in the last 10 s',
    labelNames: ['quantile'],
    registers: [registry],
    collect() {
      const { p50Ms, p99Ms, p999Ms, maxMs } = watch.delays;
      this.set({ quantile: '0.5' }, p50Ms / 1000);
      this.set({ quantile: '0.99' }, p99Ms / 1000);
      this.set({ quantile: '0.999' }, p999Ms / 1000);
      this.set({ quantile: '1' }, maxMs / 1000);
    },
  });
}
