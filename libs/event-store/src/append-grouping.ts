/**
 * Puts events together into whole appends. The one place that does: a log delivers event by event, in pages that cut appends anywhere, and says
 * nowhere where one begins; the events' own metadata does (`append {index, count}`). Every store writes the events of an append side by side.
 *
 * What does not fit stands alone, as it is: events without such metadata (other people's), and what is there of an append whose rest never comes.
 */
import { type Append, appendOf, type Position, type RecordedEvent } from '@weft/api';
import type { EventStore } from './port.ts';

export class AppendGrouping {
  /** The beginning of an append whose rest is still to come. */
  #open: RecordedEvent[] = [];

  get isOpen(): boolean {
    return this.#open.length > 0;
  }

  /** The events that follow in the log; gives the appends that end with them. */
  add(events: readonly RecordedEvent[]): Append[] {
    const ended: Append[] = [];
    for (const event of events) {
      if (this.isOpen && !follows(this.#open.at(-1) as RecordedEvent, event)) ended.push(this.#close());
      const last = isLast(event);
      if (last && !this.isOpen) {
        ended.push(appendOf([event]));
        continue;
      }
      this.#open.push(event);
      if (last) ended.push(this.#close());
    }
    return ended;
  }

  /** What is open, as it is: no more of it comes. */
  rest(): Append | undefined {
    return this.isOpen ? this.#close() : undefined;
  }

  #close(): Append {
    const append = appendOf(this.#open);
    this.#open = [];
    return append;
  }
}

/** How many events of its append stand before this one. */
export function eventsBefore({ metadata, revision }: RecordedEvent): number {
  const index = metadata?.append?.index ?? 0;
  return Number.isInteger(index) && index > 0 && BigInt(index) <= revision ? index : 0;
}

/** What was read as the events before the first one of a page: themselves when they are, nothing otherwise. */
export function beginningOf(event: RecordedEvent, before: readonly RecordedEvent[]): readonly RecordedEvent[] {
  const whole = [...before, event];
  const fits = whole[0]?.metadata.append?.index === 0 && whole.every((each, i) => i === 0 || follows(whole[i - 1] as RecordedEvent, each));
  return fits ? before : [];
}

/**
 * Pages of whole appends from pages of events. What the first page lacks of its first append, and the last one of its last, is read from the append's
 * stream.
 */
export async function* appendPages(
  pages: AsyncIterable<readonly RecordedEvent[]>,
  readStream: EventStore['readStream'],
): AsyncGenerator<readonly Append[], void, undefined> {
  const grouping = new AppendGrouping();
  let last: RecordedEvent | undefined;
  for await (const page of pages) {
    const first = page[0] as RecordedEvent;
    const before = last === undefined ? await readBeginning(first, readStream) : [];
    const appends = grouping.add([...before, ...page]);
    last = page.at(-1);
    if (appends.length > 0) yield appends;
  }
  if (last !== undefined && grouping.isOpen) {
    const rest: RecordedEvent[] = [];
    const limit = last.metadata.append.count - last.metadata.append.index - 1;
    for await (const event of readStream(last.stream, { from: last.revision + 1n, limit })) rest.push(event);
    const appends = grouping.add(rest);
    yield appends.length > 0 ? appends.slice(0, 1) : [grouping.rest() as Append];
  }
}

/** The appends of one stream in their order: those whose own position is at or before `upTo`. */
export async function* streamAppends(
  store: Pick<EventStore, 'readStream'>,
  stream: string,
  { upTo }: Readonly<{ upTo?: Position }> = {},
): AsyncGenerator<Append, void, undefined> {
  const grouping = new AppendGrouping();
  for await (const event of store.readStream(stream)) {
    const isBehind = upTo !== undefined && event.position > upTo;
    for (const append of grouping.add([event])) if (upTo === undefined || append.position <= upTo) yield append;
    if (isBehind) return;
  }
  const rest = grouping.rest();
  if (rest !== undefined) yield rest;
}

/** The events of its append that stand before an event. */
export async function readBeginning(event: RecordedEvent, readStream: EventStore['readStream']): Promise<readonly RecordedEvent[]> {
  const limit = eventsBefore(event);
  if (limit === 0) return [];
  const before: RecordedEvent[] = [];
  for await (const each of readStream(event.stream, { from: event.revision - BigInt(limit), limit })) before.push(each);
  return beginningOf(event, before);
}

function follows(before: RecordedEvent, event: RecordedEvent): boolean {
  const [a, b] = [before.metadata?.append, event.metadata?.append];
  return (
    a !== undefined &&
    b !== undefined &&
    b.index === a.index + 1 &&
    b.count === a.count &&
    event.revision === before.revision + 1n &&
    event.stream === before.stream &&
    event.metadata.requestId === before.metadata.requestId
  );
}

function isLast({ metadata }: RecordedEvent): boolean {
  const place = metadata?.append;
  return place === undefined || !(place.index + 1 < place.count);
}
