import type { Folded, Position } from '@weft/api';

/** What one append did to one object. `position` and `version` are those of its last event. Absent `before`: it was created; absent `after`: it is gone. */
export type ObjectChange = Readonly<{
  position: Position;
  version: string;
  before?: Folded;
  after?: Folded;
}>;

/** The last changes of one kind, oldest first, at most `capacity` of them. Numbered from 0 without gaps. */
export class ChangeRing {
  readonly #entries: ObjectChange[] = [];
  readonly #capacity: number;
  #next = 0;
  #floor: Position;

  /** `floor`: changes after it, and no others, will be pushed. */
  constructor(capacity: number, floor: Position) {
    this.#capacity = capacity;
    this.#floor = floor;
  }

  /** Every change after this position is in the ring. */
  get floor(): Position {
    return this.#floor;
  }

  /** Position of the newest entry, or the floor. */
  get end(): Position {
    return this.at(this.#next - 1)?.position ?? this.#floor;
  }

  /** Number of the oldest entry. */
  get first(): number {
    return Math.max(0, this.#next - this.#capacity);
  }

  /** Number that the next entry will have. */
  get next(): number {
    return this.#next;
  }

  push(change: ObjectChange): void {
    const slot = this.#next % this.#capacity;
    const evicted = this.#entries[slot];
    if (evicted !== undefined) this.#floor = evicted.position;
    this.#entries[slot] = change;
    this.#next += 1;
  }

  at(number: number): ObjectChange | undefined {
    return number < this.first || number >= this.#next ? undefined : this.#entries[number % this.#capacity];
  }

  /** Number of the first change after `position`; undefined when some of those are no longer held. */
  after(position: Position): number | undefined {
    if (position < this.#floor) return undefined;
    let low = this.first;
    let high = this.#next;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.at(middle) as ObjectChange).position > position) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
