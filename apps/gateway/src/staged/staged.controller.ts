import { Controller, Get, Inject, Req, Res } from '@nestjs/common';
import { factsOf } from '@weft/api';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { GATEWAY, type GatewayContext } from '../context.ts';
import { badRequest, notFound } from '../http/failures.ts';
import { Query } from '../http/query.ts';
import type { ToldStaged } from './staged-counts.ts';

/** `{policies: […]}`: staged policies, those that would have refused most first. */
export type StagedAnswer = Readonly<{ policies: readonly ToldStaged[] }>;

/**
 * What staged NetworkPolicies would have refused, as hosts have counted it (ADR 73).
 *
 *   GET /weft/v1/staged                        all; `namespace=` narrows them down
 *   GET /weft/v1/staged?policy=default/web     one; 404 where there is none, 400 where it is not staged
 */
@Controller('weft/v1/staged')
export class StagedController {
  readonly #context: GatewayContext;

  constructor(@Inject(GATEWAY) context: GatewayContext) {
    this.#context = context;
  }

  @Get()
  async get(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { platform, readPoint, staged, catalog } = this.#context;
    const query = Query.knowing(['policy', 'namespace'], request.query);
    await readPoint.begun();
    await readPoint.latest();
    const facts = factsOf(platform.follower);
    const policy = query.text('policy');
    const [namespace = 'default', name] = policy === undefined ? [] : policy.includes('/') ? policy.split('/') : [undefined, policy];
    const policies = [...staged.told(facts, policy === undefined ? query.text('namespace') : namespace, name)];
    const kind = catalog.named('networkpolicy');
    if (name !== undefined && policies.length === 0) {
      if (kind === undefined || this.#context.view.get({ kind: kind.kind, namespace, name }) === undefined)
        throw notFound({ group: 'networking.ironcore.dev', kind: 'NetworkPolicy', plural: 'networkpolicies' }, name);
      throw badRequest(`NetworkPolicy ${namespace}/${name} is not staged: it is enforced, and what it refuses is dropped`);
    }
    const answer: StagedAnswer = { policies: policies.sort((a, b) => b.refused - a.refused) };
    void reply.header('content-type', 'application/json').send(JSON.stringify(answer));
  }
}
