/** The log of a World: an event store that answers at once, with positions that leave gaps. */
import { type Append, type Appended, appendOf, type NewEvent, type Position, type RecordedEvent } from '@weft/api';

const POSITION_STEP = 3n;

export class WorldStore {
  readonly appends: Append[] = [];
  /** All events in order. */
  readonly log: RecordedEvent[] = [];
  readonly #streams = new Map<string, RecordedEvent[]>();
  readonly #onAppend: (append: Append) => void;

  constructor(onAppend: (append: Append) => void) {
    this.#onAppend = onAppend;
  }

  get head(): Position {
    return this.log.at(-1)?.position ?? 0n;
  }

  eventsOf(stream: string): readonly RecordedEvent[] {
    return this.#streams.get(stream) ?? [];
  }

  append(stream: string, expected: bigint | 'none', events: readonly NewEvent[]): Appended {
    const before = this.eventsOf(stream).at(-1)?.revision ?? 'none';
    if (expected !== before) return { outcome: 'overtaken' };
    let { head } = this;
    let revision = before === 'none' ? -1n : before;
    const recorded = events.map((event): RecordedEvent => {
      // What a store would give back.
      const stored = JSON.parse(JSON.stringify(event)) as NewEvent;
      revision += 1n;
      head += POSITION_STEP;
      return { ...stored, stream, revision, position: head };
    });
    this.take(appendOf(recorded));
    return { outcome: 'appended', revision, position: head };
  }

  /** Adds an append that another log holds already; it must be the next one. */
  take(append: Append): void {
    const { stream, events } = append;
    this.appends.push(append);
    this.log.push(...events);
    const before = this.#streams.get(stream);
    if (before === undefined) this.#streams.set(stream, [...events]);
    else before.push(...events);
    this.#onAppend(append);
  }
}
