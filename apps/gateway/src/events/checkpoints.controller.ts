import { Controller, Delete, Get, Inject, Param, Put, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { GATEWAY, type GatewayContext } from '../context.ts';
import { decodeObject } from '../http/decode.ts';
import { bodyTypeOf } from '../http/door.ts';
import { badRequest, checkpointNotFound } from '../http/failures.ts';
import { callerOf } from '../http/request.ts';
import { answer } from './answer.ts';
import { KeptStates } from './kept-states.ts';

/**
 * How far a subscriber has come, by name:
 *
 *   PUT /weft/v1/checkpoints/billing {"cursor": "48211-07345678"}     all up to here is done
 *   GET /weft/v1/events?checkpoint=billing                     what comes after it
 */
@Controller('weft/v1/checkpoints/:name')
export class CheckpointsController {
  readonly #context: GatewayContext;

  constructor(@Inject(GATEWAY) context: GatewayContext) {
    this.#context = context;
  }

  @Get()
  async read(@Param('name') name: string, @Res() reply: FastifyReply): Promise<void> {
    const found = await this.#asked(() => this.#context.checkpoints.read(checked(name)));
    if (found === undefined) throw checkpointNotFound(name);
    answer(reply, found);
  }

  @Put()
  async save(@Param('name') name: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { checkpoints, events } = this.#context;
    const { value } = decodeObject((request.body as Buffer | null) ?? Buffer.alloc(0), bodyTypeOf(request.headers));
    const { cursor } = value;
    if (typeof cursor !== 'string') throw badRequest('cursor must be a text: the id of the last event that is done');
    const place = await events.placeOf(cursor, 'cursor');
    answer(reply, await this.#asked(() => checkpoints.save(checked(name), place, callerOf(request))));
  }

  @Delete()
  async delete(@Param('name') name: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.#asked(() => this.#context.checkpoints.delete(checked(name), callerOf(request)));
    answer(reply, { name });
  }

  #asked<T>(ask: () => Promise<T>): Promise<T> {
    return this.#context.events.asked(ask);
  }
}

function checked(name: string): string {
  if (!KeptStates.isName(name))
    throw badRequest(`invalid name "${name}" of a checkpoint: lower-case letters, digits, '-' and '.', at most 200`);
  return name;
}
