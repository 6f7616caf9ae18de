import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { type Clock, createFold, Slices, systemRandom } from '@weft/api';
import { createCommandClient, type Part, type Platform, type RunningService, SameSettings } from '@weft/service';
import type { InjectOptions } from 'fastify';
import { checkConfig, type GatewayConfig, gatewayDefaults } from './config.ts';
import type { CommandSender, GatewayContext } from './context.ts';
import { Arrivals } from './convergence/arrivals.ts';
import { ConvergedCondition } from './convergence/converged-condition.ts';
import { Checkpoints } from './events/checkpoints.ts';
import { EventStreams } from './events/event-streams.ts';
import { Groups } from './events/groups.ts';
import { GatewayModule } from './gateway.module.ts';
import type { Check } from './health/health.ts';
import { countRequests } from './health/request-figures.ts';
import { Connections } from './http/connections.ts';
import { receiveRequests } from './http/request.ts';
import { servedPaths } from './http/served-paths.ts';
import { createAdapter, prepare } from './http/server.ts';
import { ResourceView } from './model/resource-view.ts';
import { OpenApi } from './openapi/openapi.ts';
import { Past } from './past/past.ts';
import { PlanModel } from './plan/plan-model.ts';
import { Catalog } from './resources/catalog.ts';
import { Lister } from './resources/lister.ts';
import { ReadPoint } from './resources/read-point.ts';
import { StagedCounts } from './staged/staged-counts.ts';
import { FabricModel } from './trace/fabric-model.ts';
import { PastFabric } from './trace/past-fabric.ts';
import { Watches } from './watch/watches.ts';

export interface Gateway extends RunningService {
  /** `http://127.0.0.1:7480`. */
  readonly url: string;
  readonly openWatches: number;
  readonly openEventStreams: number;
  /** Whether it is the one that puts events on the bus. */
  readonly publishesEvents: boolean;
  /** Ends watches cleanly, finishes what is under way, closes the port. A repeat does nothing. */
  stop(): Promise<void>;
}

/** What a test or an all-in-one process hands in. */
export type GatewayOptions = Readonly<{
  /** Default: over the platform's bus. */
  commands?: CommandSender;
  /** What else runs in this process, for `/readyz`. Default: nothing. */
  beside?: () => readonly Check[];
}>;

/** Serves HTTP. Resolves when the port is open; rejects when it cannot be had or the configuration is refused. */
export async function createGateway(
  platform: Platform,
  config: Partial<GatewayConfig> = {},
  options: GatewayOptions = {},
): Promise<Gateway> {
  const settings: GatewayConfig = { ...gatewayDefaults, ...config };
  checkConfig(settings);
  const adapter = createAdapter();
  const fastify = prepare(adapter);
  const context = await createContext(platform, settings, options, servedPaths(fastify));
  addFigures(context);
  let closing = false;
  let app: NestFastifyApplication | undefined;
  try {
    const connections = new Connections(fastify.server);
    countRequests(fastify, platform.figures);
    receiveRequests(fastify, {
      door: { open: settings.insecure, allowedHosts: settings.allowedHosts },
      ids: platform.ids,
      isClosing: () => closing,
    });
    app = await NestFactory.create<NestFastifyApplication>(GatewayModule.of(context), adapter, {
      bodyParser: false,
      logger: false,
      abortOnError: false,
    });
    await app.listen({ host: settings.address, port: settings.port });
    // Loaded where it is served only.
    const grpc =
      settings.grpc === undefined
        ? undefined
        : await (await import('./grpc/grpc-server.ts')).openGrpc(context, settings.grpc, (request) =>
            fastify.inject(request as InjectOptions),
          );
    const { address, port } = fastify.server.address() as { address: string; port: number };
    const url = `http://${address.includes(':') ? `[${address}]` : address}:${port}`;
    platform.log.info({ url }, 'gateway listening');
    const opened = app;
    let stopped: Promise<void> | undefined;
    return {
      name: 'gateway',
      url,
      get openWatches() {
        return context.watches.count;
      },
      get openEventStreams() {
        return context.events.count;
      },
      get publishesEvents() {
        return context.events.isPublishing;
      },
      problems: context.problems,
      stop: () => {
        closing = true;
        stopped ??= close(opened, connections, context, platform.clock, settings.drainMs).finally(() => grpc?.close());
        return stopped;
      },
    };
  } catch (error) {
    context.view.stop();
    await context.events.close();
    await context.arrivals.stop();
    await context.groups.stop();
    await context.staged.stop();
    await context.settings.stop();
    await app?.close().catch(() => {});
    throw error;
  }
}

async function createContext(
  platform: Platform,
  config: GatewayConfig,
  { commands, beside = () => [] }: GatewayOptions,
  paths: ReadonlySet<string>,
): Promise<GatewayContext> {
  const { store, follower, bus, clock, domains, registry, log, eventLoop } = platform;
  const catalog = new Catalog(domains);
  const slices = new Slices(clock);
  // Loaded where it is wanted only.
  const traces = config.otlp && new (await import('./traces/trace-export.ts')).TraceExport(config.otlp, platform);
  const arrivals = new Arrivals(platform, slices, traces);
  // Before the view: whoever is shown an object by it is told of its convergence, too.
  arrivals.start();
  const view = new ResourceView(follower);
  view.start(catalog.kinds, config.ringCapacity, config.watchDistanceMax);
  const readPoint = new ReadPoint({ store, follower, view, waitMs: config.readTimeoutMs });
  const staged = new StagedCounts(platform);
  staged.start();
  const settings = new SameSettings({ process: 'gateway', provider: registry.provider, bus, clock });
  await settings.start();
  const createReplayFold = () => createFold(registry);
  const past = new Past(platform, { view, readPoint, slices });
  const watches = new Watches({
    store,
    view,
    createFold: createReplayFold,
    readPoint,
    config,
    clock,
    slices,
    random: systemRandom,
    log,
  });
  const events = new EventStreams({
    ...platform,
    readPoint,
    config,
    slices,
    replica: platform.replica ?? platform.ids.uuid(),
    alone: platform.alone ?? false,
  });
  events.start();
  const groups = new Groups({ ...platform, leaseMs: config.groupLeaseMs });
  groups.start();
  return {
    platform,
    config,
    catalog,
    commands: commands ?? createCommandClient(platform),
    createFold: createReplayFold,
    view,
    readPoint,
    lister: new Lister(view, readPoint, past, slices),
    past,
    watches,
    events,
    checkpoints: new Checkpoints(platform),
    groups,
    slices,
    openApi: new OpenApi(catalog),
    arrivals,
    converged: new ConvergedCondition(arrivals, platform),
    staged,
    model: new FabricModel(platform, slices),
    pastFabric: new PastFabric(platform, slices),
    planModel: new PlanModel(platform, slices, { isKeptReady: config.keepsPlansReady }),
    settings,
    paths,
    problems: () => [...settings.problems(), ...followerProblems(follower), ...events.problems(), ...eventLoop.problems()],
    beside,
  };
}

function addFigures({ platform, watches, events }: GatewayContext): void {
  const { figures, bus } = platform;
  figures.add('weft_gateway_bus_connected', '1 while the bus of the gateway is connected', [], () => (bus.connected ? 1 : 0));
  figures.add('weft_watches_open', 'Watches that are being served, by kind', ['kind'], () => watches.openByKind());
  figures.add(
    'weft_watches_cut_off',
    'Watches that were cut off since their reader took nothing, since the start',
    [],
    () => watches.cutOff,
  );
  figures.add('weft_event_streams_open', 'Streams of events that are being served', [], () => events.count);
}

/** Requests under way may end by themselves; what has not ended after `drainMs` is cut off. */
async function close(
  app: NestFastifyApplication,
  connections: Connections,
  context: GatewayContext,
  clock: Clock,
  drainMs: number,
): Promise<void> {
  const server = app.getHttpServer() as import('node:http').Server;
  const cut = clock.after(drainMs, () => server.closeAllConnections());
  try {
    const closed = app.close();
    connections.close();
    await closed;
  } finally {
    cut.cancel();
    context.view.stop();
    context.model.stop();
    await context.arrivals.stop();
    await context.staged.stop();
    context.planModel.stop();
    await context.groups.stop();
    await context.settings.stop();
  }
}

/** A follower that is a part of the process knows its own problems. */
function followerProblems(follower: Platform['follower']): readonly string[] {
  if ('problems' in follower && typeof follower.problems === 'function') return (follower as unknown as Part).problems();
  return follower.caughtUp ? [] : [`the log is being read (at ${follower.position})`];
}
