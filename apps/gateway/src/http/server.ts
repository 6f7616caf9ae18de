import type { Socket } from 'node:net';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { acceptAnyBody, BODY_BYTES_MAX } from './body.ts';
import { badRequest, failure } from './failures.ts';
import { packLargeAnswers } from './gzip.ts';
import { sendStatus, toStatusError } from './status.filter.ts';

/** Clients in Go keep idle connections for 90 s; if the server closes first, a request is lost now and then. */
const KEEP_ALIVE_MS = 120_000;
/** For a request to arrive whole. */
const REQUEST_MS_MAX = 60_000;

export function createAdapter(): FastifyAdapter {
  return new FastifyAdapter({
    bodyLimit: BODY_BYTES_MAX,
    keepAliveTimeout: KEEP_ALIVE_MS,
    requestTimeout: REQUEST_MS_MAX,
    exposeHeadRoutes: true,
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    routerOptions: { ignoreTrailingSlash: true },
    frameworkErrors: (error: FastifyError, _request: FastifyRequest, reply: FastifyReply) => {
      const { status, headers } = toStatusError(error);
      sendStatus(reply, status, headers);
    },
    clientErrorHandler: answerMalformed,
  });
}

/** Must be called before the application is initialized. */
export function prepare(adapter: FastifyAdapter): FastifyInstance {
  const fastify = adapter.getInstance() as unknown as FastifyInstance;
  acceptAnyBody(fastify);
  packLargeAnswers(fastify);
  return fastify;
}

/** What is not even HTTP is answered on the bare connection, which then ends. */
function answerMalformed(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const status = ((): ReturnType<typeof failure> => {
    if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') return failure(408, 'Timeout', 'the request did not arrive in time');
    if (error.code === 'HPE_HEADER_OVERFLOW') return failure(431, 'BadRequest', 'the headers of the request are too large');
    return badRequest(`the request is not valid HTTP: ${error.message}`).status;
  })();
  const body = JSON.stringify(status);
  const text = { 400: 'Bad Request', 408: 'Request Timeout', 431: 'Request Header Fields Too Large' }[status.code] ?? 'Error';
  socket.end(
    `HTTP/1.1 ${status.code} ${text}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}
