/**
 * Appends with the changes that they belong to, lowest position first. One more costs a push; one is found by its position in O(log n), which is asked for
 * rows that have changed, and those are few where many appends concern no host.
 */
import type { Position } from '@weft/api';
import type { TrackedChange } from './tracked-change.ts';

/** Fewer places than this are not worth being given back. */
const SPARE_MIN = 1_024;

export class AppendsInOrder {
  #positions: Position[] = [];
  #changes: TrackedChange[] = [];
  /** Places of the first one that is remembered, and of the first that not all projectors have read. */
  #first = 0;
  #underived = 0;
  #size = 0;

  /** Of changes that are not forgotten. */
  get size(): number {
    return this.#size;
  }

  /** `position` is behind all others. */
  push(position: Position, change: TrackedChange): void {
    this.#positions.push(position);
    this.#changes.push(change);
    this.#size++;
  }

  at(position: Position): TrackedChange | undefined {
    const place = this.#placeBehind(position) - 1;
    const change = this.#positions[place] === position ? this.#changes[place] : undefined;
    return change?.isForgotten === true ? undefined : change;
  }

  /** Those that `takeDerived` has not taken, up to a position. */
  *underived(upTo: Position): Iterable<readonly [position: Position, change: TrackedChange]> {
    for (let place = this.#underived; place < this.#positions.length; place++) {
      const position = this.#positions[place] as Position;
      if (position > upTo) return;
      const change = this.#changes[place] as TrackedChange;
      if (!change.isForgotten) yield [position, change];
    }
  }

  /** All projectors have read up to there. */
  takeDerived(upTo: Position): void {
    while (this.#underived < this.#positions.length && (this.#positions[this.#underived] as Position) <= upTo) this.#underived++;
  }

  /** Of a change that is forgotten by now. Takes its places back once they are many. */
  forget({ positions }: TrackedChange): void {
    this.#size -= positions.length;
    while (this.#changes[this.#first]?.isForgotten === true) this.#first++;
    if (this.#positions.length > 2 * this.#size + SPARE_MIN) this.#giveBack();
  }

  #giveBack(): void {
    const isKept = (place: number) => this.#changes[place]?.isForgotten === false;
    const places = [...this.#positions.keys()].filter(isKept);
    this.#underived = places.filter((place) => place < this.#underived).length;
    this.#positions = places.map((place) => this.#positions[place] as Position);
    this.#changes = places.map((place) => this.#changes[place] as TrackedChange);
    this.#first = 0;
  }

  #placeBehind(position: Position): number {
    let low = this.#first;
    let high = this.#positions.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#positions[middle] as Position) > position) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
