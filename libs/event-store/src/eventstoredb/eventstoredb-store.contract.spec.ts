import { describeEventStoreContract } from '../testing/event-store.contract.ts';
import { openEventStoreDb } from './eventstoredb-store.ts';

/** `npm run test:contract -- libs/event-store` with this set runs the suite against that server; it only appends, to streams of its own. */
const url = process.env['WEFT_TEST_EVENTSTOREDB'];

if (url) {
  describeEventStoreContract('EventStoreDB', { open: () => openEventStoreDb({ url }), openAgain: () => openEventStoreDb({ url }) });
} else {
  it.skip('EventStoreDB keeps the event store contract: skipped, set WEFT_TEST_EVENTSTOREDB=esdb://… to run it against that server', () => {});
}
