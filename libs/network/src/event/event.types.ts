/** The types of an Event: it has neither spec nor status, its fields stand beside the metadata. It has no events of its own: ledgers make it. */
import { Type } from '@sinclair/typebox';
import { type ApiObject, type DataOf, defineEvents, kindRef, type UntypedKind } from '@weft/api';

export const eventEvents = defineEvents({});

export type EventTypes = Pick<UntypedKind, 'spec' | 'status'> & {
  facts: Record<never, never>;
  events: DataOf<typeof eventEvents>;
  actions: Record<never, never>;
  index: never;
};
export const Event = kindRef<EventTypes>('Event');

/** What happens in the book of a namespace (ADR 65). */
export const eventBookEvents = defineEvents({
  /** The whole Event as it was written; its resourceVersion is empty, since it follows from this event. */
  'EventRecorded.v1': Type.Object({ event: Type.Unsafe<ApiObject>({ type: 'object', required: ['metadata'] }) }),
  'EventRemoved.v1': Type.Object({ name: Type.String() }),
});
