import { Controller, Get, Inject, Res } from '@nestjs/common';
import type { Figures } from './figures.ts';
import { FIGURES } from './service.tokens.ts';

/** All figures of this process. */
@Controller()
export class MetricsController {
  readonly #figures: Figures;

  constructor(@Inject(FIGURES) figures: Figures) {
    this.#figures = figures;
  }

  @Get('metrics')
  async metrics(@Res({ passthrough: true }) reply: { header(name: string, value: string): unknown }): Promise<string> {
    reply.header('content-type', this.#figures.contentType);
    return this.#figures.text();
  }
}
