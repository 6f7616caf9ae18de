/** Waits that double from `firstMs` to `maxMs`, each shortened by up to a half at random so that many clients do not come at once. */
export class Backoff {
  private attempts = 0;

  constructor(
    private readonly firstMs: number,
    private readonly maxMs: number,
    /** In [0, 1). */
    private readonly random: () => number,
  ) {}

  nextMs(): number {
    const fullMs = Math.min(this.maxMs, this.firstMs * 2 ** Math.min(this.attempts++, 30));
    return fullMs * (1 - this.random() / 2);
  }

  reset(): void {
    this.attempts = 0;
  }
}
