import type { FastifyReply } from 'fastify';

export function answer(reply: FastifyReply, body: object): void {
  void reply.code(200).header('content-type', 'application/json').send(JSON.stringify(body));
}
