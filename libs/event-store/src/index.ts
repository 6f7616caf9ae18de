export { streamAppends } from './append-grouping.ts';
export { type CopyReport, copyLog, openCopy } from './copy-log.ts';
export { openEmbeddedStore, verifyEmbeddedStore } from './embedded/embedded-store.ts';
export { ClosedError, StoreError, TooLargeError, UnavailableError, WrongRevisionError } from './errors.ts';
export { liftingStore } from './lifting-store.ts';
export { createMemoryStore } from './memory/memory-store.ts';
export { type OpenOptions, openEventStore } from './open.ts';
export type { AppendResult, EventStore, ExpectedRevision, Subscription, SubscriptionHandlers } from './port.ts';
export { withoutPassword } from './without-password.ts';
