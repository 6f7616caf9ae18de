/** What clients wrote into event books within the last hour, as Events that are served: at most 4,000, the oldest write goes first (ADR 65). */
import { defineLedger, type Folded, type Ledger, type LedgerWriter, ledgerRef, type RecordedOf, resourceVersionOf } from '@weft/api';
import { eventBookEvents } from './event.types.ts';
import { forgetOld, keepNewest, stateOfEvent } from './event-expiry.ts';

/** By `<namespace>/<name>`. Facts: `requestId` and `writtenAt` of the last write. */
export const eventRecords = ledgerRef<Folded>('event-records');

export const RECORDS_MAX = 4_000;
const BOOKS = 'EventBook-';

export const eventRecordsLedger: Ledger = defineLedger(eventRecords, (change, records) => {
  forgetOld(change, records, ({ facts }) => String(facts['writtenAt']));
  const written = eventBookEvents.in(change.append);
  if (written.length === 0) return; // As most.
  const namespace = change.append.stream.slice(BOOKS.length);
  for (const event of written) take(event, namespace, records);
  keepNewest(records, RECORDS_MAX);
});

function take(event: RecordedOf<typeof eventBookEvents.schemas>, namespace: string, records: LedgerWriter<Folded>): void {
  const { type, data, metadata, position } = event;
  if (type === 'EventRemoved.v1') {
    records.delete(`${namespace}/${data.name}`);
    return;
  }
  const { event: object } = data;
  const { name } = object.metadata;
  const served = { ...object, metadata: { ...object.metadata, resourceVersion: resourceVersionOf(event) } };
  const place = `${namespace}/${name}`;
  records.delete(place); // Moved behind all others.
  records.put(place, stateOfEvent({ namespace, name }, position, served, { requestId: metadata.requestId, writtenAt: metadata.time }));
}
