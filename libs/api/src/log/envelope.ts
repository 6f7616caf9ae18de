/**
 * What is stored: an event and its envelope. The one shape that stores, folds, projections and replay share.
 */
import type { KeptCommand } from '../append/kept-command.ts';
import type { Claim } from '../kind/kind.ts';
import type { JsonObject } from './json.ts';

/** Ordered, otherwise opaque; a store may leave gaps. A decimal string on the wire. It means something only in the store that it came from. */
export type Position = bigint;

/** Who asked. `verified` is false while nothing authenticates (an impersonated or anonymous user). */
export type Actor = Readonly<{ user: string; groups?: readonly string[]; verified: boolean }>;

/** Whether Weft itself acted: a service, one of its loops, or an agent. */
export function isWeft({ user, verified }: Actor): boolean {
  return user.startsWith('system:host:') || (verified && user.startsWith('system:'));
}

/** Metadata of one event. Times are RFC 3339 UTC with milliseconds and come from the writer's injected clock, never from the store. */
export type EventMetadata = Readonly<{
  /** Incarnation of the resource; absent on reservation streams. */
  uid?: string;
  actor: Actor;
  /** The actor of the append that made a control loop act. Set only on appends of loops. */
  onBehalfOf?: Actor;
  /** UUID of the request; a loop's follows from target, revision and command (`requestIdOfDraft`). A retry carries the same one. */
  requestId: string;
  $correlationId: string;
  $causationId: string;
  time: string;
  /** Place within its append. Only a store reads it, to deliver whole appends: their boundaries are not visible in `$all`. */
  append: Readonly<{ index: number; count: number }>;
  traceparent?: string;
  /** Of an object's append, on its first event only: the command that it came from. */
  command?: KeptCommand;
  /** On the first event of an append only: the releases of the append, without `at`, which is the position of this append. */
  releases?: readonly Claim[];
}>;

/** An event that is about to be appended. `type` is past tense with a version: `NetworkCreated.v1`. */
export type NewEvent = Readonly<{
  /** uuidv5(request id, stream, expected revision, index): the same ids can never be written at another revision. */
  id: string;
  type: string;
  data: JsonObject;
  metadata: EventMetadata;
}>;

/** An event as it was read back. `revision` counts from 0 within its stream. */
export type RecordedEvent = NewEvent & Readonly<{ stream: string; revision: bigint; position: Position }>;

/**
 * What one command appended to one stream: the unit in which the log is delivered, folded and watched, since half of one means nothing. Its events lie
 * side by side in the log. Revision and position are those of its last event; only such positions are handed out.
 */
export type Append = Readonly<{
  stream: string;
  events: readonly [RecordedEvent, ...RecordedEvent[]];
  revision: bigint;
  position: Position;
}>;

/** Whether Weft wrote it: a store may hold streams of others, too. What others wrote has other metadata, or none. */
export function isOurs({ metadata }: Pick<RecordedEvent, 'metadata'>): boolean {
  const { requestId, append, actor } = (metadata ?? {}) as Partial<EventMetadata>;
  return typeof requestId === 'string' && typeof append === 'object' && typeof actor === 'object';
}

/** The events must be those of one append, in order, and at least one. */
export function appendOf(events: readonly RecordedEvent[]): Append {
  const last = events.at(-1);
  if (last === undefined) throw new Error('an append holds at least one event');
  return { stream: last.stream, events: events as Append['events'], revision: last.revision, position: last.position };
}

/** The event that made something so, and its place in the log. */
export type Because = Readonly<{ position: Position; stream: string; revision: bigint; eventId: string }>;
