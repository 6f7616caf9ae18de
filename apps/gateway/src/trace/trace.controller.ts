import { Controller, Get, Inject, Post, Req, Res } from '@nestjs/common';
import type { JsonObject } from '@weft/api';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { GATEWAY, type GatewayContext } from '../context.ts';
import { decodeObject } from '../http/decode.ts';
import { bodyTypeOf } from '../http/door.ts';
import { badRequest } from '../http/failures.ts';
import { Query } from '../http/query.ts';
import { trace } from './trace.ts';
import type { TraceRequest } from './trace-request.ts';

/**
 * What would become of a packet, where, and why.
 *
 *   GET  /weft/v1/trace?from=nic/default/web-0&protocol=tcp&to=10.0.0.9:5432      also sourcePort, hopLimit
 *   POST /weft/v1/trace   {"from": "internet:203.0.113.7", "protocol": "tcp", "to": "virtualip/default/web:443"}
 */
@Controller('weft/v1/trace')
export class TraceController {
  readonly #context: GatewayContext;

  constructor(@Inject(GATEWAY) context: GatewayContext) {
    this.#context = context;
  }

  @Get()
  async get(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const query = new Query(request.query);
    await this.#answer(reply, {
      from: query.text('from'),
      to: query.text('to'),
      protocol: query.text('protocol'),
      sourcePort: query.number('sourcePort'),
      hopLimit: query.number('hopLimit'),
    });
  }

  @Post()
  async post(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { value } = decodeObject((request.body as Buffer | undefined) ?? Buffer.alloc(0), bodyTypeOf(request.headers));
    await this.#answer(reply, {
      from: textIn(value, 'from'),
      to: textIn(value, 'to'),
      protocol: textIn(value, 'protocol'),
      sourcePort: numberIn(value, 'sourcePort'),
      hopLimit: numberIn(value, 'hopLimit'),
    });
  }

  async #answer(reply: FastifyReply, { from, to, ...asked }: Asked): Promise<void> {
    if (from === undefined || to === undefined)
      throw badRequest('say from where and to where: for example ?from=nic/default/web-0&protocol=tcp&to=10.0.0.9:5432');
    const given = Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== undefined));
    await this.#context.readPoint.latest();
    const answer = await trace(this.#context, { from, to, ...given });
    void reply.code(200).header('content-type', 'application/json').send(JSON.stringify(answer));
  }
}

type Asked = Omit<TraceRequest, 'from' | 'to'> & Readonly<{ from: string | undefined; to: string | undefined }>;

function textIn(body: JsonObject, name: string): string | undefined {
  const value = body[name];
  if (value === undefined || typeof value === 'string') return value;
  throw badRequest(`${name} is no text`);
}

function numberIn(body: JsonObject, name: string): number | undefined {
  const value = body[name];
  if (value === undefined || (typeof value === 'number' && Number.isInteger(value))) return value;
  throw badRequest(`${name} is no whole number`);
}
