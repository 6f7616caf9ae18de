/** What is counted of each request: what it was, how it was answered, and how long that took. */
import type { Figures } from '@weft/service';
import type { FastifyInstance, FastifyRequest } from 'fastify';

/** Seconds. Beyond the last one nothing is answered. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

type About = Readonly<{ verb: string; kind: string }>;

const subjects = new WeakMap<FastifyRequest, About>();

/** Names the verb of Kubernetes and the kind of a request. Others count under their method. */
export function requestIs(request: FastifyRequest, about: About): void {
  subjects.set(request, about);
}

export function countRequests(fastify: FastifyInstance, figures: Figures): void {
  const requests = figures.counter('weft_http_requests_total', 'Requests that were answered; watches when they end', [
    'verb',
    'kind',
    'code',
  ]);
  const seconds = figures.histogram(
    'weft_http_request_seconds',
    'Time to the end of an answer, but for watches',
    ['verb', 'kind'],
    BUCKETS,
  );
  fastify.addHook('onRequest', (request, reply, done) => {
    // Answers that are given up by their readers, as most watches are, close as well.
    reply.raw.once('close', () => {
      const { verb, kind } = subjects.get(request) ?? { verb: request.method.toLowerCase(), kind: '' };
      requests.inc({ verb, kind, code: String(reply.raw.statusCode) });
      if (verb !== 'watch') seconds.observe({ verb, kind }, reply.elapsedTime / 1_000);
    });
    done();
  });
}
