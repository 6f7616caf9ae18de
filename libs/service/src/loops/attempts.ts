/**
 * Backoff for commands of loops: when the same is still owed after its command was carried out or refused, it is sent again after longer and longer
 * pauses. Pure: time is passed in.
 *
 *   owed ──sent──> asked again ──nothing is owed──> forgotten
 *                     │ the same is still owed, or owed again later
 *                     └──> waits 50 ms, 100 ms, … 30 s, and shows as a problem from the sixth time on
 *
 * Several things that a key owed since it was settled last are remembered: two loops that undo each other's work make a key owe now this, now that.
 */
import { sameJson } from '@weft/api';

const BACKOFF_MS_MIN = 50;
const BACKOFF_MS_MAX = 30_000;
/**
 * The state may change between asking and deciding; then the next attempt succeeds. What a service did not give back before it died is given back a second
 * later, and may be claimed in vain until then. After so many attempts, a second and a half, the problem is shown.
 */
const QUIET_ATTEMPTS = 5;
/** Of one key: more than one thing that is owed in turn. */
const REMEMBERED_MAX = 8;

type Attempt = {
  /** What was owed when it was sent last, as JSON would be. */
  readonly owed: unknown;
  readonly attempts: number;
  /** Monotonic, in ms. */
  readonly notBeforeMs: number;
  readonly why: string;
};

export class Attempts {
  /** By key, what was sent last at the end. */
  readonly #attempts = new Map<string, readonly Attempt[]>();

  get size(): number {
    return this.#attempts.size;
  }

  /** How long to wait before `owed` is sent; 0 when it was not sent since the key was settled last. */
  waitMs(key: string, owed: unknown, nowMs: number): number {
    const attempt = this.#of(key).find((each) => sameJson(each.owed, owed));
    return attempt === undefined ? 0 : Math.max(0, attempt.notBeforeMs - nowMs);
  }

  /** Notes that `owed` was sent, so that the same waits before it is sent again. `why`: its outcome, for people. */
  sent(key: string, owed: unknown, why: string, nowMs: number): void {
    const before = this.#of(key);
    const attempts = (before.find((each) => sameJson(each.owed, owed))?.attempts ?? 0) + 1;
    const pauseMs = Math.min(BACKOFF_MS_MIN * 2 ** Math.min(attempts - 1, 20), BACKOFF_MS_MAX);
    const others = before.filter((each) => !sameJson(each.owed, owed)).slice(1 - REMEMBERED_MAX);
    this.#attempts.set(key, [...others, { owed, attempts, notBeforeMs: nowMs + pauseMs, why }]);
  }

  /** What was sent last under this key since it was settled, and how long until it is sent again at the earliest. */
  last(key: string, nowMs: number): Readonly<{ attempts: number; why: string; waitMs: number }> | undefined {
    const attempt = this.#of(key).at(-1);
    return attempt && { attempts: attempt.attempts, why: attempt.why, waitMs: Math.max(0, Math.round(attempt.notBeforeMs - nowMs)) };
  }

  #of(key: string): readonly Attempt[] {
    return this.#attempts.get(key) ?? [];
  }

  /** Notes that nothing is owed for this key any more. */
  settled(key: string): void {
    this.#attempts.delete(key);
  }

  clear(): void {
    this.#attempts.clear();
  }

  /** What is owed again and again, for people. At most `max` lines. */
  problems(max: number): readonly string[] {
    const shown: string[] = [];
    let more = 0;
    for (const [key, all] of this.#attempts) {
      const { attempts = 0, why } = all.at(-1) ?? {};
      if (attempts <= QUIET_ATTEMPTS) continue;
      if (shown.length < max) shown.push(`${key} is still owed after ${attempts} attempts: ${why}`);
      else more++;
    }
    return more === 0 ? shown : [...shown, `and ${more} more`];
  }
}
