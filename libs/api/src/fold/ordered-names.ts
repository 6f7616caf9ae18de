/**
 * A map that is also read in bytewise order of its names. Writes are O(1); a read after k new names sorts those and merges them into the rest, so
 * a burst of creations is not sorted again and again.
 */
export class OrderedNames<V> {
  readonly #values = new Map<string, V>();
  /** Sorted; may hold names that are gone. */
  #sorted: string[] = [];
  /** New names, unsorted. */
  #added: string[] = [];
  /** Names in `#sorted` or `#added` that are gone. */
  readonly #gone = new Set<string>();

  get size(): number {
    return this.#values.size;
  }

  get(name: string): V | undefined {
    return this.#values.get(name);
  }

  set(name: string, value: V): void {
    if (!this.#values.has(name) && !this.#gone.delete(name)) {
      if (this.#added.length === 0 && (this.#sorted.at(-1) ?? '') < name) this.#sorted.push(name);
      else this.#added.push(name);
    }
    this.#values.set(name, value);
  }

  delete(name: string): void {
    if (this.#values.delete(name)) this.#gone.add(name);
  }

  /** In no promised order, without sorting. */
  unordered(): IterableIterator<V> {
    return this.#values.values();
  }

  /** In order, of names greater than `after`. Not to be kept over a write. O(log n + read), O(n) after writes. */
  *entries(after?: string): IterableIterator<[string, V]> {
    this.#tidy();
    for (let at = after === undefined ? 0 : this.#firstAfter(after); at < this.#sorted.length; at++) {
      const name = this.#sorted[at] as string;
      yield [name, this.#values.get(name) as V];
    }
  }

  #firstAfter(name: string): number {
    let low = 0;
    let high = this.#sorted.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#sorted[middle] as string) <= name) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #tidy(): void {
    if (this.#gone.size > 0) {
      this.#sorted = this.#sorted.filter((name) => !this.#gone.has(name));
      this.#added = this.#added.filter((name) => !this.#gone.has(name));
      this.#gone.clear();
    }
    if (this.#added.length === 0) return;
    const added = this.#added.sort((a, b) => (a < b ? -1 : 1));
    const merged: string[] = [];
    let at = 0;
    for (const name of this.#sorted) {
      while (at < added.length && (added[at] as string) < name) merged.push(added[at++] as string);
      merged.push(name);
    }
    while (at < added.length) merged.push(added[at++] as string);
    this.#sorted = merged;
    this.#added = [];
  }
}
