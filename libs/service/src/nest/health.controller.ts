import { Controller, Get, Header, Inject, Res } from '@nestjs/common';
import type { Part } from '../platform.ts';
import { SERVICE_PARTS } from './service.tokens.ts';

@Controller()
export class HealthController {
  readonly #parts: readonly Part[];

  constructor(@Inject(SERVICE_PARTS) parts: readonly Part[]) {
    this.#parts = parts;
  }

  /** This process answers. */
  @Get(['livez', 'healthz'])
  @Header('content-type', 'text/plain; charset=utf-8')
  alive(): string {
    return 'ok';
  }

  /** 200 only when every part works; else 503 and what is wrong. */
  @Get('readyz')
  @Header('content-type', 'text/plain; charset=utf-8')
  ready(@Res({ passthrough: true }) reply: { code(status: number): unknown }): string {
    const problems = this.#parts.flatMap((part) => part.problems());
    if (problems.length === 0) return 'ok';
    reply.code(503);
    return problems.join('\n');
  }
}
