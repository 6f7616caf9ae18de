/** What is asked about a packet, by a query or by a JSON object as a body. */
import type { FastifyRequest } from 'fastify';
import { decodeObject } from '../http/decode.ts';
import { bodyTypeOf } from '../http/door.ts';
import { badRequest } from '../http/failures.ts';
import { Query, refuseOthers } from '../http/query.ts';
import { parsedRequest, type TraceRequest } from './trace-request.ts';

export type Asked = Readonly<{
  text: (name: string) => string | undefined;
  /** A whole number of 0 or more. */
  number: (name: string) => number | undefined;
  flag: (name: string) => boolean;
}>;

/** Of a packet. */
export const PACKET_FIELDS = ['from', 'to', 'protocol', 'sourcePort', 'hopLimit'];

/** Throws 400 for what is no body, and for what is none of `names`. */
export function askedIn(request: FastifyRequest, names: readonly string[]): Asked {
  const query = Query.knowing(request.method === 'POST' ? [] : names, request.query);
  if (request.method !== 'POST')
    return { text: (name) => query.text(name), number: (name) => query.number(name), flag: (name) => query.strictFlag(name) ?? false };
  const { value: body } = decodeObject((request.body as Buffer | undefined) ?? Buffer.alloc(0), bodyTypeOf(request.headers));
  refuseOthers(names, body, 'field');
  return {
    text(name) {
      const value = body[name];
      if (value === undefined || typeof value === 'string') return value;
      throw badRequest(`${name} is no text`);
    },
    number(name) {
      const value = body[name];
      if (value === undefined || (typeof value === 'number' && Number.isInteger(value) && value >= 0)) return value;
      throw badRequest(`${name} is no whole number`);
    },
    flag(name) {
      const value = body[name];
      if (value === undefined || typeof value === 'boolean') return value ?? false;
      throw badRequest(`${name} is neither true nor false`);
    },
  };
}

/** Throws 400 for what is no request, whatever there is in the network. */
export function requestOf({ text, number }: Asked): TraceRequest {
  const [from, to] = [text('from'), text('to')];
  if (from === undefined || to === undefined)
    throw badRequest('say from where and to where: for example ?from=nic/default/web-0&protocol=tcp&to=10.0.0.9:5432');
  const asked = { protocol: text('protocol'), sourcePort: number('sourcePort'), hopLimit: number('hopLimit') };
  const request = { from, to, ...Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== undefined)) };
  parsedRequest(request);
  return request;
}
