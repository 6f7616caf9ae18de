import { Controller, Get, Inject, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { GATEWAY, type GatewayContext } from '../context.ts';
import { noSuchRoute } from '../http/failures.ts';
import { Query } from '../http/query.ts';

const V2_PROTOBUF = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf';
/** Upstream writes a dot where the request has an at sign, which no media type may hold. */
const V2_PROTOBUF_ANSWERED = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';

@Controller('openapi')
export class OpenApiController {
  readonly #context: GatewayContext;

  constructor(@Inject(GATEWAY) context: GatewayContext) {
    this.#context = context;
  }

  /** Protobuf for those that ask for it by name, JSON for the rest. */
  @Get('v2')
  v2(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    const { text, protobuf } = this.#context.openApi.v2;
    if ((request.headers.accept ?? '').startsWith(V2_PROTOBUF)) void reply.header('content-type', V2_PROTOBUF_ANSWERED).send(protobuf);
    else void reply.header('content-type', 'application/json').send(text);
  }

  @Get('v3')
  index(@Res() reply: FastifyReply): void {
    void reply.header('content-type', 'application/json').send(JSON.stringify(this.#context.openApi.v3Index));
  }

  @Get('v3/*')
  v3(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    const path = (request.params as { '*': string })['*'];
    const document = this.#context.openApi.v3(path.replace(/\/$/, ''));
    if (document === undefined) throw noSuchRoute();
    const { text, hash } = document;
    reply.header('content-type', 'application/json').header('etag', `"${hash}"`);
    // Under the right hash the answer never changes.
    if (new Query(request.query).text('hash') === hash) reply.header('cache-control', 'public, immutable, max-age=31536000');
    void reply.send(text);
  }
}
