/** The types of an Event: it has neither spec nor status, its fields stand beside the metadata. Nothing happens to it: ledgers make it. */
import { type DataOf, defineEvents, kindRef, type UntypedKind } from '@weft/api';

export const eventEvents = defineEvents({});

export type EventTypes = Pick<UntypedKind, 'spec' | 'status'> & {
  facts: Record<never, never>;
  events: DataOf<typeof eventEvents>;
  actions: Record<never, never>;
  index: never;
};
export const Event = kindRef<EventTypes>('Event');
