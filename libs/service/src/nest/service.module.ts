/** The Nest module of a service that owns a context. An app adds parts of its own as factory providers. */
import {
  type BeforeApplicationShutdown,
  type DynamicModule,
  type FactoryProvider,
  Inject,
  Module,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { HealthResponder } from '../health/health-responder.ts';
import type { Part, Platform } from '../platform.ts';
import { type ContextRuntime, type ContextRuntimeOptions, createContextRuntime } from '../runtime/context-runtime.ts';
import { HealthController } from './health.controller.ts';
import { MetricsController } from './metrics.controller.ts';
import { CONTEXT_RUNTIME, PLATFORM, SERVICE_PARTS } from './service.tokens.ts';

export type ServiceModuleOptions = ContextRuntimeOptions &
  Readonly<{
    /** As in `network-svc`. */
    name: string;
    platform: Platform;
    /** Started after the runtime, in this order. */
    parts?: readonly FactoryProvider<Part>[];
  }>;

/** Starts the parts in order and stops them in reverse order. */
@Module({})
export class ServiceModule implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #parts: readonly Part[];

  constructor(@Inject(SERVICE_PARTS) parts: readonly Part[]) {
    this.#parts = parts;
  }

  static of({ name, platform, parts = [], ...options }: ServiceModuleOptions): DynamicModule {
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

  async onApplicationBootstrap(): Promise<void> {
    for (const part of this.#parts) await part.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    for (const part of [...this.#parts].reverse()) await part.stop();
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
