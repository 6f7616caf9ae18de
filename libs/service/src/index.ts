export {
  COMMAND_TIMEOUT_MS_MAX,
  type CommandClient,
  createCommandClient,
  type LocalOwner,
  type SendOptions,
} from './client/command-client.ts';
export { FollowerEndedError, FollowerTimeoutError, LogFollower } from './follower/follower.ts';
export { type LeaseHolder, Leases, type LeaseView, PROJECTOR_SLOT, REACTOR_SLOT } from './lease/leases.ts';
export type { Clock, Follower, Ids, Logger, Part, Platform, RunningService } from './platform.ts';
export { ownerOf } from './runtime/routing.ts';
export { PartitionWriter, type PartitionWriterOptions } from './writer/partition-writer.ts';
