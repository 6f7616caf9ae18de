/** `Prefer: wait=hosts` (RFC 7240): a write is answered once it is in all kernels that it concerns, or when the time is up. */
import type { IncomingHttpHeaders } from 'node:http';
import type { Reply } from '@weft/api';
import type { FastifyReply } from 'fastify';
import { badRequest } from '../http/failures.ts';
import type { Arrivals } from './arrivals.ts';
import { lackText } from './convergence.ts';

const WAIT_S_DEFAULT = 10;
const WAIT_S_MAX = 60;
const WAIT = /(?:^|,)\s*wait\s*=\s*"?hosts"?\s*(?:;\s*timeout\s*=\s*"?([^,;"\s]*)"?)?/i;

/** For how long, in s; undefined when the request does not ask for it. `Prefer: wait=hosts; timeout=30`. Throws 400 for a time that is none. */
export function hostsAwaited({ prefer }: IncomingHttpHeaders): number | undefined {
  const [asked, timeout] = WAIT.exec([prefer ?? []].flat().join(',')) ?? [];
  if (asked === undefined) return undefined;
  if (timeout === undefined) return WAIT_S_DEFAULT;
  if (!/^\d{1,3}$/.test(timeout) || Number(timeout) > WAIT_S_MAX)
    throw badRequest(`Prefer: wait=hosts; timeout="${timeout}" is not from 0 to ${WAIT_S_MAX} seconds`);
  return Number(timeout);
}

/** Says in the answer that it has arrived. Else what is missing, for a warning. Repeats of a request wait for what the first one did. */
export async function awaitHosts(
  arrivals: Arrivals,
  answer: Reply & { ok: true },
  seconds: number,
  reply: FastifyReply,
): Promise<readonly string[]> {
  const found = await arrivals.wait({ position: BigInt(answer.position) }, 'applied', seconds * 1_000, () => reply.raw.destroyed);
  if (found?.converged !== true)
    return [`wait=hosts: not everywhere after ${seconds} s: ${found === undefined ? 'nothing is known of the change' : lackText(found)}`];
  void reply.header('preference-applied', 'wait=hosts');
  return [];
}
