import { Node } from './node.ts';

/** A moment that an evaluation waits for: a position of the log, or a time. */
export class Alarm<T extends bigint | number> extends Node {
  readonly at: T;
  /** Its index in the heap; -1 when it is not in the heap any more. */
  place = -1;
  readonly #alarms: Alarms<T>;

  constructor(alarms: Alarms<T>, at: T) {
    super();
    this.#alarms = alarms;
    this.at = at;
  }

  protected override unread(): void {
    this.#alarms.remove(this);
  }
}

/** A heap with the earliest alarm on top, and one alarm for each moment. To set, remove or run one costs O(log alarms). */
export class Alarms<T extends bigint | number> {
  readonly #byMoment = new Map<T, Alarm<T>>();
  readonly #heap: Alarm<T>[] = [];

  get size(): number {
    return this.#heap.length;
  }

  get next(): T | undefined {
    return this.#heap[0]?.at;
  }

  find(at: T): Alarm<T> | undefined {
    return this.#byMoment.get(at);
  }

  alarmAt(at: T): Alarm<T> {
    let alarm = this.#byMoment.get(at);
    if (alarm === undefined) {
      alarm = new Alarm(this, at);
      this.#byMoment.set(at, alarm);
      this.#rise(alarm, this.#heap.length);
    }
    return alarm;
  }

  /** Wakes the readers of all alarms that are due at `now` or were due before. */
  advanceTo(now: T): void {
    for (let first = this.#heap[0]; first !== undefined && first.at <= now; first = this.#heap[0]) {
      this.remove(first);
      first.wake();
    }
  }

  remove(alarm: Alarm<T>): void {
    const { place } = alarm;
    if (place < 0) return;
    this.#byMoment.delete(alarm.at);
    alarm.place = -1;
    const last = this.#heap.pop();
    if (last === undefined || last === alarm) return;
    this.#rise(last, place);
    this.#sink(last, last.place);
  }

  #rise(alarm: Alarm<T>, from: number): void {
    let place = from;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const above = this.#heap[parent] as Alarm<T>;
      if (above.at <= alarm.at) break;
      this.#put(above, place);
      place = parent;
    }
    this.#put(alarm, place);
  }

  #sink(alarm: Alarm<T>, from: number): void {
    let place = from;
    for (;;) {
      const left = 2 * place + 1;
      if (left >= this.#heap.length) break;
      const right = left + 1;
      const smaller = right < this.#heap.length && this.#earlier(right, left) ? right : left;
      const below = this.#heap[smaller] as Alarm<T>;
      if (alarm.at <= below.at) break;
      this.#put(below, place);
      place = smaller;
    }
    this.#put(alarm, place);
  }

  #earlier(a: number, b: number): boolean {
    return (this.#heap[a] as Alarm<T>).at < (this.#heap[b] as Alarm<T>).at;
  }

  #put(alarm: Alarm<T>, place: number): void {
    this.#heap[place] = alarm;
    alarm.place = place;
  }
}
