/** Who waits for a turn: senders take turns with each other, and what one of them sent is taken in order. Steps are O(1). */
import type { Sender } from './senders.ts';

type Waiter = Readonly<{ begin: () => void; withdraw: (why: Error) => void }>;

/** A turn that comes later. `withdraw` makes the promise reject, and does nothing once the turn has come. */
export type Turn = Readonly<{ comes: Promise<void>; withdraw: (why: Error) => void }>;

export class Turns {
  /** The sender whose turn is next comes first. */
  readonly #waiting = new Map<Sender, Set<Waiter>>();

  wait(sender: Sender): Turn {
    let waiting = this.#waiting.get(sender);
    if (waiting === undefined) this.#waiting.set(sender, (waiting = new Set()));
    const own = waiting;
    let withdraw: (why: Error) => void = () => undefined;
    const comes = new Promise<void>((resolve, reject) => {
      withdraw = (why) => {
        if (!own.delete(waiter)) return;
        reject(why);
      };
      const waiter: Waiter = { begin: resolve, withdraw };
      own.add(waiter);
    });
    return { comes, withdraw };
  }

  /** Lets the next one begin; false when nobody waits. */
  next(): boolean {
    for (const [sender, waiting] of this.#waiting) {
      this.#waiting.delete(sender);
      for (const waiter of waiting) {
        waiting.delete(waiter);
        if (waiting.size > 0) this.#waiting.set(sender, waiting); // Behind the others.
        waiter.begin();
        return true;
      }
    }
    return false;
  }
}
