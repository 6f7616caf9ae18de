import { Controller, Get, Inject, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { GATEWAY, type GatewayContext } from '../context.ts';
import { WEFT_PROTO } from '../grpc/weft.proto.ts';
import { asyncApiOf } from './async-api.ts';

/** What leaves, what it holds, and the interface of gRPC: `GET /asyncapi.json`, `GET /weft/v1/weft.proto`. */
@Controller()
export class AsyncApiController {
  readonly #context: GatewayContext;
  /** Made when it is first asked for: kinds do not change while a process runs. */
  #text: string | undefined;

  constructor(@Inject(GATEWAY) context: GatewayContext) {
    this.#context = context;
  }

  @Get('weft/v1/weft.proto')
  proto(@Res() reply: FastifyReply): void {
    void reply.header('content-type', 'text/plain; charset=utf-8').send(WEFT_PROTO);
  }

  @Get('asyncapi.json')
  document(@Res() reply: FastifyReply): void {
    this.#text ??= JSON.stringify(asyncApiOf(this.#context.platform.registry));
    void reply.header('content-type', 'application/json').send(this.#text);
  }
}
