/**
 * Virtual time: a queue of what happens next, in order of its time, then of its making. Each item is one step of the simulation: a timer that is due, a message or an
 * answer that arrives. Promises are handled to the end before the next step, so the same items always give the same run.
 */
import { createHash } from 'node:crypto';
import type { Timer } from '@weft/api';

/** On whose behalf a step is made. What is due for a process that is paused waits; for one that is dead it never happens. */
export interface Owner {
  readonly name: string;
  readonly state: 'running' | 'paused' | 'dead';
}

export const WORLD: Owner = { name: 'world', state: 'running' };

type Due = { readonly atMs: number; readonly order: number; readonly owner: Owner; readonly what: string; run: (() => void) | undefined };

export class Scheduler {
  readonly #onFault: (error: unknown, what: string) => void;
  readonly #heap: Due[] = [];
  readonly #held = new Map<Owner, Due[]>();
  readonly #trace = createHash('sha256');
  #order = 0;
  #nowMs = 0;
  #steps = 0;

  /** `onFault`: a step threw, which would have ended its process. */
  constructor(onFault: (error: unknown, what: string) => void) {
    this.#onFault = onFault;
  }

  /** Since the beginning, in ms. */
  get nowMs(): number {
    return this.#nowMs;
  }

  get steps(): number {
    return this.#steps;
  }

  /** A step takes some time itself: looking at the clock often enough makes its slices end. */
  spend(ms: number): void {
    this.#nowMs += ms;
  }

  at(atMs: number, owner: Owner, what: string, run: () => void): Timer {
    if (owner.state === 'dead') return { cancel() {} };
    const due: Due = { atMs: Math.max(atMs, this.#nowMs), order: this.#order++, owner, what, run };
    this.#push(due);
    return {
      cancel: () => {
        due.run = undefined;
      },
    };
  }

  after(ms: number, owner: Owner, what: string, run: () => void): Timer {
    return this.at(this.#nowMs + Math.max(0, ms), owner, what, run);
  }

  /** What was due while the owner was paused happens now, in its order. */
  resume(owner: Owner): void {
    const held = this.#held.get(owner) ?? [];
    this.#held.delete(owner);
    for (const due of held) this.#push({ ...due, atMs: this.#nowMs, order: this.#order++ });
  }

  forget(owner: Owner): void {
    this.#held.delete(owner);
    for (const due of this.#heap) if (due.owner === owner) due.run = undefined;
  }

  /** Something that must be the same in each run with this seed. */
  trace(what: string): void {
    this.#trace.update(what).update('\n');
  }

  /** Of everything that has happened. */
  get digest(): string {
    return this.#trace.copy().digest('hex');
  }

  /** Makes the next step; false when nothing is due any more. */
  async step(): Promise<boolean> {
    for (;;) {
      const due = this.#pop();
      if (due === undefined) return false;
      const { owner, run, what } = due;
      if (run === undefined || owner.state === 'dead') continue;
      if (owner.state === 'paused') {
        const held = this.#held.get(owner) ?? [];
        this.#held.set(owner, held);
        held.push(due);
        continue;
      }
      this.#nowMs = Math.max(this.#nowMs, due.atMs);
      this.#steps++;
      this.trace(`${this.#nowMs} ${owner.name} ${what}`);
      try {
        run();
      } catch (error) {
        this.#onFault(error, `${owner.name}: ${what}`);
      }
      await new Promise((resolve) => setImmediate(resolve));
      return true;
    }
  }

  #push(due: Due): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(due);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(due, heap[parent] as Due)) break;
      heap[at] = heap[parent] as Due;
      at = parent;
    }
    heap[at] = due;
  }

  #pop(): Due | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Due, heap[child] as Due)) child++;
      if (!isBefore(heap[child] as Due, last)) break;
      heap[at] = heap[child] as Due;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

function isBefore(one: Due, other: Due): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order);
}
