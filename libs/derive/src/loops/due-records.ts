/**
 * The records of a ledger that are due, as a source. A record that is settled before its time is never due, so nobody is asked about it: most claims
 * and releases are settled within milliseconds, and their loops look at them after seconds.
 */
import { NEVER } from '@weft/api';
import type { Changed, Source } from '../source.ts';

const BUCKET_MS = 1_000;

export class DueRecords implements Source<unknown> {
  readonly name: string;
  readonly #records: ReadonlyMap<string, unknown>;
  readonly #notBefore: (record: unknown) => number;
  readonly #due = new Set<string>();
  /** Second of its time -> the keys that wait for it, each with its time. There are as many buckets as seconds that a record waits. */
  readonly #waiting = new Map<number, Map<string, number>>();
  #nowMs = Number.NEGATIVE_INFINITY;
  #report: Changed<unknown> | undefined;

  /** `notBefore`: Unix time, ms. */
  constructor(name: string, records: ReadonlyMap<string, unknown>, notBefore: (record: unknown) => number) {
    this.name = name;
    this.#records = records;
    this.#notBefore = notBefore;
    for (const [key, record] of records) this.#wait(key, record);
  }

  get(key: string): unknown {
    return this.#due.has(key) ? this.#records.get(key) : undefined;
  }

  keys(): Iterable<string> {
    return this.#due;
  }

  get size(): number {
    return this.#due.size;
  }

  attach(changed: Changed<unknown>): void {
    this.#report = changed;
  }

  changed(key: string, before: unknown, after: unknown): void {
    // As a rule nothing is due, and a key that nobody looks for need not be hashed.
    if (this.#due.size > 0 && this.#due.has(key)) {
      if (after === undefined) this.#due.delete(key);
      this.#report?.(key, before, after);
      return;
    }
    if (before !== undefined) this.#forget(key, before);
    if (after !== undefined) this.#wait(key, after);
  }

  /** Moves the time on. O(seconds that wait + what is due now). */
  passTo(nowMs: number): void {
    if (nowMs <= this.#nowMs) return;
    this.#nowMs = nowMs;
    for (const [bucket, keys] of this.#waiting) {
      if (bucket > Math.floor(nowMs / BUCKET_MS)) continue;
      for (const [key, at] of keys) {
        if (at > nowMs) continue;
        keys.delete(key);
        this.#becomesDue(key);
      }
      if (keys.size === 0) this.#waiting.delete(bucket);
    }
  }

  #wait(key: string, record: unknown): void {
    const at = this.#notBefore(record);
    if (at === NEVER) return;
    if (at <= this.#nowMs) {
      this.#becomesDue(key);
      return;
    }
    const bucket = Math.floor(at / BUCKET_MS);
    const keys = this.#waiting.get(bucket);
    if (keys === undefined) this.#waiting.set(bucket, new Map([[key, at]]));
    else keys.set(key, at);
  }

  #forget(key: string, record: unknown): void {
    const at = this.#notBefore(record);
    if (at === NEVER) return;
    const bucket = Math.floor(at / BUCKET_MS);
    const keys = this.#waiting.get(bucket);
    keys?.delete(key);
    if (keys?.size === 0) this.#waiting.delete(bucket);
  }

  #becomesDue(key: string): void {
    this.#due.add(key);
    this.#report?.(key, undefined, this.#records.get(key));
  }
}
