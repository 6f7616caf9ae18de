import { Controller, Get, Inject, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { GATEWAY, type GatewayContext } from '../context.ts';
import { badRequest, unknownChange } from '../http/failures.ts';
import { Query } from '../http/query.ts';
import { keyOf, targetNamed } from '../resources/target.ts';
import type { Asked, Goal } from './arrivals.ts';

const WAIT_S_MAX = 300;
const PARAMETERS = ['position', 'correlation', 'object', 'for', 'timeoutSeconds'];

/**
 * Whether a change has arrived everywhere: which hosts it concerns, which have it, when each stage happened, what is missing.
 *
 *   GET /weft/v1/convergence                                              what is on its way, and how long changes took in the last hour
 *   GET /weft/v1/convergence?object=network/default/web                   of the last change of an object (`position=`, `correlation=`: of one change)
 *   GET /weft/v1/convergence?position=48211&for=applied&timeoutSeconds=30  the same once it is applied, or when the time is up
 */
@Controller('weft/v1/convergence')
export class ConvergenceController {
  readonly #context: GatewayContext;

  constructor(@Inject(GATEWAY) context: GatewayContext) {
    this.#context = context;
  }

  @Get()
  async get(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { arrivals, readPoint } = this.#context;
    const query = Query.knowing(PARAMETERS, request.query);
    await readPoint.begun();
    await readPoint.latest();
    const asked = this.#asked(query);
    if (asked === undefined) return send(reply, arrivals.overview());
    if ('position' in asked && asked.position > (await readPoint.head()))
      throw badRequest(`position=${asked.position} is beyond the end of the log (${await readPoint.head()})`);
    const seconds = query.number('timeoutSeconds') ?? 0;
    if (seconds > WAIT_S_MAX) throw badRequest(`timeoutSeconds: at most ${WAIT_S_MAX}; ask again after that`);
    const found = await arrivals.wait(asked, goalOf(query.text('for')), seconds * 1_000, () => request.raw.socket.destroyed);
    if (found === undefined) throw unknownChange(query.text('object') ?? query.text('correlation') ?? `position ${query.text('position')}`);
    send(reply, found);
  }

  #asked(query: Query): Asked | undefined {
    const [position, correlation, object] = ['position', 'correlation', 'object'].map((name) => query.text(name));
    if ([position, correlation, object].filter((each) => each !== undefined).length > 1)
      throw badRequest('name one of position, correlation and object');
    if (position !== undefined) {
      if (!/^[1-9]\d{0,19}$/.test(position)) throw badRequest(`position="${position}" is no position`);
      return { position: BigInt(position) };
    }
    if (correlation !== undefined) return { correlation };
    if (object === undefined) return undefined;
    const target = targetNamed(object, this.#context.catalog);
    if (target?.name === undefined) throw badRequest(`object="${object}" names no object: for example network/default/web`);
    return { object: keyOf(target) };
  }
}

function goalOf(text = 'applied'): Goal {
  if (text !== 'applied' && text !== 'derived') throw badRequest(`for="${text}" is none of applied, derived`);
  return text;
}

function send(reply: FastifyReply, document: object): void {
  void reply.header('content-type', 'application/json').send(JSON.stringify(document));
}
