/** Large answers travel as gzip to those who take it (http-api 2): a list of 100,000 objects is 28 MB as text. Watches never do: each event is sent at once. */
import { pipeline, Readable } from 'node:stream';
import { promisify } from 'node:util';
import { constants, createGzip, gunzip, gzip } from 'node:zlib';
import type { FastifyInstance } from 'fastify';
import { badRequest, tooLarge, unsupportedEncoding } from './failures.ts';

/** Where upstream begins, too: below that it costs more time than it saves. */
const GZIP_BYTES_MIN = 128 * 1024;
/** The others take several times as long and save little on JSON. */
const LEVEL = constants.Z_BEST_SPEED;

const gzipped = promisify(gzip);
const gunzipped = promisify(gunzip);

/** Threads of the platform do the work, so no other request waits for it. */
export function packLargeAnswers(fastify: FastifyInstance): void {
  fastify.addHook('onSend', async (request, reply, payload: unknown) => {
    if (reply.hasHeader('content-encoding')) return payload;
    const isStream = payload instanceof Readable;
    const isLarge = isStream || ((typeof payload === 'string' || Buffer.isBuffer(payload)) && payload.length >= GZIP_BYTES_MIN);
    if (!isLarge) return payload;
    reply.header('vary', 'accept-encoding');
    if (!takesGzip(request.headers['accept-encoding'])) return payload;
    reply.header('content-encoding', 'gzip').removeHeader('content-length');
    // An error ends the connection in the middle of the answer, as it does without gzip.
    return isStream ? pipeline(payload, createGzip({ level: LEVEL }), () => {}) : gzipped(payload as string | Buffer, { level: LEVEL });
  });
}

/** Whether an Accept-Encoding header names gzip (RFC 9110, 12.5.3). */
export function takesGzip(header: string | string[] | undefined): boolean {
  return String(header ?? '')
    .toLowerCase()
    .split(',')
    .some((entry) => /^\s*(x-)?gzip\s*(;(?!\s*q=0(\.0*)?\s*$).*)?$/.test(entry));
}

/** A body as it was before its Content-Encoding. Throws 400 for what is not gzip, 413 for what is too large unpacked, 415 for any other encoding. */
export async function unpacked(body: Buffer, encoding: string | undefined, limitBytes: number): Promise<Buffer> {
  const named = encoding?.trim().toLowerCase() ?? '';
  if (named === '' || named === 'identity') return body;
  if (named !== 'gzip' && named !== 'x-gzip') throw unsupportedEncoding(named);
  try {
    return await gunzipped(body, { maxOutputLength: limitBytes });
  } catch (error) {
    if ((error as { code?: string }).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(limitBytes);
    throw badRequest(`the body of the request is not gzip: ${(error as Error).message}`);
  }
}
