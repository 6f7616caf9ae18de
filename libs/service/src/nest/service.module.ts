/** The Nest module of a service that owns a context. An app adds parts of its own as factory providers. */
import { type DynamicModule, type FactoryProvider, Module } from '@nestjs/common';
import type { Part, Platform } from '../platform.ts';
import { type ContextRuntime, type ContextRuntimeOptions, createContextRuntime } from '../runtime/context-runtime.ts';
import { serviceParts } from '../runtime/service-parts.ts';
import { HealthController } from './health.controller.ts';
import { MetricsController } from './metrics.controller.ts';
import { PartsModule } from './parts.module.ts';
import { CONTEXT_RUNTIME, FIGURES, PLATFORM, SERVICE_PARTS } from './service.tokens.ts';
import { addServiceFigures } from './service-figures.ts';

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
        { provide: FIGURES, useValue: platform.figures },
        {
          provide: CONTEXT_RUNTIME,
          useFactory: (given: Platform) => {
            const runtime = createContextRuntime(given, options);
            addServiceFigures(given, runtime);
            return runtime;
          },
          inject: [PLATFORM],
        },
        ...parts,
        {
          provide: SERVICE_PARTS,
          useFactory: (given: Platform, runtime: ContextRuntime, ...own: Part[]) => serviceParts(name, given, runtime, own),
          inject: [PLATFORM, CONTEXT_RUNTIME, ...parts.map(({ provide }) => provide)],
        },
      ],
    };
  }
}
