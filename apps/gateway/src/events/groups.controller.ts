import { Controller, Delete, Get, Inject, Param, Put, Req, Res } from '@nestjs/common';
import type { JsonObject } from '@weft/api';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { GATEWAY, type GatewayContext } from '../context.ts';
import { decodeObject } from '../http/decode.ts';
import { bodyTypeOf } from '../http/door.ts';
import { badRequest, groupNotFound } from '../http/failures.ts';
import { callerOf } from '../http/request.ts';
import { answer } from './answer.ts';
import { type GroupReport, type GroupState, heldBy, PARTS_DEFAULT, PARTS_MAX, shareOf, surplusOf } from './group-state.ts';
import { KeptStates } from './kept-states.ts';

/**
 * Subscribers that share the work; `@weft/client` speaks this with `group`:
 *
 *   PUT /weft/v1/groups/billing/members/a1 {}
 *   {"parts": 16, "share": 8, "hold": {"1": "48211-07345678", …}, "release": [9], "leaseMs": 15000}
 *
 * A member says several times a lease that it is there, how far its parts are `done` ({"1": cursor}) and which it gives back (`released`), or that it
 * `leaves`. It follows `GET /weft/v1/events?share=1,…/16` from the cursors of what it holds, and gives back what it is asked to (`release`), once it does
 * nothing about it any more.
 */
@Controller('weft/v1/groups/:name')
export class GroupsController {
  readonly #context: GatewayContext;

  constructor(@Inject(GATEWAY) context: GatewayContext) {
    this.#context = context;
  }

  @Get()
  async read(@Param('name') name: string, @Res() reply: FastifyReply): Promise<void> {
    const { groups, events } = this.#context;
    const state = await events.asked(() => groups.read(checked(name)));
    if (state === undefined) throw groupNotFound(name);
    answer(reply, { name, ...state });
  }

  @Delete()
  async delete(@Param('name') name: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { groups, events } = this.#context;
    await events.asked(() => groups.delete(checked(name), callerOf(request)));
    answer(reply, { name });
  }

  @Put('members/:member')
  async report(
    @Param() { name, member }: Readonly<{ name: string; member: string }>,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { groups, events } = this.#context;
    const { value } = decodeObject((request.body as Buffer | null) ?? Buffer.alloc(0), bodyTypeOf(request.headers));
    const report = reportIn(checked(member), value);
    const { from, parts = PARTS_DEFAULT } = value;
    if (from !== undefined && typeof from !== 'string') throw badRequest('from must be a text: where a new group begins');
    if (!Number.isInteger(parts) || (parts as number) < 1 || (parts as number) > PARTS_MAX)
      throw badRequest(`parts must be a number from 1 to ${PARTS_MAX}`);
    const begin = async () => ({ cursor: (await events.place(from)).cursor, parts: parts as number });
    const state = await events.asked(() => groups.report(checked(name), report, begin, callerOf(request)));
    answer(reply, told(state, member, groups.leaseMs));
  }
}

/** Parts are counted from 1, as shares are. */
function told(state: GroupState, member: string, leaseMs: number): object {
  return {
    parts: state.parts.length,
    share: shareOf(state, member),
    hold: Object.fromEntries(heldBy(state, member).map((part) => [part + 1, state.parts[part]?.cursor])),
    release: surplusOf(state, member).map((part) => part + 1),
    leaseMs,
  };
}

function reportIn(member: string, { done = {}, released = [], leaves = false }: JsonObject): GroupReport {
  const isPart = (part: unknown) => Number.isInteger(part) && (part as number) >= 1 && (part as number) <= PARTS_MAX;
  const isCursor = (cursor: unknown) => typeof cursor === 'string' && /^(0|\d{1,20}-\d{8})$/.test(cursor);
  const cursors = typeof done === 'object' && done !== null && !Array.isArray(done) ? Object.entries(done) : undefined;
  if (cursors?.every(([part, cursor]) => isPart(Number(part)) && isCursor(cursor)) !== true)
    throw badRequest('done must hold, by number of a part, the id of the last event that is done');
  if (!Array.isArray(released) || !released.every(isPart)) throw badRequest('released must be numbers of parts');
  if (typeof leaves !== 'boolean') throw badRequest('leaves must be true or false');
  return {
    member,
    done: new Map(cursors.map(([part, cursor]) => [Number(part) - 1, cursor as string])),
    released: new Set(released.map((part) => (part as number) - 1)),
    leaves,
  };
}

function checked(name: string): string {
  if (!KeptStates.isName(name))
    throw badRequest(`invalid name "${name}" of a group or a member: lower-case letters, digits, '-' and '.', at most 200`);
  return name;
}
