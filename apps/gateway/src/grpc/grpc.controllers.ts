/** The gRPC door: requests become those of HTTP, which carries them out; streams are the same streams, in messages. */
import type { Metadata, ServerWritableStream } from '@grpc/grpc-js';
import { Controller, Inject } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import type { KindModule, Status } from '@weft/api';
import { EMPTY, type Observable } from 'rxjs';
import { GATEWAY, type GatewayContext } from '../context.ts';
import { START } from '../events/event-tail.ts';
import { streamAsked } from '../events/stream-asked.ts';
import { badRequest } from '../http/failures.ts';
import { Query } from '../http/query.ts';
import { watchOptions } from '../resources/list-options.ts';
import { selectionOf } from '../resources/selection.ts';
import { parseTarget } from '../resources/target.ts';
import { grpcSink } from './grpc-sink.ts';
import { grpcErrorFrom, grpcErrorOf } from './grpc-status.ts';
import { eventBatches, eventMessages, watchMessages } from './streamed.ts';

export const DOOR = Symbol('Door');

export type HttpAnswer = Readonly<{ statusCode: number; headers: Readonly<Record<string, unknown>>; payload: string }>;

/** Carries out a request of HTTP in this process. */
export type Door = Readonly<{
  http: (request: Readonly<{ method: string; url: string; headers: Record<string, string>; payload?: string }>) => Promise<HttpAnswer>;
}>;

type Target = Readonly<{ group: string; version: string; resource: string; namespace: string; name: string; subresource: string }>;
type WriteOptions = Readonly<{ dry_run: boolean; field_manager: string; field_validation: string; force: boolean }>;
type About = Readonly<{ target?: Target }>;
type Write = About & Readonly<{ json: string; options?: WriteOptions }>;
export type Answer = Readonly<{ json: string; warnings: readonly string[]; repeated_request: boolean }>;
type Call = ServerWritableStream<unknown, unknown>;

/** `isOfOne`: without a name it would be about all of them. */
type Asked = Readonly<{ isOfOne?: boolean; query?: Readonly<Record<string, string>>; body?: string; type?: string }>;

/** Of a call's metadata: what means the same over HTTP. */
const PASSED = ['idempotency-key', 'impersonate-user', 'impersonate-group', 'prefer', 'traceparent', 'user-agent'];

@Controller()
export class ResourcesGrpcController {
  readonly #context: GatewayContext;
  readonly #door: Door;

  constructor(@Inject(GATEWAY) context: GatewayContext, @Inject(DOOR) door: Door) {
    this.#context = context;
    this.#door = door;
  }

  @GrpcMethod('Resources', 'Create')
  create({ target, json, options }: Write, metadata: Metadata): Promise<Answer> {
    return this.#send('POST', target, metadata, { query: writeQuery(options), body: json });
  }

  @GrpcMethod('Resources', 'Get')
  get({ target, resource_version, at, part }: About & Readonly<Record<string, unknown>>, metadata: Metadata): Promise<Answer> {
    const query = { resourceVersion: String(resource_version), at: String(at), part: part === 0 ? '' : String(part) };
    return this.#send('GET', target, metadata, { isOfOne: true, query });
  }

  @GrpcMethod('Resources', 'List')
  list(asked: About & Readonly<Record<string, unknown>>, metadata: Metadata): Promise<Answer> {
    const { target, label_selector, field_selector, resource_version, continue: token, limit, at } = asked;
    const query = {
      labelSelector: String(label_selector),
      fieldSelector: String(field_selector),
      resourceVersion: String(resource_version),
      continue: String(token),
      at: String(at),
      limit: limit === 0 ? '' : String(limit),
    };
    return this.#send('GET', target && { ...target, name: '' }, metadata, { query });
  }

  @GrpcMethod('Resources', 'Update')
  update({ target, json, options }: Write, metadata: Metadata): Promise<Answer> {
    return this.#send('PUT', target, metadata, { isOfOne: true, query: writeQuery(options), body: json });
  }

  @GrpcMethod('Resources', 'Patch')
  patch({ target, json, type, options }: Write & Readonly<{ type: string }>, metadata: Metadata): Promise<Answer> {
    return this.#send('PATCH', target, metadata, { isOfOne: true, query: writeQuery(options), body: json, type });
  }

  @GrpcMethod('Resources', 'Delete')
  delete({ target, json }: Write, metadata: Metadata): Promise<Answer> {
    return this.#send('DELETE', target, metadata, { isOfOne: true, ...(json !== '' && { body: json }) });
  }

  @GrpcMethod('Resources', 'Watch')
  async watch(asked: About & Readonly<Record<string, unknown>>, _metadata: Metadata, call: Call): Promise<Observable<never>> {
    const { platform, watches, readPoint, catalog } = this.#context;
    const { label_selector, field_selector, resource_version, bookmarks, timeout_seconds } = asked;
    try {
      const target = parseTarget(this.#pathOf(asked.target && { ...asked.target, name: '' }), catalog);
      if (target === undefined) throw badRequest('there is no such resource');
      const query = new Query({
        labelSelector: label_selector,
        fieldSelector: field_selector,
        resourceVersion: resource_version,
        ...(bookmarks === true && { allowWatchBookmarks: 'true' }),
        ...(timeout_seconds !== 0 && { timeoutSeconds: String(timeout_seconds) }),
      });
      const options = watchOptions(query);
      const selection = selectionOf(target.kind, options.labelSelector, options.fieldSelector);
      await readPoint.begun();
      const encoding = {
        kind: target.kind,
        shape: { as: 'object', format: 'json' },
        includeObject: 'Metadata',
        now: platform.clock.now(),
      } as const;
      await watches.serve(
        { kind: target.kind, namespace: target.namespace, selection, options, encoding },
        grpcSink(call, watchMessages, platform.clock),
      );
    } catch (error) {
      throw grpcErrorFrom(error);
    }
    return EMPTY;
  }

  async #send(
    method: string,
    target: Target | undefined,
    metadata: Metadata,
    { isOfOne = false, query = {}, body, type = 'application/json' }: Asked,
  ): Promise<Answer> {
    return carriedOut(this.#door, () => {
      if (isOfOne && (target?.name ?? '') === '') throw badRequest('target.name says which one');
      const headers = { ...passedOf(metadata), ...(body !== undefined && { 'content-type': type }) };
      return { method, url: urlOf(this.#pathOf(target), query), headers, ...(body !== undefined && { payload: body }) };
    });
  }

  /** Throws 400 when the target is none. */
  #pathOf(target: Target | undefined): string {
    const { group = '', version = '', resource = '', namespace = '', name = '', subresource = '' } = target ?? {};
    if (resource === '') throw badRequest('target.resource says which: networks, networkinterfaces, ...');
    const kind = version === '' ? this.#context.catalog.kinds.find((each) => isCalled(each, resource)) : undefined;
    if (version === '' && kind === undefined) throw badRequest(`there is no resource "${resource}"`);
    const served = kind ?? { group, version, plural: resource };
    const parts = [
      ...(served.group === '' ? ['api'] : ['apis', served.group]),
      served.version,
      ...(namespace === '' ? [] : ['namespaces', namespace]),
      ...[served.plural, name, name === '' ? '' : subresource].filter((part) => part !== ''),
    ];
    return `/${parts.map(encodeURIComponent).join('/')}`;
  }
}

/** What became of resources, and the log. */
@Controller()
export class HistoryGrpcController {
  readonly #door: Door;

  constructor(@Inject(DOOR) door: Door) {
    this.#door = door;
  }

  @GrpcMethod('History', 'Changes')
  changes({ target, limit, before }: About & Readonly<{ limit: number; before: string }>, metadata: Metadata): Promise<Answer> {
    return this.#ask('history', target, metadata, { limit: limit === 0 ? '' : String(limit), before });
  }

  @GrpcMethod('History', 'Diff')
  diff({ target, from, to }: About & Readonly<{ from: string; to: string }>, metadata: Metadata): Promise<Answer> {
    return this.#ask('diff', target, metadata, { from, to });
  }

  @GrpcMethod('Log', 'Head')
  head(_asked: object, metadata: Metadata): Promise<Answer> {
    return carriedOut(this.#door, () => ({ method: 'GET', url: '/weft/v1/log', headers: passedOf(metadata) }));
  }

  #ask(what: string, target: Target | undefined, metadata: Metadata, query: Readonly<Record<string, string>>): Promise<Answer> {
    return carriedOut(this.#door, () => {
      const { resource = '', namespace = '', name = '' } = target ?? {};
      if (resource === '') throw badRequest('target.resource says which: networks, networkinterfaces, ...');
      const path = [resource, namespace, name].filter((part) => part !== '').map(encodeURIComponent);
      return { method: 'GET', url: urlOf(`/weft/v1/${what}/${path.join('/')}`, query), headers: passedOf(metadata) };
    });
  }
}

/** What a change would do. */
@Controller()
export class PlansGrpcController {
  readonly #door: Door;

  constructor(@Inject(DOOR) door: Door) {
    this.#door = door;
  }

  @GrpcMethod('Plans', 'Make')
  make({ json }: Readonly<{ json: string }>, metadata: Metadata): Promise<Answer> {
    return this.#ask('/weft/v1/plan', json, metadata);
  }

  @GrpcMethod('Plans', 'Apply')
  apply({ json }: Readonly<{ json: string }>, metadata: Metadata): Promise<Answer> {
    return this.#ask('/weft/v1/plan/apply', json, metadata);
  }

  #ask(url: string, payload: string, metadata: Metadata): Promise<Answer> {
    const headers = { ...passedOf(metadata), 'content-type': 'application/json' };
    return carriedOut(this.#door, () => ({ method: 'POST', url, headers, payload }));
  }
}

@Controller()
export class EventsGrpcController {
  readonly #context: GatewayContext;

  constructor(@Inject(GATEWAY) context: GatewayContext) {
    this.#context = context;
  }

  @GrpcMethod('Events', 'Follow')
  follow(asked: Readonly<Record<string, unknown>>, _metadata: Metadata, call: Call): Promise<Observable<never>> {
    return this.#serve(asked, call);
  }

  @GrpcMethod('Log', 'Read')
  read(asked: Readonly<Record<string, unknown>>, _metadata: Metadata, call: Call): Promise<Observable<never>> {
    return this.#serve({ ...asked, from: asked['from'] || START, until_caught_up: true }, call);
  }

  async #serve(asked: Readonly<Record<string, unknown>>, call: Call): Promise<Observable<never>> {
    const { kinds, namespaces, names, types, label_selector, share, checkpoint, from, to, until_caught_up, batched } = asked;
    const query = new Query({
      kind: kinds,
      namespace: namespaces,
      name: names,
      type: types,
      labelSelector: label_selector,
      share,
      checkpoint,
      from,
      to,
    });
    try {
      const { events, platform } = this.#context;
      const stream = await streamAsked(this.#context, query);
      const messagesOf = batched === true ? eventBatches : eventMessages;
      await events.serve({ ...stream, follow: until_caught_up !== true }, grpcSink(call, messagesOf, platform.clock));
    } catch (error) {
      throw grpcErrorFrom(error);
    }
    return EMPTY;
  }
}

/** For those who decide where to send requests: SERVING while nothing is wrong with this process. */
@Controller()
export class HealthGrpcController {
  readonly #context: GatewayContext;

  constructor(@Inject(GATEWAY) context: GatewayContext) {
    this.#context = context;
  }

  @GrpcMethod('Health', 'Check')
  check(): Readonly<{ status: string }> {
    return { status: this.#context.problems().length === 0 ? 'SERVING' : 'NOT_SERVING' };
  }
}

type HttpRequest = Parameters<Door['http']>[0];

/** The answer of HTTP to a request that `make` makes of a call; what it throws, and what is refused, are errors of the call. */
export async function carriedOut(door: Door, make: () => HttpRequest): Promise<Answer> {
  let answer: HttpAnswer;
  try {
    const request = make();
    answer = await door.http({ ...request, headers: { ...request.headers, host: 'localhost' } });
  } catch (error) {
    throw grpcErrorFrom(error);
  }
  const { statusCode, headers, payload } = answer;
  if (statusCode >= 400) throw grpcErrorOf(JSON.parse(payload) as Status);
  return { json: payload, warnings: warningsOf(headers['warning']), repeated_request: headers['idempotency-replayed'] === 'true' };
}

export function urlOf(path: string, query: Readonly<Record<string, string>>): string {
  const given = Object.entries(query).filter(([, value]) => value !== '');
  return given.length === 0 ? path : `${path}?${new URLSearchParams(given)}`;
}

function isCalled({ kind, plural, singular, shortNames }: KindModule, name: string): boolean {
  return [kind.toLowerCase(), plural, singular, ...shortNames].includes(name.toLowerCase());
}

function writeQuery(options: WriteOptions | undefined): Record<string, string> {
  const { dry_run = false, field_manager = '', field_validation = '', force = false } = options ?? {};
  return { dryRun: dry_run ? 'All' : '', fieldManager: field_manager, fieldValidation: field_validation, force: force ? 'true' : '' };
}

export function passedOf(metadata: Metadata): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const name of PASSED) {
    const values = metadata.get(name);
    if (values.length > 0) headers[name] = values.join(', ');
  }
  return headers;
}

/** `299 - "text"`, with quotes and backslashes escaped. */
function warningsOf(header: unknown): readonly string[] {
  const values = header === undefined ? [] : Array.isArray(header) ? header.map(String) : [String(header)];
  return values.flatMap((value) =>
    [...value.matchAll(/299 - "((?:[^"\\]|\\.)*)"/g)].map(([, text]) => (text as string).replace(/\\(.)/g, '$1')),
  );
}
