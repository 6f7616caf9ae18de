import type { Position, RecordedEvent } from '@weft/api';
import type { EventStore } from '@weft/event-store';

/** The event at a position, or else the last one before it. Undefined: there is none. Throws a StoreError. */
export async function eventAt(store: Pick<EventStore, 'readAll'>, position: Position): Promise<RecordedEvent | undefined> {
  for await (const event of store.readAll({ direction: 'backwards', from: position, limit: 1 })) return event;
  return undefined;
}
