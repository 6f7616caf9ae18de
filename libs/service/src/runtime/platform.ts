/** Makes the platform of a process from its configuration. */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { type Clock, type DomainModule, KnownStates, type Provider, type Random, registry, systemClock, systemRandom } from '@weft/api';
import { type Bus, natsMonitorOf, natsTargetOf, openNatsBus } from '@weft/bus';
import { type EventStore, liftingStore, type OpenOptions, openEventStore } from '@weft/event-store';
import { readByRows } from '@weft/fabric';
import pino from 'pino';
import { OwnPartitions } from '../client/own-partitions.ts';
import { LogFollower } from '../follower/follower.ts';
import { EventLoopWatch } from '../health/event-loop.ts';
import { addProcessFigures, Figures } from '../nest/figures.ts';
import { addLogFigures } from '../nest/service-figures.ts';
import type { Ids, Logger, Platform } from '../platform.ts';
import { FoldSnapshots, type FoldSnapshotsOptions } from '../snapshots/fold-snapshots.ts';
import { foldVersion } from '../snapshots/fold-version.ts';
import type { BusConfig, PlatformConfig, StoreConfig } from './configuration.ts';

export const systemIds: Ids = { uuid: randomUUID };

export type PlatformParts = Readonly<{
  store: EventStore;
  bus: Bus;
  log: Logger;
  domains: readonly DomainModule[];
  /** Default `weft`. */
  provider?: Provider;
  clock?: Clock;
  ids?: Ids;
  replica?: string;
  alone?: boolean;
  random?: Random;
  /** Directory for snapshots of the fold, or where they are and of which version. Without it the log is folded from its start. */
  snapshots?: string | Pick<FoldSnapshotsOptions, 'directory' | 'version' | 'disk' | 'eventsBetween'>;
}>;

/** Names this process for operators: who holds what is told by these names. */
export function replicaName(): string {
  return `${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`;
}

/** Where a process keeps snapshots, below its data directory. */
export function snapshotsIn(data: string): string {
  return join(data, 'snapshots');
}

/** Makes a platform with a follower of its own, which is not started yet. */
export function createPlatform(parts: PlatformParts): Platform & Readonly<{ follower: LogFollower }> {
  const { log, domains, provider = 'weft', clock = systemClock, ids = systemIds, random = systemRandom, snapshots: place } = parts;
  const kinds = registry(domains, { provider });
  const store = liftingStore(parts.store, kinds);
  const snapshots = snapshotsAt(place, domains, { store, registry: kinds, clock, ids, random, log });
  const known = new KnownStates();
  const follower = new LogFollower({
    store,
    registry: kinds,
    clock,
    log,
    followed: readByRows(kinds),
    known,
    ...(snapshots && { snapshots }),
  });
  const [figures, eventLoop] = [new Figures(), new EventLoopWatch(clock)];
  addProcessFigures(figures, eventLoop);
  addLogFigures({ figures, store, follower });
  const ownPartitions = new OwnPartitions();
  return { ...parts, store, clock, ids, registry: kinds, follower, known, ownPartitions, figures, eventLoop };
}

/** From one snapshot to the next while much happens. */
const SNAPSHOT_MS = 60_000;

/** None without a place, nor where nothing tells this version from others. */
function snapshotsAt(
  place: PlatformParts['snapshots'],
  domains: readonly DomainModule[],
  others: Omit<FoldSnapshotsOptions, 'directory' | 'version'>,
): FoldSnapshots | undefined {
  if (typeof place === 'object') return new FoldSnapshots({ ...others, ...place });
  const version = place === undefined ? undefined : foldVersion(domains);
  if (place === undefined || version === undefined) return undefined;
  return new FoldSnapshots({ ...others, directory: place, version, msBetween: SNAPSHOT_MS });
}

/** A platform, with a function that closes everything that it has opened. */
export type OpenPlatform = Readonly<{
  platform: ReturnType<typeof createPlatform>;
  log: ReturnType<typeof createLog>;
  close: () => Promise<void>;
}>;

/** Opens store and bus. The bus server may be absent: the bus connects by itself later. */
export async function openPlatform(
  config: PlatformConfig,
  options: Readonly<{ name: string; domains: readonly DomainModule[] }>,
): Promise<OpenPlatform> {
  const log = createLog(config.logLevel, options.name);
  const store = await openStore(config.store);
  const bus = openBus(config.bus, options.name, log);
  const snapshots = snapshotsIn(config.data);
  const platform = createPlatform({
    store,
    bus,
    log,
    domains: options.domains,
    provider: config.provider,
    replica: replicaName(),
    snapshots,
  });
  return {
    platform,
    log,
    close: async () => {
      await platform.follower.stop();
      await platform.eventLoop.stop();
      await bus.close();
      await store.close();
    },
  };
}

/** A logger that writes JSON lines to standard error. */
export function createLog(level: string, service: string): Logger & { level: string } {
  return pino({ level, base: { service } }, pino.destination({ fd: 2, sync: true }));
}

export function openBus(config: BusConfig, name: string, log: Logger): Bus {
  const target = config.kind === 'child' ? natsTargetOf(config.directory) : () => ({ servers: config.servers });
  return openNatsBus({ target, name, log, ...(config.kind === 'child' && { monitor: natsMonitorOf(config.directory) }) });
}

export function openStore(config: StoreConfig, options?: OpenOptions): Promise<EventStore> {
  return openEventStore(storeUrl(config), options);
}

/** As `openEventStore` takes it; it may hold a password. */
export function storeUrl(config: StoreConfig): string {
  return config.kind === 'embedded' ? `embedded:${config.directory}` : config.address;
}
