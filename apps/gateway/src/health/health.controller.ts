import { Controller, Get, Inject, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { GATEWAY, type GatewayContext } from '../context.ts';
import { parseMediaTypes } from '../http/accept.ts';
import { type Check, readiness, replicaText } from './health.ts';

@Controller()
export class HealthController {
  readonly #context: GatewayContext;

  constructor(@Inject(GATEWAY) context: GatewayContext) {
    this.#context = context;
  }

  /** This process answers. */
  @Get(['livez', 'healthz'])
  alive(@Res() reply: FastifyReply): void {
    void reply.header('content-type', 'text/plain; charset=utf-8').send('ok');
  }

  /** 200 only when store, bus and every service work. Text for people and probes, JSON for those that ask for nothing else. */
  @Get('readyz')
  async ready(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { platform, config, problems, beside } = this.#context;
    const { store, bus, clock } = platform;
    const checks = [...(await readiness({ store, bus, timers: clock, services: config.services, problems })), ...beside()];
    const ready = checks.every((check) => check.problems.length === 0);
    reply.code(ready ? 200 : 503);
    const accepted = parseMediaTypes(request.headers.accept ?? '');
    if (accepted.length === 1 && accepted[0]?.type === 'application/json') {
      void reply.header('content-type', 'application/json').send(JSON.stringify({ ready, checks }));
      return;
    }
    const verbose = Object.hasOwn(request.query as object, 'verbose');
    const lines = checks.map(lineOf);
    reply.header('content-type', 'text/plain; charset=utf-8');
    void reply.send(ready && !verbose ? 'ok' : `${lines.join('\n')}\n${ready ? 'ready' : 'not ready'}\n`);
  }
}

function lineOf({ name, problems, replicas = [] }: Check): string {
  if (problems.length > 0) return `[-]${name} failed: ${problems.join('; ')}`;
  return [`[+]${name} ok`, ...replicas.map((each) => `   ${replicaText(each)}`)].join('\n');
}
