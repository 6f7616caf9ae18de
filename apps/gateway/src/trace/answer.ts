/** The short answer to a trace: what changes when its verdict changes. */
import type { Facts } from '@weft/api';
import { type Ending, evaluate, type Path, type RowIndex } from '@weft/fabric';
import { NetworkInterface } from '@weft/network';
import { StatusError } from '../http/status-error.ts';
import { packetOf, receiverNamed, type TraceRequest } from './trace-request.ts';
import { unplacedIn } from './unplaced.ts';

/** Where a packet comes to: `elsewhere`, when that is not the interface that the request names. */
export type Delivery = 'delivered' | 'elsewhere' | 'dropped';

/** `receiver`: uid of the interface that the request names; undefined: it names none. */
export function deliveryOf(ending: Ending, receiver: string | undefined): Delivery {
  if (ending.outcome === 'dropped') return 'dropped';
  const isThere = receiver === undefined || (ending.outcome === 'delivered' && ending.to === receiver);
  return isThere ? 'delivered' : 'elsewhere';
}

export type Answer = Readonly<{
  /** As in a trace. `none`: there is no such packet, since what the request names is not there. */
  verdict: Delivery | 'none';
  /** Why the first of the ways that drop it does; why there is no such packet. */
  reason?: string;
  /** Of a sender that no host has: why, and what to do about it. */
  detail?: string;
  /** Where its ways end that deliver: `nic/<namespace>/<name>`, `internet`, `fabric` for what routers answer. Sorted. */
  to: readonly string[];
}>;

export function answerOf(request: TraceRequest, rows: RowIndex, facts: Facts): Answer {
  return answerTo(request, rows, facts).answer;
}

/** With the ways that the packet takes. */
export function answerTo(request: TraceRequest, rows: RowIndex, facts: Facts): Readonly<{ answer: Answer; paths: readonly Path[] }> {
  let packet: ReturnType<typeof packetOf>;
  try {
    packet = packetOf(request, facts);
  } catch (error) {
    if (error instanceof StatusError) return { answer: { verdict: 'none', reason: error.message, to: [] }, paths: [] };
    throw error;
  }
  const { paths } = evaluate({ rows, unplaced: unplacedIn(facts) }, packet);
  const to = [...new Set(paths.flatMap((path) => receiverOf(path, facts) ?? []))].sort();
  for (const path of paths) {
    if (path.outcome !== 'dropped') continue;
    const { reason, steps } = path;
    const detail = reason === 'NotPlaced' ? steps.at(-1)?.detail : undefined;
    return { answer: { verdict: 'dropped', reason, ...(detail !== undefined && { detail }), to }, paths };
  }
  const receiver = receiverNamed(request, facts);
  const isElsewhere = paths.some((path) => deliveryOf(path, receiver) === 'elsewhere');
  return { answer: { verdict: isElsewhere ? 'elsewhere' : 'delivered', to }, paths };
}

/** However its `detail` is told. */
export function sameAnswer(a: Answer, b: Answer): boolean {
  return a.verdict === b.verdict && a.reason === b.reason && a.to.join() === b.to.join();
}

function receiverOf(ending: Ending, facts: Facts): string | undefined {
  if (ending.outcome === 'dropped') return undefined;
  if (ending.outcome === 'internet') return 'internet';
  if (ending.outcome === 'answered') return 'fabric';
  const [name] = facts.keys(NetworkInterface, 'uid', ending.to);
  return name === undefined ? `nic ${ending.to}` : `nic/${name.namespace}/${name.name}`;
}
