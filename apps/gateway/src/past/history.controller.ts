import { Controller, Get, Inject, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { GATEWAY, type GatewayContext } from '../context.ts';
import { badRequest, noSuchRoute, notFound } from '../http/failures.ts';
import { Query } from '../http/query.ts';
import { keyOf, type Target, targetNamed } from '../resources/target.ts';
import { historyOf } from './history.ts';
import { differencesOf } from './past-differences.ts';

const CHANGES_DEFAULT = 100;
const CHANGES_MAX = 1_000;

/**
 * What happened, for operators. Kinds by any of their names.
 *
 *   GET /weft/v1/history/network/default/web                        each change: when, who, what differed, what caused it, what followed
 *   GET /weft/v1/history/host/host-1?limit=10&before=48211          the ten changes before a position
 *   GET /weft/v1/diff/network/default?from=48211                    what of a namespace differs between two moments (`to`: now)
 *   GET /weft/v1/log                                                where the log ends: store, position, cursor, time
 */
@Controller('weft/v1')
export class HistoryController {
  readonly #context: GatewayContext;

  constructor(@Inject(GATEWAY) context: GatewayContext) {
    this.#context = context;
  }

  @Get('history/*')
  async history(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { platform, past, slices, readPoint } = this.#context;
    const target = this.#target(request, 'history');
    const { kind, name } = target;
    if (name === undefined || kind.servedFrom !== undefined) throw noSuchRoute();
    const query = Query.knowing(['limit', 'before'], request.query);
    const limit = query.number('limit') ?? CHANGES_DEFAULT;
    if (limit < 1 || limit > CHANGES_MAX) throw badRequest(`limit must be 1 to ${CHANGES_MAX}`);
    const before = query.text('before');
    if (before !== undefined && !/^[1-9]\d{0,19}$/.test(before)) throw badRequest(`before="${before}" is no position`);
    await readPoint.begun();
    await readPoint.latest();
    const upTo = before === undefined ? await readPoint.head() : BigInt(before) - 1n;
    const history = await past.answered(
      historyOf({ store: platform.store, registry: platform.registry, slices }, kind, keyOf(target), { upTo, limit }),
    );
    if (history.changes.length === 0 && before === undefined) throw notFound(kind, name);
    send(reply, { ...named(target), ...history });
  }

  @Get('diff/*')
  async diff(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { past, slices, readPoint } = this.#context;
    const target = this.#target(request, 'diff');
    const query = Query.knowing(['from', 'to'], request.query);
    const from = query.text('from');
    if (from === undefined) throw badRequest('say since when: ?from=48211 or ?from=2026-11-22T14:03:00Z');
    const [before, after] = await Promise.all([
      past.moment(from, 'from'),
      past.moment(query.text('to') ?? (await readPoint.head()).toString(), 'to'),
    ]);
    if (before.position > after.position) throw badRequest(`from=${from} lies behind to`);
    const objects = await differencesOf(past, target, before, after, slices);
    const { kind, name } = target;
    const isAbsent = async () => (await past.object(kind, keyOf(target), after)) === undefined;
    if (name !== undefined && objects.length === 0 && (await isAbsent()))
      throw notFound(kind, name, `at position ${before.position} or ${after.position}: "weft history" tells if and when it was there`);
    const at = ({ position, time }: typeof before) => ({ position: position.toString(), time: time.toISOString() });
    send(reply, { ...named(target), from: at(before), to: at(after), objects });
  }

  @Get('log')
  async log(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    Query.knowing([], request.query);
    const { events, platform } = this.#context;
    send(reply, { store: platform.store.storeId, ...(await events.end()) });
  }

  /** From `/weft/v1/history/network/default/web`. */
  #target({ url }: FastifyRequest, verb: string): Target {
    const path = (url.split('?', 1)[0] as string).slice(`/weft/v1/${verb}/`.length);
    const target = targetNamed(path, this.#context.catalog);
    if (target === undefined) throw noSuchRoute();
    return target;
  }
}

function named({ kind: { kind }, namespace, name }: Target) {
  return { kind, ...(namespace !== undefined && { namespace }), ...(name !== undefined && { name }) };
}

function send(reply: FastifyReply, document: object): void {
  void reply.header('content-type', 'application/json').send(JSON.stringify(document));
}
