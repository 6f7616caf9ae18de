/**
 * Appends with the changes that they belong to, lowest position first. Adding one is a push, since each append adds one. Finding one by its position takes
 * O(log n) steps, since that is asked only about rows that have changed.
 */
import type { Position } from '@weft/api';
import type { TrackedChange } from './tracked-change.ts';

/** The lists are not cut for fewer forgotten appends than this. */
const SPARE_MIN = 1_024;

export class AppendsInOrder {
  #positions: Position[] = [];
  /** Undefined: forgotten. */
  #changes: (TrackedChange | undefined)[] = [];
  /** Place of the first that not all projectors have read. */
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
    const place = this.#placeOf(position);
    return place === undefined ? undefined : this.#changes[place];
  }

  /** Those that `takeDerived` has not taken, up to a position. */
  *underived(upTo: Position): Iterable<readonly [position: Position, change: TrackedChange]> {
    for (let place = this.#underived; place < this.#positions.length; place++) {
      const position = this.#positions[place] as Position;
      if (position > upTo) return;
      const change = this.#changes[place];
      if (change !== undefined) yield [position, change];
    }
  }

  /** All projectors have read up to there. */
  takeDerived(upTo: Position): void {
    while (this.#underived < this.#positions.length && (this.#positions[this.#underived] as Position) <= upTo) this.#underived++;
  }

  /** Removes a change. The lists are cut once more of their places are forgotten than are not. */
  forget({ positions }: TrackedChange): void {
    for (const position of positions) {
      const place = this.#placeOf(position);
      if (place === undefined || this.#changes[place] === undefined) continue;
      this.#changes[place] = undefined;
      this.#size--;
    }
    if (this.#positions.length > 2 * this.#size + SPARE_MIN) this.#cut();
  }

  #cut(): void {
    const places = [...this.#changes.keys()].filter((place) => this.#changes[place] !== undefined);
    this.#underived = places.filter((place) => place < this.#underived).length;
    this.#positions = places.map((place) => this.#positions[place] as Position);
    this.#changes = places.map((place) => this.#changes[place]);
  }

  #placeOf(position: Position): number | undefined {
    let low = 0;
    let high = this.#positions.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#positions[middle] as Position) < position) low = middle + 1;
      else high = middle;
    }
    return this.#positions[low] === position ? low : undefined;
  }
}
