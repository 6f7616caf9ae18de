/** Takes any body as bytes; what they mean is decided where the answer can be a Status. */

import type { IncomingMessage } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { badRequest, tooLarge } from './failures.ts';
import { unpacked } from './gzip.ts';

export const BODY_BYTES_MAX = 3 * 1024 * 1024;

/**
 * Of a body that is too large the rest is read, up to this much, and thrown away: a client that is still sending would else see a broken connection
 * in place of the answer.
 */
const DISCARDED_BYTES_MAX = 64 * 1024 * 1024;

/** Replaces Fastify's own parsers, which refuse patches, protobuf and a DELETE with an empty JSON body (http-api 19). */
export function acceptAnyBody(fastify: FastifyInstance): void {
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('*', (request, payload, done) => {
    readBody(payload)
      .then((body) => unpacked(body, request.headers['content-encoding'], BODY_BYTES_MAX))
      .then(
        (body) => done(null, body),
        (error) => done(error as Error),
      );
  });
}

export function readBody(payload: IncomingMessage, limitBytes = BODY_BYTES_MAX): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let chunks: Buffer[] = [];
    let bytes = 0;
    payload.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= limitBytes) chunks.push(chunk);
      else chunks = [];
      if (bytes > DISCARDED_BYTES_MAX) reject(tooLarge(limitBytes));
    });
    payload.on('end', () => {
      if (bytes > limitBytes) reject(tooLarge(limitBytes));
      else resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks));
    });
    payload.on('error', () => reject(badRequest('the body of the request ended too early')));
    payload.on('aborted', () => reject(badRequest('the body of the request ended too early')));
  });
}
