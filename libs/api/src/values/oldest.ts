/**
 * Takes the oldest entries out of a map, for who keeps only the newest ones. Its iterator goes on where it stopped: one that began anew would pass the slots
 * of all deleted keys. Nobody else may delete from the map: an iterator that stands still keeps each table alive that the map has had since.
 */
export class Oldest<K, V> {
  readonly #map: Map<K, V>;
  #inOrder: Iterator<K>;

  constructor(map: Map<K, V>) {
    this.#map = map;
    this.#inOrder = map.keys();
  }

  /** Undefined when the map is empty. O(1). */
  take(): V | undefined {
    let next = this.#inOrder.next();
    if (next.done === true) {
      this.#inOrder = this.#map.keys();
      next = this.#inOrder.next();
    }
    if (next.done === true) return undefined;
    const value = this.#map.get(next.value);
    this.#map.delete(next.value);
    return value;
  }
}
