import type { Position } from '../log/envelope.ts';

/** While much happens, it is taken for spare time every so often all the same, so that nothing stays unlooked at under lasting load. */
const PASSED_OVER_MS_MAX = 5_000;

/** Whether there is time for what nobody waits for, as audits: when the log has not grown since that was asked last, and no work waits. To be asked at each tick. */
export class SpareTime {
  #position: Position | undefined;
  #lastMs: number | undefined;

  /** `position`: how far the log has been read. `nowMs`: monotonic. */
  isNow({ position, nowMs, works = false }: Readonly<{ position: Position; nowMs: number; works?: boolean }>): boolean {
    const rests = !works && (this.#position === undefined || position === this.#position);
    this.#position = position;
    this.#lastMs ??= nowMs;
    if (!rests && nowMs - this.#lastMs < PASSED_OVER_MS_MAX) return false;
    this.#lastMs = nowMs;
    return true;
  }
}
