import { Controller, Get, Inject, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { GATEWAY, type GatewayContext } from '../context.ts';
import { badRequest } from '../http/failures.ts';
import { applied } from './applied.ts';
import { type Asked, askedIn, PACKET_FIELDS, requestOf } from './asked.ts';
import { liveTrace } from './live.ts';
import { type Trace, toldTrace, trace, traced } from './trace.ts';
import { NotThereError, type TraceRequest } from './trace-request.ts';

const FIELDS = [...PACKET_FIELDS, 'at', 'reading', 'live', 'deliver'];

/**
 * What would become of a packet, where, and why.
 *
 *   GET  /weft/v1/trace?from=nic/default/web-0&protocol=tcp&to=10.0.0.9:5432      also sourcePort, hopLimit
 *   GET  /weft/v1/trace?…&at=48211                                                 then: a position, or a time
 *   GET  /weft/v1/trace?…&at=48211&reading=applied                                 also what hosts had acknowledged by then
 *   POST /weft/v1/trace   {…, "live": true}                                          also sends a marked probe through the kernels; "deliver": true to the guest
 *   POST /weft/v1/trace   {"from": "internet:203.0.113.7", "protocol": "tcp", "to": "virtualip/default/web:443"}
 */
@Controller('weft/v1/trace')
export class TraceController {
  readonly #context: GatewayContext;

  constructor(@Inject(GATEWAY) context: GatewayContext) {
    this.#context = context;
  }

  @Get()
  get(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.#answer(request, reply);
  }

  @Post()
  post(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.#answer(request, reply);
  }

  async #answer(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const asked = askedIn(request, FIELDS);
    try {
      await this.#told(asked, request, reply);
    } catch (error) {
      throw error instanceof NotThereError ? error.told(asked.text('at')) : error;
    }
  }

  async #told(asked: Asked, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const about = requestOf(asked);
    const at = asked.text('at');
    const reading = asked.text('reading') ?? 'desired';
    if (reading !== 'desired' && reading !== 'applied') throw badRequest(`reading="${reading}" is neither desired nor applied`);
    const isPast = at !== undefined || reading === 'applied';
    if (asked.flag('live')) {
      if (request.method !== 'POST') throw badRequest('live=true sends a packet: ask by POST');
      if (isPast) throw badRequest('live is about now: without at and reading');
      await this.#context.readPoint.latest();
      return answer(reply, await liveTrace(this.#context, about, asked.flag('deliver')));
    }
    answer(reply, isPast ? await this.#then(about, at, reading === 'applied') : await this.#now(about));
  }

  async #now(request: TraceRequest): Promise<Trace> {
    await this.#context.readPoint.latest();
    return trace(this.#context, request);
  }

  /** `at` absent: now, for the reading that needs the past. */
  async #then(request: TraceRequest, at: string | undefined, readsApplied: boolean): Promise<Trace> {
    const { past, pastFabric, platform, readPoint } = this.#context;
    await readPoint.latest();
    const { position, time } = await past.moment(at ?? (await readPoint.head()).toString());
    const found = await past.answered(
      pastFabric.with(position, async (part) => ({
        ...(await part.answer((rows, facts) => traced(rows, facts, request))),
        ...(readsApplied && { applied: await applied(part, position, request) }),
      })),
    );
    const told = await toldTrace(platform, request, { ...found, position });
    return { ...told, time: time.toISOString(), ...(found.applied && { applied: found.applied }) };
  }
}

function answer(reply: FastifyReply, document: object): void {
  void reply.code(200).header('content-type', 'application/json').send(JSON.stringify(document));
}
