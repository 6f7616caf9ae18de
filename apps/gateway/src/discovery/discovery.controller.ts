import { Controller, Get, Inject, Param, Req, Res } from '@nestjs/common';
import type { JsonObject } from '@weft/api';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { GATEWAY, type GatewayContext } from '../context.ts';
import { parseMediaTypes, requireJson } from '../http/accept.ts';
import { noSuchRoute } from '../http/failures.ts';
import { Query } from '../http/query.ts';
import {
  aggregated,
  aggregatedType,
  aggregatedVersion,
  apiGroup,
  apiVersions,
  applySetParents,
  groupList,
  resourceList,
} from './discovery.ts';

/** The Kubernetes version that this server claims, for clients that compare versions. */
const VERSION = {
  major: '1',
  minor: '30',
  gitVersion: 'v1.30.0-weft',
  gitCommit: '',
  gitTreeState: 'clean',
  buildDate: '1970-01-01T00:00:00Z',
  goVersion: '',
  compiler: '',
  platform: 'linux/amd64',
};

/** The label of what may be the parent of an ApplySet. */
const APPLYSET_PARENT = 'applyset.kubernetes.io/is-parent-type';

@Controller()
export class DiscoveryController {
  readonly #context: GatewayContext;

  constructor(@Inject(GATEWAY) context: GatewayContext) {
    this.#context = context;
  }

  @Get('version')
  version(@Res() reply: FastifyReply): void {
    send(reply, VERSION);
  }

  @Get()
  root(@Res() reply: FastifyReply): void {
    const { catalog, paths } = this.#context;
    const ofKinds = catalog.groupVersions.map(({ group, version }) => (group === '' ? `/api/${version}` : `/apis/${group}/${version}`));
    send(reply, { paths: ['/api', '/apis', ...ofKinds, ...[...paths].sort()] });
  }

  /**
   * Kinds here are no CustomResourceDefinitions. But kubectl asks which of those may be the parent of an ApplySet (`kubectl apply --prune --applyset=…`), and
   * every kind that clients write may be.
   */
  @Get('apis/apiextensions.k8s.io/v1/customresourcedefinitions')
  applySetParents(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    if (new Query(request.query).text('labelSelector') !== APPLYSET_PARENT) throw noSuchRoute();
    send(reply, applySetParents(this.#context.catalog, APPLYSET_PARENT));
  }

  @Get('api')
  core(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    if (this.#aggregated(request, reply, true)) return;
    send(reply, apiVersions(request.headers.host ?? ''));
  }

  @Get('apis')
  groups(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    if (this.#aggregated(request, reply, false)) return;
    send(reply, groupList(this.#context.catalog));
  }

  @Get('apis/:group')
  group(@Req() request: FastifyRequest, @Res() reply: FastifyReply, @Param('group') group: string): void {
    requireJson(request.headers.accept);
    sendIfFound(reply, apiGroup(this.#context.catalog, group));
  }

  @Get('api/:version')
  coreResources(@Req() request: FastifyRequest, @Res() reply: FastifyReply, @Param('version') version: string): void {
    requireJson(request.headers.accept);
    sendIfFound(reply, resourceList(this.#context.catalog, '', version));
  }

  @Get('apis/:group/:version')
  resources(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Param('group') group: string,
    @Param('version') version: string,
  ): void {
    requireJson(request.headers.accept);
    sendIfFound(reply, group === '' ? undefined : resourceList(this.#context.catalog, group, version));
  }

  /** Both `/api` and `/apis` switch to the aggregated form together. */
  #aggregated(request: FastifyRequest, reply: FastifyReply, core: boolean): boolean {
    const version = aggregatedVersion(parseMediaTypes(request.headers.accept ?? ''));
    if (version === undefined) {
      requireJson(request.headers.accept);
      return false;
    }
    send(reply, aggregated(this.#context.catalog, version, core), aggregatedType(version));
    return true;
  }
}

function sendIfFound(reply: FastifyReply, document: JsonObject | undefined): void {
  if (document === undefined) throw noSuchRoute();
  send(reply, document);
}

/** As bytes: for a text Fastify would rewrite the content type. */
function send(reply: FastifyReply, document: JsonObject, contentType = 'application/json'): void {
  void reply
    .code(200)
    .header('content-type', contentType)
    .send(Buffer.from(JSON.stringify(document)));
}
