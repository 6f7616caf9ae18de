/**
 * The commands of one sender in a writer. A command has its place until it is answered, and it is answered at the latest when its time is up, whether or
 * not the store has answered by then. What the store still owes is bounded by itself: a store that is silent for long must not fill the memory.
 */
import { type Reply, unavailable } from '@weft/api';
import { tooManyRequests } from '../runtime/statuses.ts';
import type { Task } from './task.ts';

export class Places {
  readonly #max: number;
  readonly #lateMax: number;
  readonly #inFlight = new Set<Task>();
  readonly #late = new Set<Task>();

  constructor(max: number, lateMax: number) {
    this.#max = max;
    this.#lateMax = lateMax;
  }

  get inFlight(): number {
    return this.#inFlight.size;
  }

  /** Those that are not answered yet. */
  get tasks(): readonly Task[] {
    return [...this.#inFlight];
  }

  get late(): number {
    return this.#late.size;
  }

  /** Why no command is taken now; undefined when there is room. */
  refusal(): Reply | undefined {
    if (this.#late.size >= this.#lateMax) return unavailable(`the event store has not answered for ${this.#late.size} commands in time`);
    return this.#inFlight.size < this.#max ? undefined : { ok: false, retry: 'safe', status: tooManyRequests() };
  }

  take(task: Task): void {
    this.#inFlight.add(task);
  }

  /** Nothing is done for it any more. */
  leave(task: Task): void {
    if (!this.#inFlight.delete(task)) this.#late.delete(task);
  }

  /** Those whose time is up: they have no place any more. */
  takeExpired(nowMs: number): readonly Task[] {
    const expired = [...this.#inFlight].filter(({ deadlineMs }) => nowMs >= deadlineMs);
    for (const task of expired) {
      this.#inFlight.delete(task);
      this.#late.add(task);
    }
    return expired;
  }
}
