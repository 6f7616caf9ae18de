import type { Position } from '@weft/api';

/** Into how many steps the distance is cut. */
const STEPS = 100;

/** Knows which positions have more than so many events behind them, by one mark in each hundredth of that distance: nothing has to be read to say it. */
export class LogMarks {
  readonly #distanceMax: number;
  readonly #step: number;
  /** Oldest first: positions with `step` events between each two of them. Those behind the first one are at least `distanceMax`, once it is full. */
  readonly #marks: Position[];
  #sinceMark = 0;

  /** `floor`: events behind it, and no others, will be given. */
  constructor(distanceMax: number, floor: Position) {
    this.#distanceMax = distanceMax;
    this.#step = Math.max(1, Math.floor(distanceMax / STEPS));
    this.#marks = [floor];
  }

  take(position: Position, events: number): void {
    for (this.#sinceMark += events; this.#sinceMark >= this.#step; this.#sinceMark -= this.#step) {
      this.#marks.push(position);
      if ((this.#marks.length - 1) * this.#step > this.#distanceMax) this.#marks.shift();
    }
  }

  /** Whether more than `distanceMax` events, or as good as, stand behind a position. Undefined for one from before the floor, when that is still near. */
  isFarther(position: Position): boolean | undefined {
    if (position >= (this.#marks[0] as Position)) return false;
    return this.#marks.length * this.#step > this.#distanceMax ? true : undefined;
  }
}
