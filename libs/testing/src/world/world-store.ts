/** The log of a World: an event store that answers at once, with positions that leave gaps. */
import { type Append, type Appended, appendOf, type NewEvent, type Position, type RecordedEvent } from '@weft/api';

const POSITION_STEP = 3n;

export class WorldStore {
  readonly log: RecordedEvent[] = [];
  /** The same as `log`. */
  readonly appends: Append[] = [];
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
    const revision = this.eventsOf(stream).at(-1)?.revision ?? 'none';
    if (expected !== revision) return { outcome: 'overtaken' };
    const before = revision === 'none' ? -1n : revision;
    const { head } = this;
    const recorded = events.map((event, index): RecordedEvent => {
      // As a store would give it back.
      const stored = JSON.parse(JSON.stringify(event)) as NewEvent;
      const place = BigInt(index + 1);
      return { ...stored, stream, revision: before + place, position: head + place * POSITION_STEP };
    });
    for (const append of appendsOf(recorded)) this.take(append);
    return { outcome: 'appended', revision: before + BigInt(events.length), position: this.head };
  }

  /** An append that is in the log already: the next one. */
  take(append: Append): void {
    const { stream, events } = append;
    this.log.push(...events);
    this.appends.push(append);
    const known = this.#streams.get(stream);
    if (known === undefined) this.#streams.set(stream, [...events]);
    else known.push(...events);
    this.#onAppend(append);
  }
}

/** What the events of a log were appended as; without an append that lacks its end. */
export function* appendsOf(log: Iterable<RecordedEvent>): Iterable<Append> {
  let events: RecordedEvent[] = [];
  for (const event of log) {
    events.push(event);
    const { index, count } = event.metadata.append;
    if (index + 1 < count) continue;
    yield appendOf(events);
    events = [];
  }
}
