export type { Command, CommandEnvelope, PatchType, Reply, WriteOptions } from './command/command.ts';
export type {
  Accepted,
  Change,
  Claim,
  Column,
  Context,
  DecideContext,
  Decision,
  DomainModule,
  Draft,
  Fact,
  FactsView,
  Folded,
  Granted,
  KindModule,
  Reaction,
  RecentRequest,
  Rejected,
  ReservationModule,
} from './kind/kind.ts';
export { CONTEXTS } from './kind/kind.ts';
export type { ApiObject, Condition, ObjectKey, ObjectMeta, OwnerReference } from './kind/object.ts';
export { keyOfStream, streamOf } from './kind/object.ts';
export type { Actor, Because, EventMetadata, NewEvent, Position, RecordedEvent } from './log/envelope.ts';
export type { JsonObject, JsonValue } from './log/json.ts';
export type { CauseReason, FieldError, Status, StatusReason } from './status/status.ts';
