/** Items of one lane are taken one after the other, in order; lanes run beside each other. Items without a lane run at once. Every step is O(1). */
export type Taken<T> = Readonly<{ item: T; lane: string | undefined }>;

export class Lanes<T> {
  /** Items behind the first one; a lane is there while one of its items is ready or under way. */
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

  /** The next item that may run. Its lane must be freed. */
  take(): Taken<T> | undefined {
    return this.#ready.shift();
  }

  free(lane: string | undefined): void {
    if (lane === undefined) return;
    const item = this.#behind.get(lane)?.shift();
    if (item === undefined) this.#behind.delete(lane);
    else this.#ready.push({ item, lane });
  }
}

/** First in, first out, without moving what waits. */
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
