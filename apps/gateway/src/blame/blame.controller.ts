import { Controller, Get, Inject, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { GATEWAY, type GatewayContext } from '../context.ts';
import { badRequest } from '../http/failures.ts';
import { type Asked, askedIn, PACKET_FIELDS, requestOf } from '../trace/asked.ts';
import { type Blame, blame } from './blame.ts';
import { type Why, why } from './why.ts';

const CHANGES_DEFAULT = 20;
const CHANGES_MAX = 1_000;
const FIELDS = [...PACKET_FIELDS, 'at', 'since', 'before', 'limit', 'why'];

/**
 * Since when a packet fares as it does, and by whose command. Takes what `/weft/v1/trace` takes.
 *
 *   GET  /weft/v1/blame?from=nic/default/web-0&protocol=tcp&to=10.0.0.9:5432       each change of the verdict, the newest first
 *   GET  /weft/v1/blame?…&limit=10&before=48211                                     the ten changes before a position
 *   GET  /weft/v1/blame?…&since=2026-11-22T14:03:00Z                                only later ones: a position, or a time
 *   GET  /weft/v1/blame?…&why=true                                                  and the commands without which it would fare otherwise
 *   GET  /weft/v1/blame?…&at=48211                                                  as it would have been answered then
 */
@Controller('weft/v1/blame')
export class BlameController {
  readonly #context: GatewayContext;

  constructor(@Inject(GATEWAY) context: GatewayContext) {
    this.#context = context;
  }

  @Get()
  get(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.#answer(askedIn(request, FIELDS), reply);
  }

  @Post()
  post(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.#answer(askedIn(request, FIELDS), reply);
  }

  async #answer(asked: Asked, reply: FastifyReply): Promise<void> {
    const answer = await this.#blame(asked);
    void reply.code(200).header('content-type', 'application/json').send(JSON.stringify(answer));
  }

  async #blame(asked: Asked): Promise<Blame & Readonly<{ why?: Why }>> {
    const { past, pastFabric, readPoint } = this.#context;
    const request = requestOf(asked);
    const limit = asked.number('limit') ?? CHANGES_DEFAULT;
    if (limit < 1 || limit > CHANGES_MAX) throw badRequest(`limit must be 1 to ${CHANGES_MAX}`);
    await readPoint.latest();
    const since = asked.text('since');
    const from = since === undefined || since === '0' ? undefined : (await past.moment(since, 'since')).position;
    const { position } = await past.moment(await this.#lastOf(asked));
    if (from !== undefined && from > position) throw badRequest(`since=${since} lies behind the end of what is asked about`);
    return past.answered(
      pastFabric.with(position, async (part) => {
        const told = await blame(part, position, request, { limit, since: from });
        const isAll = from === undefined && asked.text('before') === undefined;
        const at = asked.text('at');
        if (isAll && told.now.verdict === 'none' && told.changes.length === 0)
          throw badRequest(`${told.now.reason}, and it was never otherwise${at === undefined ? '' : ` up to ${at}`}`);
        return asked.flag('why') ? { ...told, why: await why(part, request) } : told;
      }),
    );
  }

  /** Up to where changes are told. */
  async #lastOf(asked: Asked): Promise<string> {
    const [at, before] = [asked.text('at'), asked.text('before')];
    if (before === undefined) return at ?? (await this.#context.readPoint.head()).toString();
    if (at !== undefined) throw badRequest('at is not served together with before');
    if (!/^[1-9]\d{0,19}$/.test(before)) throw badRequest(`before="${before}" is no position`);
    return (BigInt(before) - 1n).toString();
  }
}
