/** For tests: time by hand. */
import type { Timers } from '@weft/bus';

/** A clock that moves when told. */
export class HandTimers implements Timers {
  private now = 0;
  private readonly waiting = new Set<{ dueMs: number; run: () => void }>();
  nowMs(): number {
    return this.now;
  }
  after(ms: number, run: () => void): () => void {
    const timer = { dueMs: this.now + ms, run };
    this.waiting.add(timer);
    return () => this.waiting.delete(timer);
  }
  async pass(ms: number): Promise<void> {
    const untilMs = this.now + ms;
    for (;;) {
      const [next] = [...this.waiting].filter(({ dueMs }) => dueMs <= untilMs).sort((a, b) => a.dueMs - b.dueMs);
      if (next === undefined) break;
      this.waiting.delete(next);
      this.now = Math.max(this.now, next.dueMs);
      next.run();
      await turns();
    }
    this.now = untilMs;
    await turns();
  }
}

/** What waits for a turn of the event loop gets many. */
export async function turns(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
}
