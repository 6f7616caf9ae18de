/** What every request gets before its controller sees it: an id, a caller, and a check of where it comes from. */
import { type Actor, uuidv5 } from '@weft/api';
import type { Ids } from '@weft/service';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { actorOf, checkOrigin, type Door, idempotencyKey } from './door.ts';
import { unavailable } from './failures.ts';

export type Caller = Readonly<{ actor: Actor; requestId: string }>;

/** Random; makes request ids of idempotency keys. */
const KEYS_NAMESPACE = 'a0a6d1c6-0d9e-4c33-9b6f-8d6b5d0f5b7e';

const callers = new WeakMap<FastifyRequest, Caller>();

export function callerOf(request: FastifyRequest): Caller {
  const caller = callers.get(request);
  if (caller === undefined) throw new Error('the request passed no door');
  return caller;
}

/** The same key of the same caller for the same method and path is the same request: a deletion under the key of a creation is no repeat of it. */
function requestIdOf(key: string, actor: Actor, { method, url }: FastifyRequest): string {
  return uuidv5(KEYS_NAMESPACE, JSON.stringify([actor.user, key, method, url.split('?', 1)[0] ?? '']));
}

export function receiveRequests(fastify: FastifyInstance, options: { door: Door; ids: Ids; isClosing: () => boolean }): void {
  const { door, ids, isClosing } = options;
  fastify.addHook('onRequest', (request, reply, done) => {
    try {
      reply.header('cache-control', 'no-cache, private');
      let requestId = ids.uuid();
      reply.header('audit-id', requestId);
      checkOrigin(request.headers, door);
      const actor = actorOf(request.headers);
      const key = idempotencyKey(request.headers);
      if (key !== undefined) {
        requestId = requestIdOf(key, actor, request);
        reply.header('audit-id', requestId);
      }
      callers.set(request, { actor, requestId });
      if (isClosing()) {
        reply.header('connection', 'close');
        throw unavailable('the server is shutting down');
      }
      done();
    } catch (error) {
      done(error as Error);
    }
  });
}
