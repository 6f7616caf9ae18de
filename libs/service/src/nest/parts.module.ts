import { type BeforeApplicationShutdown, type DynamicModule, Inject, Module, type OnApplicationBootstrap } from '@nestjs/common';
import type { Part } from '../platform.ts';
import type { Figures } from './figures.ts';
import { HealthController } from './health.controller.ts';
import { MetricsController } from './metrics.controller.ts';
import { FIGURES, SERVICE_PARTS } from './service.tokens.ts';

/** Starts the parts of an application in order, stops them in reverse order, and reports their problems. */
@Module({})
export class PartsModule implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #parts: readonly Part[];

  constructor(@Inject(SERVICE_PARTS) parts: readonly Part[]) {
    this.#parts = parts;
  }

  static of(parts: readonly Part[], figures: Figures): DynamicModule {
    return {
      module: PartsModule,
      controllers: [HealthController, MetricsController],
      providers: [
        { provide: SERVICE_PARTS, useValue: parts },
        { provide: FIGURES, useValue: figures },
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
