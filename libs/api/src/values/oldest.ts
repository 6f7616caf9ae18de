/**
 * Finds the key that came to a map first, for who keeps only the newest ones. Its iterator stays where it is: one that began anew would pass all the places
 * that were left since the map was made larger.
 */
export class Oldest<K> {
  readonly #map: ReadonlyMap<K, unknown>;
  #inOrder: Iterator<K>;
  #key: K | undefined;

  constructor(map: ReadonlyMap<K, unknown>) {
    this.#map = map;
    this.#inOrder = map.keys();
  }

  /** Undefined when the map is empty. A key that went and came again may be taken for as old as it was. O(1) but for keys that went. */
  get key(): K | undefined {
    while (this.#map.size > 0) {
      if (this.#key !== undefined && this.#map.has(this.#key)) return this.#key;
      const { done, value } = this.#inOrder.next();
      if (done === true) this.#inOrder = this.#map.keys();
      else this.#key = value;
    }
    return undefined;
  }
}
