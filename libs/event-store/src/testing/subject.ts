import type { EventStore } from '../port.ts';

/** The store that the contract's tests are about. */
export interface Subject {
  /** Open from before the first test to behind the last. */
  readonly store: EventStore;
  readonly canOpenAgain: boolean;
  /** The same store once more, as another process would open it; closed behind the test. */
  openAgain(): Promise<EventStore>;
}
