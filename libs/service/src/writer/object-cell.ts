/**
 * One object's stream in memory. Commands on it take turns: each decides on a state that is durable, so its answer rests on nothing that may
 * yet fail, and the resourceVersion it tells is known. (Reservation streams, which many commands share, are batched instead.)
 *
 * The state begins as the follower has it, which may be old: good enough to try an append, whose expected revision settles it. Only what would
 * append nothing needs certainty: that the state was read, or written, by us while we hold the partition.
 */
import type { Folded } from '@weft/api';

export class ObjectCell {
  state: Folded;
  /** Nobody but us can have written since. */
  certain = false;
  #turn: Promise<void> | undefined;
  #waiting = 0;

  constructor(state: Folded) {
    this.state = state;
  }

  get busy(): boolean {
    return this.#waiting > 0;
  }

  /** Runs one after the other, in the order of the calls. */
  async inTurn<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#turn;
    let done: () => void = () => undefined;
    const mine = new Promise<void>((resolve) => {
      done = resolve;
    });
    this.#turn = mine;
    this.#waiting++;
    try {
      if (before !== undefined) await before;
      return await work();
    } finally {
      this.#waiting--;
      if (this.#turn === mine) this.#turn = undefined;
      done();
    }
  }

  /** Takes what the follower has when that is newer. */
  catchUp(followed: Folded | undefined): void {
    if (followed === undefined || followed.revision === 'none') return;
    if (this.state.revision !== 'none' && followed.revision <= this.state.revision) return;
    this.state = followed; // Written by another.
    this.certain = false;
  }
}
