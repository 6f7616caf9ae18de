/** Waits that double from `firstMs` to `maxMs`, each shortened by up to a half at random so that many clients do not come at once. */
export class Backoff {
  readonly #firstMs: number;
  readonly #maxMs: number;
  readonly #random: () => number;
  #attempts = 0;

  constructor(
    firstMs: number,
    maxMs: number,
    /** In [0, 1). */
    random: () => number,
  ) {
    this.#firstMs = firstMs;
    this.#maxMs = maxMs;
    this.#random = random;
  }

  nextMs(): number {
    const fullMs = Math.min(this.#maxMs, this.#firstMs * 2 ** Math.min(this.#attempts++, 30));
    return fullMs * (1 - this.#random() / 2);
  }

  reset(): void {
    this.#attempts = 0;
  }
}
