/**
 * The figures of one process, for Prometheus. Each part of it adds its own, also under a name that another part has: several services may run in one
 * process, and everything of it is in one answer. They are read at each request.
 */
import type { Sample } from '@weft/api';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { EventLoop } from '../platform.ts';

export type FigureRead = () => number | Iterable<Sample> | Promise<number>;

export class Figures {
  readonly #registry = new Registry();
  readonly #reads = new Map<string, FigureRead[]>();

  /** A figure that is read when it is asked for. One that cannot be read now is left out. Labels are the same wherever the name is added. */
  add(name: string, help: string, labelNames: readonly string[], read: FigureRead): void {
    const known = this.#reads.get(name);
    if (known !== undefined) return void known.push(read);
    const reads = [read];
    this.#reads.set(name, reads);
    new Gauge({
      name,
      help,
      labelNames: [...labelNames],
      registers: [this.#registry],
      async collect() {
        this.reset(); // What is not there any more has no figure.
        for (const each of reads) {
          try {
            const value = await each();
            if (typeof value === 'number') this.set({}, value);
            else for (const sample of value) this.set(sample.labels, sample.value);
          } catch {
            // The store, say, does not answer: its other figures tell.
          }
        }
      },
    });
  }

  /** What is counted as it happens: one for all parts that ask for the name. */
  counter(name: string, help: string, labelNames: readonly string[]): Counter {
    const known = this.#registry.getSingleMetric(name);
    return known instanceof Counter ? known : new Counter({ name, help, labelNames: [...labelNames], registers: [this.#registry] });
  }

  /** How long something takes, in seconds: one for all parts that ask for the name. */
  histogram(name: string, help: string, labelNames: readonly string[], buckets: readonly number[]): Histogram {
    const known = this.#registry.getSingleMetric(name);
    if (known instanceof Histogram) return known;
    return new Histogram({ name, help, labelNames: [...labelNames], buckets: [...buckets], registers: [this.#registry] });
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }
}

/** Memory and CPU, under the names that Prometheus' clients use, and how long the event loop of this process stood still in the last 10 s. */
export function addProcessFigures(figures: Figures, watch: Pick<EventLoop, 'delays'>): void {
  const one = (name: string, help: string, read: () => number) => figures.add(name, help, [], read);
  one('process_resident_memory_bytes', 'Resident memory', () => process.memoryUsage.rss());
  one('nodejs_heap_size_used_bytes', 'Memory that JavaScript objects use', () => process.memoryUsage().heapUsed);
  one('process_cpu_seconds_total', 'CPU time, of user and system', () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  });
  one('process_uptime_seconds', 'Time since the start', () => process.uptime());
  figures.add(
    'weft_event_loop_delay_seconds',
    'For how long timers of this process were late since its event loop stood still, in the last 10 s',
    ['quantile'],
    () => {
      const { p50Ms, p99Ms, p999Ms, maxMs } = watch.delays;
      const samples = Object.entries({ '0.5': p50Ms, '0.99': p99Ms, '0.999': p999Ms, '1': maxMs });
      return samples.sort().map(([quantile, ms]) => ({ labels: { quantile }, value: ms / 1000 }));
    },
  );
}
