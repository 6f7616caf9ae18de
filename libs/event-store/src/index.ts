export { appendBytes } from './append.rules.ts';
export { type EmbeddedStoreOptions, openEmbeddedStore, verifyEmbeddedStore } from './embedded/embedded-store.ts';
export type { Verified } from './embedded/verify.ts';
export {
  ClosedError,
  DamagedError,
  DirectoryError,
  InvalidArgumentError,
  StoreError,
  type StoreErrorCode,
  TooLargeError,
  UnavailableError,
  WrongRevisionError,
} from './errors.ts';
export { withoutPassword } from './eventstoredb/connection.ts';
export { type EventStoreDbOptions, openEventStoreDb } from './eventstoredb/eventstoredb-store.ts';
export type { FlushSeam } from './group-commit.ts';
export { type Lifting, liftingStore } from './lifting-store.ts';
export { createMemoryStore, type MemoryStoreOptions } from './memory/memory-store.ts';
export { type OpenOptions, openEventStore } from './open.ts';
export {
  APPEND_BYTES_MAX,
  type AppendResult,
  type EventStore,
  type ExpectedRevision,
  type ReadAllOptions,
  type ReadOptions,
  type SubscribeOptions,
  type Subscription,
  type SubscriptionHandlers,
} from './port.ts';
export { STORE_CREATED, STORE_STREAM, type Surroundings } from './store-identity.ts';
