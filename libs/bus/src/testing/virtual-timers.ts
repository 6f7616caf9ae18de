import type { Timers } from '../timers.ts';

/** Time that moves only when told to. Between two timers everything that is ready to run does. */
export class VirtualTimers implements Timers {
  private timeMs = 0;
  private lastId = 0;
  private readonly due = new Map<number, { atMs: number; run: () => void }>();

  nowMs(): number {
    return this.timeMs;
  }

  after(ms: number, run: () => void): () => void {
    const id = ++this.lastId;
    this.due.set(id, { atMs: this.timeMs + Math.max(0, ms), run });
    return () => this.due.delete(id);
  }

  /** Moves time on by `ms`, timer by timer. */
  async advance(ms: number): Promise<void> {
    const endMs = this.timeMs + ms;
    await settled();
    for (;;) {
      const [next] = [...this.due].filter(([, { atMs }]) => atMs <= endMs).sort(([a, x], [b, y]) => x.atMs - y.atMs || a - b);
      if (next === undefined) break;
      const [id, { atMs, run }] = next;
      this.due.delete(id);
      this.timeMs = Math.max(this.timeMs, atMs);
      run();
      await settled();
    }
    this.timeMs = endMs;
  }
}

/** Lets promises and the memory hub's turns come to rest: each takes an immediate, and may cause others. */
async function settled(): Promise<void> {
  for (let i = 0; i < 8; i++) await new Promise((resolve) => setImmediate(resolve));
}
