/** What all loops of a board owe at present, for who carries it out by himself: a `World`, a rehearsal. */
import type { Append, Draft, Loop } from '@weft/api';
import type { Asked, LoopBoard } from './loop-board.ts';

export type Owing = Readonly<{ loop: Loop; key: string; owed: readonly Draft[]; trigger?: Append }>;

export class OwedByLoops {
  readonly #board: LoopBoard;
  readonly #owing = new Map<string, Owing>();

  constructor(board: LoopBoard) {
    this.#board = board;
  }

  /** Asks until no key waits, or `isOver` says that the time is up. Gives whether all is asked. What a loop cannot answer it does not owe; `each` sees the fault. */
  ask({ each, isOver = () => false }: Readonly<{ each?: (asked: Asked, name: string) => void; isOver?: () => boolean }> = {}): boolean {
    for (;;) {
      const asked = this.#board.next();
      if (asked === undefined) return true;
      const name = nameOf(asked);
      each?.(asked, name);
      if (asked.owed.length > 0) this.#owing.set(name, asked);
      else this.#owing.delete(name);
      if (isOver()) return false;
    }
  }

  /** Loop and key, in a fixed order: not that in which they were asked. */
  get names(): readonly string[] {
    return [...this.#owing.keys()].sort();
  }

  get size(): number {
    return this.#owing.size;
  }

  get(name: string): Owing | undefined {
    return this.#owing.get(name);
  }

  set(name: string, owing: Owing): void {
    this.#owing.set(name, owing);
  }

  delete(name: string): void {
    this.#owing.delete(name);
  }

  values(): Iterable<Owing> {
    return this.#owing.values();
  }
}

function nameOf({ loop, key }: Pick<Asked, 'loop' | 'key'>): string {
  return `${loop.name} ${key}`;
}
