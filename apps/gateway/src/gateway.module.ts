import { type BeforeApplicationShutdown, type DynamicModule, Inject, Module } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { FIGURES, MetricsController } from '@weft/service';
import { BlameController } from './blame/blame.controller.ts';
import { GATEWAY, type GatewayContext } from './context.ts';
import { ConvergenceController } from './convergence/convergence.controller.ts';
import { DiscoveryController } from './discovery/discovery.controller.ts';
import { AsyncApiController } from './events/async-api.controller.ts';
import { CheckpointsController } from './events/checkpoints.controller.ts';
import { EventsController } from './events/events.controller.ts';
import { GroupsController } from './events/groups.controller.ts';
import { HealthController } from './health/health.controller.ts';
import { HostsController } from './hosts/hosts.controller.ts';
import { StatusFilter } from './http/status.filter.ts';
import { LoopsController } from './loops/loops.controller.ts';
import { OpenApiController } from './openapi/openapi.controller.ts';
import { HistoryController } from './past/history.controller.ts';
import { PlanController } from './plan/plan.controller.ts';
import { ResourceController } from './resources/resource.controller.ts';
import { ReviewsController } from './reviews/reviews.controller.ts';
import { StagedController } from './staged/staged.controller.ts';
import { TraceController } from './trace/trace.controller.ts';

@Module({})
export class GatewayModule implements BeforeApplicationShutdown {
  readonly #context: GatewayContext;

  constructor(@Inject(GATEWAY) context: GatewayContext) {
    this.#context = context;
  }

  static of(context: GatewayContext): DynamicModule {
    return {
      module: GatewayModule,
      controllers: [
        HealthController,
        MetricsController,
        DiscoveryController,
        OpenApiController,
        ReviewsController,
        HistoryController,
        LoopsController,
        HostsController,
        TraceController,
        BlameController,
        ConvergenceController,
        PlanController,
        StagedController,
        EventsController,
        CheckpointsController,
        GroupsController,
        AsyncApiController,
        ResourceController,
      ],
      providers: [
        { provide: GATEWAY, useValue: context },
        { provide: FIGURES, useValue: context.platform.figures },
        { provide: APP_FILTER, useValue: new StatusFilter(context.platform.log) },
      ],
    };
  }

  /** Open watches and streams would keep the server from closing; a clean end makes clients come back elsewhere. */
  async beforeApplicationShutdown(): Promise<void> {
    const { watches, events } = this.#context;
    await Promise.all([watches.close(), events.close()]);
  }
}
