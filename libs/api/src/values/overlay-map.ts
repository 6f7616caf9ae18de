/**
 * A map over another one, which it never changes: what is set or deleted stays here. The map below may go on; its owner then says with `pin` what was there
 * before, so this one stays as it began. O(what differs) in memory; reads cost one lookup more.
 */
type Entry<V> = Readonly<{
  value: V | undefined;
  /** What the map below had when this one began. */
  began: V | undefined;
  /** It stands behind all that is below. */
  moved: boolean;
}>;

export class OverlayMap<V> implements ReadonlyMap<string, V> {
  readonly #below: ReadonlyMap<string, V>;
  /** What differs from the map below, the moved ones in their order. */
  readonly #own = new Map<string, Entry<V>>();

  constructor(below: ReadonlyMap<string, V>) {
    this.#below = below;
  }

  get(key: string): V | undefined {
    const own = this.#own.get(key);
    return own === undefined ? this.#below.get(key) : own.value;
  }

  has(key: string): boolean {
    return this.get(key) !== undefined;
  }

  set(key: string, value: V): this {
    const own = this.#own.get(key);
    const stays = own === undefined ? this.#below.has(key) : own.value !== undefined && !own.moved;
    this.#put(key, value, !stays);
    return this;
  }

  delete(key: string): boolean {
    const had = this.has(key);
    if (had) this.#put(key, undefined, false);
    return had;
  }

  /** The map below has another value under this key now; `before`: what it had. */
  pin(key: string, before: V | undefined): void {
    if (!this.#own.has(key)) this.#own.set(key, { value: before, began: before, moved: !this.#below.has(key) });
  }

  /** What was set or deleted and is not as it was at the beginning. */
  *changed(): Iterable<Readonly<{ key: string; before: V | undefined; after: V | undefined }>> {
    for (const [key, { began, value }] of this.#own) if (began !== value) yield { key, before: began, after: value };
  }

  get size(): number {
    let { size } = this.#below;
    for (const [key, { value }] of this.#own) size += Number(value !== undefined) - Number(this.#below.has(key));
    return size;
  }

  *entries(): Generator<[string, V], undefined, unknown> {
    for (const [key, value] of this.#below) {
      const own = this.#own.get(key);
      if (own === undefined) yield [key, value];
      else if (own.value !== undefined && !own.moved) yield [key, own.value];
    }
    for (const [key, { value, moved }] of this.#own) if (value !== undefined && moved) yield [key, value];
    return undefined;
  }

  *keys(): Generator<string, undefined, unknown> {
    for (const [key] of this.entries()) yield key;
    return undefined;
  }

  *values(): Generator<V, undefined, unknown> {
    for (const [, value] of this.entries()) yield value;
    return undefined;
  }

  [Symbol.iterator](): Generator<[string, V], undefined, unknown> {
    return this.entries();
  }

  forEach(visit: (value: V, key: string, map: ReadonlyMap<string, V>) => void): void {
    for (const [key, value] of this.entries()) visit(value, key, this);
  }

  /** A key that is set anew goes to the end. */
  #put(key: string, value: V | undefined, moved: boolean): void {
    const own = this.#own.get(key);
    const began = own === undefined ? this.#below.get(key) : own.began;
    if (moved && own !== undefined && own.value === undefined) this.#own.delete(key);
    this.#own.set(key, { value, began, moved });
  }
}
