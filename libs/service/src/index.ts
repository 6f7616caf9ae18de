export { type CommandClient, createCommandClient, type SendOptions } from './client/command-client.ts';
export { LogFollower } from './follower/follower.ts';
export { EventLoopWatch } from './health/event-loop.ts';
export { SameSettings } from './health/same-settings.ts';
export { LEASE_TIMING } from './lease/lease-table.ts';
export { Leases, type LeaseView, LOOPS_SLOT } from './lease/leases.ts';
export { createService } from './nest/create-service.ts';
export { addProcessFigures, Figures } from './nest/figures.ts';
export { MetricsController } from './nest/metrics.controller.ts';
export { PartsModule } from './nest/parts.module.ts';
export { CONTEXT_RUNTIME, FIGURES, PLATFORM } from './nest/service.tokens.ts';
export { PartOfLog, PartTooLargeError, PartWorld, type Today } from './past/part-of-log.ts';
export { PastStates } from './past/past-states.ts';
export type { Clock, Consumer, EventLoop, Follower, Ids, Logger, Part, Platform, RunningService } from './platform.ts';
export { type CompareOptions, compareRows, NotPublishedError, type RowComparison, type RowDifference } from './replay/compare-rows.ts';
export { RebuiltRows, type RebuiltTable } from './replay/rebuilt-rows.ts';
export { type SwitchedOver, switchOver } from './replay/switch-over.ts';
export {
  type BusConfig,
  ConfigurationError,
  type Environment,
  type Listen,
  listenOf,
  type PlatformConfig,
  platformConfig,
} from './runtime/configuration.ts';
export { type ContextRuntime, createContextRuntime } from './runtime/context-runtime.ts';
export { weftDomains } from './runtime/domains.ts';
export { onEndSignal, quieten } from './runtime/end-signals.ts';
export { createLog, createPlatform, openBus, openStore, replicaName, snapshotsIn, storeUrl, systemIds } from './runtime/platform.ts';
export { endOnSignal, runService } from './runtime/run-service.ts';
export { OWNING_SERVICES, type OwningService } from './runtime/service-names.ts';
export { serviceParts } from './runtime/service-parts.ts';
export type { Disk, DiskFile } from './snapshots/disk.ts';
export { FoldSnapshots } from './snapshots/fold-snapshots.ts';
export { foldVersion } from './snapshots/fold-version.ts';
export { type LogReport, verifyLog } from './verify/verify-log.ts';
export { type StoreReport, verifyStore } from './verify/verify-store.ts';
