/**
 * EventBook: the Events that clients wrote in one namespace within the last hour, in `EventBook-<namespace>` (ADR 65). Each write is one event with the whole
 * Event, so nothing that is older than an hour is needed to know what there is.
 *
 *   create, update, patch ──> EventRecorded.v1 {event} ──> event-records[<namespace>/<name>]
 *   delete                ──> EventRemoved.v1 {name}   ──> deleted, as is what was last written an hour ago
 *   too many writes       ──> 429
 */
import { Type } from '@sinclair/typebox';
import {
  type ApiObject,
  accepted,
  asJson,
  type DataOf,
  type DecideContext,
  type Decision,
  decideWholeOf,
  defineReservation,
  type Folded,
  failure,
  forbiddenStatus,
  type ObjectCommand,
  type ObjectKey,
  type Rejected,
  rejected,
  requestTooLarge,
} from '@weft/api';
import { namespaceKind } from '../namespace/namespace.kind.ts';
import { Namespace } from '../namespace/namespace.types.ts';
import { eventKind } from './event.kind.ts';
import { eventBookEvents } from './event.types.ts';
import { AGE_MS_MAX } from './event-expiry.ts';
import { eventNotices, eventWarnings } from './event-ledgers.ts';
import { eventRecords } from './event-records.ts';

/** Writes that a namespace may make at once, and how soon one of them comes back: 200 an hour. */
export const STOCK_MAX = 1_000;
export const RESTOCK_MS = 18_000;
const EVENT_BYTES_MAX = 16_384;

/** `command`: create, replace, patch or delete of one Event. */
const eventBookCommands = { WriteEvent: Type.Object({ command: Type.Unsafe<ObjectCommand>({ type: 'object', required: ['verb'] }) }) };

type Recorded = Readonly<{ object: ApiObject; requestId: string; time: string }>;
export type EventBook = {
  /** By name, what was written last at the end. */
  readonly events: Map<string, Recorded>;
  /** How many writes were left at that time (Unix time, ms). */
  stock: number;
  stockedAtMs: number;
};
type BookEvents = DataOf<typeof eventBookEvents>;
type BookFact = { [E in keyof BookEvents]: Readonly<{ type: E; data: BookEvents[E] }> }[keyof BookEvents];
type EventBookTypes = { state: EventBook; commands: DataOf<typeof eventBookCommands>; events: BookEvents };

const decideWhole = decideWholeOf(eventKind, [namespaceKind]);

export const eventBook = defineReservation<EventBookTypes>({
  category: 'EventBook',
  context: 'network',
  partitionKey: (stream) => stream.slice('EventBook-'.length),
  newestSuffice: 2 * STOCK_MAX,
  initial: () => ({ events: new Map(), stock: STOCK_MAX, stockedAtMs: 0 }),
  events: eventBookEvents,
  commands: eventBookCommands,
  decide: { WriteEvent: ({ command }, book, context) => decideWrite(command, book, context) },
  evolve: {
    'EventRecorded.v1': (book, { event: object }, { metadata: { time, requestId } }) => {
      noteWrite(book, time);
      book.events.delete(object.metadata.name);
      book.events.set(object.metadata.name, { object, requestId, time });
    },
    'EventRemoved.v1': (book, { name }, { metadata: { time } }) => {
      noteWrite(book, time);
      book.events.delete(name);
    },
  },
});

function decideWrite(command: ObjectCommand, book: EventBook, context: DecideContext): Decision<BookFact> {
  const decision = decideWhole(command, (key) => livingIn(book, key, context), context);
  if (decision.outcome === 'rejected') return followsFromTheLog(command, context) ?? decision;
  const { before, after, repeated, warnings } = decision;
  const { name } = after.key;
  const object = asJson(after.object);
  const ended = after.status !== 'live';
  // An apply creates, too.
  const code = command.verb === 'create' || (before.status !== 'live' && !ended) ? 201 : 200;
  const grants = { object, code, warnings: [...warnings], ...(ended && { ended }), ...(repeated && { repeated }) };
  const isDryRun = command.verb !== 'act' && command.options?.dryRun === true;
  if (after === before || isDryRun) return accepted([], { grants });
  if (JSON.stringify(object).length > EVENT_BYTES_MAX)
    return rejected(requestTooLarge(`an Event may have at most ${EVENT_BYTES_MAX} bytes`));
  if (stockAt(book, Date.parse(context.now)) < 1) return rejected(tooMany(after.key));
  if (ended) return accepted([{ type: 'EventRemoved.v1', data: { name } }], { grants });
  const event = { ...after.object, metadata: { ...after.object.metadata, resourceVersion: '' } };
  return accepted([{ type: 'EventRecorded.v1', data: { event } }], { grants });
}

/** As readers see it, unless it was written again since. Its namespace must be the one that it was written in. */
function livingIn(book: EventBook, key: ObjectKey, { now, facts }: DecideContext): Folded | undefined {
  const recorded = book.events.get(key.name);
  if (recorded === undefined || Date.parse(recorded.time) <= Date.parse(now) - AGE_MS_MAX) return undefined;
  const { namespace = '', name } = key;
  const born = facts.get(Namespace, { name: namespace })?.object.metadata.creationTimestamp;
  if (born !== undefined && Date.parse(recorded.time) < Date.parse(born)) return undefined;
  const { object, requestId, time } = recorded;
  const served = facts.record(eventRecords, `${namespace}/${name}`);
  const resourceVersion = served?.facts['requestId'] === requestId ? served.object.metadata.resourceVersion : '';
  return {
    key,
    status: 'live',
    object: { ...object, metadata: { ...object.metadata, resourceVersion } },
    facts: {},
    revision: 0n,
    position: served?.position ?? 0n,
    facets: {},
    requests: [{ requestId, revision: 0n, position: 0n, time }],
  };
}

/** Events of Weft's own are nobody's to write. */
function followsFromTheLog(command: ObjectCommand, { facts }: DecideContext): Rejected | undefined {
  if (command.verb === 'create') return undefined;
  const { namespace = '', name } = command.key;
  const place = `${namespace}/${name}`;
  if (facts.record(eventWarnings, place) === undefined && facts.record(eventNotices, place) === undefined) return undefined;
  return rejected(forbiddenStatus(eventKind, name, 'it follows from the log, where nothing is changed; it goes after an hour'));
}

function tooMany({ namespace = '' }: ObjectKey) {
  return failure(
    429,
    'TooManyRequests',
    `namespace ${namespace} has written ${STOCK_MAX} Events, of which 200 an hour come back: write fewer, or a series in place of many`,
  );
}

function noteWrite(book: EventBook, time: string): void {
  const nowMs = Date.parse(time);
  book.stock = Math.max(0, stockAt(book, nowMs) - 1);
  book.stockedAtMs = nowMs;
  for (const [name, { time: written }] of book.events) {
    if (Date.parse(written) > nowMs - AGE_MS_MAX) break;
    book.events.delete(name);
  }
}

function stockAt({ stock, stockedAtMs }: EventBook, nowMs: number): number {
  return Math.min(STOCK_MAX, stock + Math.max(0, nowMs - stockedAtMs) / RESTOCK_MS);
}
