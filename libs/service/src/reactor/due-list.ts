/**
 * Changes that wait for their reactions: in log order for the checkpoint, by source stream for the running. A stream's changes run one after the
 * other; streams run beside each other.
 *
 *   checkpoint │ done  running  done  waiting  waiting ...      the checkpoint moves over what is done, from the left
 */
import type { EventChange, Position } from '@weft/api';

export type Due = { readonly change: EventChange; readonly lane: Lane; done: boolean };
export type Lane = { readonly stream: string; readonly waiting: Due[]; running: boolean };
export type Mark = Readonly<{ position: Position; eventId: string }>;

export class DueList {
  readonly #lanes = new Map<string, Lane>();
  readonly #ready: Lane[] = [];
  #order: Due[] = [];
  /** Entries of `#order` before it are done. */
  #first = 0;

  get size(): number {
    return this.#order.length - this.#first;
  }

  add(change: EventChange): void {
    const { stream } = change.event;
    let lane = this.#lanes.get(stream);
    if (lane === undefined) this.#lanes.set(stream, (lane = { stream, waiting: [], running: false }));
    const due: Due = { change, lane, done: false };
    lane.waiting.push(due);
    this.#order.push(due);
    if (lane.waiting.length === 1 && !lane.running) this.#ready.push(lane);
  }

  /** The next one that may run. It must be given to `finish`. */
  take(): Due | undefined {
    const lane = this.#ready.shift();
    const due = lane?.waiting.shift();
    if (lane === undefined || due === undefined) return undefined;
    lane.running = true;
    return due;
  }

  /** How far everything is done by this; undefined when the checkpoint does not move. */
  finish(due: Due): Mark | undefined {
    const { lane } = due;
    due.done = true;
    lane.running = false;
    if (lane.waiting.length > 0) this.#ready.push(lane);
    else this.#lanes.delete(lane.stream);
    return this.#advance();
  }

  /** Not done after all: it waits again, in its place. */
  putBack(due: Due): void {
    const { lane } = due;
    lane.running = false;
    lane.waiting.unshift(due);
    this.#ready.push(lane);
  }

  /** Whether something of this stream waits or runs. */
  holds(stream: string): boolean {
    return this.#lanes.has(stream);
  }

  /** Everything that waits in a stream counts as done: the stream is parked. */
  drop(stream: string): void {
    const lane = this.#lanes.get(stream);
    if (lane === undefined) return;
    for (const due of lane.waiting.splice(0)) due.done = true;
  }

  /** Another replica has done everything up to here. */
  trim(position: Position): void {
    for (let at = this.#first; at < this.#order.length; at++) {
      const due = this.#order[at] as Due;
      if (due.change.event.position > position) break;
      if (due.done || due.lane.running) continue;
      due.done = true;
      due.lane.waiting.shift();
      if (due.lane.waiting.length > 0) continue;
      this.#lanes.delete(due.lane.stream);
      const ready = this.#ready.indexOf(due.lane);
      if (ready >= 0) this.#ready.splice(ready, 1);
    }
    this.#advance();
  }

  #advance(): Mark | undefined {
    let last: Due | undefined;
    while (this.#first < this.#order.length && (this.#order[this.#first] as Due).done) last = this.#order[this.#first++];
    if (this.#first > 1_024 && this.#first > this.#order.length / 2) {
      this.#order = this.#order.slice(this.#first);
      this.#first = 0;
    }
    return last && { position: last.change.event.position, eventId: last.change.event.id };
  }
}
