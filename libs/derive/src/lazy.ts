/**
 * A derived collection that is asked in slices: for control loops. A change marks its keys as usual, but they wait in a queue until the consumer takes
 * them. Each key is in the queue at most once, so the queue is no longer than the number of keys. A key that is taken sees all changes until then.
 */
import { type Derivation, Derived, type EngineParts, type Rules } from './collection.ts';
import { DIRTY, HELD, PRESENT, QUEUED, type ValueCell } from './node.ts';

/** A key that was asked, whether or not its value has changed. */
export type Taken<V> = Readonly<{ key: string; before: V | undefined; value: V | undefined; fault?: Error }>;
/** Of a key: it waits to be asked, is held back, was asked and nothing has changed since, or is not there. */
export type KeyState = 'waits' | 'held' | 'asked' | 'absent';
export type TakeLimits = Readonly<{
  /** Takes at most so many keys. */
  limit?: number;
  /** Stops after this time by the engine's clock, with the evaluation that runs then. */
  sliceMs?: number;
}>;
export type LazyParts = Readonly<{
  settle: () => void;
  ask: (cell: ValueCell) => void;
  finish: () => void;
  /** Monotonic, ms. */
  now: () => number;
}>;
export type LazyRules<V> = Rules<V> & Readonly<{ priorityOf?: (key: string) => number; waitsForAll?: false }>;

export class Lazy<V> extends Derived<V> {
  override readonly isLazy = true;
  override readonly isPartly: boolean;
  readonly #engine: LazyParts;
  readonly #priorityOf: (key: string) => number;
  /** One queue for each priority. */
  readonly #queues: Queue<ValueCell>[] = [];
  #pending = 0;
  /** Keys that were there before this collection was declared, as far as they were not looked at yet. `left`: about how many, with those of `#named`. */
  #backlog: Readonly<{ keys: Iterator<string>; next: string; left: number }> | undefined;
  /** Keys whose turn comes after those of the backlog: a queue, since much may be named before anything is asked. */
  readonly #named = new Queue<Iterable<string>>();
  #listener: ((key: string) => void) | undefined;

  constructor(derivation: Derivation<V, LazyRules<V>>, parts: EngineParts, engine: LazyParts) {
    super(derivation, parts);
    this.#engine = engine;
    this.isPartly = derivation.rules.waitsForAll === false;
    this.#priorityOf = derivation.rules.priorityOf ?? (() => 0);
  }

  /** Number of keys that wait to be asked, without those held back. While there is a backlog, about so many, and never 0. */
  get pending(): number {
    return this.#pending + (this.#backlog === undefined ? 0 : Math.max(1, this.#backlog.left));
  }

  override get hasBacklog(): boolean {
    return this.#backlog !== undefined;
  }

  /** Has these keys asked, each once, when no other key waits, and after those that were named before. `count`: about how many there are. O(1) */
  awaitAll(keys: Iterable<string>, count: number): void {
    if (this.#backlog === undefined) this.#advance(keys[Symbol.iterator](), count);
    else {
      this.#named.add(keys);
      this.#backlog = { ...this.#backlog, left: this.#backlog.left + count };
    }
  }

  /**
   * Settles everything else, then asks waiting keys: the lowest priority number first, and of these the longest waiting first. At least one key is
   * asked if any waits.
   */
  take({ limit = Number.POSITIVE_INFINITY, sliceMs }: TakeLimits): readonly Taken<V>[] {
    const deadline = sliceMs === undefined ? undefined : this.#engine.now() + sliceMs;
    const taken: Taken<V>[] = [];
    this.#engine.settle();
    while (taken.length < limit) {
      const cell = this.#next();
      if (cell === undefined) break;
      taken.push(this.#ask(cell));
      if (deadline !== undefined && this.#engine.now() >= deadline) break;
    }
    this.#engine.finish();
    return taken;
  }

  /** Keeps a key from being asked, whatever changes, until it is released: for example while a command for it is under way. */
  hold(key: string): void {
    const cell = this.cellOf(key);
    if ((cell.flags & HELD) !== 0) return;
    if ((cell.flags & DIRTY) !== 0) this.#pending--;
    cell.flags |= HELD;
  }

  release(key: string): void {
    const cell = this.findCell(key);
    if (cell === undefined || (cell.flags & HELD) === 0) return;
    cell.flags &= ~HELD;
    if ((cell.flags & DIRTY) !== 0) this.#await(cell);
    else cell.tidy();
  }

  isHeld(key: string): boolean {
    return this.stateOf(key) === 'held';
  }

  stateOf(key: string): KeyState {
    const flags = this.findCell(key)?.flags ?? 0;
    if ((flags & HELD) !== 0) return 'held';
    if ((flags & DIRTY) !== 0) return 'waits';
    if ((flags & PRESENT) !== 0) return 'asked';
    return this.isAsked(key) ? 'waits' : 'absent'; // Of the backlog.
  }

  /** Calls the listener each time that something a key had read has changed, also while the key waits or is held. */
  onMark(listener: (key: string) => void): this {
    this.#listener = listener;
    return this;
  }

  override mark(cell: ValueCell): void {
    this.#listener?.(cell.key);
    if ((cell.flags & DIRTY) !== 0) return;
    cell.flags |= DIRTY;
    if ((cell.flags & HELD) === 0) this.#await(cell);
  }

  #await(cell: ValueCell): void {
    this.#pending++;
    if ((cell.flags & QUEUED) !== 0) return;
    cell.flags |= QUEUED;
    const priority = this.#priorityOf(cell.key);
    (this.#queues[priority] ??= new Queue()).add(cell);
  }

  #next(): ValueCell | undefined {
    do {
      for (const queue of this.#queues) {
        for (let cell = queue?.take(); cell !== undefined; cell = queue?.take()) {
          cell.flags &= ~QUEUED;
          if ((cell.flags & HELD) === 0 && (cell.flags & DIRTY) !== 0) return cell;
        }
      }
    } while (this.#takeFromBacklog());
    return undefined;
  }

  /** Marks the next key of the backlog, unless it was asked since. Gives false when there is none. */
  #takeFromBacklog(): boolean {
    if (this.#backlog === undefined) return false;
    const { keys, next, left } = this.#backlog;
    this.#advance(keys, left - 1);
    const cell = this.cellOf(next);
    if ((cell.flags & PRESENT) === 0) this.mark(cell);
    return true;
  }

  #advance(keys: Iterator<string>, left: number): void {
    for (let each: Iterator<string> | undefined = keys; each !== undefined; each = this.#named.take()?.[Symbol.iterator]()) {
      const { done, value } = each.next();
      if (done === true) continue;
      this.#backlog = { keys: each, next: value, left };
      return;
    }
    this.#backlog = undefined;
  }

  #ask(cell: ValueCell): Taken<V> {
    const { key } = cell;
    const before = this.heldBy(cell);
    this.#pending--;
    this.#engine.ask(cell);
    const fault = this.faults.get(key);
    return { key, before, value: this.heldBy(cell), ...(fault === undefined ? {} : { fault }) };
  }
}

/** A queue, first in, first out; each step takes constant time. */
class Queue<T> {
  #waiting: (T | undefined)[] = [];
  #head = 0;

  add(one: T): void {
    this.#waiting.push(one);
  }

  take(): T | undefined {
    const one = this.#waiting[this.#head];
    if (one === undefined) return undefined;
    this.#waiting[this.#head++] = undefined;
    if (this.#head === this.#waiting.length) {
      this.#waiting = [];
      this.#head = 0;
    } else if (this.#head > 1024 && this.#head > this.#waiting.length / 2) {
      this.#waiting = this.#waiting.slice(this.#head);
      this.#head = 0;
    }
    return one;
  }
}
