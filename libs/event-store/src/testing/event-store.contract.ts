/**
 * What every event store keeps to. E-numbers are those of `docs/eventstoredb.md` in this package.
 * Each test has its own streams, so a store may already hold other events, and several runs may share one server.
 */
import { until } from '@weft/testing/waiting';
import { ClosedError, type StoreError } from '../errors.ts';
import type { EventStore } from '../port.ts';
import { STORE_CREATED, STORE_STREAM } from '../store-identity.ts';
import { describeAppends } from './append.contract.ts';
import { all, aStream, faultOf, record, someEvents } from './fixtures.ts';
import { describeReading } from './reading.contract.ts';
import type { Subject } from './subject.ts';
import { describeSubscriptions } from './subscription.contract.ts';
import { describeWholeAppends } from './whole-appends.contract.ts';

export type ContractHarness = Readonly<{
  /** Called once, before the tests. */
  open(): Promise<EventStore>;
  /** The same store opened once more, as another process would; absent where there is no such thing. */
  openAgain?(): Promise<EventStore>;
  /** Called once, behind the tests; the store is closed by then. */
  remove?(): Promise<void>;
}>;

export function describeEventStoreContract(name: string, harness: ContractHarness): void {
  describe(`${name} keeps the event store contract`, () => {
    let store: EventStore;
    const opened: EventStore[] = [];
    const subject: Subject = {
      get store() {
        return store;
      },
      canOpenAgain: harness.openAgain !== undefined,
      openAgain: async () => {
        if (harness.openAgain === undefined) throw new Error('this store cannot be opened again');
        const other = await harness.openAgain();
        opened.push(other);
        return other;
      },
    };

    beforeAll(async () => {
      store = await harness.open();
    });
    afterEach(async () => {
      for (const other of opened.splice(0)) await other.close();
    });
    afterAll(async () => {
      await store?.close();
      await harness.remove?.();
    });

    describe('identity', () => {
      it('is the id in the first event of the store stream', async () => {
        const [first] = await all(subject.store.readStream(STORE_STREAM));
        expect(first?.type).toBe(STORE_CREATED);
        expect(first?.data).toEqual({ id: subject.store.storeId });
        expect(subject.store.storeId).toMatch(/^[0-9a-f-]{36}$/);
      });

      (subject.canOpenAgain ? it : it.skip)('is the same for whoever opens the store again', async () => {
        expect((await subject.openAgain()).storeId).toBe(subject.store.storeId);
      });
    });

    describeAppends(subject);
    describeReading(subject);
    describeSubscriptions(subject);
    describeWholeAppends(subject);

    describe('close', () => {
      (subject.canOpenAgain ? it : it.skip)(
        'refuses every call afterwards with a closed error, and ends subscriptions with one (E-2)',
        async () => {
          const other = await subject.openAgain();
          const told = record(other, { after: await other.head() });
          await until('caught up', () => told.caughtUp.length === 1);
          await other.ping();
          const last = other.append(aStream(), 'none', someEvents(1));
          await other.close();
          await other.close();
          expect(await last).toMatchObject({ revision: 0n }); // Accepted before, so answered.
          await told.subscription.stop();
          expect(told.ended.map((error) => (error as StoreError).code)).toEqual(['Closed']);
          const calls = [
            other.append(aStream(), 'none', someEvents(1)),
            all(other.readStream(aStream())),
            all(other.readAll()),
            all(other.readAllPages()),
            all(other.readAppendPages()),
            other.head(),
            other.floor(1n),
            other.positionAt(new Date()),
            other.ping(),
          ];
          for (const call of calls) expect(await faultOf(call)).toBeInstanceOf(ClosedError);
          expect(() => other.subscribe({}, { onAppend: () => {} })).toThrow(ClosedError);
          await subject.store.ping();
        },
      );
    });
  });
}
