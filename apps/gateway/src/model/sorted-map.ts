/**
 * A map that is read in bytewise order of its names. Writes are O(1); a read in order after k new names costs k log k for them and one
 * merge over the rest, so a burst of creations is not sorted again and again.
 */
export class SortedMap<V> {
  readonly #values = new Map<string, V>();
  #order: string[] = [];
  #added: string[] = [];
  #removed = false;

  get size(): number {
    return this.#values.size;
  }

  get(name: string): V | undefined {
    return this.#values.get(name);
  }

  set(name: string, value: V): void {
    if (!this.#values.has(name)) this.#added.push(name);
    this.#values.set(name, value);
  }

  delete(name: string): void {
    if (this.#values.delete(name)) this.#removed = true;
  }

  /** Names in order. Do not keep it over a write. */
  names(): readonly string[] {
    if (this.#added.length > 0) this.#merge();
    else if (this.#removed) this.#order = this.#order.filter((name) => this.#values.has(name));
    this.#removed = false;
    return this.#order;
  }

  *values(): Iterable<V> {
    for (const name of this.names()) yield this.#values.get(name) as V;
  }

  /** A name that was removed and added again is in both lists: equal neighbours are kept once. */
  #merge(): void {
    const added = this.#added.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
    const merged: string[] = [];
    const put = (name: string) => {
      if (merged.at(-1) !== name && this.#values.has(name)) merged.push(name);
    };
    let at = 0;
    for (const name of this.#order) {
      while (at < added.length && (added[at] as string) <= name) put(added[at++] as string);
      put(name);
    }
    while (at < added.length) put(added[at++] as string);
    this.#order = merged;
    this.#added = [];
  }
}
