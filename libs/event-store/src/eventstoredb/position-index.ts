/**
 * What one process remembers of the positions that passed by: a bounded, sparse list that may be thrown away at any time. It answers two
 * questions that EventStoreDB does not: which record lies at or below a position that somebody typed, and where the log stood at a time.
 *
 * Times count only without a gap from the first event on, since the running maximum of all times before is part of the answer.
 */
import type { RecordedEvent } from '@weft/api';

/** Between two kept positions lie about this many events, at first. */
const EVERY = 256;
const KEPT_MAX = 16_384;

type TimeMark = Readonly<{ position: bigint; maxTimeMs: number }>;

export class PositionIndex {
  #known: bigint[] = [];
  #knownEvery = 1;
  #pages = 0;
  #times: TimeMark[] = [];
  #timesEvery = EVERY;
  #sinceMark = 0;
  #end: TimeMark = { position: 0n, maxTimeMs: Number.NEGATIVE_INFINITY };
  readonly #keptMax: number;

  constructor(keptMax = KEPT_MAX) {
    this.#keptMax = keptMax;
  }

  /** Up to here every event has been seen, from the first one on. */
  get end(): TimeMark {
    return this.#end;
  }

  /** A page of events in order; `after` is the position behind which it begins: between it and the first event there is none. */
  observe(after: bigint, events: readonly RecordedEvent[]): void {
    const last = events.at(-1);
    if (last === undefined) return;
    if (this.#pages++ % this.#knownEvery === 0) this.#keep(last.position);
    if (after > this.#end.position || last.position <= this.#end.position) return;
    for (const { position, metadata } of events) {
      if (position <= this.#end.position) continue;
      const timeMs = Date.parse(metadata?.time);
      this.#end = { position, maxTimeMs: Number.isNaN(timeMs) ? this.#end.maxTimeMs : Math.max(timeMs, this.#end.maxTimeMs) };
      if (++this.#sinceMark >= this.#timesEvery) {
        this.#sinceMark = 0;
        this.#times.push(this.#end);
      }
    }
    if (this.#times.length > this.#keptMax) {
      this.#times = this.#times.filter((_, i) => i % 2 === 1);
      this.#timesEvery *= 2;
    }
  }

  /** A record's position at or below the given one, 0 when none is remembered. */
  knownAtOrBelow(position: bigint): bigint {
    return this.#known[this.#countUpTo(position) - 1] ?? 0n;
  }

  /** The last remembered point whose running maximum is at or before `timeMs`. */
  timeMarkAtOrBefore(timeMs: number): TimeMark {
    if (this.#end.maxTimeMs <= timeMs) return this.#end;
    let [low, high] = [0, this.#times.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#times[middle] as TimeMark).maxTimeMs <= timeMs) low = middle + 1;
      else high = middle;
    }
    return this.#times[low - 1] ?? { position: 0n, maxTimeMs: Number.NEGATIVE_INFINITY };
  }

  #keep(position: bigint): void {
    const at = this.#countUpTo(position);
    if (this.#known[at - 1] === position) return;
    if (at === this.#known.length) this.#known.push(position);
    else this.#known.splice(at, 0, position);
    if (this.#known.length <= this.#keptMax) return;
    this.#known = this.#known.filter((_, i) => i % 2 === 1);
    this.#knownEvery *= 2; // Else the old ones would be thinned out again and again, and the new ones never.
  }

  #countUpTo(position: bigint): number {
    let [low, high] = [0, this.#known.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#known[middle] as bigint) <= position) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
