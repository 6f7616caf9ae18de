/** The Nest module of a service that owns a context. An app adds parts of its own as factory providers. */
import { type DynamicModule, type FactoryProvider, Module } from '@nestjs/common';
import { HealthResponder } from '../health/health-responder.ts';
import type { Part, Platform } from '../platform.ts';
import { type ContextRuntime, type ContextRuntimeOptions, createContextRuntime } from '../runtime/context-runtime.ts';
import { HealthController } from './health.controller.ts';
import { MetricsController } from './metrics.controller.ts';
import { PartsModule } from './parts.module.ts';
import { CONTEXT_RUNTIME, PLATFORM, SERVICE_PARTS } from './service.tokens.ts';

export type ServiceModuleOptions = ContextRuntimeOptions &
  Readonly<{
    /** As in `network-svc`. */
    name: string;
    platform: Platform;
    /** Started after the runtime, in this order. */
    parts?: readonly FactoryProvider<Part>[];
  }>;

/** The parts of a service: its context's runtime, then those of its own. */
@Module({})
export class ServiceModule extends PartsModule {
  static forService({ name, platform, parts = [], ...options }: ServiceModuleOptions): DynamicModule {
    return {
      module: ServiceModule,
      controllers: [HealthController, MetricsController],
      providers: [
        { provide: PLATFORM, useValue: platform },
        { provide: CONTEXT_RUNTIME, useFactory: (given: Platform) => createContextRuntime(given, options), inject: [PLATFORM] },
        ...parts,
        {
          provide: SERVICE_PARTS,
          useFactory: (given: Platform, runtime: ContextRuntime, ...own: Part[]) => serviceParts(name, given, [...runtime.parts, ...own]),
          inject: [PLATFORM, CONTEXT_RUNTIME, ...parts.map(({ provide }) => provide)],
        },
      ],
    };
  }
}

/** With those that tell about it first: a service says what is wrong while it starts and stops. */
function serviceParts(name: string, { bus, follower, store }: Platform, parts: readonly Part[]): readonly Part[] {
  const given: Part = {
    name: 'platform',
    start: async () => {},
    stop: async () => {},
    problems: () => [...(bus.connected ? [] : ['the bus is not connected']), ...problemsOf(follower)],
  };
  const all: Part[] = [given, ...parts];
  return [new HealthResponder(name, bus, () => all.flatMap((part) => part.problems()), store.storeId), ...all];
}

/** A follower that is a part tells its own problems. */
function problemsOf(follower: object): readonly string[] {
  return 'problems' in follower && typeof follower.problems === 'function' ? (follower as Part).problems() : [];
}
