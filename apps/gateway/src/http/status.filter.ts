import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException } from '@nestjs/common';
import type { Status, StatusReason } from '@weft/api';
import type { Logger } from '@weft/service';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { BODY_BYTES_MAX } from './body.ts';
import { badRequest, failure, internalError, methodNotAllowed, noSuchRoute, tooLarge, unsupportedMediaType } from './failures.ts';
import { StatusError } from './status-error.ts';

/** Turns whatever was thrown into a Status: the one place where a failed request gets its answer. */
@Catch()
export class StatusFilter implements ExceptionFilter {
  readonly #log: Logger;

  constructor(log: Logger) {
    this.#log = log;
  }

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const { status, headers } = otherMethod(request, toStatusError(error));
    if (status.code === 500) this.#log.error({ err: error, method: request.method, url: request.url }, 'request failed');
    const reply = http.getResponse<FastifyReply>();
    if (reply.sent || reply.raw.headersSent) {
      reply.raw.destroy();
      return;
    }
    sendStatus(reply, status, headers);
  }
}

const METHODS = ['GET', 'POST'] as const;

/** What is there but takes another method is answered with 405 and not with 404: documents take GET and HEAD, reviews POST. */
function otherMethod({ method: own, url, server }: FastifyRequest, error: StatusError): StatusError {
  if (error.status.code !== 404 || error.status.details?.kind !== undefined) return error;
  const path = url.split('?', 1)[0] ?? '';
  const allowed = METHODS.filter((method) => server.hasRoute({ method, url: path }));
  return allowed.length === 0 || allowed.some((method) => method === own) ? error : methodNotAllowed(allowed);
}

export function sendStatus(reply: FastifyReply, status: Status, headers: Readonly<Record<string, string>> = {}): void {
  for (const [name, value] of Object.entries(headers)) reply.header(name, value);
  void reply.code(status.code).header('content-type', 'application/json').send(JSON.stringify(status));
}

export function toStatusError(error: unknown): StatusError {
  if (error instanceof StatusError) return error;
  const code = error instanceof HttpException ? error.getStatus() : (error as { statusCode?: unknown })?.statusCode;
  const text = (error as Error)?.message ?? String(error);
  switch (code) {
    case 400:
      return badRequest(text);
    case 404:
      return noSuchRoute();
    case 405:
      return methodNotAllowed(METHODS);
    case 413:
      return tooLarge(BODY_BYTES_MAX);
    case 415:
      return unsupportedMediaType(['application/json', 'application/yaml']);
    default:
      if (typeof code === 'number' && code >= 400 && code < 500) return new StatusError(failure(code, reasonOf(code), text));
      return internalError(text);
  }
}

function reasonOf(code: number): StatusReason {
  return code === 408 ? 'Timeout' : code === 429 ? 'TooManyRequests' : 'BadRequest';
}
