import { Controller, Inject, Post, Req, Res } from '@nestjs/common';
import { isUuid, type JsonObject } from '@weft/api';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { GATEWAY, type GatewayContext } from '../context.ts';
import { decodeObject } from '../http/decode.ts';
import { bodyTypeOf } from '../http/door.ts';
import { badRequest } from '../http/failures.ts';
import { Query } from '../http/query.ts';
import { callerOf } from '../http/request.ts';
import { applyPlan } from './apply-plan.ts';
import { makePlan } from './make-plan.ts';
import { commandsOfPlan, planRequestOf } from './plan-request.ts';

/**
 * What a change would do, without a trace of it left.
 *
 *   POST /weft/v1/plan         {"manifests": [...], "delete": [...]}, one manifest, or a List: answers with the plan
 *   POST /weft/v1/plan/apply   the plan: carries it out, if it would still do the same; else 409
 */
@Controller('weft/v1/plan')
export class PlanController {
  readonly #context: GatewayContext;

  constructor(@Inject(GATEWAY) context: GatewayContext) {
    this.#context = context;
  }

  @Post()
  async plan(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    Query.knowing([], request.query);
    const { id = callerOf(request).requestId, commands } = planRequestOf(bodyOf(request), this.#context.catalog);
    if (!isUuid(id)) throw badRequest('id is no UUID');
    answer(reply, await makePlan(this.#context, { id, commands, actor: callerOf(request).actor }));
  }

  @Post('apply')
  async apply(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    Query.knowing([], request.query);
    const { id, commands, digest } = bodyOf(request);
    if (typeof id !== 'string' || !isUuid(id) || typeof digest !== 'string') throw badRequest('this is no plan: it has no id or no digest');
    const planned = { id, commands: commandsOfPlan(commands), actor: callerOf(request).actor };
    answer(reply, await applyPlan(this.#context, planned, digest));
  }
}

function bodyOf(request: FastifyRequest): JsonObject {
  return decodeObject((request.body as Buffer | undefined) ?? Buffer.alloc(0), bodyTypeOf(request.headers)).value;
}

function answer(reply: FastifyReply, document: object): void {
  void reply.code(200).header('content-type', 'application/json').send(JSON.stringify(document));
}
