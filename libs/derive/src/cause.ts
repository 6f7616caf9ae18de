/** An event that a value depends on. A `Because` of `@weft/api` is one. */
export type Cause = Readonly<{ position: bigint; eventId: string }>;

/**
 * The newest `max` distinct causes of all that were added. They depend on the set of what was added and not on its order, and the newest of a union
 * are among the newest of its parts. So a value has the same causes whichever way it was derived.
 * Memory: at most twice `max`.
 */
export class NewestCauses {
  readonly #max: number;
  #found: Cause[] = [];
  /** The oldest cause that is kept, once older ones were dropped. */
  #floor: Cause | undefined;

  constructor(max: number) {
    this.#max = max;
  }

  add(cause: Cause): void {
    if (this.#floor !== undefined && byAge(cause, this.#floor) < 0) return;
    this.#found.push(cause);
    if (this.#found.length > 2 * this.#max) this.#drop();
  }

  addAll(causes: Iterable<Cause>): void {
    for (const cause of causes) this.add(cause);
  }

  /** Oldest first. */
  list(): readonly Cause[] {
    if (this.#found.length > 1) this.#drop();
    return this.#found;
  }

  #drop(): void {
    const sorted = this.#found.sort(byAge);
    const distinct = sorted.filter((each, i) => i === 0 || byAge(each, sorted[i - 1] as Cause) !== 0);
    this.#found = distinct.slice(-this.#max);
    if (distinct.length > this.#max) this.#floor = this.#found[0];
  }
}

export function sameCauses(a: readonly Cause[], b: readonly Cause[]): boolean {
  return a.length === b.length && a.every((cause, i) => byAge(cause, b[i] as Cause) === 0);
}

function byAge(a: Cause, b: Cause): number {
  if (a.position !== b.position) return a.position < b.position ? -1 : 1;
  if (a.eventId === b.eventId) return 0;
  return a.eventId < b.eventId ? -1 : 1;
}
