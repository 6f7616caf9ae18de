import { Readable } from 'node:stream';
import { All, Controller, Inject, Req, Res } from '@nestjs/common';
import {
  type ApiObject,
  asPresented,
  type Command,
  type Folded,
  inParallel,
  isDryRun,
  type KindModule,
  type ObjectCommand,
  presentationOf,
  type Reply,
  type Slices,
  type Status,
  undecodable,
  uuidv5,
} from '@weft/api';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { GATEWAY, type GatewayContext } from '../context.ts';
import { withoutShown } from '../convergence/converged-condition.ts';
import { awaitHosts, hostsAwaited } from '../convergence/prefer.ts';
import { requestIs } from '../health/request-figures.ts';
import { negotiate } from '../http/accept.ts';
import { decodeDeleteOptions, decodeObject, decodePatch } from '../http/decode.ts';
import { bodyTypeOf } from '../http/door.ts';
import { badRequest, methodNotAllowed, noSuchRoute, notFound } from '../http/failures.ts';
import { Query } from '../http/query.ts';
import { callerOf } from '../http/request.ts';
import { StatusError } from '../http/status-error.ts';
import type { Moment } from '../past/past.ts';
import { makePlan } from '../plan/make-plan.ts';
import { inEarnest } from '../plan/plan-request.ts';
import { withoutStaged } from '../staged/staged-counts.ts';
import { responseSink } from '../watch/sink.ts';
import { contentTypeOf, type Encoding, encodeList, encodeObject } from './encode.ts';
import { isWatch, listOptions, watchOptions } from './list-options.ts';
import { inward, inwardPatch } from './other-shape.ts';
import { selectionOf } from './selection.ts';
import type { IncludeObject } from './table.ts';
import { isGroupRoot, keyOf, parseTarget, type Target } from './target.ts';
import { type DeleteOptions, deleteOptions, writeOptions } from './write-options.ts';
import { addressed, checkNames, deletedStatus, unusablePatch, warningHeaders, warningsOfRepeated } from './writes.ts';

/** Deletions of one deletecollection that are under way at a time. */
const DELETIONS_AT_ONCE = 16;

type Exchange = Readonly<{ request: FastifyRequest; reply: FastifyReply; query: Query; target: Target }>;

/** Every kind's resources, by verbs. Driven by the catalog: a new kind is served without a change here. */
@Controller()
export class ResourceController {
  readonly #context: GatewayContext;

  constructor(@Inject(GATEWAY) context: GatewayContext) {
    this.#context = context;
  }

  @All(['api/*', 'apis/*'])
  async handle(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const url = request.raw.url as string;
    const question = url.indexOf('?');
    const path = question < 0 ? url : url.slice(0, question);
    const target = parseTarget(path, this.#context.catalog);
    if (target === undefined) throw isGroupRoot(path, this.#context.catalog) ? methodNotAllowed(['GET']) : noSuchRoute();
    const exchange: Exchange = { request, reply, query: new Query(request.query), target };
    requestIs(request, { verb: verbOf(exchange), kind: target.kind.kind });
    checkNames(target, request.method);
    if (request.method !== 'GET' && request.method !== 'HEAD' && exchange.query.has('at'))
      throw badRequest('at is for reads: the past does not change');
    return target.name === undefined ? this.#collection(exchange) : this.#object(exchange);
  }

  #collection(exchange: Exchange): Promise<void> {
    const { kind, namespace } = exchange.target;
    const isOneNamespaceOrNone = !kind.namespaced || namespace !== undefined;
    switch (exchange.request.method) {
      case 'GET':
        return isWatch(exchange.query) && !exchange.query.has('at') ? this.#watch(exchange) : this.#list(exchange);
      case 'POST':
        if (isOneNamespaceOrNone) return this.#create(exchange);
        break;
      case 'DELETE':
        if (isOneNamespaceOrNone) return this.#deleteCollection(exchange);
        break;
    }
    throw methodNotAllowed(isOneNamespaceOrNone ? ['GET', 'POST', 'DELETE'] : ['GET']);
  }

  #object(exchange: Exchange): Promise<void> {
    switch (exchange.request.method) {
      case 'GET':
        return this.#get(exchange);
      case 'PUT':
        return this.#replace(exchange);
      case 'PATCH':
        return this.#patch(exchange);
      case 'DELETE':
        if (exchange.target.subresource === undefined) return this.#delete(exchange);
        break;
    }
    throw methodNotAllowed(exchange.target.subresource === undefined ? ['GET', 'PUT', 'PATCH', 'DELETE'] : ['GET', 'PUT', 'PATCH']);
  }

  async #get(exchange: Exchange): Promise<void> {
    const { target, query, reply } = exchange;
    const moment = await this.#context.past.momentOf(query);
    const encoding = this.#encoding(exchange, { moment });
    const folded =
      moment === undefined ? await this.#latest(exchange) : await this.#context.past.object(target.kind, keyOf(target), moment);
    if (folded === undefined) throw notFound(target.kind, target.name as string);
    const presented = presentationOf(target.kind, moment === undefined ? this.#context.staged.shown(folded) : folded);
    send(reply, 200, encoding, encodeObject(presented, encoding, partNumber(query, presented.parts.length)));
  }

  async #latest({ target, query }: Exchange): Promise<Folded | undefined> {
    const { resourceVersion } = listOptions(query);
    await this.#context.readPoint.begun();
    if (resourceVersion === undefined) await this.#context.readPoint.latest();
    else if (resourceVersion !== 'any') await this.#context.readPoint.atLeast(resourceVersion);
    return this.#context.view.get(keyOf(target));
  }

  async #list(exchange: Exchange): Promise<void> {
    const { target, query, reply } = exchange;
    const moment = await this.#context.past.momentOf(query);
    const encoding = this.#encoding(exchange, { moment });
    const options = listOptions(query);
    const selection = selectionOf(target.kind, options.labelSelector, options.fieldSelector);
    await this.#context.readPoint.begun();
    const { lister } = this.#context;
    const { objects, meta } = await (moment === undefined
      ? lister.list(target.kind, target.namespace, selection, options)
      : lister.listAt(target.kind, target.namespace, selection, moment));
    const shown = moment === undefined ? this.#context.converged.shownOf(encoding, target.namespace, selection) : undefined;
    if (shown !== undefined && objects.length > 0) await shown.settle();
    sendList(reply, encodeList(shown === undefined ? objects : objects.map(shown.show), meta, encoding), encoding, this.#context.slices);
  }

  async #watch(exchange: Exchange): Promise<void> {
    const { target, query, request, reply } = exchange;
    const encoding = this.#encoding(exchange, { watch: true });
    const options = watchOptions(query);
    const selection = selectionOf(target.kind, options.labelSelector, options.fieldSelector);
    await this.#context.readPoint.begun();
    const headers = reply.getHeaders();
    reply.hijack();
    const response = reply.raw;
    for (const [name, value] of Object.entries(headers)) if (value !== undefined) response.setHeader(name, value);
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    request.raw.socket.setNoDelay(true);
    await this.#context.watches.serve(
      {
        kind: target.kind,
        namespace: target.namespace,
        selection,
        options,
        encoding,
        shown: this.#context.converged.shownOf(encoding, target.namespace, selection),
      },
      responseSink(response, this.#context.platform.clock),
    );
  }

  async #create(exchange: Exchange): Promise<void> {
    const { target, request, query } = exchange;
    const { kind, namespace } = target;
    const { value, repeated } = decodeObject(bodyOf(request), bodyTypeOf(request.headers));
    const object = inward(kind, addressed(value, kind, namespace));
    const options = writeOptions(query, 'CreateOptions', request.headers['user-agent']);
    const warnings = warningsOfRepeated(repeated, options, (why) => undecodable(kind, why));
    const command: ObjectCommand = { verb: 'create', kind: kind.kind, ...(namespace === undefined ? {} : { namespace }), object, options };
    await this.#carryOut(exchange, command, warnings);
  }

  async #replace(exchange: Exchange): Promise<void> {
    const { target, request, query } = exchange;
    const { kind, namespace, name, subresource } = target;
    const { value, repeated } = decodeObject(bodyOf(request), bodyTypeOf(request.headers));
    const object = inward(kind, addressed(subresource === 'status' ? withoutStaged(withoutShown(value)) : value, kind, namespace, name));
    const options = writeOptions(query, 'UpdateOptions', request.headers['user-agent']);
    const warnings = warningsOfRepeated(repeated, options, (why) => undecodable(kind, why));
    await this.#carryOut(exchange, { verb: 'replace', key: keyOf(target), object, ...(subresource && { subresource }), options }, warnings);
  }

  async #patch(exchange: Exchange): Promise<void> {
    const { target, request, query } = exchange;
    const { patchType, patch, repeated } = decodePatch(bodyOf(request), request.headers['content-type'], target.kind);
    const options = writeOptions(query, 'PatchOptions', request.headers['user-agent'], patchType === 'apply');
    const warnings = warningsOfRepeated(repeated, options, (why) => unusablePatch(target, why));
    const { subresource } = target;
    const command: ObjectCommand = {
      verb: 'patch',
      key: keyOf(target),
      patchType,
      patch: inwardPatch(target.kind, patch),
      ...(subresource && { subresource }),
      options,
    };
    await this.#carryOut(exchange, command, warnings);
  }

  async #delete(exchange: Exchange): Promise<void> {
    const { target, request, query, reply } = exchange;
    const options = deleteOptions(query, decodeDeleteOptions(request.body as Buffer | undefined));
    const encoding = this.#encoding(exchange);
    const command = deleteCommand(target, options);
    if (query.strictFlag('plan') === true) return this.#plan(exchange, command);
    const awaited = hostsAwaited(request.headers);
    const answer = await this.#send(request, command);
    if (!answer.ok) throw refused(answer);
    const lacking = awaited === undefined || options.dryRun ? [] : await awaitHosts(this.#context.arrivals, answer, awaited, reply);
    for (const value of warningHeaders([...(answer.warnings ?? []), ...lacking])) reply.header('warning', value);
    if (answer.ended === true || answer.object === undefined) {
      const status = deletedStatus(target.kind, answer.object, target.name as string);
      void reply.code(200).header('content-type', 'application/json').send(JSON.stringify(status));
    } else {
      send(reply, 200, encoding, encodeObject(asPresented(answer.object as ApiObject, answer.creation), encoding));
    }
  }

  /** Deletes what a list shows, one by one, and answers with those that were there. */
  async #deleteCollection(exchange: Exchange): Promise<void> {
    const { target, request, query, reply } = exchange;
    const encoding = this.#encoding(exchange);
    const options = deleteOptions(query, decodeDeleteOptions(request.body as Buffer | undefined));
    const { labelSelector, fieldSelector } = listOptions(query);
    const selection = selectionOf(target.kind, labelSelector, fieldSelector);
    await this.#context.readPoint.begun();
    const { objects, meta } = await this.#context.lister.list(target.kind, target.namespace, selection, {
      labelSelector,
      fieldSelector,
      limit: 0,
    });
    const { actor, requestId } = callerOf(request);
    const deleted: Folded[] = [];
    await inParallel(objects, DELETIONS_AT_ONCE, async (folded) => {
      const { uid } = folded.object.metadata;
      const command = deleteCommand({ ...target, ...folded.key, kind: target.kind }, { ...options, preconditions: { uid } });
      const answer = await this.#dispatch(command, { actor, requestId: uuidv5(requestId, uid) }, request);
      if (answer.ok) deleted.push(folded);
      else if (!isPassedOver(target.kind, answer.status)) throw refused(answer);
    });
    sendList(reply, encodeList(deleted, meta, encoding), encoding, this.#context.slices);
  }

  /** Sends a write and answers with the object as it left it. */
  async #carryOut(exchange: Exchange, command: ObjectCommand, ownWarnings: readonly string[]): Promise<void> {
    const { request, reply, query } = exchange;
    if (query.strictFlag('plan') === true) return this.#plan(exchange, command);
    const encoding = this.#encoding(exchange);
    const awaited = hostsAwaited(request.headers);
    const answer = await this.#send(request, command);
    if (!answer.ok) throw refused(answer);
    if (answer.repeated === true) reply.header('idempotency-replayed', 'true');
    const isDryRun = 'options' in command && command.options?.dryRun === true;
    const lacking = awaited === undefined || isDryRun ? [] : await awaitHosts(this.#context.arrivals, answer, awaited, reply);
    const warnings = warningHeaders([...ownWarnings, ...(answer.warnings ?? []), ...lacking]);
    if (warnings.length > 0) reply.header('warning', warnings);
    if (answer.object === undefined) throw new Error('the owner answered without the object');
    const object = await this.#asServed(exchange.target, command, answer.object as ApiObject);
    send(reply, answer.code, encoding, encodeObject(asPresented(object, answer.creation), encoding));
  }

  /** An object that a book keeps has its resourceVersion once the log has been read so far. */
  async #asServed({ kind, namespace = '' }: Target, command: Command, object: ApiObject): Promise<ApiObject> {
    if (kind.book === undefined || ('options' in command && command.options?.dryRun === true)) return object;
    await this.#context.readPoint.latest();
    return this.#context.view.get({ kind: kind.kind, namespace, name: object.metadata.name })?.object ?? object;
  }

  /** `dryRun=All&plan=true`: what would follow, in place of the object alone. */
  async #plan({ request, reply }: Exchange, command: ObjectCommand): Promise<void> {
    if (!isDryRun(command)) throw badRequest('plan=true is for dry runs: say dryRun=All as well');
    const { actor, requestId } = callerOf(request);
    const plan = await makePlan(this.#context, { id: requestId, commands: [inEarnest(command)], actor });
    void reply.code(200).header('content-type', 'application/json').send(JSON.stringify(plan));
  }

  #send(request: FastifyRequest, command: Command): Promise<Reply> {
    return this.#dispatch(command, callerOf(request), request);
  }

  async #dispatch(
    command: Command,
    caller: Pick<ReturnType<typeof callerOf>, 'actor' | 'requestId'>,
    request: FastifyRequest,
  ): Promise<Reply> {
    const { arrivals, readPoint, commands, config } = this.#context;
    arrivals.changes.accepted(caller.requestId);
    const { traceparent } = request.headers;
    const answer = await commands.send(command, {
      ...caller,
      after: readPoint.acknowledged,
      timeoutMs: config.writeTimeoutMs,
      ...(typeof traceparent === 'string' ? { traceparent } : {}),
    });
    if (answer.ok) readPoint.acknowledge(BigInt(answer.position));
    return answer;
  }

  #encoding(
    { request, query, target }: Exchange,
    { watch = false, moment }: { watch?: boolean; moment?: Moment | undefined } = {},
  ): Encoding {
    const includeObject = query.text('includeObject') ?? 'Metadata';
    if (!isIncludeObject(includeObject)) throw badRequest(`invalid includeObject "${includeObject}": None, Metadata or Object`);
    return {
      kind: target.kind,
      shape: negotiate(request.headers.accept, watch),
      includeObject,
      now: moment?.time ?? this.#context.platform.clock.now(),
    };
  }
}

/** Of many that are deleted: one that is gone, or was made anew; one that follows from the log, which nobody deletes. */
function isPassedOver({ servedFrom }: KindModule, { code }: Status): boolean {
  return code === 404 || code === 409 || (code === 403 && servedFrom !== undefined);
}

const VERBS_OF_METHODS: Readonly<Record<string, string>> = { POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' };

/** As Kubernetes names it. */
function verbOf({ request: { method }, query, target: { name } }: Exchange): string {
  if (name !== undefined) return VERBS_OF_METHODS[method] ?? 'get';
  if (method === 'DELETE') return 'deletecollection';
  return VERBS_OF_METHODS[method] ?? (isWatch(query) ? 'watch' : 'list');
}

/** `?part=2`: of an object that is served in parts (ADR 27). Throws 400 when there is no such part. */
function partNumber(query: Query, count: number): number {
  const part = query.number('part') ?? 1;
  if (part < 1 || part > count)
    throw badRequest(`there is no part ${part}: the object is served in ${count === 1 ? 'one part' : `${count} parts`}`);
  return part;
}

function deleteCommand(target: Target, { dryRun, force, propagationPolicy, preconditions }: DeleteOptions): ObjectCommand {
  return {
    verb: 'delete',
    key: keyOf(target),
    ...(preconditions === undefined ? {} : { preconditions }),
    ...(propagationPolicy === undefined ? {} : { propagationPolicy }),
    ...(force ? { force } : {}),
    ...(dryRun ? { options: { dryRun } } : {}),
  };
}

const isIncludeObject = (text: string): text is IncludeObject => text === 'None' || text === 'Metadata' || text === 'Object';

function bodyOf(request: FastifyRequest): Buffer {
  return (request.body as Buffer | undefined | null) ?? Buffer.alloc(0);
}

function refused({ status }: Reply & { ok: false }): StatusError {
  const seconds = status.details?.retryAfterSeconds;
  // Clients repeat what has this header. Where the outcome is unknown, a repeat without a key would be a second request.
  const repeatable = seconds !== undefined && status.code !== 504;
  return new StatusError(status, repeatable ? { 'retry-after': String(seconds) } : {});
}

function send(reply: FastifyReply, code: number, { shape }: Encoding, text: string): void {
  void reply.code(code).header('content-type', contentTypeOf(shape)).send(text);
}

/** A list as it is made, piece by piece: the next one is made when the reader has taken the ones before, and others have had their turn. */
function sendList(reply: FastifyReply, pieces: Generator<string>, { shape }: Encoding, slices: Slices): void {
  const first = pieces.next().value as string;
  const second = pieces.next();
  reply.code(200).header('content-type', contentTypeOf(shape));
  if (second.done) void reply.send(first);
  else void reply.send(Readable.from(paced([first, second.value], pieces, slices), { objectMode: false }));
}

async function* paced(made: readonly string[], rest: Iterable<string>, slices: Slices): AsyncGenerator<string> {
  yield* made;
  for (const piece of rest) {
    yield piece;
    await slices.turn();
  }
}
