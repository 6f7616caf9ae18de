import { Controller, Get, Inject, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { GATEWAY, type GatewayContext } from '../context.ts';
import { asyncApiOf } from './async-api.ts';

/** `GET /asyncapi.json`: what leaves, and what it holds. */
@Controller('asyncapi.json')
export class AsyncApiController {
  readonly #context: GatewayContext;
  /** Made when it is first asked for: kinds do not change while a process runs. */
  #text: string | undefined;

  constructor(@Inject(GATEWAY) context: GatewayContext) {
    this.#context = context;
  }

  @Get()
  document(@Res() reply: FastifyReply): void {
    this.#text ??= JSON.stringify(asyncApiOf(this.#context.platform.registry));
    void reply.header('content-type', 'application/json').send(this.#text);
  }
}
