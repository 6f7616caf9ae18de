/** The Nest module of a service that owns a context. An app adds parts of its own as factory providers. */
import { type DynamicModule, type FactoryProvider, Module } from '@nestjs/common';
import { HealthResponder } from '../health/health-responder.ts';
import { SameSettings } from '../health/same-settings.ts';
import type { Part, Platform } from '../platform.ts';
import { type ContextRuntime, type ContextRuntimeOptions, createContextRuntime } from '../runtime/context-runtime.ts';
import { FirstObjects } from '../runtime/first-objects.ts';
import { HealthController } from './health.controller.ts';
import { MetricsController } from './metrics.controller.ts';
import { PartsModule } from './parts.module.ts';
import { CONTEXT_RUNTIME, PLATFORM, SERVICE_PARTS } from './service.tokens.ts';

export type ServiceModuleOptions = ContextRuntimeOptions &
  Readonly<{
    /** The name of the service, such as `network-svc`. */
    name: string;
    platform: Platform;
    /** Started after the runtime, in this order. */
    parts?: readonly FactoryProvider<Part>[];
  }>;

/** A service with its parts: the runtime of its context, then parts of its own. */
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
          useFactory: (given: Platform, runtime: ContextRuntime, ...own: Part[]) =>
            serviceParts(name, given, [...runtime.parts, ...firstObjectsOf(name, given, runtime), ...own]),
          inject: [PLATFORM, CONTEXT_RUNTIME, ...parts.map(({ provide }) => provide)],
        },
      ],
    };
  }
}

/** All parts. The health responder comes first, so that a service reports its problems while it starts and stops. */
function serviceParts(
  name: string,
  { bus, clock, follower, eventLoop, store, registry }: Platform,
  parts: readonly Part[],
): readonly Part[] {
  const given: Part = {
    name: 'platform',
    start: async () => {},
    stop: async () => {},
    problems: () => [...(bus.connected ? [] : ['the bus is not connected']), ...problemsOf(follower), ...eventLoop.problems()],
  };
  const settings = new SameSettings({ process: name, provider: registry.provider, bus, clock });
  const all: Part[] = [given, settings, ...parts];
  return [new HealthResponder(name, bus, () => all.flatMap((part) => part.problems()), store.storeId), ...all];
}

/** The problems of the follower, if it is a part that has some. */
function problemsOf(follower: object): readonly string[] {
  return 'problems' in follower && typeof follower.problems === 'function' ? (follower as Part).problems() : [];
}

function firstObjectsOf(service: string, platform: Platform, { context, client }: ContextRuntime): readonly Part[] {
  const objects = platform.registry.domains.flatMap((domain) => (domain.context === context ? (domain.firstObjects ?? []) : []));
  return objects.length === 0 ? [] : [new FirstObjects({ ...platform, objects, service, client })];
}
