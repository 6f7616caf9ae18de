import type { Command, Reply, Slices } from '@weft/api';
import type { Part, Platform, SendOptions } from '@weft/service';
import type { GatewayConfig } from './config.ts';
import type { Arrivals } from './convergence/arrivals.ts';
import type { ConvergedCondition } from './convergence/converged-condition.ts';
import type { Checkpoints } from './events/checkpoints.ts';
import type { EventStreams } from './events/event-streams.ts';
import type { Groups } from './events/groups.ts';
import type { Check } from './health/health.ts';
import type { ReplayFold } from './model/log-replay.ts';
import type { ResourceView } from './model/resource-view.ts';
import type { OpenApi } from './openapi/openapi.ts';
import type { Past } from './past/past.ts';
import type { PlanModel } from './plan/plan-model.ts';
import type { Catalog } from './resources/catalog.ts';
import type { Lister } from './resources/lister.ts';
import type { ReadPoint } from './resources/read-point.ts';
import type { StagedCounts } from './staged/staged-counts.ts';
import type { FabricModel } from './trace/fabric-model.ts';
import type { PastFabric } from './trace/past-fabric.ts';
import type { Watches } from './watch/watches.ts';

/** Sends a command to its owner and always ends with a reply in time. */
export interface CommandSender {
  send(command: Command, options: SendOptions): Promise<Reply>;
}

/** What the controllers work with. */
export type GatewayContext = Readonly<{
  platform: Platform;
  config: GatewayConfig;
  catalog: Catalog;
  commands: CommandSender;
  createFold: () => ReplayFold;
  view: ResourceView;
  readPoint: ReadPoint;
  lister: Lister;
  past: Past;
  watches: Watches;
  events: EventStreams;
  checkpoints: Checkpoints;
  groups: Groups;
  /** What lists, watches and streams of events share of the event loop. */
  slices: Slices;
  openApi: OpenApi;
  /** Whether changes have arrived everywhere. */
  arrivals: Arrivals;
  converged: ConvergedCondition;
  /** What staged policies would have refused. */
  staged: StagedCounts;
  /** The rows that traces ask for. */
  model: FabricModel;
  /** The same for positions of the past. */
  pastFabric: PastFabric;
  /** Where plans are rehearsed. */
  planModel: PlanModel;
  /** Notices processes that were started with other settings. */
  settings: Part;
  /** Where it answers beside `/api` and `/apis`. */
  paths: ReadonlySet<string>;
  /** What is wrong with this process, for `/readyz`. */
  problems: () => readonly string[];
  /** What else runs in it. */
  beside: () => readonly Check[];
}>;

export const GATEWAY = Symbol('GatewayContext');
