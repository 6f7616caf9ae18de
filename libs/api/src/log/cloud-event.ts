/** Events as they leave Weft: CloudEvents 1.0, structured JSON. The one definition of their form, for every way out. */
import { keyOfStream, type ObjectKey } from '../kind/object.ts';
import { type Append, isOurs, type RecordedEvent } from './envelope.ts';
import type { JsonObject } from './json.ts';
import { cursorOf, resourceVersionOf } from './resource-version.ts';

/**
 * Names of extension attributes are what CloudEvents allows: lower-case letters and digits. Whole numbers that may exceed 32 bits are texts. Further
 * attributes may come.
 */
export type CloudEvent = Readonly<{
  specversion: '1.0';
  /** That of the event in the log: the same whenever and however it is delivered. */
  id: string;
  /** `/weft/<storeId>`: positions mean something within one source only. */
  source: string;
  /** `dev.weft.<event type>`: `dev.weft.NetworkCreated.v1`. */
  type: string;
  /** `<Kind>/<namespace>/<name>`, `<Kind>/<name>` of what is in no namespace. */
  subject: string;
  time: string;
  datacontenttype: 'application/json';
  /** Of the event, decimal. */
  position: string;
  /** What comes after this event is asked for by it: the position, and what tells whose it is (ADR 45). */
  cursor: string;
  /** That of the object after all events of the append. */
  resourceversion: string;
  /** Place in its append, from 0, and how many events that has: they came about at once. */
  appendindex: number;
  appendcount: number;
  /** Place in its stream, from 0, without gaps. */
  revision: string;
  kind: string;
  /** Absent for what is in no namespace. */
  namespace?: string;
  name: string;
  /** Incarnation of the object; absent for reservation streams. */
  uid?: string;
  /** Who asked: a user, or a part of Weft (`system:…`). */
  actor: string;
  /** Whether that was authenticated. */
  actorverified: boolean;
  /** Whose change made a control loop act. */
  onbehalfof?: string;
  requestid: string;
  correlationid: string;
  causationid: string;
  /** W3C trace context. */
  traceparent?: string;
  data: JsonObject;
}>;

export const CLOUD_TYPE_PREFIX = 'dev.weft.';

/** Streams that belong to no kind and no domain: the store's own identity (DESIGN 9.1), and how far subscribers have come. */
export function isSystemStream(stream: string): boolean {
  return stream.startsWith('Store-') || stream.startsWith('Checkpoint-') || stream.startsWith('Group-') || stream.startsWith('$');
}

/** What leaves: every event that Weft wrote about its domain, also those of kinds that this version does not know. */
export function isDomainEvent(event: RecordedEvent): boolean {
  return isOurs(event) && !isSystemStream(event.stream) && keyOfStream(event.stream) !== undefined;
}

export const sourceOf = (storeId: string) => `/weft/${storeId}`;

/** What a message on the bus has besides: positions of the event before, of all and of those of its kind. */
export type CloudPlace = Readonly<{ previous: string; previousofkind: string }>;

/** A CloudEvent as JSON text, made in one go: it is made of every event of a busy log. The event must be a domain event of this append. */
export function cloudEventText(source: string, event: RecordedEvent, { events }: Append, place?: CloudPlace): string {
  const { id, type, stream, revision, position, metadata, data } = event;
  const { kind, namespace, name } = keyOfStream(stream) as ObjectKey;
  const { uid, actor, onBehalfOf, requestId, $correlationId, $causationId, time, append, traceparent } = metadata;
  return JSON.stringify({
    specversion: '1.0',
    id,
    source,
    type: CLOUD_TYPE_PREFIX + type,
    subject: namespace === undefined ? `${kind}/${name}` : `${kind}/${namespace}/${name}`,
    time,
    datacontenttype: 'application/json',
    position: position.toString(),
    cursor: cursorOf(event),
    resourceversion: resourceVersionOf(events.at(-1) ?? event),
    appendindex: append.index,
    appendcount: append.count,
    revision: revision.toString(),
    kind,
    namespace,
    name,
    uid,
    actor: actor.user,
    actorverified: actor.verified,
    onbehalfof: onBehalfOf?.user,
    requestid: requestId,
    correlationid: $correlationId,
    causationid: $causationId,
    traceparent,
    data,
    previous: place?.previous,
    previousofkind: place?.previousofkind,
  });
}

/** The same as a value, for those who look into it. */
export function cloudEventOf(source: string, event: RecordedEvent, append: Append): CloudEvent {
  return JSON.parse(cloudEventText(source, event, append)) as CloudEvent;
}
