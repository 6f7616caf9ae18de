export { Backoff } from './backoff.ts';
export {
  BusClosedError,
  BusDownError,
  BusError,
  type BusErrorCode,
  BusTimeoutError,
  NoResponderError,
  PayloadTooLargeError,
} from './errors.ts';
export { DecodeError, decodeJson, decodeJsonObject, encodeJson } from './json-codec.ts';
export type { BusLog } from './log.ts';
export { createMemoryBus, createMemoryHub, MemoryBus, MemoryHub, type MemoryHubOptions } from './memory/memory-bus.ts';
export { connectBus, type NatsBus, type NatsBusOptions, type NatsBusTiming, openNatsBus } from './nats/nats-bus.ts';
export type { NatsTarget } from './nats/target.ts';
export type { Bus, BusSubscription, Handler, Message, Responder, ServeOptions } from './port.ts';
export { createRowPublisher, newTerm, type RowPublisherOptions, type RowPublisherTiming } from './rows/row-publisher.ts';
export { createRowSubscriber, type RowSubscriberOptions, type RowSubscriberTiming } from './rows/row-subscriber.ts';
export { canonicalText } from './rows/row-table.ts';
export type { AnyRow, RowChange, RowPublisher, RowSubscriber, TableChange, TableView } from './rows/rows-port.ts';
export { findNatsServer, NatsServerMissingError } from './server/nats-binary.ts';
export { natsTargetOf } from './server/nats-directory.ts';
export { type NatsServer, type NatsServerOptions, NatsServerStartError, startNatsServer } from './server/nats-server.ts';
export { freePort } from './server/ports.ts';
export { identityOf, isSameProcess, type ProcessIdentity } from './server/process-identity.ts';
export { type HostTopic, type LeaseVerb, nameToToken, parseSubject, type Subject, subjects, tokenToName } from './subjects.ts';
