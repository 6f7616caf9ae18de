export {
  COMMAND_TIMEOUT_MS_MAX,
  type CommandClient,
  createCommandClient,
  type LocalOwner,
  type SendOptions,
} from './client/command-client.ts';
export { type Fold, FollowerEndedError, FollowerTimeoutError, LogFollower } from './follower/follower.ts';
export { type LeaseHolder, Leases, type LeaseView, PROJECTOR_SLOT, REACTOR_SLOT } from './lease/leases.ts';
export type { Clock, Follower, Ids, Logger, Part, Platform } from './platform.ts';
export { createRouting, type Route, type Routing } from './runtime/routing.ts';
export type { Machinery, ObjectCommand } from './writer/machinery.ts';
export { PartitionWriter, type PartitionWriterOptions } from './writer/partition-writer.ts';
