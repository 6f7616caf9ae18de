import { Controller, Get, Inject, Param, Req, Res } from '@nestjs/common';
import type { Context, Loop } from '@weft/api';
import { type Bus, encodeJson, subjects } from '@weft/bus';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { GATEWAY, type GatewayContext } from '../context.ts';
import { parseMediaTypes } from '../http/accept.ts';
import { badRequest, noSuchRoute, unavailable } from '../http/failures.ts';
import { Query } from '../http/query.ts';

const ANSWER_MS_MAX = 3_000;

/**
 * What control loops owe, and why, for operators: the service of the loop's context answers (DESIGN 4).
 *
 *   GET /weft/v1/loops                                       all of them
 *   GET /weft/v1/loops/settle-interfaces?key=default/nic     what it owes about one key, and what it has read
 */
@Controller('weft/v1/loops')
export class LoopsController {
  readonly #context: GatewayContext;

  constructor(@Inject(GATEWAY) context: GatewayContext) {
    this.#context = context;
  }

  @Get()
  all(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    Query.knowing([], request.query);
    const loops = this.#context.platform.registry.loops().map(({ name, context, over }) => ({ name, context, about: aboutOf(over) }));
    void reply.header('content-type', 'application/json').send(JSON.stringify({ loops }));
  }

  /** Text for people, JSON for those that ask for nothing else. */
  @Get(':loop')
  async explain(@Req() request: FastifyRequest, @Res() reply: FastifyReply, @Param('loop') name: string): Promise<void> {
    const { registry, bus } = this.#context.platform;
    const loop = registry.loops().find((each) => each.name === name);
    if (loop === undefined) throw noSuchRoute();
    const key = Query.knowing(['key'], request.query).text('key');
    if (key === undefined) throw badRequest(`say about what: ?key=${exampleOf(loop.over)} (it is asked about ${aboutOf(loop.over)})`);
    const answer = await answerOf(bus, loop.context, { loop: name, key });
    const accepted = parseMediaTypes(request.headers.accept ?? '');
    const { text, ...json } = answer;
    if (accepted.length === 1 && accepted[0]?.type === 'application/json') {
      void reply.header('content-type', 'application/json').send(JSON.stringify(json));
    } else void reply.header('content-type', 'text/plain; charset=utf-8').send(`${String(text)}\n`);
  }
}

async function answerOf(
  bus: Bus,
  context: Context,
  asked: Readonly<{ loop: string; key: string }>,
): Promise<Readonly<Record<string, unknown>>> {
  let answer: Uint8Array;
  try {
    answer = await bus.request(subjects.explain(context), encodeJson(asked), { timeoutMs: ANSWER_MS_MAX });
  } catch (error) {
    throw unavailable(`the service of the ${context} context does not answer: ${(error as Error).message}`);
  }
  const found = JSON.parse(Buffer.from(answer).toString()) as Readonly<Record<string, unknown>>;
  // A service of another version may have other loops.
  if (found['loop'] === undefined) throw unavailable(`the service of the ${context} context does not know this loop`);
  return found;
}

function aboutOf(over: Loop['over']): string {
  if ('ledger' in over) return `each record of ${over.ledger}`;
  return over.index === undefined ? `each ${over.kind}` : `each value of ${over.kind} by ${over.index}`;
}

function exampleOf(over: Loop['over']): string {
  return 'kind' in over && over.index === undefined ? '<namespace>/<name>, or <name> of a cluster-scoped kind' : '<key>';
}
