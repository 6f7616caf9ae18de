import { Controller, Get, Inject, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { GATEWAY, type GatewayContext } from '../context.ts';
import { Query } from '../http/query.ts';
import { responseSink } from '../watch/sink.ts';
import { streamAsked } from './stream-asked.ts';

const PARAMETERS = ['from', 'to', 'follow', 'kind', 'namespace', 'name', 'type', 'labelSelector', 'share', 'checkpoint'];

/**
 * What has happened and what happens, as CloudEvents in server-sent events:
 *
 *   GET /weft/v1/events?from=0                           everything, from the start
 *   GET /weft/v1/events?kind=lb&namespace=shop           of these, from now on
 *   GET /weft/v1/events?from=2026-11-22T14:03:00Z&type=NetworkInterfaceProgrammed&follow=false
 *
 *   GET /weft/v1/events?from=2026-11-22T14:03:00Z&to=48211-07345678      a range, which ends there
 *   GET /weft/v1/events?checkpoint=billing&from=0        behind what a subscriber of this name has done, or else from the start
 *
 * Parameters may be repeated, or hold several values with commas: any of them. `event: caught-up` follows the last one there is; `event: progress` tells
 * each few seconds how far the log was read. Each has an id: a client that comes back with it (`Last-Event-ID`) gets what comes after.
 */
@Controller('weft/v1/events')
export class EventsController {
  readonly #context: GatewayContext;

  constructor(@Inject(GATEWAY) context: GatewayContext) {
    this.#context = context;
  }

  @Get()
  async events(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { events, platform } = this.#context;
    const query = Query.knowing(PARAMETERS, request.query);
    const follow = query.strictFlag('follow') !== false;
    const { 'last-event-id': last } = request.headers;
    const stream = await streamAsked(this.#context, query, typeof last === 'string' && last !== '' ? last : undefined);
    const headers = reply.getHeaders();
    reply.hijack();
    const response = reply.raw;
    for (const [name, value] of Object.entries(headers)) if (value !== undefined) response.setHeader(name, value);
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'x-accel-buffering': 'no' });
    if (request.method === 'HEAD') return void response.end();
    response.flushHeaders();
    request.raw.socket.setNoDelay(true);
    await events.serve({ ...stream, follow }, responseSink(response, platform.clock));
  }
}
