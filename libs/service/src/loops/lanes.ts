/** A queue with lanes: items of one lane are taken one after the other, in order; lanes run in parallel. Items without a lane run at once. Steps are O(1). */
export type Taken<T> = Readonly<{ item: T; lane: string | undefined }>;

export class Lanes<T> {
  /** Items behind the first one of each lane. A lane exists while one of its items is ready or under way. */
  readonly #behind = new Map<string, Queue<T>>();
  readonly #ready = new Queue<Taken<T>>();

  add(lane: string | undefined, item: T): void {
    const behind = lane === undefined ? undefined : this.#behind.get(lane);
    if (behind !== undefined) behind.push(item);
    else {
      if (lane !== undefined) this.#behind.set(lane, new Queue());
      this.#ready.push({ item, lane });
    }
  }

  /** The next item that may run. Call `free` with its lane when it has ended. */
  take(): Taken<T> | undefined {
    return this.#ready.shift();
  }

  /** Takes away all that has not been taken. Lanes whose item is under way stay so until they are freed. */
  clear(): readonly T[] {
    const items: T[] = [];
    for (let next = this.#ready.shift(); next !== undefined; next = this.#ready.shift()) {
      items.push(next.item);
      if (next.lane === undefined) continue;
      items.push(...drained(this.#behind.get(next.lane)));
      this.#behind.delete(next.lane);
    }
    for (const behind of this.#behind.values()) items.push(...drained(behind));
    return items;
  }

  free(lane: string | undefined): void {
    if (lane === undefined) return;
    const item = this.#behind.get(lane)?.shift();
    if (item === undefined) this.#behind.delete(lane);
    else this.#ready.push({ item, lane });
  }
}

function* drained<T>(queue: Queue<T> | undefined): Iterable<T> {
  for (let item = queue?.shift(); item !== undefined; item = queue?.shift()) yield item;
}

/** A queue, first in, first out, that does not move its items. */
class Queue<T> {
  #items: T[] = [];
  #first = 0;

  push(item: T): void {
    this.#items.push(item);
  }

  shift(): T | undefined {
    if (this.#first >= this.#items.length) return undefined;
    const item = this.#items[this.#first++];
    if (this.#first > 64 && this.#first * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#first);
      this.#first = 0;
    }
    return item;
  }
}
