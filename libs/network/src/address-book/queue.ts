/** A queue, first in, first out; each step takes constant time. (A Map would get slow: to find its first entry it walks over all deleted ones.) */
export type Queue<T> = { items: T[]; first: number };

export function emptyQueue<T>(): Queue<T> {
  return { items: [], first: 0 };
}

export function append<T>(queue: Queue<T>, item: T): void {
  queue.items.push(item);
}

export function oldest<T>({ items, first }: Queue<T>): T | undefined {
  return items[first];
}

export function dropOldest<T>(queue: Queue<T>): void {
  if (queue.first >= queue.items.length) return;
  queue.first++;
  if (queue.first * 2 < queue.items.length) return;
  queue.items = queue.items.slice(queue.first);
  queue.first = 0;
}
