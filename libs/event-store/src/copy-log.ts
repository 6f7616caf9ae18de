/**
 * Copies a log from one store into another one, of whatever kind: the same events with the same ids, in the same order, in the same appends, and with them
 * the identity of the store. Positions are those of the new store. A copy that was interrupted goes on when it is made again: what is there is repeated.
 */
import { type Append, isOurs, type JsonValue, type Position, type RecordedEvent } from '@weft/api';
import { InvalidArgumentError } from './errors.ts';
import { nameSameLog, openEventStore } from './open.ts';
import type { EventStore, ExpectedRevision } from './port.ts';
import { STORE_STREAM } from './store-identity.ts';
import { withoutPassword } from './without-password.ts';

export type CopyOptions = Readonly<{
  /** Appends that are sent before the first of them is answered. More than one only where the order of calls is that of the log. */
  inFlight?: number;
  onProgress?: (what: 'copied' | 'compared', events: number) => void;
}>;

/** `foreign`: events of others, which stay where they are. `difference`: what the comparison found first, in words. */
export type CopyReport = Readonly<{ events: number; foreign: number; head: Position; difference?: string }>;

export type CopySource = Readonly<{ url: string; store: Pick<EventStore, 'readStream'> }>;

/**
 * Opens a store for a copy: one that is empty becomes the one that is copied. Errors: those of `openEventStore`, and InvalidArgumentError when both URLs name
 * the same log, before anything is written.
 */
export async function openCopy(url: string, { url: source, store }: CopySource): Promise<EventStore> {
  if (nameSameLog(url, source)) {
    throw new InvalidArgumentError(
      `${withoutPassword(url)} and ${withoutPassword(source)} are the same log, which would be no copy: name another store, an empty one`,
    );
  }
  for await (const first of store.readStream(STORE_STREAM, { limit: 1 })) return openEventStore(url, { first });
  throw new InvalidArgumentError(`the log to be copied has no stream "${STORE_STREAM}"`);
}

/** Copies what the log holds now, then compares both. Throws InvalidArgumentError when the target holds another log, and what appends and reads throw. */
export async function copyLog(from: EventStore, to: EventStore, { inFlight = 1, onProgress }: CopyOptions = {}): Promise<CopyReport> {
  if (from.storeId !== to.storeId)
    throw new InvalidArgumentError(`the target holds another log (store ${to.storeId}, not ${from.storeId}): name an empty one`);
  const head = await from.head();
  let [events, foreign] = [0, 0];
  const sent: Promise<unknown>[] = [];
  for await (const append of appendsUpTo(from, head)) {
    if (!isOurs(append.events[0])) {
      foreign += append.events.length;
      continue;
    }
    const first = append.events[0].revision;
    const expected: ExpectedRevision = first === 0n ? 'none' : first - 1n;
    const written = to.append(
      append.stream,
      expected,
      append.events.map(({ id, type, data, metadata }) => ({ id, type, data, metadata })),
    );
    written.catch(() => {}); // Awaited below.
    sent.push(written);
    if (sent.length >= inFlight) await sent.shift();
    events += append.events.length;
    onProgress?.('copied', events);
  }
  await Promise.all(sent);
  const difference = await compared(from, to, head, onProgress);
  return { events, foreign, head, ...(difference !== undefined && { difference }) };
}

async function* appendsUpTo(store: EventStore, head: Position): AsyncGenerator<Append> {
  for await (const page of store.readAppendPages()) {
    for (const append of page) {
      if (append.position > head) return;
      yield append;
    }
  }
}

async function compared(
  from: EventStore,
  to: EventStore,
  head: Position,
  onProgress: CopyOptions['onProgress'],
): Promise<string | undefined> {
  const copies = to.readAll()[Symbol.asyncIterator]();
  let count = 0;
  for await (const event of from.readAll()) {
    if (event.position > head) break;
    if (!isOurs(event)) continue;
    const { value: copy } = await copies.next();
    if (copy === undefined) return `the copy ends after ${count} events, before ${placeOf(event)}`;
    if (textOf(event) !== textOf(copy)) return `event ${count + 1} is ${placeOf(event)}, in the copy ${placeOf(copy)}`;
    count++;
    onProgress?.('compared', count);
  }
  const { value: more } = await copies.next();
  return more === undefined ? undefined : `the copy goes on behind the end of the log: ${placeOf(more)}`;
}

function placeOf({ stream, revision, type, id }: RecordedEvent): string {
  return `${type} ${id} at revision ${revision} of stream "${stream}"`;
}

/** Stores may give back keys in another order. */
function textOf({ stream, revision, id, type, data, metadata }: RecordedEvent): string {
  return JSON.stringify([stream, String(revision), id, type, sorted(data), sorted(metadata as unknown as JsonValue)]);
}

function sorted(value: JsonValue): JsonValue {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(sorted);
  const object: Record<string, JsonValue> = {};
  for (const key of Object.keys(value).sort()) object[key] = sorted((value as Record<string, JsonValue>)[key] as JsonValue);
  return object;
}
