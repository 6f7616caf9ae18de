/**
 * What a loop keeps owing although its command was carried out, or was refused, is asked again later and later. Pure: time is passed in.
 *
 *   owed ──sent──> settled?  ──yes──> forgotten
 *                     │ no: the same is owed still
 *                     └──> waits 50 ms, 100 ms, … 30 s, and shows as a problem from the fourth time on
 */
const BACKOFF_MS_MIN = 50;
const BACKOFF_MS_MAX = 30_000;
/** A world that moves on between asking and deciding mends itself at once; what is still owed after this shows. */
const QUIET_ATTEMPTS = 3;

type Attempt = {
  /** What was owed when it was sent last. */
  readonly owed: string;
  readonly attempts: number;
  /** Monotonic, in ms. */
  readonly notBeforeMs: number;
  readonly why: string;
};

export class Attempts {
  readonly #attempts = new Map<string, Attempt>();

  get size(): number {
    return this.#attempts.size;
  }

  /** How long the same that was owed before has to wait still; 0 for something else. */
  waitMs(key: string, owed: string, nowMs: number): number {
    const attempt = this.#attempts.get(key);
    return attempt === undefined || attempt.owed !== owed ? 0 : Math.max(0, attempt.notBeforeMs - nowMs);
  }

  /** It was sent. Unless the loop owes something else by then, it waits before it is sent again. `why`: what came of it. */
  sent(key: string, owed: string, why: string, nowMs: number): void {
    const before = this.#attempts.get(key);
    const attempts = before?.owed === owed ? before.attempts + 1 : 1;
    const pauseMs = Math.min(BACKOFF_MS_MIN * 2 ** Math.min(attempts - 1, 20), BACKOFF_MS_MAX);
    this.#attempts.set(key, { owed, attempts, notBeforeMs: nowMs + pauseMs, why });
  }

  /** Nothing is owed under this key. */
  settled(key: string): void {
    this.#attempts.delete(key);
  }

  clear(): void {
    this.#attempts.clear();
  }

  /** For people: what is owed again and again. At most `max` lines. */
  problems(max: number): readonly string[] {
    const shown: string[] = [];
    let more = 0;
    for (const [key, { attempts, why }] of this.#attempts) {
      if (attempts <= QUIET_ATTEMPTS) continue;
      if (shown.length < max) shown.push(`${key} is still owed after ${attempts} attempts: ${why}`);
      else more++;
    }
    return more === 0 ? shown : [...shown, `and ${more} more`];
  }
}
