import { Controller, Inject, Post, Req, Res } from '@nestjs/common';
import type { JsonObject } from '@weft/api';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { GATEWAY, type GatewayContext } from '../context.ts';
import { decodeObject } from '../http/decode.ts';
import { bodyTypeOf } from '../http/door.ts';
import { badRequest } from '../http/failures.ts';
import { callerOf } from '../http/request.ts';
import { VERBS } from '../resources/catalog.ts';

const AUTHORIZATION = 'authorization.k8s.io/v1';
const AUTHENTICATION = 'authentication.k8s.io/v1';

/** "May I?" and "who am I?" (http-api 14). While nothing authorizes, everybody may. */
@Controller()
export class ReviewsController {
  readonly #context: GatewayContext;

  constructor(@Inject(GATEWAY) context: GatewayContext) {
    this.#context = context;
  }

  @Post(`apis/${AUTHORIZATION}/selfsubjectaccessreviews`)
  access(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    const review = reviewOf(request, AUTHORIZATION, 'SelfSubjectAccessReview');
    answer(reply, { ...review, status: { allowed: true, reason: 'nothing is authorized yet: every caller may do everything' } });
  }

  @Post(`apis/${AUTHORIZATION}/selfsubjectrulesreviews`)
  rules(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    const review = reviewOf(request, AUTHORIZATION, 'SelfSubjectRulesReview');
    const resourceRules = this.#context.catalog.groupVersions.map(({ group, kinds }) => ({
      verbs: [...VERBS],
      apiGroups: [group],
      resources: kinds.flatMap(({ plural, hasStatus }) => (hasStatus ? [plural, `${plural}/status`] : [plural])),
    }));
    const nonResourceRules = [{ verbs: ['get'], nonResourceURLs: ['*'] }];
    answer(reply, { ...review, status: { resourceRules, nonResourceRules, incomplete: false } });
  }

  @Post(`apis/${AUTHENTICATION}/selfsubjectreviews`)
  subject(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    const review = reviewOf(request, AUTHENTICATION, 'SelfSubjectReview');
    const { user, groups = [] } = callerOf(request).actor;
    answer(reply, { ...review, status: { userInfo: { username: user, groups: [...groups] } } });
  }
}

function reviewOf(request: FastifyRequest, apiVersion: string, kind: string): JsonObject {
  const { value: body } = decodeObject((request.body as Buffer | undefined) ?? Buffer.alloc(0), bodyTypeOf(request.headers));
  if ((body['kind'] ?? kind) !== kind || (body['apiVersion'] ?? apiVersion) !== apiVersion) {
    throw badRequest(`a ${kind} of ${apiVersion} was expected, not a ${String(body['kind'])} of ${String(body['apiVersion'])}`);
  }
  return { ...body, apiVersion, kind };
}

function answer(reply: FastifyReply, review: JsonObject): void {
  void reply.code(201).header('content-type', 'application/json').send(JSON.stringify(review));
}
