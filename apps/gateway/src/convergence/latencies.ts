/** How long changes took, stage by stage, in the last hour: counts in buckets that grow by a quarter, each minute by itself. */
import type { Sample } from '@weft/api';
import type { TrackedChange } from './tracked-change.ts';

/** `append`: accepted to appended, `derive`: to the last change of rows (of a change without any: until all projectors have read it), `apply`: to the last kernel, `total`: all. */
export type Stage = 'append' | 'derive' | 'apply' | 'total';
/** Seconds, to within a quarter. */
export type LatencySummary = Readonly<Partial<Record<Stage, Readonly<{ count: number; p50: number; p99: number }>>>>;

export const BUCKETS_S = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

const STAGES: readonly Stage[] = ['append', 'derive', 'apply', 'total'];
const SMALLEST_S = 0.001;
const GROWTH = 1.25;
/** The last one: 16 hours and more. */
const BUCKETS = 80;
const MINUTE_MS = 60_000;
const MINUTES = 60;

/** Times of hosts are of other clocks: what would be negative is nothing. */
export function* secondsOf({
  accepted,
  origin,
  derived,
  rowsAt = derived,
  appliedAt,
  hosts,
}: TrackedChange): Iterable<readonly [Stage, number]> {
  const between = (from: number, to: number) => Math.max(0, to - from) / 1_000;
  const first = Date.parse(origin.time);
  if (accepted !== undefined) yield ['append', between(accepted.getTime(), first)];
  if (rowsAt === undefined || appliedAt === undefined) return;
  yield ['derive', between(first, rowsAt.getTime())];
  if (hosts.size === 0) return; // It says nothing of hosts.
  yield ['apply', between(rowsAt.getTime(), appliedAt.getTime())];
  yield ['total', between(accepted?.getTime() ?? first, appliedAt.getTime())];
}

export class Latencies {
  /** By minute, oldest first. */
  readonly #minutes: { readonly minute: number; readonly counts: Record<Stage, Uint32Array> }[] = [];

  note(stage: Stage, seconds: number, nowMs: number): void {
    const minute = Math.floor(nowMs / MINUTE_MS);
    let last = this.#minutes.at(-1);
    if (last?.minute !== minute) {
      const none = () => new Uint32Array(BUCKETS);
      this.#minutes.push((last = { minute, counts: { append: none(), derive: none(), apply: none(), total: none() } }));
    }
    const bucket = seconds <= SMALLEST_S ? 0 : Math.ceil(Math.log(seconds / SMALLEST_S) / Math.log(GROWTH));
    const { [stage]: counts } = last.counts;
    const at = Math.min(bucket, BUCKETS - 1);
    counts[at] = (counts[at] ?? 0) + 1;
    this.#forget(minute);
  }

  summary(nowMs: number): LatencySummary {
    this.#forget(Math.floor(nowMs / MINUTE_MS));
    const told: Partial<Record<Stage, { count: number; p50: number; p99: number }>> = {};
    for (const stage of STAGES) {
      const sum = new Uint32Array(BUCKETS);
      for (const { counts } of this.#minutes) for (const [i, count] of counts[stage].entries()) sum[i] = (sum[i] ?? 0) + count;
      const count = sum.reduce((all, each) => all + each, 0);
      if (count > 0) told[stage] = { count, p50: quantile(sum, count, 0.5), p99: quantile(sum, count, 0.99) };
    }
    return told;
  }

  *samples(nowMs: number): Iterable<Sample> {
    for (const [stage, { p50, p99 }] of Object.entries(this.summary(nowMs))) {
      yield { labels: { stage, quantile: '0.5' }, value: p50 };
      yield { labels: { stage, quantile: '0.99' }, value: p99 };
    }
  }

  #forget(minute: number): void {
    while (this.#minutes[0] !== undefined && this.#minutes[0].minute <= minute - MINUTES) this.#minutes.shift();
  }
}

/** The upper bound of the bucket that it lies in. */
function quantile(counts: Uint32Array, all: number, share: number): number {
  let seen = 0;
  for (const [i, count] of counts.entries()) {
    seen += count;
    if (seen >= all * share) return Number((SMALLEST_S * GROWTH ** i).toPrecision(3));
  }
  return 0;
}
