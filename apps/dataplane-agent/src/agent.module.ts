import { type BeforeApplicationShutdown, type DynamicModule, Inject, Module, type OnApplicationBootstrap } from '@nestjs/common';
import type { Part } from '@weft/service';
import { AGENT_PARTS } from './agent-parts.ts';
import { HealthController } from './health.controller.ts';

/** Starts the parts in order and stops them in reverse order. */
@Module({})
export class AgentModule implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #parts: readonly Part[];

  constructor(@Inject(AGENT_PARTS) parts: readonly Part[]) {
    this.#parts = parts;
  }

  static of(parts: readonly Part[]): DynamicModule {
    return { module: AgentModule, controllers: [HealthController], providers: [{ provide: AGENT_PARTS, useValue: parts }] };
  }

  async onApplicationBootstrap(): Promise<void> {
    for (const part of this.#parts) await part.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    for (const part of [...this.#parts].reverse()) await part.stop();
  }
}
