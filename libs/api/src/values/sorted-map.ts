/**
 * A map whose names are also read in bytewise order. (Names of objects are ASCII, for which the order of texts is that of their bytes.)
 *
 * Values are in a hash map; beside it the names stand in order in blocks of bounded length, so no operation ever sorts or copies all of them:
 *
 *   get, set of a present name     O(1)
 *   set of a new name, delete      O(log n), and the move of at most BLOCK_MAX names within a block
 *   reads in order                 O(log n + what is read)
 */
export class SortedMap<V> {
  readonly #values = new Map<string, V>();
  /** In order; none is empty. */
  readonly #blocks: string[][] = [];

  get size(): number {
    return this.#values.size;
  }

  get(name: string): V | undefined {
    return this.#values.get(name);
  }

  set(name: string, value: V): void {
    const { size } = this.#values;
    this.#values.set(name, value);
    if (this.#values.size > size) this.#insert(name);
  }

  /** True when the name was there. */
  delete(name: string): boolean {
    if (!this.#values.delete(name)) return false;
    const at = this.#blockOf(name);
    const block = this.#blocks[at] as string[];
    block.splice(indexOfFirst(block, name, 'from'), 1);
    this.#shrink(at);
    return true;
  }

  /** Values in no promised order, without a look at the names. */
  unordered(): IterableIterator<V> {
    return this.#values.values();
  }

  /** Names greater than `after`, in order. Do not use the iterator after a write. */
  *names(after?: string): IterableIterator<string> {
    if (this.#blocks.length === 0) return;
    let at = after === undefined ? 0 : this.#blockOf(after);
    let index = after === undefined ? 0 : indexOfFirst(this.#blocks[at] as string[], after, 'after');
    for (; at < this.#blocks.length; at++, index = 0) {
      const block = this.#blocks[at] as string[];
      for (; index < block.length; index++) yield block[index] as string;
    }
  }

  /** As `names`, with their values. */
  *entries(after?: string): IterableIterator<[string, V]> {
    for (const name of this.names(after)) yield [name, this.#values.get(name) as V];
  }

  /** Values in the order of their names. Do not use the iterator after a write. */
  *values(): IterableIterator<V> {
    for (const name of this.names()) yield this.#values.get(name) as V;
  }

  /** The same at once, for many of them. */
  toArray(): V[] {
    const values: V[] = [];
    for (const block of this.#blocks) for (const name of block) values.push(this.#values.get(name) as V);
    return values;
  }

  #insert(name: string): void {
    const last = this.#blocks.at(-1);
    if (last === undefined || (last.at(-1) as string) < name) {
      // Names that are added in order fill one block after the other.
      if (last === undefined || last.length === BLOCK_MAX) this.#blocks.push([name]);
      else last.push(name);
      return;
    }
    const at = this.#blockOf(name);
    const block = this.#blocks[at] as string[];
    block.splice(indexOfFirst(block, name, 'from'), 0, name);
    if (block.length > BLOCK_MAX) this.#blocks.splice(at + 1, 0, block.splice(BLOCK_MAX >> 1));
  }

  /** Keeps the number of blocks in proportion to that of the names: a block that became small joins its neighbour. */
  #shrink(at: number): void {
    const block = this.#blocks[at] as string[];
    const next = this.#blocks[at + 1];
    if (block.length === 0) this.#blocks.splice(at, 1);
    else if (next !== undefined && block.length + next.length <= BLOCK_MAX >> 1) {
      block.push(...next);
      this.#blocks.splice(at + 1, 1);
    }
  }

  /** Index of the block that holds `name`, or would: the last one that does not begin behind it. 0 when there is none. */
  #blockOf(name: string): number {
    let low = 0;
    let high = this.#blocks.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (((this.#blocks[middle] as string[])[0] as string) <= name) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

const BLOCK_MAX = 512;

/** Index of the first name that is not below `name` (`from`), or that is above it (`after`). */
function indexOfFirst(block: readonly string[], name: string, side: 'from' | 'after'): number {
  let low = 0;
  let high = block.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const each = block[middle] as string;
    if (each < name || (side === 'after' && each === name)) low = middle + 1;
    else high = middle;
  }
  return low;
}
