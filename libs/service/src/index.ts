export {
  COMMAND_TIMEOUT_MS_MAX,
  type CommandClient,
  createCommandClient,
  type LocalOwner,
  type SendOptions,
} from './client/command-client.ts';
export { FollowerEndedError, FollowerTimeoutError, LogFollower } from './follower/follower.ts';
export { LEASE_TIMING, type LeaseTiming } from './lease/lease-table.ts';
export { type LeaseHolder, Leases, type LeaseView, PROJECTOR_SLOT, REACTOR_SLOT } from './lease/leases.ts';
export { createService, type ServiceOptions } from './nest/create-service.ts';
export { NestLogger } from './nest/nest-logger.ts';
export { PartsModule } from './nest/parts.module.ts';
export { ServiceModule, type ServiceModuleOptions } from './nest/service.module.ts';
export { CONTEXT_RUNTIME, PLATFORM, SERVICE_PARTS } from './nest/service.tokens.ts';
export type { Clock, Follower, Ids, Logger, Part, Platform, RunningService } from './platform.ts';
export { type Projection, Projector } from './projector/projector.ts';
export { Reactor } from './reactor/reactor.ts';
export {
  type BusConfig,
  ConfigurationError,
  DATA_DEFAULT,
  type Environment,
  type Listen,
  listenOf,
  type PlatformConfig,
  platformConfig,
  type StoreConfig,
} from './runtime/configuration.ts';
export { type ContextRuntime, type ContextRuntimeOptions, createContextRuntime } from './runtime/context-runtime.ts';
export { weftDomains } from './runtime/domains.ts';
export {
  createLog,
  createPlatform,
  type OpenPlatform,
  openBus,
  openPlatform,
  openStore,
  systemClock,
  systemIds,
} from './runtime/platform.ts';
export { ownerOf } from './runtime/routing.ts';
export { endOnSignal, type RunServiceOptions, runService } from './runtime/run-service.ts';
export { PartitionWriter, type PartitionWriterOptions } from './writer/partition-writer.ts';
export type { Reserve, Stock } from './writer/supply.ts';
